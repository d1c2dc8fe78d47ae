// SPDX-License-Identifier: PostgreSQL
// Scripts and their expectations: the part of scripted_exchange.h that needs GoogleTest.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/scripted_exchange.h"

namespace pgpool::support {

namespace {

// More positions than this are sampled: a script with large messages has too many for all of them.
constexpr std::size_t kMostCuts = 400;

struct Run {
    std::size_t steps = 0;
    std::size_t sent = 0;
    std::size_t replied = 0;
};

Run run_once(const Exchange::Setup& setup, const Script& script, const Disturbance& disturbance) {
    Exchange exchange(setup, disturbance);
    script(exchange);
    exchange.finish();
    EXPECT_EQ(exchange.problem(), "");
    return {exchange.steps(), exchange.most_sent(), exchange.most_replied()};
}

}  // namespace

void Client::expect(std::string_view printed) {
    const std::string got = received();
    if (exchange_.disturbance().loses()) return;
    EXPECT_EQ(got, printed);
}

void Exchange::expect_server(std::size_t link, std::string_view printed) {
    if (disturbance_.loses()) return;
    ASSERT_LT(link, links_.size());
    EXPECT_EQ(std::exchange(links_[link]->log, {}), printed);
}

void run_script(const Script& script) {
    run_script({}, script);
}

void run_script(const Exchange::Setup& setup, const Script& script) {
    const Run plain = run_once(setup, script, {});
    const auto lose = [&](const char* who, std::optional<std::size_t> Disturbance::*where) {
        for (std::size_t step = 0; step < plain.steps + 2 && !::testing::Test::HasFailure(); ++step) {
            SCOPED_TRACE(std::string(who) + " lost at step " + std::to_string(step));
            Disturbance disturbance;
            disturbance.*where = step;
            run_once(setup, script, disturbance);
        }
    };
    lose("connections", &Disturbance::lose_links_at_step);
    lose("clients", &Disturbance::lose_clients_at_step);
    const auto cut = [&](std::size_t bytes, std::optional<std::size_t> Disturbance::*where) {
        const std::size_t stride = std::max<std::size_t>(1, bytes / kMostCuts);
        for (std::size_t at = 1; at < bytes && !::testing::Test::HasFailure(); at += stride) {
            SCOPED_TRACE("cut at byte " + std::to_string(at));
            Disturbance disturbance;
            disturbance.*where = at;
            run_once(setup, script, disturbance);
        }
    };
    cut(plain.sent, &Disturbance::cut_client_at);
    cut(plain.replied, &Disturbance::cut_server_at);
    if (::testing::Test::HasFailure() || plain.sent + plain.replied > 100'000) return;
    SCOPED_TRACE("byte by byte");
    Disturbance bytewise;
    bytewise.piece = 1;
    run_once(setup, script, bytewise);
}

}  // namespace pgpool::support
