// SPDX-License-Identifier: PostgreSQL
#pragma once

// AuthLookup: runs `auth.auth_query` for users that are in no file, so that logging in needs no libpq in the
// data plane.
//
// The query is asked in `auth.auth_database` of the primary (or of any node that is up) as `auth.auth_user`;
// $1 is the user name and, when the text mentions it, $2 the database the client wants. Its first row is
// (name, verifier or password).
// Answers are kept for `auth.auth_query_ttl`, "no such user" for one second, failures not at all; look-ups of
// one user in flight share one query. An answer that somebody has failed by is kept for one second from when
// it was asked: so wrong passwords make at most one query a second and user. Threads: all members may be
// called from any thread and never wait for a server. Callbacks run on the look-up thread (also for answers
// that are kept), except the one that reports a full queue or a stopped look-up, which runs on the caller.
// Every callback is called exactly once.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/cluster/topology.h"
#include "common/config/config.h"

namespace pgpool::health {

class AuthLookup {
public:
    // The verifier or password as stored; nothing: no such user or no password; an Error: nobody could tell.
    using Answer = Result<std::optional<std::string>>;
    using Callback = std::function<void(const Answer&)>;
    using Topology = std::function<cluster::TopologyPtr()>;

    static constexpr std::size_t kMaxWaiting = 10'000;  // callers; beyond it look-ups are refused (53300)

    AuthLookup(config::ConfigPtr config, Topology topology);
    ~AuthLookup();  // stops
    AuthLookup(const AuthLookup&) = delete;
    AuthLookup& operator=(const AuthLookup&) = delete;

    void start();
    void stop();                            // returns within about 50 ms; who still waits gets 57P01
    void reload(config::ConfigPtr config);  // forgets all answers
    void forget();                          // all answers: roles have changed
    void doubt(const std::string& user);    // a login by its verifier has failed

    void lookup(std::string user, std::string database, Callback callback);

private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace pgpool::health
