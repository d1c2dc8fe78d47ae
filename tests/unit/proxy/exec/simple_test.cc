// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "tests/support/frames.h"
#include "tests/support/scripted_exchange.h"

namespace pgpool::support {
namespace {

TEST(Simple, QueryGoesThroughUnchanged) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("SELECT 'one'");
        amy.expect("T D(one) C(SELECT 1) Z(I)");
        x.expect_server(0, "Q(SELECT 'one')");
    });
}

TEST(Simple, SeveralStatementsAndAnErrorAmongThem) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("SELECT 1; SELECT 2");
        amy.expect("T D(1) C(SELECT 1) T D(2) C(SELECT 1) Z(I)");
        amy >> query("SELECT 1; SELECT 1/0; SELECT 2");
        amy.expect("T D(1) C(SELECT 1) E(22012) Z(I)");
    });
}

TEST(Simple, EmptyQuery) {
    run_script([](Exchange& x) {
        Client& amy = x.client();
        amy >> query("");
        amy.expect("I Z(I)");
        amy >> query(" ; /* nothing */ ;");
        amy.expect("I Z(I)");
    });
}

}  // namespace
}  // namespace pgpool::support
