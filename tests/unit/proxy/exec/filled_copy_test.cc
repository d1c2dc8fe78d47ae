// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/filled_copy.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/wire/encoder.h"

namespace pgpool::exec {
namespace {

using sql::CopyRows;

CopyRows csv() {
    return {.format = CopyRows::Format::Csv, .delimiter = ',', .null = "", .encoding = {}, .other = {}};
}

CopyRows with_header(CopyRows rows, CopyRows::Header header) {
    rows.header = header;
    return rows;
}

CopyRows binary() {
    CopyRows rows;
    rows.format = CopyRows::Format::Binary;
    return rows;
}

replication::CopyPlanPtr plan(const CopyRows& rows) {
    replication::CopyPlan made;
    made.columns = {{.name = "id", .size = 4}};
    made.rows = rows;
    return std::make_shared<const replication::CopyPlan>(std::move(made));
}

struct Client {
    CopyRows rows;
    bool is_marked = true;

    // The messages, and what main tells of as many rows.
    [[nodiscard]] std::string filled(const std::string& messages, int count, unsigned seed) const {
        FilledCopy copy(plan(rows), is_marked);
        std::mt19937 random(seed);
        std::string out;
        for (std::size_t at = 0; at < messages.size();) {
            const std::size_t size = seed == 0 ? messages.size() : 1 + random() % 7;
            copy.take(ByteView(messages).substr(at, size));
            at += size;
        }
        for (int i = 1; i <= count; ++i) {
            copy.fill("1\x1fon\x1f" + std::to_string(i));
            out += copy.take_messages(false);
        }
        copy.end();
        out += copy.take_messages(true);
        return copy.obstacle().empty() ? data_of(out) : "!" + copy.obstacle();
    }

    // The same however it is cut.
    [[nodiscard]] std::string fill(std::string_view data, int count) const {
        std::string whole;
        wire::append_frame(whole, 'd', data);
        wire::append_frame(whole, 'c', {});
        const std::string expected = filled(whole, count, 0);
        for (unsigned seed = 1; seed < 20; ++seed) {
            std::string messages;
            std::mt19937 random(seed);
            for (std::size_t at = 0; at < data.size();) {
                const std::size_t size = 1 + random() % (1 + seed);
                wire::append_frame(messages, 'd', data.substr(at, size));
                at += size;
            }
            wire::append_frame(messages, 'c', {});
            EXPECT_EQ(filled(messages, count, seed), expected) << data;
        }
        return expected;
    }

    static std::string data_of(ByteView messages) {
        CopyBodies bodies;
        std::string data;
        while (const auto piece = bodies.next(messages)) data += *piece;
        return data;
    }
};

const std::string kUntold = "!rows of COPY that the main node does not tell apart as the proxy does";

TEST(FilledCopy, PutsMainsValueBeforeEachLine) {
    const Client text{CopyRows()};
    EXPECT_EQ(text.fill("a\tb\nc\td\n", 2), "1\ta\tb\n2\tc\td\n");
    EXPECT_EQ(text.fill("a\\\nb\n\\\\\nc", 3), "1\ta\\\nb\n2\t\\\\\n3\tc");
    EXPECT_EQ(text.fill("a\r\n\r\nb\r\n", 3), "1\ta\r\n2\t\r\n3\tb\r\n");
    EXPECT_EQ(text.fill("a\rb\rc", 3), "1\ta\r2\tb\r3\tc");
    EXPECT_EQ(text.fill("\n", 1), "1\t\n");
    EXPECT_EQ(text.fill("", 0), "");
}

TEST(FilledCopy, EndsAtTheMark) {
    const Client text{CopyRows()};
    EXPECT_EQ(text.fill("a\n\\.\nb\n", 1), "1\ta\n");
    EXPECT_EQ(text.fill("a\\.\nb\n", 1), "1\ta");
    EXPECT_EQ(text.fill("\\.\n", 0), "");
    const Client lines{csv()};
    EXPECT_EQ(lines.fill("a\n\\.\nb\n", 1), "\"1\",a\n");
    EXPECT_EQ(lines.fill("a\r\n\\.\r\nb\r\n", 1), "\"1\",a\r\n");
    EXPECT_EQ(lines.fill("\\.x\n\\.", 2), "\"1\",\\.x\n\"2\",\\.");
    const Client later{csv(), false};
    EXPECT_EQ(later.fill("a\n\\.\nb\n", 3), "\"1\",a\n\"2\",\\.\n\"3\",b\n");
}

TEST(FilledCopy, SeesLinesOfCsvAsTheServer) {
    const Client lines{csv()};
    EXPECT_EQ(lines.fill("\"a\nb\",c\nd,\"\"\"\n\"\ne", 3), "\"1\",\"a\nb\",c\n\"2\",d,\"\"\"\n\"\n\"3\",e");
    EXPECT_EQ(lines.fill("\"a\r\n\",b\r\nc\r\n", 2), "\"1\",\"a\r\n\",b\r\n\"2\",c\r\n");
    CopyRows other = csv();
    other.quote = '\'';
    other.escape = '\\';
    EXPECT_EQ(Client{other}.fill("'a\\'\n','\\\\'\nb\n", 2), "'1','a\\'\n','\\\\'\n'2',b\n");
}

TEST(FilledCopy, KeepsTheHeader) {
    using Header = CopyRows::Header;
    EXPECT_EQ(Client{with_header(csv(), Header::Skipped)}.fill("\"v\n\",w\na\n", 1), "\"v\n\",w\n\"1\",a\n");
    EXPECT_EQ(Client{with_header(csv(), Header::Matched)}.fill("v\na\n", 1), "\"id\",v\n\"1\",a\n");
    EXPECT_EQ(Client{with_header(CopyRows(), Header::Matched)}.fill("v\na\n", 1), "id\tv\n1\ta\n");
    EXPECT_EQ(Client{with_header(csv(), Header::Skipped)}.fill("v", 0), "v");
}

TEST(FilledCopy, AddsAFieldToTuples) {
    const std::string head("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\2ex", 21);
    const std::string tuple("\0\2\0\0\0\1a\xff\xff\xff\xff", 11);
    const std::string filled("\0\3\0\0\0\4\0\0\0\1\0\0\0\1a\xff\xff\xff\xff", 19);
    const std::string end("\xff\xff", 2);
    EXPECT_EQ(Client{binary()}.fill(head + tuple + end, 1), head + filled);
    EXPECT_EQ(Client{binary()}.fill(head + tuple, 1), head + filled);
    EXPECT_EQ(Client{binary()}.fill(head + end + tuple, 0), head);
}

TEST(FilledCopy, NeedsAsManyNoticesAsRows) {
    EXPECT_EQ(Client{CopyRows()}.fill("a\nb\n", 1), kUntold);
    EXPECT_EQ(Client{CopyRows()}.fill("a\nb\n", 3), kUntold);
    FilledCopy without_end(plan(CopyRows()), true);
    without_end.end();
    EXPECT_FALSE(without_end.obstacle().empty());
}

// What becomes of a value, before a row "x".
std::string written(const CopyRows& rows, const std::string& told) {
    FilledCopy copy(plan(rows), true);
    std::string messages;
    wire::append_frame(messages, 'd', "x\n");
    wire::append_frame(messages, 'c', {});
    copy.take(messages);
    copy.fill(told);
    copy.end();
    const std::string out = copy.take_messages(true);
    return copy.obstacle().empty() ? Client::data_of(out) : "!";
}

TEST(FilledCopy, WritesValuesAsTheRowsAre) {
    CopyRows bars;
    bars.delimiter = '|';
    EXPECT_EQ(written(bars,
                      "1\x1fon\x1f"
                      "a|b\\c\td"),
              "!");
    EXPECT_EQ(written(bars,
                      "1\x1fon\x1f"
                      "a|b\\c"),
              "a\\|b\\\\c|x\n");
    CopyRows odd = csv();
    odd.escape = '\\';
    EXPECT_EQ(written(odd,
                      "1\x1fon\x1f"
                      "a\"b\\,"),
              "\"a\\\"b\\\\,\",x\n");
    EXPECT_EQ(written(csv(),
                      "1\x1fon\x1f"
                      "\""),
              "\"\"\"\",x\n");
    CopyRows nulls;
    nulls.null = "7";
    EXPECT_EQ(written(nulls,
                      "1\x1fon\x1f"
                      "7"),
              "!");
    for (const char* value : {"\x1e", "\xc3\xa4", "a\nb"})
        EXPECT_EQ(written(csv(), std::string("1\x1fon\x1f") + value), "!");
    EXPECT_EQ(written(csv(),
                      "1\x1fon\x1f"
                      "a\x1f"
                      "b"),
              "!")
        << "a value that holds the separator";
}

TEST(FilledCopy, RefusesValuesThatMayBeReadOtherwise) {
    for (const auto& [settings, is_refused, size] :
         {std::tuple("0\x1fon", true, 0), std::tuple("-3\x1fon", true, 0), std::tuple("1\x1foff", true, 0),
          std::tuple("1\x1fon", false, 0), std::tuple("3\x1fon", false, 0),
          std::tuple("0\x1foff", false, 4)}) {
        replication::CopyPlan made;
        made.columns = {{.name = "x", .size = static_cast<std::size_t>(size)}};
        FilledCopy copy(std::make_shared<const replication::CopyPlan>(made), true);
        std::string messages;
        wire::append_frame(messages, 'd', "x\n");
        copy.take(messages);
        copy.fill(std::string(settings) +
                  "\x1f"
                  "1");
        EXPECT_EQ(!copy.obstacle().empty(), is_refused) << settings;
    }
}

TEST(FilledCopy, HoldsSoMuchAndNoMore) {
    FilledCopy copy(plan(CopyRows()), true);
    std::string message;
    wire::append_frame(message, 'd', std::string(std::size_t{1} << 20U, 'x'));
    for (int i = 0; i < 33; ++i) copy.take(message);
    EXPECT_FALSE(copy.obstacle().empty());
    EXPECT_EQ(copy.take_messages(true), "");
}

}  // namespace
}  // namespace pgpool::exec
