// SPDX-License-Identifier: PostgreSQL

// writes.case: statement -> class, reason and what else is told. Lines that begin with ">" say in what
// circumstances: facts none, facts routing, temporary X, cast X, event-trigger X, operator X,
// shadowing X.

#include "proxy/replication/write_class.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "proxy/sql/analyzer.h"
#include "proxy/sql/lexer.h"
#include "tests/support/case_file.h"
#include "tests/unit/proxy/replication/fixture.h"

namespace pgpool::replication {
namespace {

struct World {
    fixture::Catalog catalog;
    bool has_facts = true;
    std::vector<std::string> temporaries;

    void apply(const std::string& word, const std::string& value) {
        sql::CatalogFacts& facts = catalog.facts();
        if (word == "facts" && value == "none") has_facts = false;
        if (word == "facts" && value == "routing") facts.writes_known = false;
        if (word == "temporary") temporaries.push_back(value);
        if (word == "cast") facts.cast_obstacle = "cast " + value;
        if (word == "event-trigger") facts.ddl_obstacle = "event trigger \"" + value + "\"";
        if (word == "operator") facts.operators[value] = {sql::Volatility::Volatile, false, true};
        if (word == "shadowing") facts.shadowing_operators[value] = true;
    }
};

std::string told(const Classified& classified) {
    std::string out = describe(classified) + "\n";
    if (classified.outside_transaction) out += "outside-transaction\n";
    if (classified.locks_rows) out += "locks-rows\n";
    if (classified.main_only) out += "main-only\n";
    if (classified.needs_facts) out += "needs-facts\n";
    if (classified.copy_has_dates) out += "copy-has-dates\n";
    for (const std::uint16_t number : classified.date_parameters)
        out += "date-parameter " + std::to_string(number) + "\n";
    if (rows_travel(classified)) out += "rows-travel\n";
    if (const LockPlanPtr locks = locks_needed(classified)) {
        out += "under-locks, as " + locks->reason + ":";
        for (const std::string& name : locks->written) out += " " + name + "!";
        for (const std::string& name : locks->others) out += " " + name;
        out += locks->is_counted ? "\n" : " (not counted)\n";
    }
    return out;
}

std::string subject(const std::string& input) {
    World world;
    std::string sql;
    std::istringstream lines(input);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("> ")) {
            sql += line + "\n";
            continue;
        }
        const std::size_t space = line.find(' ', 2);
        world.apply(line.substr(2, space - 2), line.substr(space + 1));
    }
    const sql::StatementInfoPtr info = sql::Analyzer().analyze(sql);
    return told(classify_write(*info, world.has_facts ? &world.catalog.facts() : nullptr, world.temporaries));
}

TEST(WriteClass, IsAsInTheCaseFile) {
    const std::size_t count =
        testing::run_cases(PGPOOL_SOURCE_DIR "/tests/unit/proxy/replication/writes.case", subject);
    EXPECT_GE(count, 150U);
}

Classified of(const std::string& sql) {
    fixture::Catalog catalog;
    return classify_write(*sql::Analyzer().analyze(sql), &catalog.facts());
}

TEST(WriteClass, LiteralsOfOneShapeAreOfOneClass) {
    // The analysis of the first is served for the second: see sql::fingerprint.
    const std::vector<std::pair<std::string, std::string>> pairs = {
        {"insert into t (id, ts) values (1, '2020-01-01')", "insert into t (id, ts) values (2, 'x')"},
        {"insert into t (id, ts) values (1, 'now')", "insert into t (id, ts) values (1, E'\\x6eow')"},
        {"update t set ts = 'today' where id = 1", "update t set ts = E'a\\tb' where id = 2"},
        {"update t set ts = 'no'\n'w' where id = 1", "update t set ts = 'x'\n'y' where id = 2"},
    };
    for (const auto& [one, other] : pairs) {
        if (sql::fingerprint(one, 7) != sql::fingerprint(other, 7)) continue;
        EXPECT_EQ(of(one).reason, of(other).reason) << one;
        EXPECT_EQ(of(one).kind, of(other).kind) << one;
    }
    EXPECT_EQ(sql::fingerprint(pairs[1].first, 7), sql::fingerprint(pairs[1].second, 7));
    EXPECT_EQ(of(pairs[1].second).kind, WriteClass::NotDeterministic);
}

TEST(WriteClass, APasswordIsReadFromItsOwnTextOnly) {
    sql::Analyzer analyzer;
    EXPECT_TRUE(analyzer.analyze("create role r password 'x'")->depends_on_literals);
    EXPECT_TRUE(analyzer.analyze("alter role r password 'md5'")->depends_on_literals);
    EXPECT_FALSE(analyzer.analyze("create role r login")->depends_on_literals);
}

TEST(WriteClass, ExecuteIsAsWhatWasPreparedAndItsArguments) {
    fixture::Catalog catalog;
    const auto execute = [&](const std::string& sql, const std::string& prepared) {
        const sql::StatementInfoPtr info = sql::Analyzer().analyze(sql);
        return classify_execute(info->statements.at(0), of(prepared), &catalog.facts()).kind;
    };
    EXPECT_EQ(execute("execute p(1)", "update t set a = 2 where id = 1"), WriteClass::Point);
    EXPECT_EQ(execute("execute p(now())", "update t set a = $1 where id = 1"), WriteClass::NotProvable);
    EXPECT_EQ(execute("execute p(now())", "select 1"), WriteClass::None);
    EXPECT_EQ(execute("execute p(1)", "delete from keyless where a = $1"), WriteClass::Predicate);
    EXPECT_EQ(execute("execute p(acts())", "select 1"), WriteClass::NotProvable);
    EXPECT_EQ(execute("execute p(nextval('s'))", "select 1"), WriteClass::NotDeterministic);
}

TEST(WriteClass, ExecuteRepeatsUnderTheLocksOfWhatWasPrepared) {
    fixture::Catalog catalog;
    const auto locks = [&](const std::string& sql, const std::string& prepared) {
        const sql::StatementInfoPtr info = sql::Analyzer().analyze(sql);
        return locks_needed(classify_execute(info->statements.at(0), of(prepared), &catalog.facts()));
    };
    EXPECT_TRUE(same_locks(locks("execute p(1)", "delete from keyless where a = $1"),
                           locks_needed(of("delete from keyless"))));
    EXPECT_EQ(locks("execute p(now())", "delete from keyless where ts < $1"), nullptr);
    EXPECT_EQ(locks("execute p(1)", "delete from t where id = $1"), nullptr);
}

TEST(WriteClass, IsExplained) {
    EXPECT_EQ(explain(of("delete from t where id = 1"), config::Unsafe::Refuse),
              "replicated: point (equality on key t_pkey)");
    EXPECT_EQ(explain(of("update watched set a = 1"), config::Unsafe::Refuse),
              "refused: not provable (trigger \"w\" on table \"watched\")");
    EXPECT_EQ(
        explain(of("delete from keyless where a = 1"), config::Unsafe::Refuse),
        "repeated under locks, as table \"keyless\" has no key that stays: predicate (rows of \"keyless\" by "
        "a condition)");
    EXPECT_EQ(explain(of("select 1"), config::Unsafe::Refuse), "not replicated: reads only");
}

}  // namespace
}  // namespace pgpool::replication
