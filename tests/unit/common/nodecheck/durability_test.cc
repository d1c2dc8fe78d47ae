// SPDX-License-Identifier: PostgreSQL
#include "common/nodecheck/durability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgpool::nodecheck {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

TEST(Durability, WarnsOfWhatIsOff) {
    const NodeFacts safe{
        .node = "n1", .settings = {{"fsync", "on"}, {"full_page_writes", "on"}}, .databases = {}};
    const NodeFacts unsafe{
        .node = "n2", .settings = {{"fsync", "off"}, {"full_page_writes", "off"}}, .databases = {}};
    EXPECT_THAT(durability_warnings(safe), IsEmpty());
    EXPECT_THAT(durability_warnings(NodeFacts{}), IsEmpty());
    EXPECT_THAT(durability_warnings(unsafe), ElementsAre(StartsWith("node n2: fsync is off"),
                                                         StartsWith("node n2: full_page_writes is off")));
}

}  // namespace
}  // namespace pgpool::nodecheck
