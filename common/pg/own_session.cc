// SPDX-License-Identifier: PostgreSQL
#include "common/pg/own_session.h"

#include <utility>

namespace pgpool::pg {

std::string_view name_of(OwnSession session) {
    switch (session) {
        case OwnSession::Auth:
            return "pgpool-auth";
        case OwnSession::Catalog:
            return "pgpool-catalog";
        case OwnSession::Ctl:
            return "pgpool-ctl";
        case OwnSession::Deadlocks:
            return "pgpool-deadlocks";
        case OwnSession::Health:
            return "pgpool-health";
        case OwnSession::Keeper:
            return "pgpool-keeper";
        case OwnSession::Lease:
            return "pgpool-lease";
        case OwnSession::Sequences:
            return "pgpool-sequences";
    }
    return {};
}

OwnLogin own_login(const config::Health& health, OwnSession session) {
    return own_login(health, session, health.database);
}

OwnLogin own_login(const config::Health& health, OwnSession session, std::string database) {
    return {health.user, health.password, std::move(database), session};
}

ConnectParams own_params(const std::string& host, std::uint16_t port, const OwnLogin& login) {
    ConnectParams params;
    params.host = host;
    params.port = port;
    params.user = login.user;
    params.password = login.password;
    params.database = login.database;
    params.application_name = name_of(login.session);
    params.settings = SessionSettings::Fixed;
    return params;
}

}  // namespace pgpool::pg
