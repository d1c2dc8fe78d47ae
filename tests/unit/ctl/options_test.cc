// SPDX-License-Identifier: PostgreSQL
#include "ctl/options.h"

#include <gtest/gtest.h>

#include <vector>

namespace pgpool::ctl {
namespace {

Options parsed(std::vector<std::string> arguments) {
    Options options;
    CLI::App app;
    declare_options(app, options);
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
    return options;
}

using Words = std::vector<std::string>;

TEST(Options, EveryCommand) {
    EXPECT_EQ(parsed({"nodes"}).command, Command::Nodes);
    EXPECT_EQ(parsed({"show", "pools"}).command, Command::Show);
    EXPECT_EQ(parsed({"attach", "n1"}).command, Command::Attach);
    EXPECT_EQ(parsed({"detach", "n1"}).command, Command::Detach);
    EXPECT_EQ(parsed({"check-nodes"}).command, Command::CheckNodes);
    EXPECT_EQ(parsed({"prepare-nodes"}).command, Command::PrepareNodes);
    EXPECT_EQ(parsed({"verify"}).command, Command::Verify);
}

TEST(Options, GlobalOnesStandBeforeOrBehindTheCommand) {
    for (const Words& words :
         {Words{"--json", "-c", "f", "-U", "u", "nodes"}, Words{"nodes", "--json", "-c", "f", "-U", "u"}}) {
        const Options options = parsed(words);
        EXPECT_TRUE(options.is_json);
        EXPECT_EQ(options.config, "f");
        EXPECT_EQ(options.user, "u");
    }
}

TEST(Options, WordsOfShow) {
    EXPECT_EQ(parsed({"show", "route", "for", "select 1", "--json"}).words,
              (Words{"route", "for", "select 1"}));
    // Also where a word is a command.
    EXPECT_EQ(parsed({"show", "nodes"}).words, Words{"nodes"});
    EXPECT_EQ(parsed({"show", "nodes"}).command, Command::Show);
}

TEST(Options, AttachIsForcedOrVerifies) {
    EXPECT_FALSE(parsed({"attach", "n1"}).is_forced);
    EXPECT_TRUE(parsed({"attach", "n1", "--force"}).is_forced);
    EXPECT_TRUE(parsed({"attach", "n1", "--verify"}).verifies);
    EXPECT_THROW(parsed({"attach", "n1", "--verify", "--force"}), CLI::ParseError);
}

TEST(Options, CommandsForTheWatchdog) {
    EXPECT_EQ(parsed({"status"}).watch, std::nullopt);
    EXPECT_EQ(parsed({"status", "--watch"}).watch, 2.0);
    EXPECT_EQ(parsed({"status", "--watch", "0.5"}).watch, 0.5);
    EXPECT_EQ(parsed({"why", "7"}).count, 7U);
    EXPECT_EQ(parsed({"fsm", "--dot"}).form, TableForm::Dot);
    EXPECT_EQ(parsed({"switchover"}).node, "");
    EXPECT_EQ(parsed({"promote", "n2", "--force"}).node, "n2");
    EXPECT_EQ(parsed({"maintenance", "on", "--for", "30min"}).duration, milliseconds(1'800'000));
    EXPECT_EQ(parsed({"pause"}).duration, milliseconds(0));
    EXPECT_EQ(parsed({"pause", "--for", "1h", "--reason", "x"}).duration, milliseconds(3'600'000));
    EXPECT_EQ(parsed({"vip", "move", "m2"}).member, "m2");
    EXPECT_EQ(parsed({"lease", "release"}).verb, "release");
    EXPECT_TRUE(parsed({"lease", "force", "--yes"}).is_confirmed);
    for (const Words& words :
         {Words{"status", "--watch", "0"}, Words{"why", "0"}, Words{"fsm", "--dot", "--mermaid"},
          Words{"maintenance"}, Words{"maintenance", "on", "--for", "8d"}, Words{"vip", "drop"},
          Words{"pause", "--for", "2h"}, Words{"lease", "steal"}}) {
        EXPECT_THROW(parsed(words), CLI::ParseError) << words.front();
    }
}

TEST(Options, ListsAreSeparatedByCommas) {
    const Options options = parsed({"verify", "--databases", "a,b", "--tables", "s.t,s.u", "--chunk", "5"});
    EXPECT_EQ(options.databases, (Words{"a", "b"}));
    EXPECT_EQ(options.tables, (Words{"s.t", "s.u"}));
    EXPECT_EQ(options.chunk, 5U);
}

// The message and the hint.
std::string refusal(std::vector<std::string> arguments) {
    Options options;
    CLI::App app{"", "pgpool-ctl"};
    declare_options(app, options);
    std::reverse(arguments.begin(), arguments.end());
    try {
        app.parse(arguments);
    } catch (const CLI::ParseError& error) {
        const Failure failure = refusal_of(app, error);
        EXPECT_EQ(failure.code, ExitCode::Usage);
        return failure.message + " | " + failure.hint;
    }
    return "taken";
}

TEST(Options, AnUnknownCommandHasANeighbour) {
    EXPECT_EQ(refusal({"noeds"}),
              "unknown command 'noeds', did you mean 'nodes'? | pgpool-ctl help lists the commands");
    EXPECT_EQ(refusal({"--json", "bogus"}), "unknown command 'bogus' | pgpool-ctl help lists the commands");
    EXPECT_NE(refusal({"nodes", "--bogus"}).find("--bogus"), std::string::npos);
    EXPECT_NE(refusal({"verify", "--chunk", "0"}).find(" | pgpool-ctl help verify"), std::string::npos);
}

TEST(Options, HelpOfEach) {
    Options options;
    CLI::App app{"", "pgpool-ctl"};
    declare_options(app, options);
    EXPECT_NE(help_text(app, options)->find("prepare-nodes"), std::string::npos);
    options.topic = "verify";
    EXPECT_NE(help_text(app, options)->find("pgpool-ctl verify"), std::string::npos);
    EXPECT_NE(help_text(app, options)->find("--chunk"), std::string::npos);
    options.topic = "verfy";
    EXPECT_EQ(help_text(app, options).error().message, "unknown command 'verfy', did you mean 'verify'?");
    EXPECT_EQ(parsed({"help", "nodes"}).topic, "nodes");
    EXPECT_EQ(parsed({"help", "nodes"}).command, Command::Help);
}

TEST(Options, Refused) {
    for (const Words& words : {Words{"nosuch"}, Words{"attach"}, Words{"show"},
                               Words{"verify", "--chunk", "0"}, Words{"nodes", "--reason", "x"}}) {
        EXPECT_THROW(parsed(words), CLI::ParseError) << words.front();
    }
}

}  // namespace
}  // namespace pgpool::ctl
