// SPDX-License-Identifier: PostgreSQL

// Input: a byte that chooses the exchange, then messages, each with a 2-byte big-endian length in front (the
// last may be cut off). Even choices are a client's messages to FrontendAuth, odd ones a node's messages to
// BackendAuth. Checked besides memory safety: no user without a verifier is ever let in, a failed step sends
// nothing and has an error, and an ended exchange stays ended.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "common/base/error.h"
#include "proxy/auth/backend_auth.h"
#include "proxy/auth/frontend_auth.h"
#include "proxy/auth/hashes.h"
#include "proxy/auth/scram_keys.h"

namespace {

using pgpool::ByteView;
using pgpool::auth::AuthStep;
using State = AuthStep::State;

constexpr std::array<char, 16> kRandom{};

ByteView next_message(pgpool::Cursor& input) {
    const std::size_t size = input.u16();
    return input.bytes(std::min(size, input.rest().size()));
}

void check(const AuthStep& step) {
    if (step.state != State::Failed) return;
    PGPOOL_ASSERT(step.send.empty());
    PGPOOL_ASSERT(!step.error.message.empty());
}

const pgpool::auth::ScramKeys& keys() {
    static const auto kKeys = pgpool::auth::derive_keys("pencil", "salt", 1);
    return kKeys;
}

std::optional<pgpool::auth::Verifier> verifier(unsigned choice) {
    switch (choice % 4) {
        case 0:
            return pgpool::auth::verifier_of(keys());
        case 1:
            return pgpool::auth::Md5Verifier{pgpool::auth::md5_verifier_hash("pencil", "amy").value()};
        case 2:
            return pgpool::auth::PlainPassword{"pencil"};
        default:
            return std::nullopt;
    }
}

void run_client_against_us(unsigned choice, pgpool::Cursor input) {
    using pgpool::config::AuthMethod;
    static constexpr AuthMethod kMethods[] = {AuthMethod::ScramSha256, AuthMethod::Md5, AuthMethod::Password};
    const auto known = verifier(choice / 3);
    pgpool::auth::FrontendAuth auth(kMethods[choice % 3], "amy", known, kRandom, "secret");
    AuthStep step = auth.start();
    bool has_ended = false;
    while (input.ok() && !input.rest().empty()) {
        step = auth.on_message(next_message(input));
        check(step);
        PGPOOL_ASSERT(!has_ended || step.state == State::Failed);
        PGPOOL_ASSERT(known || step.state != State::Done);
        has_ended = has_ended || step.state != State::Continue;
    }
}

void run_node_against_us(unsigned choice, pgpool::Cursor input) {
    pgpool::auth::Credentials credentials{"amy", std::nullopt, std::nullopt, std::nullopt};
    if ((choice & 1U) != 0) credentials.password = "pencil";
    if ((choice & 2U) != 0) credentials.scram = keys();
    if ((choice & 4U) != 0) credentials.md5_hash = pgpool::auth::md5_verifier_hash("pencil", "amy").value();
    pgpool::auth::BackendAuth auth(credentials, kRandom);
    bool has_ended = false;
    while (input.ok() && !input.rest().empty()) {
        const AuthStep step = auth.on_authentication(next_message(input));
        check(step);
        PGPOOL_ASSERT(!has_ended || step.state == State::Failed);
        has_ended = has_ended || step.state != State::Continue;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    pgpool::Cursor input({reinterpret_cast<const char*>(bytes), size});
    const unsigned choice = input.u8();
    if (choice % 2 == 0) {
        run_client_against_us(choice / 2, input);
    } else {
        run_node_against_us(choice / 2, input);
    }
    return 0;
}
