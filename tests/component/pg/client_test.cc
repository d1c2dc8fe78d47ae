// SPDX-License-Identifier: PostgreSQL
// Client against a server whose databases and roles belong to somebody with ill will.
#include "common/pg/client.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/component/health/postgres_server.h"

namespace pgpool::pg {
namespace {

struct Setting {
    std::string name;
    std::string hostile;
    std::string fixed;
    bool is_of_login = true;  // SessionSettings::OfLogin leaves it as it is
};

const std::vector<Setting> kSettings{
    {"role", "alice", "none", false},
    {"statement_timeout", "1ms", "0", false},
    {"lock_timeout", "1ms", "0", false},
    {"idle_session_timeout", "1ms", "0", false},
    {"idle_in_transaction_session_timeout", "1ms", "0", false},
    {"search_path", "traps", "pg_catalog,pg_temp"},
    {"default_transaction_read_only", "on", "off"},
    {"default_transaction_isolation", "serializable", "read committed"},
    {"default_transaction_deferrable", "on", "off"},
    {"row_security", "off", "on"},
    {"standard_conforming_strings", "off", "on"},
    {"transform_null_equals", "on", "off"},
    {"array_nulls", "off", "on"},
    {"quote_all_identifiers", "on", "off"},
    {"bytea_output", "escape", "hex"},
    {"DateStyle", "German", "ISO, MDY"},
    {"IntervalStyle", "iso_8601", "postgres"},
    {"TimeZone", "Asia/Tokyo", "UTC"},
    {"extra_float_digits", "-15", "1"},
    {"check_function_bodies", "off", "on"},
    {"default_tablespace", "pg_global", ""},
    {"constraint_exclusion", "on", "partition"},
    {"exit_on_error", "on", "off"},
    {"jit", "on", "off"},
    {"client_encoding", "LATIN1", "UTF8"},
};

class ClientTest : public testing::Test {
protected:
    void SetUp() override {
        server_ = test::PostgresServer::primary("alpha");
        server_->psql("CREATE ROLE alice");
        server_->psql("CREATE DATABASE hers OWNER alice");
    }
    [[nodiscard]] TimePoint soon() const { return SteadyClock::now() + seconds(20); }
    [[nodiscard]] Client connect(SessionSettings settings, const std::string& user = "postgres") {
        ConnectParams params;
        params.host = "127.0.0.1";
        params.port = server_->port();
        params.user = user;
        params.database = "hers";
        params.settings = settings;
        auto client = Client::connect(params, soon(), nullptr);
        if (!client) throw std::runtime_error(client.error().message);
        return std::move(*client);
    }
    [[nodiscard]] std::string ask(Client& client, const std::string& sql) {
        const auto rows = client.run(sql, soon());
        return rows ? std::string(rows->text(0, 0)) : rows.error().message;
    }

    std::unique_ptr<test::PostgresServer> server_;
};

TEST_F(ClientTest, SettingsOfADatabaseOrRoleDoNotReachIt) {
    std::string hostile;
    for (const Setting& one : kSettings)
        hostile += fmt::format("ALTER DATABASE hers SET {0} = '{1}'; ALTER ROLE postgres SET {0} = '{1}';",
                               one.name, one.hostile);
    server_->psql(hostile);
    Client fixed = connect(SessionSettings::Fixed);
    for (const Setting& one : kSettings) EXPECT_EQ(ask(fixed, "SHOW " + one.name), one.fixed) << one.name;
    EXPECT_EQ(ask(fixed, "SELECT current_user"), "postgres");
    Client of_login = connect(SessionSettings::OfLogin);
    for (const Setting& one : kSettings) {
        if (one.is_of_login) continue;
        EXPECT_EQ(ask(of_login, "SHOW " + one.name), one.fixed) << one.name;
    }
    EXPECT_EQ(ask(of_login, "SHOW search_path"), "traps");
}

TEST_F(ClientTest, NamesAreThoseOfTheServer) {
    server_->psql(
        "CREATE SCHEMA traps; CREATE FUNCTION traps.set_config(text, text, boolean) RETURNS text LANGUAGE "
        "sql "
        "AS 'SELECT ''trapped'''; CREATE FUNCTION traps.same(int, int) RETURNS boolean LANGUAGE sql AS "
        "'SELECT false'; CREATE OPERATOR traps.= (leftarg = int, rightarg = int, function = traps.same)",
        "hers");
    server_->psql("ALTER DATABASE hers SET search_path = traps, pg_catalog");
    Client none = connect(SessionSettings::None);
    EXPECT_EQ(ask(none, "SELECT set_config('jit', 'off', false)"), "trapped");
    Client fixed = connect(SessionSettings::Fixed);
    EXPECT_EQ(ask(fixed, "SELECT set_config('jit', 'off', false)"), "off");
    EXPECT_EQ(ask(fixed, "SELECT 1 = 1"), "t");
}

TEST_F(ClientTest, AnyRoleMayConnectSo) {
    server_->psql("CREATE ROLE bob LOGIN");
    Client client = connect(SessionSettings::Fixed, "bob");
    EXPECT_EQ(ask(client, "SELECT current_user"), "bob");
}

}  // namespace
}  // namespace pgpool::pg
