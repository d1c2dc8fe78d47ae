// SPDX-License-Identifier: PostgreSQL
#include "tests/component/voters/lease_rig.h"

#include <fmt/core.h>
#include <poll.h>

#include <cstdlib>
#include <stdexcept>

namespace pgpool::voters {

namespace {

// Above what anything here takes, also on a busy machine.
constexpr seconds kPatience{25};

struct Words {
    std::string operator()(const report::ViewChanged& what) const {
        return fmt::format("view {} epoch {}", name(what.view.state), what.view.epoch.value);
    }
    std::string operator()(const report::Became& what) const {
        return fmt::format("became {}", what.epoch.value);
    }
    std::string operator()(const report::SteppedDown& what) const { return "stepped down: " + what.reason; }
    std::string operator()(const report::CommandEnded& what) const {
        return fmt::format("command {}: {} {}", what.command.value, static_cast<int>(what.outcome.kind),
                           what.outcome.text);
    }
    std::string operator()(const report::NodeSeen&) const { return "."; }
    std::string operator()(const report::VoterHeard&) const { return "."; }
    std::string operator()(const report::SessionOpened& what) const {
        return fmt::format("session at {}", what.node.value);
    }
    std::string operator()(const report::Trouble& what) const {
        return fmt::format("trouble at {}: {}", what.voter ? what.voter->value : -1, what.text);
    }
};

}  // namespace

lease::Parameters test_parameters() {
    lease::Parameters parameters;
    parameters.session_timeout = milliseconds(1200);
    parameters.renew = milliseconds(200);
    parameters.misses = 5;
    parameters.lease = milliseconds(1600);
    parameters.attempt = milliseconds(1500);
    return parameters;
}

pg::ConnectParams login_at(std::uint16_t port, std::string user) {
    pg::ConnectParams params;
    params.host = "127.0.0.1";
    params.port = port;
    params.user = std::move(user);
    params.database = "postgres";
    return params;
}

std::string query(std::uint16_t port, const std::string& sql) {
    const TimePoint deadline = SteadyClock::now() + kPatience;
    auto client = pg::Client::connect(login_at(port), deadline, nullptr);
    if (!client) throw std::runtime_error(client.error().message);
    const auto rows = client->run(sql, deadline);
    if (!rows) throw std::runtime_error(rows.error().message);
    return rows->empty() ? "" : std::string(rows->text(0, 0));
}

std::uint64_t recorded_at(std::uint16_t port) {
    return std::stoull(query(
        port, "SELECT coalesce(max(setting::bigint), 0) FROM pg_file_settings WHERE name = 'pgpool.epoch'"));
}

TemporaryFolder::TemporaryFolder() {
    std::string folder = "/tmp/pgpool-lease-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = folder;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Settings settings_of(const std::filesystem::path& folder, std::uint16_t member,
                     const std::vector<std::uint16_t>& ports) {
    Settings settings{.votes = lease::Votes(kMembers, ports.size(), lease::Votes::Witness::None),
                      .parameters = test_parameters(),
                      .self = lease::VoterId(member),
                      .nodes = {},
                      .page = folder / fmt::format("page{}", member),
                      .group = std::nullopt,
                      .remember = folder / fmt::format("remember{}", member),
                      .seed = member + 1U};
    for (const std::uint16_t port : ports) settings.nodes.push_back(login_at(port));
    return settings;
}

void Meeting::join(lease::VoterId who, LeaseThread& thread) {
    const std::lock_guard lock(mutex_);
    present_[who] = &thread;
}

void Meeting::leave(lease::VoterId who) {
    const std::lock_guard lock(mutex_);
    present_.erase(who);
}

void Meeting::send(lease::VoterId from, lease::VoterId to, std::string bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = present_.find(to);
    if (found != present_.end()) found->second->received(from, std::move(bytes));
}

Member::Member(const Settings& settings, Meeting& meeting)
    : self_(settings.self), meeting_(meeting), page_(settings.page) {
    auto started = LeaseThread::start(settings, *this);
    if (!started) throw std::runtime_error(started.error().message);
    thread_ = std::move(*started);
    meeting_.join(self_, *thread_);
    if (const auto error = page_.refresh()) throw std::runtime_error(error->message);
}

Member::~Member() {
    meeting_.leave(self_);
    thread_.reset();
}

void Member::send(lease::VoterId to, std::string bytes) noexcept {
    meeting_.send(self_, to, std::move(bytes));
}

std::string Member::history() const {
    std::string text;
    for (const Report& report : looked_at_) text += std::visit(Words(), report) + "\n";
    return text;
}

void Member::wait_until(const std::function<bool(const Report&)>& fits) {
    const TimePoint end = SteadyClock::now() + kPatience;
    for (;;) {
        while (!waiting_.empty()) {
            looked_at_.push_back(waiting_.front());
            waiting_.erase(waiting_.begin());
            if (fits(looked_at_.back())) return;
        }
        const auto left = std::chrono::duration_cast<milliseconds>(end - SteadyClock::now()).count();
        pollfd watched{thread_->reports_fd(), POLLIN, 0};
        if (left <= 0 || ::poll(&watched, 1, static_cast<int>(left)) != 1) {
            throw std::runtime_error("what was waited for did not happen:\n" + history());
        }
        waiting_ = thread_->take_reports();
    }
}

CommandOutcome Member::run(lease::VoterId node, Command command) {
    const lease::CommandId id = thread_->run(node, std::move(command));
    return wait_for<report::CommandEnded>([id](const auto& what) { return what.command == id; }).outcome;
}

}  // namespace pgpool::voters
