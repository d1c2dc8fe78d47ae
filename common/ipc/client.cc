// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/client.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "common/bus/codec.h"
#include "common/ipc/link.h"
#include "common/net/wakeup.h"

namespace pgpool::ipc {

// What the owner, the thread and the tasks between them have in common.
struct Client::Shared {
    Shared(ClientOptions chosen, ClientHandler& told, Executor runs)
        : options(std::move(chosen)), handler(told), executor(std::move(runs)), queue(options.limits) {}

    const ClientOptions options;
    ClientHandler& handler;
    const Executor executor;
    net::Wakeup wakeup;
    std::atomic<bool> is_ending{false};
    std::atomic<std::size_t> undelivered{0};
    std::atomic<std::uint64_t> unknown{0};
    std::atomic<std::uint64_t> foreign{0};
    std::mutex mutex;  // guards the two below
    bool is_up = false;
    SendQueue queue;
};

namespace {

constexpr milliseconds kForever{60'000};
constexpr int kBatch = 64;  // messages taken in between sending

milliseconds remaining(TimePoint deadline) {
    return std::max(std::chrono::ceil<milliseconds>(deadline - SteadyClock::now()), milliseconds(0));
}

Result<bus::Welcome> as_welcome(ByteView bytes) {
    auto decoded = bus::decode(bytes);
    if (!decoded) return tl::unexpected(decoded.error().within("from the hub"));
    auto* message = std::get_if<bus::Message>(&*decoded);
    if (message != nullptr) {
        if (const auto* refusal = std::get_if<bus::Refusal>(message)) {
            return fail(sqlstate::kCannotConnect, "the hub refuses: " + refusal->reason);
        }
        if (auto* welcome = std::get_if<bus::Welcome>(message)) {
            const auto may_talk = bus::check_version(bus::kVersion, welcome->version, welcome->program);
            if (!may_talk) return tl::unexpected(may_talk.error());
            return std::move(*welcome);
        }
    }
    return fail(sqlstate::kProtocolViolation, "the hub's first message is neither Welcome nor Refusal");
}

}  // namespace

// The client's thread.
class Client::Runner {
public:
    explicit Runner(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

    void run();

private:
    Result<void> serve();
    Result<bus::Welcome> shake_hands(Link& link);
    Result<void> exchange(Link& link);
    Result<void> send_queued(Link& link, milliseconds& pause);
    Result<void> take_messages(Link& link);
    [[nodiscard]] bool has_room() const { return shared_->undelivered.load() < kUndelivered; }
    void set_up(bool is_up);
    void tell_down(const std::string& reason);
    template <typename Call>
    void tell(Call call);

    std::shared_ptr<Shared> shared_;
    milliseconds pause_{};
    std::string told_;  // the last reason
};

void Client::Runner::run() {
    pause_ = shared_->options.first_pause;
    while (!shared_->is_ending) {
        const auto served = serve();
        if (shared_->is_ending) return;
        set_up(false);
        tell_down(served.error().message);
        shared_->wakeup.wait({}, pause_);
        pause_ = std::min(pause_ * 2, shared_->options.longest_pause);
    }
}

// Returns when the hub is lost, with the reason, or at the end.
Result<void> Client::Runner::serve() {
    const ClientOptions& options = shared_->options;
    auto link = Link::open(options.service, options.trust, shared_->wakeup, options.answer_timeout);
    if (!link) return tl::unexpected(std::move(link.error()));
    auto welcome = shake_hands(**link);
    if (!welcome) return tl::unexpected(std::move(welcome.error()));
    pause_ = options.first_pause;
    told_.clear();
    set_up(true);
    tell([hub = *std::move(welcome)](ClientHandler& handler) { handler.on_up(hub); });
    auto ended = exchange(**link);
    shared_->foreign += (*link)->dropped();
    return ended;
}

Result<bus::Welcome> Client::Runner::shake_hands(Link& link) {
    const auto hello = to_frame(shared_->options.hello);
    if (!hello) return tl::unexpected(hello.error());
    const auto sent = link.send(*hello);
    if (!sent) return tl::unexpected(sent.error());
    const TimePoint deadline = SteadyClock::now() + shared_->options.answer_timeout;
    while (*sent && !shared_->is_ending && SteadyClock::now() < deadline && !link.is_hung_up()) {
        const auto message = link.receive();
        if (!message) return tl::unexpected(message.error());
        if (!*message) {
            shared_->wakeup.wait({link.events(), link.stream()}, remaining(deadline));
            continue;
        }
        return as_welcome(**message);
    }
    return fail(sqlstate::kCannotConnect,
                "bus " + shared_->options.service + ": the hub does not say Welcome");
}

Result<void> Client::Runner::exchange(Link& link) {
    while (!shared_->is_ending) {
        milliseconds pause = kForever;
        if (auto sent = send_queued(link, pause); !sent) return sent;
        const bool reads = has_room();
        shared_->wakeup.wait({reads ? link.events() : -1, link.stream()}, pause);
        if (auto taken = take_messages(link); !taken) return taken;
        if (link.is_hung_up()) return fail(sqlstate::kConnectionFailure, Link::kHungUp);
    }
    return {};
}

// The pause: until what the hub did not take is tried again.
Result<void> Client::Runner::send_queued(Link& link, milliseconds& pause) {
    const std::lock_guard lock(shared_->mutex);
    SendQueue& queue = shared_->queue;
    while (!queue.empty()) {
        const auto sent = link.send(queue.front());
        if (!sent) return tl::unexpected(sent.error());
        if (!*sent) {
            queue.held_up();
            pause = queue.pause();
            return {};
        }
        queue.sent();
    }
    return {};
}

Result<void> Client::Runner::take_messages(Link& link) {
    for (int i = 0; i < kBatch && has_room(); ++i) {
        const auto bytes = link.receive();
        if (!bytes) return tl::unexpected(bytes.error());
        if (!*bytes) return {};
        auto decoded = bus::decode(**bytes);
        if (!decoded) return tl::unexpected(decoded.error().within("from the hub"));
        if (auto* message = std::get_if<bus::Message>(&*decoded)) {
            tell([message = std::move(*message)](ClientHandler& handler) { handler.on_message(message); });
        } else {
            ++shared_->unknown;
        }
    }
    return {};
}

void Client::Runner::set_up(bool is_up) {
    const std::lock_guard lock(shared_->mutex);
    shared_->is_up = is_up;
    shared_->queue.clear();
}

void Client::Runner::tell_down(const std::string& reason) {
    if (reason == told_) return;
    told_ = reason;
    tell([reason](ClientHandler& handler) { handler.on_down(reason); });
}

// The handler is asked for by the owner's thread only, which is also the one that ends the client.
template <typename Call>
void Client::Runner::tell(Call call) {
    ++shared_->undelivered;
    shared_->executor([shared = shared_, call = std::move(call)] {
        if (shared->undelivered.fetch_sub(1) == kUndelivered) shared->wakeup.wake();
        if (!shared->is_ending) call(shared->handler);
    });
}

Client::Client(ClientOptions options, ClientHandler& handler, Executor executor)
    : shared_(std::make_shared<Shared>(std::move(options), handler, std::move(executor))),
      thread_([shared = shared_] { Runner(shared).run(); }) {}

Client::~Client() {
    shared_->is_ending = true;
    shared_->wakeup.wake();
    thread_.join();
}

Result<void> Client::send(const bus::Message& message) {
    auto frame = to_frame(message);
    if (!frame) return tl::unexpected(std::move(frame.error()));
    {
        const std::lock_guard lock(shared_->mutex);
        if (!shared_->is_up) return fail(sqlstate::kCannotConnectNow, "the hub is away");
        if (!shared_->queue.push(*std::move(frame))) {
            return fail(sqlstate::kCannotConnectNow, "the hub does not read: too many messages wait for it");
        }
    }
    shared_->wakeup.wake();
    return {};
}

std::uint64_t Client::unknown_messages() const {
    return shared_->unknown;
}

std::uint64_t Client::foreign_datagrams() const {
    return shared_->foreign;
}

}  // namespace pgpool::ipc
