// SPDX-License-Identifier: PostgreSQL
#pragma once

// Error: what a peer or data said no to. Result<T>: a value or such an Error.
//
// Three kinds of failure exist in this project (docs/adr/0004-errors.md):
//   1. a peer or data says no           -> Result<T>, [[nodiscard]], context added when it crosses a layer
//   2. start-up or a resource is missing -> an exception, caught in main or at the session boundary only
//   3. a bug                             -> PGPOOL_ASSERT, on in all builds; never on data that a peer
//   controls

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace pgpool {

// A PostgreSQL error code, PG documentation appendix A. Five characters, always.
struct SqlState {
    char code[6] = "XX000";
    constexpr SqlState() = default;
    constexpr explicit SqlState(std::string_view text) {
        for (std::size_t i = 0; i < 5 && i < text.size(); ++i) code[i] = text[i];
    }
    [[nodiscard]] constexpr std::string_view view() const { return {code, 5}; }
    friend constexpr bool operator==(const SqlState& a, const SqlState& b) { return a.view() == b.view(); }
};

namespace sqlstate {
inline constexpr SqlState kProtocolViolation{"08P01"};
inline constexpr SqlState kConnectionFailure{"08006"};
inline constexpr SqlState kCannotConnect{"08001"};
inline constexpr SqlState kOutcomeUnknown{"08007"};
inline constexpr SqlState kFeatureNotSupported{"0A000"};
inline constexpr SqlState kInFailedTransaction{"25P02"};
inline constexpr SqlState kReadOnlyTransaction{"25006"};
inline constexpr SqlState kIdleInTransactionTimeout{"25P03"};
inline constexpr SqlState kInvalidPassword{"28P01"};
inline constexpr SqlState kInvalidAuthorization{"28000"};
inline constexpr SqlState kSerializationFailure{"40001"};
inline constexpr SqlState kDeadlockDetected{"40P01"};
inline constexpr SqlState kUndefinedObject{"42704"};
inline constexpr SqlState kSyntaxError{"42601"};
inline constexpr SqlState kTooManyConnections{"53300"};
inline constexpr SqlState kQueryCanceled{"57014"};
inline constexpr SqlState kAdminShutdown{"57P01"};
inline constexpr SqlState kCannotConnectNow{"57P03"};
inline constexpr SqlState kIdleSessionTimeout{"57P05"};
inline constexpr SqlState kSystemError{"58000"};
inline constexpr SqlState kConfigFileError{"F0000"};
inline constexpr SqlState kInternalError{"XX000"};
}  // namespace sqlstate

struct Error {
    std::string message;
    SqlState sqlstate = sqlstate::kInternalError;
    std::string hint = {};  // what to do about it; may be empty

    // The same error with what we were doing in front: "cannot read users file: No such file or directory".
    [[nodiscard]] Error within(std::string_view context) const;
};

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(SqlState state, std::string message) {
    return tl::unexpected<Error>(Error{std::move(message), state});
}

// errno as an Error: "connect: Connection refused".
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string_view what, int error_number);

namespace detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

}  // namespace pgpool

// A bug of ours, never the peer's doing: prints the place and aborts, in every build.
#define PGPOOL_ASSERT(expression)        \
    ((expression) ? static_cast<void>(0) \
                  : ::pgpool::detail::assertion_failed(#expression, __FILE__, __LINE__))
