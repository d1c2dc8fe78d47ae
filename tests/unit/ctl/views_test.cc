// SPDX-License-Identifier: PostgreSQL
#include "ctl/cluster/views.h"

#include <gmock/gmock.h>

#include "ctl/cluster/fields.h"
#include "watchdog/decide/transitions.h"

namespace pgpool::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Fields, WhatIsNotThereIsNothing) {
    const Json object{
        {"text", "a\x1b[2Jb"}, {"empty", ""}, {"number", 7}, {"list", {"a", 1}}, {"null", nullptr}};
    EXPECT_EQ(text_of(object, "text"), "a?[2Jb");
    EXPECT_EQ(text_of(object, "empty"), "-");
    EXPECT_EQ(text_of(object, "null"), "-");
    EXPECT_EQ(text_of(object, "number"), "7");
    EXPECT_EQ(words_of(object, "list"), "a 1");
    EXPECT_EQ(words_of(object, "text"), "-");
    EXPECT_EQ(number_of(object, "number"), 7);
    EXPECT_EQ(number_of(object, "text"), std::nullopt);
    EXPECT_FALSE(is_true(object, "number"));
    EXPECT_EQ(text_of(Json(), "any"), "-");
    EXPECT_TRUE(list_of(Json::array(), "any").empty());
}

TEST(SizeText, AsPostgresqlCounts) {
    EXPECT_EQ(size_text(0), "0");
    EXPECT_EQ(size_text(1023), "1023 B");
    EXPECT_EQ(size_text(1536), "1.5 kB");
    EXPECT_EQ(size_text(std::int64_t{16} << 20), "16.0 MB");
    EXPECT_EQ(size_text(std::int64_t{5000} << 40), "5000.0 TB");
}

Json status_with(const Json& lease) {
    return {{"member", "m2"}, {"epoch", 3}, {"lease", lease}};
}

TEST(StatusText, WhoDecidesAndUntilWhen) {
    EXPECT_THAT(
        status_text(status_with({{"holder", "m1"}, {"state", "Follower"}, {"remaining_ms", nullptr}})),
        HasSubstr("decides      m1, epoch 3; this member: keeps out\n"));
    EXPECT_THAT(status_text(status_with({{"holder", "m2"}, {"state", "Holder"}, {"remaining_ms", 250}})),
                HasSubstr("decides      m2, 0.2 s left, epoch 3; this member: decides\n"));
    EXPECT_THAT(status_text(status_with({{"holder", "m2"}, {"state", "Holder"}, {"remaining_ms", 0}})),
                HasSubstr("its time is over"));
}

TEST(StatusText, AHealthySecondMemberIsInReserve) {
    for (const char* state : {"Acquiring", "Resting", "Waiting", "Confirming"}) {
        const std::string text = status_text(status_with({{"holder", "m1"}, {"state", state}}));
        EXPECT_THAT(text, HasSubstr("this member: in reserve\n")) << state;
        EXPECT_THAT(text, Not(HasSubstr("as last known"))) << state;
    }
}

TEST(StatusText, WhoHearsNobodyThatDecidesTellsWhatItKnewLast) {
    Json status = status_with({{"holder", ""}, {"state", "Acquiring"}});
    status["primary"] = "n2";
    status["nodes"] = {{{"name", "n2"}, {"role", "primary"}}};
    const std::string text = status_text(status);
    EXPECT_THAT(text,
                HasSubstr("decides      nobody is heard that decides; this member: waits for the lease\n"));
    EXPECT_THAT(text, HasSubstr("primary      n2 (as last known)\n"));
    EXPECT_THAT(text, HasSubstr("\nRoles and standings as last known:\n"));
    status["lease"]["state"] = "Confirming";
    EXPECT_THAT(status_text(status), HasSubstr("this member: takes over\n"));
}

TEST(StatusText, WhatIsWrongWithItsHearingAndWhatToDo) {
    Json status = status_with({{"holder", "m1"}, {"state", "Holder"}});
    const Json self{{"name", "m1"}, {"is_self", true}, {"is_in", true}};
    status["group"] = {{"is_in", true}, {"lost_since", nullptr}, {"reason", ""}};
    status["members"] = {self, {{"name", "m2"}, {"is_self", false}, {"is_in", true}}};
    EXPECT_THAT(status_text(status), Not(HasSubstr("here ")));
    status["members"][1]["is_in"] = false;
    EXPECT_THAT(status_text(status),
                HasSubstr("here         this member hears no other: look at its network"));
    status["members"] = Json::array({self});
    EXPECT_THAT(status_text(status), Not(HasSubstr("here "))) << "there is no other";
    status["group"] = {
        {"is_in", false}, {"lost_since", "2026-01-31T12:00:00Z"}, {"reason", "CS_ERR_LIBRARY"}};
    EXPECT_THAT(
        status_text(status),
        HasSubstr("here         Corosync does not answer here since 2026-01-31T12:00:00Z (CS_ERR_LIBRARY): "
                  "nothing is decided by this member; systemctl restart corosync\n"));
}

TEST(StatusText, WhichVotesAreMissing) {
    Json status = status_with(Json());
    EXPECT_THAT(status_text(status), Not(HasSubstr("\nvotes ")));
    status["votes"] = {{"total", 5},
                       {"needed", 3},
                       {"reached", 2},
                       {"voters",
                        {{{"name", "m1"}, {"votes", 1}, {"is_reached", false}},
                         {{"name", "n1"}, {"votes", 2}, {"is_reached", true}},
                         {{"name", "n2"}, {"votes", 1}, {"is_reached", false}}}}};
    EXPECT_THAT(status_text(status),
                HasSubstr("votes        2 of 5 for the lease: n1*2; 3 needed; missing: m1 n2\n"));
}

TEST(StatusText, MaintenanceOnlyWhereThereIsSome) {
    Json status = status_with(Json());
    status["maintenance"] = nullptr;
    EXPECT_THAT(status_text(status), Not(HasSubstr("maintenance")));
    status["maintenance"] = {{"until", "2026-01-31T12:00:00Z"}, {"reason", "new kernel"}};
    EXPECT_THAT(status_text(status), HasSubstr("maintenance  until 2026-01-31T12:00:00Z: new kernel\n"));
}

TEST(StatusText, APauseTellsWhatIsUnderWay) {
    Json status = status_with(Json());
    EXPECT_THAT(status_text(status), Not(HasSubstr("paused")));
    status["pause"] = {{"until", "2026-01-31T12:00:00Z"}, {"reason", "minor upgrade"}, {"under_way", 3}};
    EXPECT_THAT(
        status_text(status),
        HasSubstr("paused       until 2026-01-31T12:00:00Z: minor upgrade; transactions under way: 3\n"));
}

TEST(EventText, TimeIsInMilliseconds) {
    const bus::Event event{.at_ns = 1'767'225'600'007'000'000,
                           .severity = bus::Severity::Error,
                           .program = "pgpool-vip",
                           .line = "conflict address=10.0.0.100"};
    EXPECT_EQ(event_text(event), "2026-01-01T00:00:00.007Z pgpool-vip error conflict address=10.0.0.100\n");
    EXPECT_EQ(event_json(event)["severity"], "error");
}

TEST(TransitionTable, EveryFormHasEveryRow) {
    const std::string text = transitions_text(TableForm::Text);
    const std::string dot = transitions_text(TableForm::Dot);
    const Json json = transitions_json();
    ASSERT_EQ(json["transitions"].size(), decide::transitions().size());
    EXPECT_EQ(json["phases"].size(), decide::kPhases);
    for (const Json& row : json["transitions"]) {
        const auto id = row["row"].get<std::string>();
        EXPECT_THAT(text, HasSubstr("  " + id + "  on "));
        EXPECT_TRUE(dot.find("\"" + id) != std::string::npos || dot.find("\\n" + id) != std::string::npos)
            << id;
        EXPECT_FALSE(row["on"].empty()) << id;
    }
}

}  // namespace
}  // namespace pgpool::ctl
