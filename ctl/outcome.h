// SPDX-License-Identifier: PostgreSQL
#pragma once

// How a command ends: with an exit code, or with a failure that says what to do next.

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace pgpool::ctl {

// The same for all commands; docs/man/pgpool-ctl.8 has the table.
enum class ExitCode : std::uint8_t {
    Ok = 0,
    Differs = 1,      // nodes differ, or what was asked for was refused
    Usage = 2,        // command line or configuration
    Unreachable = 3,  // the proxy or a node does not answer
};

struct Failure {
    ExitCode code = ExitCode::Usage;
    std::string message;
    std::string hint;  // what to do next; may be empty
};

template <typename T>
using Outcome = tl::expected<T, Failure>;

[[nodiscard]] inline tl::unexpected<Failure> failed(ExitCode code, std::string message,
                                                    std::string hint = {}) {
    return tl::unexpected<Failure>(Failure{code, std::move(message), std::move(hint)});
}

}  // namespace pgpool::ctl
