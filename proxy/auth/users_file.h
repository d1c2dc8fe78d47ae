// SPDX-License-Identifier: PostgreSQL
#pragma once

// The users file: who may log in, and with what. pgbouncer's format, one user per line:
//     "user" "verifier"      verifier: SCRAM-SHA-256$…, md5…, or a plain password
// A double quote inside a field is doubled. Further quoted fields are ignored, so are empty lines and what
// follows ';' or '#' outside quotes. A user may stand in the file only once.

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "proxy/auth/credentials.h"

namespace pgpool::auth {

using UserMap = std::map<std::string, Verifier, std::less<>>;

// `name` is the file's name for errors: `users.txt:3: …`, F0000. Errors never repeat a secret.
[[nodiscard]] Result<UserMap> parse_users(std::string_view text, std::string_view name);

// Reads the file and parses it; F0000 if it cannot be read.
[[nodiscard]] Result<UserMap> load_users_file(const std::string& path);

}  // namespace pgpool::auth
