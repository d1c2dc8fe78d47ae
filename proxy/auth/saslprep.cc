// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/saslprep.h"

#include <stringprep.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace pgpool::auth {

namespace {

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

struct Free {
    void operator()(char* memory) const { std::free(memory); }
};

}  // namespace

std::string saslprep(std::string_view password) {
    std::string unprepared(password);
    if (is_ascii(password) || password.find('\0') != std::string_view::npos) return unprepared;
    char* raw = nullptr;
    const int verdict = stringprep_profile(unprepared.c_str(), &raw, "SASLprep", STRINGPREP_NO_UNASSIGNED);
    const std::unique_ptr<char, Free> prepared(raw);
    if (verdict != STRINGPREP_OK || prepared == nullptr || *prepared == '\0') return unprepared;
    return prepared.get();
}

}  // namespace pgpool::auth
