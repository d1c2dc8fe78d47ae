// SPDX-License-Identifier: PostgreSQL
#include "ctl/setup/stamp.h"

#include <gtest/gtest.h>

namespace pgpool::ctl {
namespace {

const std::string kFile = stamped("totem {\n}\n", "/etc/pgpool/appliance.yaml");

TEST(Stamp, KnowsItsOwn) {
    EXPECT_EQ(origin_of(kFile), Origin::Ours);
    EXPECT_EQ(unstamped(kFile), "totem {\n}\n");
    EXPECT_TRUE(kFile.starts_with("# Written by pgpool-ctl setup from /etc/pgpool/appliance.yaml\n"));
    EXPECT_EQ(origin_of(stamped("", "x")), Origin::Ours);
}

TEST(Stamp, SeesEveryChange) {
    EXPECT_EQ(origin_of(kFile + "# mine\n"), Origin::Changed);
    std::string changed = kFile;
    changed[changed.size() - 3] = '[';
    EXPECT_EQ(origin_of(changed), Origin::Changed);
    EXPECT_EQ(origin_of(kFile.substr(0, kFile.size() - 1)), Origin::Changed);
}

TEST(Stamp, OthersHaveNone) {
    for (const std::string text :
         {"", "totem {\n}\n", "# Written by pgpool-ctl setup from x",
          "# Written by pgpool-ctl setup from x\n", "\n# Written by pgpool-ctl setup from x\n"}) {
        EXPECT_EQ(origin_of(text), Origin::Foreign) << text;
        EXPECT_EQ(unstamped(text), text);
    }
}

}  // namespace
}  // namespace pgpool::ctl
