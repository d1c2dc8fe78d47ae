// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.h"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace pgpool {

Error Error::within(std::string_view context) const {
    return Error{fmt::format("{}: {}", context, message), sqlstate, hint};
}

tl::unexpected<Error> fail_errno(std::string_view what, int error_number) {
    return fail(sqlstate::kSystemError,
                fmt::format("{}: {}", what, std::generic_category().message(error_number)));
}

namespace detail {
void assertion_failed(const char* expression, const char* file, int line) {
    std::fprintf(stderr, "assertion failed: %s at %s:%d\n", expression, file, line);
    std::abort();
}
}  // namespace detail

}  // namespace pgpool
