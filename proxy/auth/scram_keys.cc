// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/scram_keys.h"

#include "proxy/auth/hashes.h"
#include "proxy/auth/saslprep.h"

namespace pgpool::auth {

ScramKeys derive_keys(std::string_view password, ByteView salt, int iterations) {
    const std::string salted = pbkdf2_sha256(saslprep(password), salt, iterations);
    return {hmac_sha256(salted, "Client Key"), hmac_sha256(salted, "Server Key"), std::string(salt),
            iterations};
}

ScramVerifier verifier_of(const ScramKeys& keys) {
    return {keys.iterations, keys.salt, sha256(keys.client_key), keys.server_key};
}

bool is_password_of(const ScramVerifier& verifier, std::string_view password) {
    const ScramKeys keys = derive_keys(password, verifier.salt, verifier.iterations);
    return equal_in_constant_time(keys.server_key, verifier.server_key);
}

}  // namespace pgpool::auth
