// SPDX-License-Identifier: PostgreSQL
#include "ctl/bus/hub_session.h"

#include <fmt/core.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "common/bus/paging.h"
#include "common/ipc/client.h"
#include "common/ipc/member_bus.h"

namespace pgpool::ctl {

namespace {

// A hub that is restarted is back within a quarter of a second.
constexpr milliseconds kConnectTime{1000};
constexpr std::size_t kEventLimit = 10'000;  // that nobody has taken; the oldest go

constexpr const char* kWhereToLook =
    "is it running? systemctl status pgpool-watchdog; its log: journalctl -u pgpool-watchdog";

Failure away(const config::Watchdog& watchdog, const std::string& reason) {
    const std::string who = ::geteuid() == 0 ? ""
                                             : fmt::format(
                                                   "\nand are you root or in its group? sudo pgpool-ctl, or "
                                                   "sudo -g {0} pgpool-ctl",
                                                   watchdog.group);
    return {ExitCode::Unreachable, "the watchdog of this member does not answer: " + reason,
            kWhereToLook + who};
}

ipc::ClientOptions client_options(ipc::MemberBus bus) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return {.service = std::move(bus.service),
            .trust = bus.trust,
            .hello = {.program = "pgpool-ctl",
                      .pid = static_cast<std::uint32_t>(::getpid()),
                      .incarnation = static_cast<std::uint64_t>(now.count())},
            .limits = {},
            .answer_timeout = kConnectTime};
}

std::string field(const Json& document, const char* key) {
    const auto found = document.is_object() ? document.find(key) : document.end();
    return found != document.end() && found->is_string() ? found->get<std::string>() : "";
}

// A hub of another version may know codes that we do not.
ExitCode code_of(std::uint8_t code) {
    const bool is_known = code <= static_cast<std::uint8_t>(ExitCode::Unreachable);
    return is_known ? static_cast<ExitCode>(code) : ExitCode::Differs;
}

Outcome<Json> document_of(const bus::Answer& answer) {
    Json document = Json::parse(answer.json, nullptr, false);
    if (document.is_discarded())
        return failed(ExitCode::Unreachable, "the watchdog's answer is no JSON",
                      "are pgpool-ctl and pgpool-watchdog of one version? pgpool-ctl doctor");
    if (answer.exit_code == 0) return document;
    const std::string error = field(document, "error");
    return failed(code_of(answer.exit_code),
                  error.empty() ? "the watchdog refused and gave no reason" : error, field(document, "hint"));
}

}  // namespace

// What the client's thread brings.
class HubSession::Inbox final : public ipc::ClientHandler {
public:
    void start(ipc::ClientOptions options) {
        client_.emplace(std::move(options), *this, [](const ipc::Task& task) { task(); });
    }

    void on_up(const bus::Welcome& hub) override {
        change([&] {
            // A second life of the hub does not know what was asked in the first.
            if (!member_) member_ = hub.member;
        });
    }
    void on_down(const std::string& reason) override {
        change([&] {
            reason_ = reason;
            is_lost_ = member_.has_value();
        });
    }
    void on_message(bus::Message message) override {
        change([&] {
            if (auto* answer = std::get_if<bus::Answer>(&message)) add(std::move(*answer));
            if (auto* event = std::get_if<bus::Event>(&message)) add(std::move(*event));
        });
    }

    // The member's name, or why there is none.
    tl::expected<std::string, std::string> await_hub(milliseconds patience) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [&] { return member_.has_value(); });
        if (member_) return *member_;
        return tl::unexpected(reason_.empty() ? "it has not said a word for a second" : reason_);
    }

    Result<void> send(const bus::Command& command) {
        const std::lock_guard lock(mutex_);
        awaited_ = command.id;
        return client_->send(command);
    }

    // None: no answer in time, or, if lost(), never.
    std::optional<bus::Answer> await_answer(milliseconds patience) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [&] { return answer_ || is_lost_; });
        return std::exchange(answer_, std::nullopt);
    }

    std::optional<bus::Event> await_event(milliseconds patience) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [&] { return !events_.empty() || is_lost_; });
        if (events_.empty()) return std::nullopt;
        bus::Event first = std::move(events_.front());
        events_.pop_front();
        return first;
    }

    // Why the hub is lost; none: it is not.
    std::optional<std::string> lost() {
        const std::lock_guard lock(mutex_);
        return is_lost_ ? std::optional(reason_) : std::nullopt;
    }

private:
    template <typename Work>
    void change(const Work& work) {
        const std::lock_guard lock(mutex_);
        work();
        changed_.notify_all();
    }

    void add(bus::Answer page) {
        if (page.id != awaited_) return;  // to a question that was given up
        auto whole = assembler_.add(std::move(page));
        if (whole && *whole) answer_ = std::move(**whole);
    }
    void add(bus::Event event) {
        if (events_.size() == kEventLimit) events_.pop_front();
        events_.push_back(std::move(event));
    }

    std::mutex mutex_;  // guards all but the client
    std::condition_variable changed_;
    std::optional<std::string> member_;
    std::string reason_;
    bool is_lost_ = false;
    std::uint64_t awaited_ = 0;
    bus::Assembler<bus::Answer> assembler_;
    std::optional<bus::Answer> answer_;
    std::deque<bus::Event> events_;
    std::optional<ipc::Client> client_;  // last: its thread ends before what it uses
};

HubSession::HubSession() : inbox_(std::make_unique<Inbox>()) {}

HubSession::~HubSession() = default;

Outcome<std::unique_ptr<HubSession>> HubSession::connect(const config::Config& config) {
    if (!config.watchdog.enabled)
        return failed(ExitCode::Usage, "there is no watchdog to ask: watchdog.enabled is off",
                      "set it to on, and start pgpool-watchdog");
    auto bus = ipc::bus_of(config.watchdog);
    if (!bus) return failed(ExitCode::Usage, bus.error().message);
    std::unique_ptr<HubSession> session(new HubSession());
    session->inbox_->start(client_options(*std::move(bus)));
    auto member = session->inbox_->await_hub(kConnectTime);
    if (!member) return tl::unexpected(away(config.watchdog, member.error()));
    session->member_ = *std::move(member);
    return session;
}

Outcome<bus::Command> HubSession::send(const bus::Request& request) {
    const bus::Command command = bus::command_of(request, ++asked_);
    const auto sent = inbox_->send(command);
    if (sent) return command;
    return failed(ExitCode::Unreachable, "the watchdog takes no question: " + sent.error().message,
                  kWhereToLook);
}

Outcome<Json> HubSession::ask(const bus::Request& request, milliseconds patience) {
    const auto sent = send(request);
    if (!sent) return tl::unexpected(sent.error());
    const bus::Command& command = *sent;
    const auto answer = inbox_->await_answer(patience);
    if (answer) return document_of(*answer);
    if (const auto reason = inbox_->lost())
        return failed(
            ExitCode::Unreachable,
            fmt::format("the watchdog was lost before it answered \"{}\": {}", command.verb, *reason),
            "pgpool-ctl status tells whether it was done");
    return failed(
        ExitCode::Unreachable,
        fmt::format("the watchdog has not answered \"{}\" for {} ms", command.verb, patience.count()),
        "pgpool-ctl status tells whether it was done");
}

Outcome<void> HubSession::follow_log() {
    const auto sent = send(bus::request::Log{});
    if (!sent) return tl::unexpected(sent.error());
    return {};
}

Outcome<std::optional<bus::Event>> HubSession::next_event(milliseconds patience) {
    auto event = inbox_->await_event(patience);
    if (event) return event;
    // There is only one if it was refused.
    if (const auto answer = inbox_->await_answer(milliseconds(0))) {
        const auto document = document_of(*answer);
        if (!document) return tl::unexpected(document.error());
    }
    if (const auto reason = inbox_->lost())
        return failed(ExitCode::Unreachable, "the watchdog was lost: " + *reason, kWhereToLook);
    return std::optional<bus::Event>();
}

Outcome<Json> ask_once(const config::Config& config, const bus::Request& request, milliseconds patience) {
    return HubWatch(config).ask(request, patience);
}

Outcome<Json> HubWatch::ask(const bus::Request& request, milliseconds patience) {
    if (!session_) {
        auto made = HubSession::connect(config_);
        if (!made) return tl::unexpected(made.error());
        session_ = *std::move(made);
    }
    auto answer = session_->ask(request, patience);
    if (!answer) session_.reset();
    return answer;
}

}  // namespace pgpool::ctl
