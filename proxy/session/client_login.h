// SPDX-License-Identifier: PostgreSQL
#pragma once

// ClientLogin: from the first byte of a client to the end of its authentication, as a state machine without
// IO: encryption requests, cancel requests, protocol negotiation, access list, password exchange (PG
// documentation 55.2.1).
//
// Pure, but for the look-up of verifiers, which the shell does: Step::LookUp asks for it, verifier_found()
// goes on.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/wire/startup.h"
#include "proxy/auth/access_list.h"
#include "proxy/auth/frontend_auth.h"

namespace pgpool::session {

// The parameter "replication" of the startup packet (PG documentation 55.4).
enum class Replication : std::uint8_t { None, Physical, Logical };

class ClientLogin {
public:
    enum class Step : std::uint8_t {
        NeedMore,  // bytes
        LookUp,    // a verifier for user(); a second time: what was found may be old
        Done,      // authenticated
        Cancel,    // it was a cancel request
        Refused,   // error() is for the client
        Hangup,    // nothing to say
    };
    struct Outcome {
        Step step = Step::NeedMore;
        std::size_t used = 0;
    };

    ClientLogin(auth::PeerAddress peer, const std::array<char, 16>& random, std::string mock_secret)
        : peer_(peer), random_(random), mock_secret_(std::move(mock_secret)) {}

    // `send` gets what must be sent, in every case.
    [[nodiscard]] Outcome on_bytes(ByteView bytes, const auth::AccessList& access, std::string& send);
    [[nodiscard]] Step verifier_found(std::optional<auth::Verifier> verifier, std::string& send);

    [[nodiscard]] const Error& error() const { return error_; }
    [[nodiscard]] const wire::CancelRequest& cancel() const { return cancel_; }
    [[nodiscard]] const std::string& user() const { return user_; }
    // Of physical replication, which has none, the word that access rules have for it.
    [[nodiscard]] const std::string& database() const { return database_; }
    [[nodiscard]] Replication replication() const { return replication_; }
    // All others of the startup packet, those inside "options" included.
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& settings() const {
        return settings_;
    }
    // The parameters of the startup packet as they came, for who passes them on.
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& startup() const { return startup_; }
    [[nodiscard]] auth::Credentials credentials() const { return auth_->credentials(); }
    // More than the client hears of a refused password; empty: there is no more.
    [[nodiscard]] std::string_view why_refused() const {
        return auth_ ? auth_->why_refused() : std::string_view();
    }

private:
    [[nodiscard]] Outcome on_first_packet(ByteView bytes, const auth::AccessList& access, std::string& send);
    [[nodiscard]] Step on_startup(const wire::StartupMessage& startup, const auth::AccessList& access,
                                  std::string& send);
    [[nodiscard]] bool read_replication(std::string_view value);
    [[nodiscard]] Step check_access(const auth::AccessList& access, std::string& send);
    [[nodiscard]] Outcome on_password(ByteView bytes, std::string& send);
    [[nodiscard]] Step take(const auth::AuthStep& step, std::string& send);
    [[nodiscard]] Step refuse(Error error);
    [[nodiscard]] Step refuse_packet(ByteView packet, const Error& error, std::string& send);

    auth::PeerAddress peer_;
    std::array<char, 16> random_;
    std::string mock_secret_;
    Error error_;
    std::optional<Error> options_error_;
    wire::CancelRequest cancel_;
    std::string user_;
    std::string database_;
    std::vector<std::pair<std::string, std::string>> settings_;
    std::vector<std::pair<std::string, std::string>> startup_;
    Replication replication_ = Replication::None;
    bool started_ = false;
    bool asked_ssl_ = false;
    bool asked_gss_ = false;
    config::AuthMethod method_ = config::AuthMethod::Reject;
    std::optional<auth::FrontendAuth> auth_;
    // Of method password, the message that was refused: a newer verifier decides. SCRAM cannot be decided
    // anew, as the proof rests on the salt that was sent.
    std::optional<std::string> refused_;
    bool is_last_try_ = false;
};

}  // namespace pgpool::session
