// SPDX-License-Identifier: PostgreSQL
#include "common/bus/paging.h"

#include <gtest/gtest.h>

#include "common/bus/codec.h"
#include "tests/unit/common/bus/samples.h"

namespace pgpool::bus {
namespace {

// Through the codec, page by page.
template <typename T>
std::optional<T> sent_in_pages(const T& whole, std::size_t& pages) {
    Assembler<T> assembler;
    std::optional<T> result;
    pages = 0;
    for (const T& page : pages_of(whole)) {
        EXPECT_FALSE(result) << "before the last page";
        ++pages;
        const auto bytes = encode(page);
        EXPECT_TRUE(bytes) << bytes.error().message;
        const auto decoded = decode(*bytes);
        EXPECT_TRUE(decoded);
        auto added = assembler.add(std::get<T>(std::get<Message>(*decoded)));
        EXPECT_TRUE(added) << added.error().message;
        result = *added;
    }
    return result;
}

Topology topology_of(std::size_t nodes) {
    Topology topology = sample_topology();
    topology.nodes.resize(nodes);
    for (std::size_t i = 0; i < nodes; ++i) {
        topology.nodes[i].id = static_cast<std::uint16_t>(i);
        topology.nodes[i].name = std::string(200, 'n');
        topology.nodes[i].reason = std::string(1000, 'r');
    }
    return topology;
}

TEST(BusPaging, WholesComeBack) {
    std::size_t pages = 0;
    for (const std::size_t nodes : {0U, 2U, 1000U}) {
        const Topology topology = topology_of(nodes);
        EXPECT_EQ(sent_in_pages(topology, pages), topology);
        EXPECT_EQ(pages, nodes == 1000U ? 21U : 1U);
    }
    for (const std::size_t size : {0U, 60000U, 60001U, 1000000U}) {
        Answer answer{.id = 1, .page = {}, .exit_code = 2, .json = std::string(size, 'j')};
        if (size > 0) answer.json.back() = '}';
        EXPECT_EQ(sent_in_pages(answer, pages), answer);
        EXPECT_EQ(pages, std::max<std::size_t>(1, (size + 59999) / 60000));
    }
    ClientList list{.revision = 3, .page = {}, .connections = {}};
    for (std::uint16_t port = 1; port < 6000; ++port) list.connections.push_back(sample_connection(port));
    EXPECT_EQ(sent_in_pages(list, pages), list);
    EXPECT_EQ(pages, 5U);
}

TEST(BusPaging, PagesThatDoNotFollowAreRefused) {
    const Answer answer{.id = 1, .page = {}, .exit_code = 0, .json = std::string(150000, 'j')};
    auto pages = pages_of(answer);
    ASSERT_EQ(pages.size(), 3U);
    Assembler<Answer> assembler;
    EXPECT_EQ(assembler.add(pages[1]).error().message, "page 1 of 3 where page 0 belongs");
    EXPECT_TRUE(assembler.add(pages[0]));
    EXPECT_EQ(assembler.add(pages[2]).error().message, "page 2 of 3 where page 1 belongs");
    EXPECT_FALSE(assembler.add(pages[1])) << "what came before an error is lost";

    EXPECT_TRUE(assembler.add(pages[0]));
    pages[1].id = 2;
    EXPECT_FALSE(assembler.add(pages[1])) << "of another answer";
}

TEST(BusPaging, AFirstPageBeginsAnew) {
    const Answer answer{.id = 1, .page = {}, .exit_code = 0, .json = std::string(70000, 'j')};
    const auto pages = pages_of(answer);
    Assembler<Answer> assembler;
    EXPECT_TRUE(assembler.add(pages[0]));
    EXPECT_TRUE(assembler.add(pages[0]));
    EXPECT_EQ(assembler.add(pages[1]).value(), answer);
}

TEST(BusPaging, NobodyMayAnnounceMorePagesThanTheLimit) {
    Assembler<Answer> assembler;
    Answer page;
    page.page.count = 0;
    EXPECT_FALSE(assembler.add(page));
    page.page.count = kPageCountLimit + 1;
    EXPECT_FALSE(assembler.add(page));
    page.page.count = kPageCountLimit;
    EXPECT_TRUE(assembler.add(page));
}

}  // namespace
}  // namespace pgpool::bus
