// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "tests/support/frames.h"
#include "tests/support/scripted_exchange.h"

namespace pgpool::support {
namespace {

// Bob holds the first connection, so that Amy gets the second one.
void make_busy(Exchange& x) {
    Client& bob = x.client();
    bob >> (query("BEGIN") + query("SELECT 'bob'"));
}

TEST(SessionSettings, FollowTheirClient) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("SET work_mem TO '5MB'");
        make_busy(x);
        amy >> query("SHOW work_mem");
        amy.expect("C(SET) Z(I) T D(5MB) C(SHOW) Z(I)");
        x.expect_server(1, "Q(SET \"work_mem\" TO '5MB';) Q(SHOW work_mem)");
    });
}

TEST(SessionSettings, MoreThanAreKeptPinTheirClient) {
    run_script([](Exchange& x) {
        const std::string large(exec::Settings::kMostBytes, 'x');
        Client& amy = x.client();
        amy >> (query("SET my.large TO '" + large + "'") + query("SHOW my.large"));
        amy.expect("C(SET) Z(I) T D(" + large + ") C(SHOW) Z(I)");
        EXPECT_TRUE(x.disturbance().loses() || amy.session().pins() == sql::Leaves::UnknownSetting);
        amy >> query("DISCARD ALL");
        amy.expect("C(DISCARD ALL) Z(I)");
        EXPECT_TRUE(x.disturbance().loses() || amy.session().link() == nullptr);
    });
}

TEST(SessionSettings, AreNotSeenByOthers) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> query("SET work_mem TO '5MB'");
        bob >> query("SHOW work_mem");
        bob.expect("T D() C(SHOW) Z(I)");
        amy >> query("SHOW work_mem");
        amy.expect("C(SET) Z(I) T D(5MB) C(SHOW) Z(I)");
    });
}

TEST(SessionSettings, ReportedParametersAreToldToWhomTheyConcern) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        Client& bob = x.client();
        amy >> query("SET application_name TO 'amy'");
        amy.expect("C(SET) S(application_name=amy) Z(I)");
        bob >> query("SELECT 'b'");
        bob.expect("T D(b) C(SELECT 1) Z(I)");
        amy >> query("SELECT 'a'");
        amy.expect("T D(a) C(SELECT 1) Z(I)");
    });
}

TEST(SessionSettings, ResetGoesBackToTheStartupPacket) {
    run_script([](Exchange& x) {
        Client& amy = x.client({{"work_mem", "3MB"}});
        amy >> (query("SHOW work_mem") + query("SET work_mem TO '5MB'") + query("RESET work_mem") +
                query("SHOW work_mem"));
        amy.expect("T D(3MB) C(SHOW) Z(I) C(SET) Z(I) C(RESET) Z(I) T D(3MB) C(SHOW) Z(I)");
        amy >> (query("SET work_mem TO '5MB'") + query("RESET ALL") + query("SHOW work_mem"));
        amy.expect("C(SET) Z(I) C(RESET) Z(I) T D(3MB) C(SHOW) Z(I)");
        amy >> (query("SET work_mem TO '5MB'") + query("DISCARD ALL") + query("SHOW work_mem"));
        amy.expect("C(SET) Z(I) C(DISCARD ALL) Z(I) T D(3MB) C(SHOW) Z(I)");
    });
}

TEST(SessionSettings, OfATransactionThatIsRolledBackAreGone) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("BEGIN") + query("SET work_mem TO '5MB'") + query("ROLLBACK") + query("SHOW work_mem"));
        amy.expect("C(BEGIN) Z(T) C(SET) Z(T) C(ROLLBACK) Z(I) T D() C(SHOW) Z(I)");
        amy >> (query("BEGIN") + query("SET LOCAL work_mem TO '5MB'") + query("COMMIT") +
                query("SHOW work_mem"));
        amy.expect("C(BEGIN) Z(T) C(SET) Z(T) C(COMMIT) Z(I) T D() C(SHOW) Z(I)");
    });
}

TEST(SessionSettings, OfAFailedBatchAreGone) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (query("SET work_mem TO '5MB'; SELECT 1/0") + query("SHOW work_mem"));
        amy.expect("C(SET) E(22012) Z(I) T D() C(SHOW) Z(I)");
    });
}

TEST(SessionSettings, SetConfigCountsAsWell) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("SELECT set_config('work_mem', '7MB', false)");
        make_busy(x);
        amy >> query("SHOW work_mem");
        amy.expect("T D(7MB) C(SELECT 1) Z(I) T D(7MB) C(SHOW) Z(I)");
    });
}

TEST(SessionSettings, SetConfigCountsAlsoInAPortalThatIsNotRunToItsEnd) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> (parse("", "SELECT set_config('work_mem', '7MB', false)") + bind_portal("", "") +
                execute("", 1) + sync());
        amy.expect("1 2 D(7MB) s Z(I)");
        Client& bob = x.client();
        bob >> query("SHOW work_mem");
        bob.expect("T D() C(SHOW) Z(I)");
        amy >> query("SHOW work_mem");
        amy.expect("T D(7MB) C(SHOW) Z(I)");
    });
}

TEST(SessionSettings, RoleFollowsItsClient) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("SET ROLE 'writer'");
        make_busy(x);
        amy >> (query("SHOW role") + query("RESET ROLE") + query("SHOW role"));
        amy.expect("C(SET) Z(I) T D(writer) C(SHOW) Z(I) C(RESET) Z(I) T D() C(SHOW) Z(I)");
    });
}

// A text is read by these settings before anything of it is understood: the next one waits for them.
TEST(SessionSettings, TextsAreReadByWhatIsInForce) {
    for (const char* const change :
         {"SET standard_conforming_strings TO off", "SET client_encoding TO sjis"}) {
        Exchange x;
        Client& amy = x.client();
        x.hold_replies();
        amy >> (query(change) + query("SELECT 'x'"));
        x.expect_server(0, std::string("Q(") + change + ")");
        x.let_replies_go();
        x.expect_server(0, "Q(SELECT 'x')");
        x.finish();
        EXPECT_EQ(x.problem(), "");
    }
}

TEST(SessionSettings, TextsAreReadByWhatComesBack) {
    Exchange x;
    Client& amy = x.client();
    amy >> (query("BEGIN") + query("SET client_encoding TO sjis"));
    x.hold_replies();
    amy >> (query("ROLLBACK") + query("SELECT 'x'"));
    x.expect_server(0, "Q(BEGIN) Q(SET client_encoding TO sjis) Q(ROLLBACK)");
    x.let_replies_go();
    x.expect_server(0, "Q(SELECT 'x')");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

// A portal is bound while the request before it is on its way, and runs when that one is over.
TEST(SessionSettings, SetOfAPortalThatIsOlderThanTheLastAnswer) {
    for (const char* const portal : {"", "p"}) {
        Exchange x({.links_per_node = 1});
        Client& amy = x.client();
        Client& bob = x.client();
        x.hold_replies();
        amy >> (query("SELECT 'x'") + parse("", "SET application_name = 'amy'") + bind_portal(portal, "") +
                flush());
        x.let_replies_go();
        amy >> (execute(portal) + sync());
        amy.expect("T D(x) C(SELECT 1) Z(I) 1 2 C(SET) S(application_name=amy) Z(I)");
        bob >> query("SHOW application_name");
        bob.expect("T D() C(SHOW) Z(I)");
        x.finish();
        EXPECT_EQ(x.problem(), "");
    }
}

// DISCARD ALL commits at once, whatever fails behind it in the same batch.
TEST(SessionSettings, DiscardIsNotRolledBack) {
    Exchange x({.links_per_node = 1});
    Client& amy = x.client({{"work_mem", "3MB"}});
    Client& bob = x.client();
    amy >> query("SET work_mem TO '5MB'");
    amy >> (parse("", "DISCARD ALL") + bind_portal("", "") + execute() + query("EXECUTE none"));
    amy.expect("C(SET) Z(I) 1 2 C(DISCARD ALL) E(26000) Z(I)");
    amy >> query("SHOW work_mem");
    amy.expect("T D(3MB) C(SHOW) Z(I)");
    bob >> query("SHOW work_mem");
    bob.expect("T D() C(SHOW) Z(I)");
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

// Text behind such a SET in one batch may mean what the analysis did not see.
TEST(SessionSettings, TextThatMayBeReadOtherwisePins) {
    Exchange x;
    Client& amy = x.client();
    amy >> (parse("", "SET standard_conforming_strings = off") + bind_portal("", "") + execute() +
            parse("", "SELECT '\\', 1 --'") + sync());
    EXPECT_EQ(amy.session().pins(), sql::Leaves::UnknownCode);
    Client& bob = x.client();
    bob >> (parse("", "SET standard_conforming_strings = off") + bind_portal("", "") + execute() +
            parse("", "SELECT 'x'") + sync());
    EXPECT_EQ(bob.session().pins(), sql::Leaves::Nothing);
    x.finish();
    EXPECT_EQ(x.problem(), "");
}

}  // namespace
}  // namespace pgpool::support
