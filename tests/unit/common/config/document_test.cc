// SPDX-License-Identifier: PostgreSQL
#include "common/config/document.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "common/config/parameters.h"
#include "common/config/parser.h"

namespace pgpool::config {
namespace {

// The file of the source tree equals the text; PGPOOL_UPDATE=1 writes it.
void expect_file(const std::string& name, const std::string& expected) {
    const std::string path = std::string(PGPOOL_SOURCE_DIR) + "/" + name;
    if (std::getenv("PGPOOL_UPDATE") != nullptr) std::ofstream(path) << expected;
    std::ostringstream found;
    found << std::ifstream(path).rdbuf();
    EXPECT_EQ(found.str(), expected) << name
                                     << " is not what the table of parameters gives; run this test with "
                                     << "PGPOOL_UPDATE=1 to rewrite it";
}

TEST(Document, SampleInTheTreeIsCurrent) {
    expect_file("deploy/appliance.yaml.sample", sample_file());
}

TEST(Document, ManualInTheTreeIsCurrent) {
    expect_file("docs/configuration.md", reference_manual());
}

TEST(Document, SampleParses) {
    const ParseOutcome outcome = parse(sample_file(), "sample");
    for (const ConfigError& error : outcome.errors) ADD_FAILURE() << to_string(error);
    ASSERT_TRUE(outcome.config.has_value());
    EXPECT_EQ(outcome.config->nodes.size(), 2U);
    Config expected = *outcome.config;
    expected.nodes.clear();
    expected.auth.access.clear();
    EXPECT_EQ(expected, Config{});
}

// Taking the "#" away where the sample says one may, gives the defaults again and the example rule.
TEST(Document, SampleWithoutCommentSignsParses) {
    const std::string text = std::regex_replace(sample_file(), std::regex("(\n *)#(?=[^ #\n])"), "$1");
    const ParseOutcome outcome = parse(text, "sample");
    for (const ConfigError& error : outcome.errors) ADD_FAILURE() << to_string(error);
    ASSERT_TRUE(outcome.config.has_value());
    EXPECT_EQ(outcome.config->routing.rules.size(), 1U);
    EXPECT_EQ(outcome.config->vip.addresses.size(), 1U);
    EXPECT_EQ(outcome.config->watchdog.members.size(), 2U);
    Config expected = *outcome.config;
    expected.nodes.clear();
    expected.auth.access.clear();
    expected.routing.rules.clear();
    expected.vip.addresses.clear();
    expected.watchdog.members.clear();
    EXPECT_EQ(expected, Config{});
    for (const Parameter& parameter : parameters()) {
        EXPECT_NE(text.find(std::string(last_part(parameter.name)) + ": "), std::string::npos)
            << parameter.name;
    }
}

TEST(Document, EveryParameterIsInHelpAndManual) {
    const std::string help = help_text();
    const std::string manual = reference_manual();
    for (const Parameter& parameter : parameters()) {
        EXPECT_NE(help.find("\n" + std::string(parameter.name) + "\n"), std::string::npos) << parameter.name;
        EXPECT_NE(manual.find("| `" + std::string(parameter.name) + "` |"), std::string::npos)
            << parameter.name;
    }
    for (const List& list : lists()) {
        for (const Parameter& field : list.fields) {
            const std::string name = std::string(list.name) + "[]." + std::string(field.name);
            EXPECT_NE(help.find("\n" + name + "\n"), std::string::npos) << name;
        }
    }
}

}  // namespace
}  // namespace pgpool::config
