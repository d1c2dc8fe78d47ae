// SPDX-License-Identifier: PostgreSQL
#include "tests/support/session_play.h"

#include <fmt/core.h>

#include <array>
#include <memory>
#include <vector>

#include "common/wire/encoder.h"
#include "tests/support/frames.h"
#include "tests/support/scripted_exchange.h"

namespace pgpool::support {

namespace {

// What a Query or a Parse says. "@" becomes the tag of the client, so that rows tell whose they are.
constexpr std::array<std::string_view, 58> kStatements{"SELECT '@1'",
                                                       "SELECT '@2'",
                                                       "SELECT '@3' FROM generate_series(1, 3)",
                                                       "SELECT '@4' FROM t",
                                                       "SELECT 1/0",
                                                       "SELEC '@'",
                                                       "",
                                                       "INSERT INTO t VALUES ('@5')",
                                                       "INSERT INTO t VALUES ('dup')",
                                                       "UPDATE t SET v = '@6'",
                                                       "INSERT INTO t VALUES (1) RETURNING '@7'",
                                                       "BEGIN",
                                                       "BEGIN READ ONLY",
                                                       "START TRANSACTION",
                                                       "COMMIT",
                                                       "END",
                                                       "ROLLBACK",
                                                       "ABORT",
                                                       "COMMIT AND CHAIN",
                                                       "SAVEPOINT s",
                                                       "ROLLBACK TO s",
                                                       "RELEASE s",
                                                       "SET work_mem TO '@8'",
                                                       "SET application_name TO '@9'",
                                                       "SET LOCAL work_mem TO '@10'",
                                                       "SET my.thing TO '@11'",
                                                       "SET work_mem TO bad",
                                                       "RESET work_mem",
                                                       "RESET application_name",
                                                       "RESET ALL",
                                                       "SET ROLE '@role'",
                                                       "RESET ROLE",
                                                       "SELECT set_config('work_mem', '@12', false)",
                                                       "DISCARD ALL",
                                                       "PREPARE a AS SELECT '@13'",
                                                       "PREPARE b AS INSERT INTO t VALUES ('@14')",
                                                       "EXECUTE a",
                                                       "EXECUTE b",
                                                       "DEALLOCATE a",
                                                       "DEALLOCATE b",
                                                       "DEALLOCATE ALL",
                                                       "COPY t FROM STDIN",
                                                       "COPY t TO STDOUT",
                                                       "CREATE TEMP TABLE @t (v text)",
                                                       "DROP TABLE @t",
                                                       "CREATE TABLE x (v text)",
                                                       "LISTEN @c",
                                                       "UNLISTEN *",
                                                       "SELECT pg_advisory_lock(1)",
                                                       "SELECT pg_advisory_unlock_all()",
                                                       "DO $$ x $$",
                                                       "DECLARE k CURSOR FOR SELECT 1",
                                                       "DECLARE h CURSOR WITH HOLD FOR SELECT 1",
                                                       "CLOSE h",
                                                       "SELECT '@15'; SELECT '@16'",
                                                       "BEGIN; INSERT INTO t VALUES ('@17'); COMMIT",
                                                       "SET work_mem TO '@18'; SELECT 1/0",
                                                       "SET work_mem TO '@19'; SELECT '@20'"};

// With functions whose rows carry no tag, or that read what differs between servers.
constexpr std::array<std::string_view, 4> kReadsAnywhere{
    "SELECT '@21' FROM t", "SELECT '@22'", "SELECT '@23' FROM generate_series(1, 2)", "SELECT 1/0"};

constexpr std::array<std::string_view, 4> kStatementNames{"", "a", "b", "c"};
constexpr std::array<std::string_view, 3> kPortalNames{"", "p", "q"};

// The portal of a BEGIN that was answered before the server had it does not exist there, instead of being
// done. In a failed transaction a statement that the server must get first cannot be described there.
std::string same_error(std::string printed) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kSame{
        {{"E(55000)", "E(34000)"}, {"E(34000) Z(E)", "E(25P02) Z(E)"}, {"t(0) n Z(E)", "E(25P02) Z(E)"}}};
    for (const auto& [one, other] : kSame) {
        for (std::size_t at = 0; (at = printed.find(one, at)) != std::string::npos;) {
            printed.replace(at, one.size(), other);
        }
    }
    return printed;
}

std::size_t count_of(std::string_view part, std::string_view text) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++count;
    return count;
}

std::string without_parameters(std::string_view printed) {
    std::string rest;
    while (!printed.empty()) {
        const std::size_t end = std::min(printed.find(' '), printed.size());
        const bool is_parameter = printed.starts_with("S(");
        if (!is_parameter) rest.append(printed.substr(0, end)).push_back(' ');
        printed.remove_prefix(std::min(end + 1, printed.size()));
    }
    return rest;
}

// What a statement prepared as EXECUTE gives is described by another one, which may change:
// docs/differences.md.
std::string without_execute(std::string_view name, std::string sql) {
    return !name.empty() && sql.starts_with("EXECUTE") ? "SELECT 1/0" : sql;
}

// The portal of a BEGIN that was answered before the server had it does not exist there.
std::string close_unnamed_portal() {
    return close_portal("") + sync();
}

// One choice per expression: the order of arguments is the compiler's, and an input must mean the same to
// all.
class Choices {
public:
    explicit Choices(ByteView bytes) : rest_(bytes) {}

    [[nodiscard]] std::size_t below(std::size_t count) {
        if (rest_.empty()) return 0;
        const auto byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        return byte % count;
    }
    [[nodiscard]] bool empty() const { return rest_.empty(); }
    template <typename Values>
    [[nodiscard]] auto of(const Values& values) {
        return values[below(values.size())];
    }

private:
    ByteView rest_;
};

class Player {
public:
    Player(ByteView bytes, const std::set<int>& left_out);
    Play run();

private:
    struct Side {
        Client* client = nullptr;
        std::unique_ptr<FakePostgres> alone;  // a server of its own that gets the same
        std::string received;                 // from it
        std::string tag;
        std::string unsent;  // made, and kept back: sent together with what follows
        bool has_startup = false;
    };

    [[nodiscard]] Exchange::Setup setup();
    [[nodiscard]] Disturbance disturbance();
    void act();
    void disturb(bool is_left_out);
    void send(Side& side);
    [[nodiscard]] std::string message(const Side& side);
    [[nodiscard]] std::string illegal_message();
    [[nodiscard]] std::string statement(const Side& side, bool extended);
    void compare(const Side& side);
    void tell(std::string_view line) { story_ += fmt::format("{}\n", line); }

    Choices choices_;
    const std::set<int>& left_out_;
    int steps_ = 0;
    bool faults_ = false;
    std::string story_;
    FakeNode alone_node_;
    std::unique_ptr<Exchange> exchange_;
    std::vector<Side> sides_;
};

Player::Player(ByteView bytes, const std::set<int>& left_out) : choices_(bytes), left_out_(left_out) {
    faults_ = choices_.below(2) == 1;
    const Disturbance disturbed = disturbance();
    exchange_ = std::make_unique<Exchange>(setup(), disturbed);
    const std::size_t count = 1 + choices_.below(3);
    for (std::size_t i = 0; i < count; ++i) {
        Side side;
        side.tag = fmt::format("c{}x", i);
        std::map<std::string, std::string> startup;
        if (choices_.below(3) == 1) startup = {{"application_name", side.tag}};
        if (choices_.below(4) == 1) startup["work_mem"] = "17";
        side.client = &exchange_->client(startup);
        if (side.client->closed()) continue;
        side.has_startup = !startup.empty();
        side.client->tag(side.tag);
        side.alone = std::make_unique<FakePostgres>(alone_node_, startup, "");
        sides_.push_back(std::move(side));
    }
}

Exchange::Setup Player::setup() {
    Exchange::Setup setup;
    setup.standbys = choices_.below(2);
    setup.links_per_node = 1 + choices_.below(3);
    setup.prepared_statements = static_cast<std::uint32_t>(1 + choices_.below(3));
    const bool by_session = choices_.below(5) == 1;
    if (by_session) setup.links_per_node = 4;  // one each: nobody may wait for another's end
    const std::size_t waits = choices_.below(2);
    const std::size_t limited = choices_.below(4);
    tell(fmt::format("standbys {}, links {}, prepared statements {}{}{}", setup.standbys,
                     setup.links_per_node, setup.prepared_statements, by_session ? ", session mode" : "",
                     faults_ ? ", faults" : ""));
    setup.configure = [=, faults = faults_](config::Config& config) {
        if (by_session) config.pool.mode = config::PoolMode::Session;
        config.routing.primary_reads = waits == 1;
        if (!faults) return;
        config.pool.queue_notice = milliseconds(waits == 1 ? 10 : 0);
        config.pool.wait_timeout = milliseconds(30);
        if (limited == 1) config.limits.query_timeout = milliseconds(50);
        if (limited == 2) config.limits.idle_transaction_timeout = milliseconds(50);
    };
    return setup;
}

Disturbance Player::disturbance() {
    Disturbance disturbance;
    if (choices_.below(3) == 1) disturbance.piece = 1 + choices_.below(200);
    return disturbance;
}

Play Player::run() {
    for (; steps_ < 200 && !choices_.empty() && exchange_->problem().empty(); ++steps_) act();
    for (Side& side : sides_) {
        side.unsent += sync();  // servers keep answers back until then, the proxy may give them at once
        send(side);
    }
    exchange_->run();
    if (!faults_) {
        for (const Side& side : sides_) compare(side);
    }
    exchange_->finish();
    for (const Side& side : sides_) tell(fmt::format("{} received: {}", side.tag, side.client->transcript()));
    for (std::size_t i = 0; i < exchange_->links(); ++i) {
        tell(fmt::format("connection {} was sent: {}", i, exchange_->link(i).log));
    }
    return {exchange_->problem(), story_, steps_};
}

void Player::act() {
    if (sides_.empty()) return;
    const std::size_t what = choices_.below(faults_ ? 20 : 16);
    Side& side = sides_[choices_.below(sides_.size())];
    const bool is_left_out = left_out_.contains(steps_);
    if (what >= 16) return disturb(is_left_out);
    if (what == 15) {
        if (is_left_out) return;
        tell("time goes by");
        exchange_->advance(milliseconds(25));
        return;
    }
    const std::string made = message(side);
    if (is_left_out) return;
    tell(fmt::format("{}: {}{}", side.tag, print_from_client(made), what < 4 ? " (kept back)" : ""));
    side.unsent += made;
    if (what >= 4) {
        send(side);
        if (what >= 7) exchange_->run();
    }
}

void Player::send(Side& side) {
    side.client->send(side.unsent);
    side.alone->take(side.unsent);
    side.alone->wake_up();
    side.received += side.alone->output();
    side.unsent.clear();
}

std::string Player::statement(const Side& side, bool extended) {
    std::string_view text = choices_.below(6) == 1 ? choices_.of(kReadsAnywhere) : choices_.of(kStatements);
    if (extended && text.find(';') != std::string_view::npos) text = "SELECT '@'";
    std::string sql;
    for (const char c : text) {
        if (c == '@') {
            sql += side.tag;
        } else {
            sql.push_back(c);
        }
    }
    return sql;
}

std::string Player::message(const Side& side) {
    switch (choices_.below(22)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
            return query(statement(side, false));
        case 5:
        case 6:
        case 7:
            return extended(statement(side, true)) + close_unnamed_portal();
        case 8:
        case 9: {
            const std::string sql = statement(side, true);
            const auto name = choices_.of(kStatementNames);
            return parse(name, without_execute(name, sql));
        }
        case 10: {
            const auto name = choices_.of(kStatementNames);
            return bind_portal(choices_.of(kPortalNames), name);
        }
        case 11: {
            const auto name = choices_.of(kStatementNames);
            return describe_statement(name) + sync();
        }
        case 12:
            return describe_portal(choices_.of(kPortalNames));
        case 13: {
            const auto rows = static_cast<std::uint32_t>(choices_.below(3));
            return execute(choices_.of(kPortalNames), rows);
        }
        case 14:
            return close_statement(choices_.of(kStatementNames));
        case 15:
            return close_portal(choices_.of(kPortalNames));
        case 16:
        case 17:
            return sync();
        case 18: {
            const auto name = choices_.of(kStatementNames);
            return parse(name, without_execute(name, statement(side, true))) + bind_portal("", name) +
                   describe_portal("") + execute() + sync() + close_unnamed_portal();
        }
        case 19: {
            const auto name = choices_.of(kStatementNames);
            return bind_portal("", name) + execute() + sync() + close_unnamed_portal();
        }
        case 20:
            return flush();
        default:
            return illegal_message();
    }
}

// Also what is legal only at the right moment.
std::string Player::illegal_message() {
    switch (choices_.below(6)) {
        case 0:
            return copy_data("three\n");
        case 1:
            return copy_done();
        case 2:
            return copy_fail("no more");
        case 3:
            return function_call(1598);
        case 4:
            return parse("c", "SELECT $1") + bind_portal("", "c", {}) + sync();
        default: {
            std::string malformed;
            wire::append_frame(malformed, "BDEC"[choices_.below(4)], "x");
            return malformed + sync();
        }
    }
}

void Player::disturb(bool is_left_out) {
    const std::size_t which = choices_.below(4);
    const std::size_t how = choices_.below(10);
    if (is_left_out) return;
    switch (how) {
        case 0:
            tell(fmt::format("link {} is lost", which));
            exchange_->lose(which);
            return;
        case 1:
            tell("all links are lost");
            return exchange_->lose_all_links();
        case 2:
            tell("servers are held");
            return exchange_->hold_servers();
        case 3:
            tell("replies are held");
            return exchange_->hold_replies();
        case 4:
            tell("all goes on");
            exchange_->let_servers_go();
            return exchange_->let_replies_go();
        case 5:
            tell(fmt::format("{} cancels", sides_[which % sides_.size()].tag));
            return sides_[which % sides_.size()].client->cancel();
        case 6:
            tell("no primary");
            return exchange_->lose_primary();
        case 7:
            tell("a primary again");
            return exchange_->promote(0);
        case 8:
            tell("connections are refused, or no more");
            return exchange_->refuse_connections(which < 2 ? "53300" : "");
        default:
            if (which != 0 || sides_.size() < 2) return exchange_->advance(milliseconds(100));
            tell(fmt::format("{} leaves", sides_.back().tag));
            return sides_.back().client->leave();
    }
}

// RESET goes back to what the startup packet said at the client's next request, not at once, and is told
// then.
void Player::compare(const Side& side) {
    std::string expected = same_error(print_from_server(side.received));
    std::string received = same_error(side.client->transcript());
    if (side.has_startup) {
        expected = without_parameters(expected);
        received = without_parameters(received);
    }
    // What only the primary may run is refused in a transaction at a standby.
    if (count_of("E(25006)", received) > count_of("E(25006)", expected)) return;
    const bool waits = side.client->session().state() == "waiting";
    if (waits ? expected.starts_with(received) : expected == received) return;
    exchange_->blame(
        fmt::format("{} received:\n{}\nalone it would have been:\n{}", side.tag, received, expected));
}

}  // namespace

Play play(ByteView choices, const std::set<int>& left_out) {
    return Player(choices, left_out).run();
}

Play shortest_with_problem(ByteView choices) {
    std::set<int> left_out;
    Play shortest = play(choices);
    for (int step = shortest.steps - 1; step >= 0; --step) {
        left_out.insert(step);
        Play shorter = play(choices, left_out);
        if (shorter.problem.empty()) {
            left_out.erase(step);
        } else {
            shortest = std::move(shorter);
        }
    }
    return shortest;
}

}  // namespace pgpool::support
