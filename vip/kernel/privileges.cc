// SPDX-License-Identifier: PostgreSQL
#include "vip/kernel/privileges.h"

#include <cap-ng.h>
#include <fmt/core.h>
#include <pwd.h>
#include <sys/prctl.h>

#include <array>
#include <cerrno>

namespace pgpool::vip {

namespace {

Result<void> forbid_new_privileges() {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("no_new_privs", errno);
    return {};
}

// The bounding set first: changing it takes a capability that the second step gives up.
Result<void> apply(bool may_change_bounds) {
    if (may_change_bounds && capng_apply(CAPNG_SELECT_BOUNDS) != 0)
        return fail(sqlstate::kSystemError, "cannot narrow the bounding set of capabilities");
    if (capng_apply(CAPNG_SELECT_CAPS) != 0)
        return fail(sqlstate::kSystemError, "cannot give up capabilities");
    return forbid_new_privileges();
}

// What is to be kept is set.
Result<void> become(const User& user) {
    const auto flags = static_cast<capng_flags_t>(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
    const int error = capng_change_id(static_cast<int>(user.uid), static_cast<int>(user.gid), flags);
    if (error != 0)
        return fail(
            sqlstate::kSystemError,
            fmt::format("cannot become user {}, group {} (capng_change_id: {})", user.uid, user.gid, error));
    return forbid_new_privileges();
}

}  // namespace

Result<User> find_user(const std::string& name, gid_t group) {
    std::array<char, 16 * 1024> text{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found) == 0 && found != nullptr)
        return User{found->pw_uid, group};
    return fail(sqlstate::kSystemError, fmt::format("there is no user \"{}\"", name));
}

Result<void> keep_network_privileges(const std::optional<User>& user) {
    if (capng_get_caps_process() != 0) return fail(sqlstate::kSystemError, "cannot read the capabilities");
    if (capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN) == 0 ||
        capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW) == 0) {
        auto refusal = fail(sqlstate::kSystemError, "needs the capabilities CAP_NET_ADMIN and CAP_NET_RAW");
        refusal.value().hint = "run it as root, or with AmbientCapabilities= in its unit";
        return refusal;
    }
    const bool may_change_bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
    capng_clear(CAPNG_SELECT_BOTH);
    capng_updatev(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED), CAP_NET_ADMIN,
                  CAP_NET_RAW, -1);
    return user ? become(*user) : apply(may_change_bounds);
}

Result<void> give_up_privileges() {
    if (capng_get_caps_process() != 0) return fail(sqlstate::kSystemError, "cannot read the capabilities");
    const bool may_change_bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
    capng_clear(CAPNG_SELECT_BOTH);
    return apply(may_change_bounds);
}

}  // namespace pgpool::vip
