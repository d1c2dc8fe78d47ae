// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/follower.h"

#include <gtest/gtest.h>

#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/messages.h"

namespace pgpool::exec {
namespace {

class TestLink final : public ServerLink {
public:
    explicit TestLink(NameValuesTable& names) : ServerLink(NodeId{1}, names, 2) {}
};

class FollowerTest : public testing::Test {
protected:
    static StepOutcome outcome(std::string_view tag) {
        StepOutcome made;
        made.add_tag(tag);
        return made;
    }
    static std::string complete(std::string_view tag) {
        std::string frames;
        wire::append_command_complete(frames, tag);
        return frames;
    }
    static std::string ready(wire::TransactionStatus status) {
        std::string frames;
        wire::append_ready_for_query(frames, status);
        return frames;
    }
    static std::string error(std::string_view sqlstate) {
        std::string frames;
        wire::append_error(frames, {.sqlstate = SqlState(sqlstate), .message = "no"});
        return frames;
    }
    // The types of the messages that it sends.
    static std::string types(std::string_view sent) {
        std::string types;
        while (!sent.empty()) {
            const auto frame = wire::next_frame(sent).frame;
            types.push_back(frame.type);
            sent.remove_prefix(frame.bytes.size());
        }
        return types;
    }
    void answer(const std::string& bytes) { EXPECT_EQ(follower.on_bytes(bytes, names), bytes.size()); }
    PreparedPtr prepared(std::string_view sql) {
        std::string body(sql);
        body.append(3, '\0');
        return registry.intern(body, "", nullptr);
    }

    NameValuesTable names;
    PreparedRegistry registry{"_p_"};
    TestLink link{names};
    Follower follower{link};
    std::string out;
};

TEST_F(FollowerTest, TheSameTagIsNoDifference) {
    follower.run(out, "BEGIN");
    follower.repeat(out, {.sql = "UPDATE t SET x = 1", .executions = {}}, outcome("UPDATE 1"));
    EXPECT_EQ(types(out), "QQ");
    EXPECT_TRUE(follower.owes());
    answer(complete("BEGIN") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_TRUE(follower.owes());
    answer(complete("UPDATE 1") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_FALSE(follower.owes());
    EXPECT_EQ(follower.difference(), "");
    EXPECT_TRUE(link.replies.empty());
    EXPECT_EQ(link.status, wire::TransactionStatus::InTransaction);
}

TEST_F(FollowerTest, AnotherCountIsADifference) {
    follower.repeat(out, {.sql = "UPDATE t SET x = 1", .executions = {}}, outcome("UPDATE 1"));
    answer(complete("UPDATE 0") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_EQ(follower.difference(), "UPDATE 0 instead of UPDATE 1");
}

TEST_F(FollowerTest, AnErrorIsADifferenceUnlessMainHadTheSame) {
    follower.repeat(out, {.sql = "INSERT INTO t VALUES (1)", .executions = {}}, outcome("INSERT 0 1"));
    answer(error("23505") + ready(wire::TransactionStatus::Failed));
    EXPECT_EQ(follower.difference(), "!23505 instead of INSERT 0 1 (no)");
    EXPECT_TRUE(follower.needs_reset);

    Follower second(link);
    StepOutcome failed;
    failed.add_error("23505");
    second.repeat(out, {.sql = "INSERT INTO t VALUES (1)", .executions = {}}, failed);
    const std::string bytes = error("23505") + ready(wire::TransactionStatus::Failed);
    EXPECT_EQ(second.on_bytes(bytes, names), bytes.size());
    EXPECT_EQ(second.difference(), "");
}

TEST_F(FollowerTest, OnlyTheSameErrorWithEveryAttemptIsARefusal) {
    const auto refusal = [this](const std::vector<std::string>& attempts) {
        Follower one(link);
        for (std::size_t i = 0; i < attempts.size(); ++i) {
            std::string answers;
            if (i > 0) {
                one.roll_back(out, prepared("SELECT settle($1)"), Follower::kNoValues);
                answers = complete("ROLLBACK") + ready(wire::TransactionStatus::Idle) + complete("SELECT 1") +
                          ready(wire::TransactionStatus::Idle);
            }
            one.repeat(out, {.sql = "UPDATE t SET x = 1", .executions = {}}, outcome("UPDATE 1"));
            answers += attempts[i].empty() ? complete("UPDATE 0") : error(attempts[i]);
            answers += ready(wire::TransactionStatus::Failed);
            EXPECT_EQ(one.on_bytes(answers, names), answers.size());
        }
        return std::string(one.refusal());
    };
    EXPECT_EQ(refusal({"42501", "42501"}), "no");
    EXPECT_EQ(refusal({"42883", "42883", "42883"}), "no");
    EXPECT_EQ(refusal({"42883", "42501", "42501"}), "");
    EXPECT_EQ(refusal({"", "42501"}), "");
    EXPECT_EQ(refusal({"42501", ""}), "");
    EXPECT_EQ(refusal({"23514", "23514", "23514"}), "") << "of a row that came each time";
    EXPECT_EQ(refusal({"55P03", "55P03"}), "");
}

TEST_F(FollowerTest, AnErrorThatComesBackWhileOthersCommitThereIsNoRefusal) {
    for (const bool is_settled : {false, true}) {
        Follower one(link);
        const auto fails = [&](std::string before) {
            one.repeat(out, {.sql = "UPDATE t SET x = 1", .executions = {}}, outcome("UPDATE 0"));
            before += error("42501") + ready(wire::TransactionStatus::Failed);
            EXPECT_EQ(one.on_bytes(before, names), before.size());
        };
        fails({});
        one.roll_back(out, prepared("SELECT settle($1)"), Follower::kNoValues);
        fails(complete("ROLLBACK") + ready(wire::TransactionStatus::Idle) +
              (is_settled ? complete("SELECT 1") : error("55P03")) + ready(wire::TransactionStatus::Idle));
        EXPECT_EQ(one.difference(), "!42501 instead of UPDATE 0 (no)");
        EXPECT_EQ(one.refusal(), is_settled ? "no" : "");
    }
}

TEST_F(FollowerTest, WhatIsOursMustNotFail) {
    follower.run(out, "SET x TO 1");
    answer(error("42704") + ready(wire::TransactionStatus::Idle));
    EXPECT_EQ(follower.difference(), "!42704 (no)");
}

TEST_F(FollowerTest, StatementsArePreparedOnceAndEvictedInTurn) {
    const PreparedPtr one = prepared("SELECT 1");
    const PreparedPtr two = prepared("SELECT 2");
    const PreparedPtr three = prepared("SELECT 3");
    const std::string none(Follower::kNoValues);
    follower.repeat(out, {.sql = {}, .executions = {{one, none}, {two, none}, {one, none}}}, {});
    EXPECT_EQ(types(out), "PBEPBEBES");
    out.clear();
    follower.repeat(out, {.sql = {}, .executions = {{three, none}}}, {});
    EXPECT_EQ(types(out), "CPBES");
    EXPECT_FALSE(link.statements.has(*two));
}

// Which statements the server has made before an error is not known; what it had before it keeps.
TEST_F(FollowerTest, AnErrorAmongNewStatementsForgetsThem) {
    const PreparedPtr one = prepared("SELECT 1");
    const std::string none(Follower::kNoValues);
    follower.repeat(out, {.sql = {}, .executions = {{one, none}}}, outcome("SELECT 1"));
    answer(complete("SELECT 1") + ready(wire::TransactionStatus::InTransaction));
    follower.repeat(out, {.sql = "SELECT 2", .executions = {}}, outcome("SELECT 1"));
    answer(error("22012") + ready(wire::TransactionStatus::Failed));
    EXPECT_TRUE(link.statements.has(*one));
    follower.repeat(out, {.sql = {}, .executions = {{prepared("SELECT 3"), none}}}, outcome("SELECT 1"));
    answer(error("22012") + ready(wire::TransactionStatus::Failed));
    EXPECT_FALSE(link.statements.has(*one));
    EXPECT_TRUE(follower.needs_reset);
}

TEST_F(FollowerTest, AnExecuteHasItsPrepareAroundIt) {
    const CopiedRequest request{
        .sql = "EXECUTE a (1)", .executions = {}, .before = "PREPARE a AS INSERT", .after = "DEALLOCATE a"};
    follower.repeat(out, request, outcome("INSERT 0 1"));
    EXPECT_EQ(types(out), "QQQ");
    const auto status = wire::TransactionStatus::InTransaction;
    answer(complete("PREPARE") + ready(status) + complete("INSERT 0 1") + ready(status));
    EXPECT_TRUE(follower.owes());
    answer(complete("DEALLOCATE") + ready(status));
    EXPECT_EQ(follower.difference(), "");
    EXPECT_FALSE(follower.needs_reset);

    follower.repeat(out, request, outcome("INSERT 0 1"));
    answer(complete("PREPARE") + ready(status) + error("23505") + ready(wire::TransactionStatus::Failed));
    EXPECT_TRUE(follower.needs_reset) << "what was prepared is still there";
}

TEST_F(FollowerTest, NamesOfClientsMakeRoom) {
    link.statements.own_names.set("A b", prepared("SELECT 1"));
    follower.forget_names(out);
    EXPECT_EQ(out, std::string("Q\0\0\0\x15"
                               "DEALLOCATE \"A b\"\0",
                               22));
    EXPECT_TRUE(link.statements.own_names.empty());
}

TEST_F(FollowerTest, OnlyTheRightAnswerIsAMarker) {
    const PreparedPtr constraints = prepared("SET CONSTRAINTS ALL IMMEDIATE");
    const PreparedPtr mark = prepared("SELECT mark()");
    for (const std::string_view value : {"-17", "17", "t", ""}) {
        follower.mark(out, constraints, mark, Follower::kNoValues, "-17");
        std::string row;
        wire::FrameBuilder(row, wire::backend::kDataRow)
            .int16(1)
            .int32(static_cast<std::int32_t>(value.size()))
            .bytes(value);
        answer(complete("SET CONSTRAINTS") + row + complete("SELECT 1") +
               ready(wire::TransactionStatus::InTransaction));
        EXPECT_EQ(follower.marked(), value == "-17");
    }
}

// With BEGIN, a statement and the marker in one write nothing runs outside of the transaction if BEGIN fails:
// up to the Sync the server skips all.
TEST_F(FollowerTest, BeginStatementAndMarkerAreOneBatch) {
    const std::string none(Follower::kNoValues);
    follower.begin(out, prepared("BEGIN"));
    follower.repeat(out, {.sql = {}, .executions = {{prepared("UPDATE t SET x = 1"), none}}},
                    outcome("UPDATE 1"), Follower::Next::Mark);
    EXPECT_FALSE(follower.hold_back(out));
    follower.mark(out, prepared("SET CONSTRAINTS ALL IMMEDIATE"), prepared("SELECT mark()"), none, "-17");
    EXPECT_FALSE(follower.hold_back(out));
    EXPECT_EQ(types(out), "PBEPBECPBECPBES");
    std::string row;
    wire::FrameBuilder(row, wire::backend::kDataRow).int16(1).int32(3).bytes("-17");
    answer(complete("BEGIN") + complete("UPDATE 1") + complete("SET CONSTRAINTS") + row +
           complete("SELECT 1") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_EQ(follower.difference(), "");
    EXPECT_TRUE(follower.marked());
    EXPECT_FALSE(follower.owes());
    EXPECT_TRUE(link.replies.empty());
}

TEST_F(FollowerTest, AQueryIsAStepOfItsOwnBetweenBeginAndMarker) {
    follower.begin(out, prepared("BEGIN"));
    follower.repeat(out, {.sql = "UPDATE t SET x = 1", .executions = {}}, outcome("UPDATE 1"),
                    Follower::Next::Mark);
    EXPECT_FALSE(follower.hold_back(out));
    follower.mark(out, prepared("SET CONSTRAINTS ALL IMMEDIATE"), prepared("SELECT mark()"),
                  Follower::kNoValues, "-17");
    EXPECT_FALSE(follower.hold_back(out));
    EXPECT_EQ(types(out), "PBEQPBECPBES");
    answer(complete("BEGIN") + complete("UPDATE 2") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_EQ(follower.difference(), "UPDATE 2 instead of UPDATE 1");
    EXPECT_TRUE(follower.owes()) << "the marker";
}

// A row of the client's, then an error: that was no marker.
TEST_F(FollowerTest, ARowBeforeTheMarkerDoesNotCount) {
    const std::string none(Follower::kNoValues);
    follower.repeat(out, {.sql = {}, .executions = {{prepared("DELETE FROM t RETURNING flag"), none}}},
                    outcome("DELETE 1"), Follower::Next::Mark);
    follower.mark(out, prepared("SET CONSTRAINTS ALL IMMEDIATE"), prepared("SELECT mark()"), none, "-17");
    std::string row;
    wire::FrameBuilder(row, wire::backend::kDataRow).int16(1).int32(3).bytes("-17");
    answer(row + complete("DELETE 1") + error("23503") + ready(wire::TransactionStatus::Failed));
    EXPECT_FALSE(follower.marked());
    EXPECT_EQ(follower.difference(), "DELETE 1; !23503 instead of DELETE 1; SET CONSTRAINTS; SELECT 1 (no)");
}

// Behind a Sync the server would run what comes after a BEGIN that has failed.
TEST_F(FollowerTest, BehindASyncStepsWaitForBegin) {
    const std::string none(Follower::kNoValues);
    follower.begin(out, prepared("BEGIN"));
    follower.repeat(out, {.sql = {}, .executions = {{prepared("UPDATE t SET x = 1"), none}}},
                    outcome("UPDATE 1"));
    EXPECT_FALSE(follower.hold_back(out));
    std::string more;
    follower.repeat(more, {.sql = "UPDATE t SET x = 2", .executions = {}}, outcome("UPDATE 1"));
    EXPECT_TRUE(follower.hold_back(more));
    EXPECT_EQ(follower.take_held(), "");
    answer(complete("BEGIN"));
    EXPECT_EQ(follower.take_held(), more);
    answer(complete("UPDATE 1") + ready(wire::TransactionStatus::InTransaction) + complete("UPDATE 1") +
           ready(wire::TransactionStatus::InTransaction));
    EXPECT_FALSE(follower.owes());
    EXPECT_EQ(follower.difference(), "");
}

// It begins anew, or the transaction ends: either forgets what was not sent.
TEST_F(FollowerTest, WhatWaitsForBeginIsNotSentBehindADifference) {
    const std::string none(Follower::kNoValues);
    follower.begin(out, prepared("BEGIN"));
    follower.repeat(out, {.sql = {}, .executions = {{prepared("UPDATE t SET x = 1"), none}}},
                    outcome("UPDATE 1"));
    EXPECT_FALSE(follower.hold_back(out));
    std::string more;
    follower.repeat(more, {.sql = "UPDATE t SET x = 2", .executions = {}}, outcome("UPDATE 1"));
    EXPECT_TRUE(follower.hold_back(more));
    answer(complete("BEGIN") + complete("UPDATE 0") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_EQ(follower.take_held(), "");
    EXPECT_TRUE(follower.owes());
    EXPECT_TRUE(follower.forget_held());
    EXPECT_FALSE(follower.owes());
    EXPECT_TRUE(link.replies.empty());
}

// The server never gets its Parse.
TEST_F(FollowerTest, WhatIsForgottenWasNotPreparedEither) {
    const std::string none(Follower::kNoValues);
    follower.begin(out, prepared("BEGIN"));
    follower.repeat(out, {.sql = "UPDATE t SET x = 1", .executions = {}}, outcome("UPDATE 1"));
    EXPECT_FALSE(follower.hold_back(out));
    std::string more;
    const PreparedPtr statement = prepared("UPDATE t SET x = 2");
    follower.repeat(more, {.sql = {}, .executions = {{statement, none}}}, outcome("UPDATE 1"));
    EXPECT_EQ(types(more), "PBES");
    static_cast<void>(follower.hold_back(more));
    std::string last;
    const PreparedPtr other = prepared("UPDATE t SET x = 3");
    follower.repeat(last, {.sql = {}, .executions = {{other, none}}}, outcome("UPDATE 1"));
    ASSERT_TRUE(follower.hold_back(last));
    EXPECT_TRUE(link.statements.has(*other));
    EXPECT_TRUE(follower.forget_held());
    EXPECT_FALSE(link.statements.has(*other));
    EXPECT_TRUE(follower.needs_reset);
}

TEST_F(FollowerTest, WhatWaitsForAFailedBeginIsForgotten) {
    const std::string none(Follower::kNoValues);
    follower.begin(out, prepared("BEGIN"));
    follower.repeat(out, {.sql = {}, .executions = {{prepared("UPDATE t SET x = 1"), none}}},
                    outcome("UPDATE 1"));
    EXPECT_FALSE(follower.hold_back(out));
    std::string more;
    follower.repeat(more, {.sql = "UPDATE t SET x = 2", .executions = {}}, outcome("UPDATE 1"));
    EXPECT_TRUE(follower.hold_back(more));
    answer(error("57014") + ready(wire::TransactionStatus::Idle));
    EXPECT_EQ(follower.take_held(), "");
    EXPECT_FALSE(follower.owes());
    EXPECT_TRUE(link.replies.empty());
    EXPECT_EQ(follower.difference(), "!57014 instead of BEGIN (no)");
}

// The server answers nothing of it up to a Sync.
TEST_F(FollowerTest, AQueryBehindAFailedBeginIsNotAnswered) {
    follower.begin(out, prepared("BEGIN"));
    follower.repeat(out, {.sql = "UPDATE t SET x = 1", .executions = {}}, outcome("UPDATE 1"));
    EXPECT_FALSE(follower.hold_back(out));
    answer(error("57014"));
    EXPECT_EQ(types(follower.take_held()), "S");
    EXPECT_TRUE(follower.owes());
    std::string more;
    follower.repeat(more, {.sql = "UPDATE t SET x = 2", .executions = {}}, outcome("UPDATE 1"));
    EXPECT_TRUE(follower.hold_back(more));
    answer(ready(wire::TransactionStatus::Idle));
    EXPECT_EQ(follower.take_held(), "");
    EXPECT_FALSE(follower.owes());
    EXPECT_TRUE(link.replies.empty());
}

TEST_F(FollowerTest, TheMarkersSyncEndsAFailedBegin) {
    follower.begin(out, prepared("BEGIN"));
    follower.repeat(out, {.sql = "UPDATE t SET x = 1", .executions = {}}, outcome("UPDATE 1"),
                    Follower::Next::Mark);
    EXPECT_FALSE(follower.hold_back(out));
    follower.mark(out, prepared("SET CONSTRAINTS ALL IMMEDIATE"), prepared("SELECT mark()"),
                  Follower::kNoValues, "-17");
    EXPECT_FALSE(follower.hold_back(out));
    answer(error("57014") + ready(wire::TransactionStatus::Idle));
    EXPECT_EQ(follower.take_held(), "");
    EXPECT_FALSE(follower.owes());
    EXPECT_FALSE(follower.marked());
    EXPECT_TRUE(link.replies.empty());
}

TEST_F(FollowerTest, ACopyIsComparedWhenMainIsDone) {
    follower.begin_copy(out, "COPY t FROM STDIN");
    follower.expect(outcome("COPY 3"));
    answer(complete("COPY 3") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_EQ(follower.difference(), "");

    follower.begin_copy(out, "COPY t FROM STDIN");
    answer(complete("COPY 2") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_TRUE(follower.owes()) << "main's result is to come";
    follower.expect(outcome("COPY 3"));
    EXPECT_FALSE(follower.owes());
    EXPECT_EQ(follower.difference(), "COPY 2 instead of COPY 3");
}

TEST_F(FollowerTest, AnswersMayComeInAnyPieces) {
    follower.repeat(out, {.sql = "DELETE FROM t", .executions = {}}, outcome("DELETE 5"));
    const std::string bytes = complete("DELETE 5") + ready(wire::TransactionStatus::InTransaction);
    std::string kept;
    for (const char c : bytes) {
        kept.push_back(c);
        kept.erase(0, follower.on_bytes(kept, names));
    }
    EXPECT_TRUE(kept.empty());
    EXPECT_FALSE(follower.owes());
    EXPECT_EQ(follower.difference(), "");
}

TEST(CopiedRequest, BecomesRedo) {
    PreparedRegistry registry("_p_");
    std::string body("INSERT INTO t VALUES ($1, $2)");
    body.push_back('\0');
    append_be16(body, 1);
    append_be32(body, 23);
    std::string values;
    append_be16(values, 1);  // one format for all: binary
    append_be16(values, 1);
    append_be16(values, 2);
    append_be32(values, 4);
    append_be32(values, 7);
    append_be32(values, 0xFFFFFFFF);
    append_be16(values, 0);
    markers::Redo redo;
    add_to_redo(redo, {.sql = "UPDATE t SET x = 1", .executions = {}}, "UPDATE 7");
    add_to_redo(redo, {.sql = {}, .executions = {{registry.intern(body, "", nullptr), values}}},
                markers::kSomeRows);
    ASSERT_EQ(redo.statements.size(), 2U);
    EXPECT_EQ(redo.statements[0].sql, "UPDATE t SET x = 1");
    EXPECT_EQ(redo.statements[0].rows, 7);
    EXPECT_EQ(redo.statements[1].rows, markers::kSomeRows);
    const markers::RedoStatement& insert = redo.statements[1];
    EXPECT_EQ(insert.sql, "INSERT INTO t VALUES ($1, $2)");
    EXPECT_EQ(insert.types, std::vector<std::uint32_t>{23});
    ASSERT_EQ(insert.parameters.size(), 2U);
    EXPECT_EQ(insert.parameters[0].value, std::string("\0\0\0\7", 4));
    EXPECT_TRUE(insert.parameters[0].is_binary);
    EXPECT_FALSE(insert.parameters[1].value.has_value());
}

// A function that failed may have left a lock of the session behind.
TEST_F(FollowerTest, AfterAFailedStepTheConnectionIsReset) {
    follower.run(out, "SELECT 1");
    answer(complete("SELECT 1") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_FALSE(follower.needs_reset);
    follower.run(out, "SELECT pgpool_replication.advance('t', 'id', 5)");
    answer(error("55P03") + ready(wire::TransactionStatus::Failed));
    EXPECT_TRUE(follower.needs_reset);
}

TEST_F(FollowerTest, BeginsAnewAfterADifference) {
    follower.begin(out, prepared("BEGIN"));
    follower.repeat(out, {.sql = "UPDATE t SET x = 1", .executions = {}}, outcome("UPDATE 1"));
    answer(complete("BEGIN") + complete("UPDATE 0") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_EQ(follower.difference(), "UPDATE 0 instead of UPDATE 1");
    out.clear();
    follower.roll_back(out, prepared("SELECT settle($1)"), Follower::kNoValues);
    EXPECT_EQ(follower.difference(), "");
    EXPECT_EQ(follower.begun_anew, 1);
    follower.begin(out, prepared("BEGIN"));
    follower.repeat(out, {.sql = "UPDATE t SET x = 1", .executions = {}}, outcome("UPDATE 1"));
    EXPECT_FALSE(follower.hold_back(out));
    EXPECT_EQ(types(out), "QPBESBEQ");  // ROLLBACK, settle, BEGIN, which it has prepared already, the UPDATE
    answer(complete("ROLLBACK") + ready(wire::TransactionStatus::Idle));
    answer(complete("SELECT 1") + ready(wire::TransactionStatus::Idle));
    answer(complete("BEGIN") + complete("UPDATE 1") + ready(wire::TransactionStatus::InTransaction));
    EXPECT_FALSE(follower.owes());
    EXPECT_EQ(follower.difference(), "");
}

TEST_F(FollowerTest, ForgetsStatementsThatMayBeMissingBeforeItBeginsAnew) {
    follower.repeat(
        out, {.sql = {}, .executions = {{prepared("INSERT INTO t"), std::string(Follower::kNoValues)}}},
        outcome("INSERT 0 1"));
    answer(error("23503") + ready(wire::TransactionStatus::Failed));
    out.clear();
    follower.roll_back(out, prepared("SELECT settle($1)"), Follower::kNoValues);
    EXPECT_NE(out.find("DEALLOCATE ALL"), std::string::npos);
    EXPECT_TRUE(follower.needs_reset);
}

TEST(CopiedRequest, BringsWhatItNeedsIntoTheRedo) {
    markers::Redo redo;
    add_to_redo(redo, {.sql = "EXECUTE a", .executions = {}, .before = "PREPARE a", .after = "DEALLOCATE a"},
                "UPDATE 1");
    ASSERT_EQ(redo.statements.size(), 3U);
    EXPECT_EQ(redo.statements[0].sql + redo.statements[1].sql + redo.statements[2].sql,
              "PREPARE aEXECUTE aDEALLOCATE a");
    EXPECT_EQ(redo.statements[1].rows, markers::kAnyRows);
}

TEST(CopiedRequest, BecomesItsStatementsWithTheirRows) {
    const auto redo_of = [](std::string sql, std::string_view tags) {
        markers::Redo redo;
        add_to_redo(redo, {.sql = std::move(sql), .executions = {}}, tags);
        std::string text;
        for (const auto& statement : redo.statements)
            text += statement.sql + "=" + std::to_string(statement.rows) + " ";
        return text;
    };
    EXPECT_EQ(redo_of("UPDATE a; INSERT ';' ;; SELECT 5; SAVEPOINT s;",
                      "UPDATE 0; INSERT 0 12; SELECT 1; SAVEPOINT"),
              "UPDATE a=0 INSERT ';'=12 SELECT 5=-1 SAVEPOINT s=-1 ");
    EXPECT_EQ(redo_of("CREATE FUNCTION f() BEGIN ATOMIC a; b; END; DELETE c", "CREATE FUNCTION; DELETE 1"),
              "CREATE FUNCTION f() BEGIN ATOMIC a; b; END; DELETE c=-3 ");
    EXPECT_EQ(redo_of("CREATE FUNCTION f() BEGIN ATOMIC a; b; END", "CREATE FUNCTION"),
              "CREATE FUNCTION f() BEGIN ATOMIC a; b; END=-1 ");
    EXPECT_EQ(redo_of("MERGE a", "MERGE 3"), "MERGE a=3 ");
    EXPECT_EQ(redo_of("FETCH a", ""), "FETCH a=-1 ");
}

}  // namespace
}  // namespace pgpool::exec
