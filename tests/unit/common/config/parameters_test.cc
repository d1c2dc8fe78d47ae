// SPDX-License-Identifier: PostgreSQL
#include "common/config/parameters.h"

#include <gtest/gtest.h>

#include <set>

namespace pgpool::config {
namespace {

void expect_sound(const Parameter& parameter, ConstOwner defaults, bool is_required) {
    SCOPED_TRACE(parameter.name);
    EXPECT_TRUE(parameter.help.ends_with('.'));
    if (is_required) return;
    // The default is a value of its type: written and read again it is the same.
    const Value value = parameter.get(defaults);
    if (parameter.type.kind == Kind::TextList) {
        EXPECT_TRUE(read_list(parameter.type, std::get<std::vector<std::string>>(value)).has_value());
        return;
    }
    const ReadResult read = read_scalar(parameter.type, write_value(parameter.type, value, Spelling::Plain));
    ASSERT_TRUE(read.has_value()) << read.error();
    EXPECT_EQ(*read, value);
}

TEST(Parameters, DefaultsAreAllowed) {
    for (const Parameter& parameter : parameters()) expect_sound(parameter, &default_config(), false);
    for (const List& list : lists()) {
        for (const Parameter& field : list.fields)
            expect_sound(field, list.defaults(), is_required(list, field));
    }
}

TEST(Parameters, NamesAreUniqueAndUnderASection) {
    std::set<std::string_view> seen;
    for (const Parameter& parameter : parameters()) {
        EXPECT_TRUE(seen.insert(parameter.name).second) << parameter.name;
        EXPECT_TRUE(section_of(parameter.name).empty() || is_section(section_of(parameter.name)))
            << parameter.name;
    }
    for (const List& list : lists()) {
        EXPECT_TRUE(seen.insert(list.name).second) << list.name;
        EXPECT_TRUE(list.key.empty() || find_parameter(list.fields, list.key) != nullptr) << list.name;
    }
}

// Setting one parameter changes that one and no other: rows point to their own fields.
TEST(Parameters, EveryRowHasItsOwnField) {
    for (const Parameter& changed : parameters()) {
        Config config;
        const Value before = changed.get(&config);
        const Value other = std::visit(
            [](const auto& value) -> Value {
                using T = std::decay_t<decltype(value)>;
                if constexpr (std::is_same_v<T, bool>) return !value;
                if constexpr (std::is_same_v<T, std::uint64_t>) return value == 0 ? T{1} : value - 1;
                if constexpr (std::is_same_v<T, double>) return value + 1;
                if constexpr (std::is_same_v<T, milliseconds>) return value + milliseconds(1);
                if constexpr (std::is_same_v<T, std::string>) return value + "x";
                if constexpr (std::is_same_v<T, std::vector<std::string>>) return T{"a", "b", "c"};
            },
            before);
        changed.set(&config, other);
        for (const Parameter& parameter : parameters()) {
            const bool is_changed = parameter.get(&config) != parameter.get(&default_config());
            EXPECT_EQ(is_changed, &parameter == &changed) << changed.name << " and " << parameter.name;
        }
    }
}

TEST(Parameters, WordsStandInTheOrderOfTheEnumerators) {
    const auto written = [](std::string_view name, std::uint64_t value) {
        return std::string(find_parameter(parameters(), name)->type.words[value]);
    };
    EXPECT_EQ(written("mode", static_cast<std::uint64_t>(ClusterMode::Single)), "single");
    EXPECT_EQ(written("pool.mode", static_cast<std::uint64_t>(PoolMode::Auto)), "auto");
    EXPECT_EQ(written("pool.mode", static_cast<std::uint64_t>(PoolMode::Transaction)), "transaction");
    EXPECT_EQ(written("routing.balance", static_cast<std::uint64_t>(BalanceLevel::Session)), "session");
    EXPECT_EQ(written("routing.balance", static_cast<std::uint64_t>(BalanceLevel::Statement)), "statement");
    EXPECT_EQ(written("routing.consistency", static_cast<std::uint64_t>(Consistency::Eventual)), "eventual");
    EXPECT_EQ(written("routing.consistency", static_cast<std::uint64_t>(Consistency::Global)), "global");
    EXPECT_EQ(written("log.level", static_cast<std::uint64_t>(LogLevel::Debug)), "debug");
    EXPECT_EQ(written("log.level", static_cast<std::uint64_t>(LogLevel::Error)), "error");
    const auto& methods = find_parameter(find_list("auth.access")->fields, "method")->type.words;
    EXPECT_EQ(methods[static_cast<std::size_t>(AuthMethod::Trust)], "trust");
    EXPECT_EQ(methods[static_cast<std::size_t>(AuthMethod::Md5)], "md5");
    EXPECT_EQ(methods[static_cast<std::size_t>(AuthMethod::ScramSha256)], "scram-sha-256");
    EXPECT_EQ(methods[static_cast<std::size_t>(AuthMethod::Reject)], "reject");
}

}  // namespace
}  // namespace pgpool::config
