// SPDX-License-Identifier: PostgreSQL

// Input: a byte that chooses access list, verifier and the size of pieces, then what a client sends until it
// is let in. Checked besides memory safety: no login takes more bytes than there are or goes on after its
// end; nobody is let in without a rule, or without a proof where the rule wants one; the outcome does not
// depend on how the bytes are cut.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/wire/startup.h"
#include "proxy/auth/hashes.h"
#include "proxy/auth/scram_keys.h"
#include "proxy/session/client_login.h"

namespace {

using pgpool::ByteView;
using pgpool::config::AuthMethod;
using pgpool::session::ClientLogin;
using Step = ClientLogin::Step;

constexpr std::array<char, 16> kRandom{};
constexpr std::array<AuthMethod, 5> kMethods{AuthMethod::Trust, AuthMethod::Password, AuthMethod::Md5,
                                             AuthMethod::ScramSha256, AuthMethod::Reject};

struct Setup {
    AuthMethod method = AuthMethod::Trust;
    std::optional<pgpool::auth::Verifier> verifier;
};

Setup setup(unsigned choice) {
    static const auto kKeys = pgpool::auth::derive_keys("pencil", "salt", 1);
    Setup setup{kMethods[choice % kMethods.size()], std::nullopt};
    if (choice / 5 % 3 == 1) setup.verifier = pgpool::auth::verifier_of(kKeys);
    if (choice / 5 % 3 == 2) setup.verifier = pgpool::auth::PlainPassword{"pencil"};
    return setup;
}

struct Ended {
    Step step = Step::NeedMore;
    std::string sent;
    std::string user;
    std::string error;
    friend bool operator==(const Ended&, const Ended&) = default;
};

bool goes_on(Step step) {
    return step == Step::NeedMore || step == Step::LookUp;
}

pgpool::auth::AccessList access_of(AuthMethod method) {
    return pgpool::auth::AccessList::compile({{{"app"}, {}, "", AuthMethod::Trust}, {{}, {}, "", method}})
        .value();
}

Ended run(const Setup& setup, ByteView input, std::size_t piece) {
    const auto access = access_of(setup.method);
    ClientLogin login(pgpool::auth::PeerAddress::local(), kRandom, "secret");
    Ended ended;
    std::size_t at = 0;
    std::size_t arrived = 0;
    while (goes_on(ended.step)) {
        const auto outcome = login.on_bytes(input.substr(at, arrived - at), access, ended.sent);
        PGPOOL_ASSERT(outcome.used <= arrived - at);
        at += outcome.used;
        ended.step = outcome.step;
        if (ended.step == Step::LookUp) ended.step = login.verifier_found(setup.verifier, ended.sent);
        if (!goes_on(ended.step) || outcome.used > 0) continue;
        if (arrived == input.size()) break;
        arrived = std::min(arrived + piece, input.size());
    }
    ended.user = login.user();
    ended.error = login.error().message;
    if (ended.step == Step::Refused) PGPOOL_ASSERT(!ended.error.empty());
    if (ended.step != Step::Done) return ended;
    PGPOOL_ASSERT(!login.user().empty() && !login.database().empty());
    const bool trusted = login.database() == "app" || setup.method == AuthMethod::Trust;
    PGPOOL_ASSERT(trusted || (setup.verifier && setup.method != AuthMethod::Reject));
    return ended;
}

// What comes in one piece with an encryption request is an attack; in pieces it cannot be told.
bool asks_for_encryption(ByteView input) {
    if (input.size() < 8) return false;
    const auto code = pgpool::load_be32(input.data() + 4);
    return code == 80877103 || code == 80877104;
}

void check_options(ByteView input) {
    const auto settings = pgpool::wire::parse_options(input);
    if (!settings) return;
    for (const auto& [name, value] : *settings)
        PGPOOL_ASSERT(!name.empty() && name.find('=') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size == 0) return 0;
    const ByteView input(reinterpret_cast<const char*>(bytes) + 1, size - 1);
    check_options(input);
    const Setup chosen = setup(bytes[0]);
    const Ended at_once = run(chosen, input, std::max<std::size_t>(input.size(), 1));
    const Ended in_pieces = run(chosen, input, 1 + bytes[0] / 15U);
    if (!asks_for_encryption(input)) PGPOOL_ASSERT(at_once == in_pieces);
    return 0;
}
