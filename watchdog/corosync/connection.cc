// SPDX-License-Identifier: PostgreSQL
#include "watchdog/corosync/connection.h"

#include <fmt/core.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

namespace pgpool::corosync {

namespace {

constexpr std::chrono::milliseconds kPause(20);
constexpr int kMostTries = 50;  // while Corosync forms a membership, which takes a second or two at most

// Any call may be told to come again while Corosync synchronises.
template <typename Call>
cs_error_t retried(Call call) {
    cs_error_t result = call();
    for (int i = 0; result == CS_ERR_TRY_AGAIN && i < kMostTries; ++i) {
        std::this_thread::sleep_for(kPause);
        result = call();
    }
    return result;
}

Result<void> checked(cs_error_t result, std::string_view what) {
    if (result == CS_OK) return {};
    const char* why = result == CS_ERR_NO_SPACE ? ": /dev/shm is full" : "";
    Error error{fmt::format("{}: {}{}", what, cs_strerror(result), why), sqlstate::kSystemError};
    if (result == CS_ERR_LIBRARY || result == CS_ERR_BAD_HANDLE)
        error.hint = "Is corosync running? systemctl status corosync";
    if (result == CS_ERR_ACCESS)
        error.hint = "The user needs a file in /etc/corosync/uidgid.d, see pgpool-ctl setup.";
    return tl::unexpected(std::move(error));
}

}  // namespace

struct Callbacks {
    static Connection& of(cpg_handle_t handle) {
        void* context = nullptr;
        cpg_context_get(handle, &context);
        return *static_cast<Connection*>(context);
    }

    static void delivered(cpg_handle_t handle, const cpg_name* /*group*/, std::uint32_t node,
                          std::uint32_t pid, void* message, std::size_t size) {
        Connection& connection = of(handle);
        if (connection.view_.processes.empty()) return;  // before the first view
        connection.listener_.delivered({node, pid}, ByteView(static_cast<const char*>(message), size));
    }

    static void processes_changed(cpg_handle_t handle, const cpg_name* /*group*/, const cpg_address* members,
                                  std::size_t count, const cpg_address* /*left*/, std::size_t /*left_count*/,
                                  const cpg_address* /*joined*/, std::size_t /*joined_count*/) {
        Connection& connection = of(handle);
        connection.processes_.clear();
        for (std::size_t i = 0; i < count; ++i)
            connection.processes_.push_back({members[i].nodeid, members[i].pid});
        std::sort(connection.processes_.begin(), connection.processes_.end());
        connection.look_at_view();
    }

    static void ring_changed(cpg_handle_t handle, cpg_ring_id ring, std::uint32_t /*count*/,
                             const std::uint32_t* /*nodes*/) {
        Connection& connection = of(handle);
        connection.ring_ = group::RingId{ring.nodeid, ring.seq};
        connection.look_at_view();
    }

    static void quorum_changed(quorum_handle_t handle, std::uint32_t quorate, std::uint64_t /*ring*/,
                               std::uint32_t /*count*/, std::uint32_t* /*nodes*/) {
        const void* context = nullptr;
        quorum_context_get(handle, &context);
        auto& connection = *static_cast<Connection*>(const_cast<void*>(context));
        connection.told_.is_quorate = quorate != 0;
        connection.tell_quorum();
    }
};

Connection::~Connection() {
    if (has_members_) cpg_finalize(members_);  // also leaves the group
    if (has_quorum_) quorum_finalize(quorum_);
    if (has_votes_) votequorum_finalize(votes_);
}

Result<void> Connection::open(const std::string& group) {
    cpg_model_v1_data_t model{};
    model.model = CPG_MODEL_V1;
    model.cpg_deliver_fn = Callbacks::delivered;
    model.cpg_confchg_fn = Callbacks::processes_changed;
    model.cpg_totem_confchg_fn = Callbacks::ring_changed;
    model.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF;
    auto done = checked(retried([&] {
                            return cpg_model_initialize(&members_, CPG_MODEL_V1,
                                                        reinterpret_cast<cpg_model_data_t*>(&model), this);
                        }),
                        "corosync: cpg");
    if (!done) return done;
    has_members_ = true;
    quorum_callbacks_t callbacks{.quorum_notify_fn = Callbacks::quorum_changed};
    std::uint32_t type = 0;
    if (done = checked(retried([&] { return quorum_initialize(&quorum_, &callbacks, &type); }),
                       "corosync: quorum");
        !done)
        return done;
    has_quorum_ = true;
    quorum_context_set(quorum_, this);
    if (type == QUORUM_SET) {
        votequorum_callbacks_t none{};
        has_votes_ = retried([&] { return votequorum_initialize(&votes_, &none); }) == CS_OK;
    }
    std::uint32_t node = 0;
    if (done = checked(retried([&] { return cpg_local_get(members_, &node); }), "corosync: own node"); !done)
        return done;
    self_ = {node, static_cast<std::uint32_t>(::getpid())};
    cpg_name name{};
    name.length = static_cast<std::uint32_t>(std::min<std::size_t>(group.size(), CPG_MAX_NAME_LENGTH));
    std::memcpy(name.value, group.data(), name.length);
    if (done = checked(retried([&] { return cpg_join(members_, &name); }), "corosync: join"); !done)
        return done;
    if (done =
            checked(retried([&] { return quorum_trackstart(quorum_, CS_TRACK_CURRENT | CS_TRACK_CHANGES); }),
                    "corosync: quorum");
        !done)
        return done;
    cpg_fd_get(members_, &members_fd_);
    quorum_fd_get(quorum_, &quorum_fd_);
    return {};
}

Result<void> Connection::dispatch_members() {
    const cs_error_t result = cpg_dispatch(members_, CS_DISPATCH_ALL);
    return result == CS_ERR_TRY_AGAIN ? Result<void>() : checked(result, "corosync: cpg");
}

Result<void> Connection::dispatch_quorum() {
    const cs_error_t result = quorum_dispatch(quorum_, CS_DISPATCH_ALL);
    return result == CS_ERR_TRY_AGAIN ? Result<void>() : checked(result, "corosync: quorum");
}

Result<Connection::Sent> Connection::send(ByteView bytes) {
    iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
    const cs_error_t result = cpg_mcast_joined(members_, CPG_TYPE_AGREED, &part, 1);
    if (result == CS_ERR_TRY_AGAIN) return Sent::Later;
    if (auto done = checked(result, "corosync: send"); !done) return tl::unexpected(done.error());
    return Sent::Yes;
}

// Ring and processes come one after the other; in between the pair is the same for nobody, so what is told
// then counts nowhere.
void Connection::look_at_view() {
    if (!ring_ || !std::binary_search(processes_.begin(), processes_.end(), self_)) return;
    group::View view{.ring = *ring_, .processes = processes_};
    if (view == view_) return;
    view_ = std::move(view);
    listener_.view_changed(view_, self_);
}

void Connection::tell_quorum() {
    votequorum_info info{};
    if (has_votes_ && votequorum_getinfo(votes_, VOTEQUORUM_QDEVICE_NODEID, &info) != CS_OK) info = {};
    told_.votes = info.total_votes;
    told_.expected = info.highest_expected;
    listener_.quorum_changed(told_);
}

}  // namespace pgpool::corosync
