// SPDX-License-Identifier: PostgreSQL
#pragma once

// Sessions of all nodes that are compared, in one database. Every statement is a REPEATABLE READ READ ONLY
// transaction of its own, sent to all nodes at the same time.

#include <string>
#include <utility>
#include <vector>

#include "common/config/config.h"
#include "common/pg/client.h"
#include "ctl/outcome.h"
#include "ctl/verify/table.h"

namespace pgpool::ctl::verify {

// Why a node did not answer a statement.
struct Refusal {
    std::string node;
    pg::ClientError error;

    // What it was about was dropped or altered meanwhile.
    [[nodiscard]] bool is_of_change() const;
    [[nodiscard]] Failure failure(const config::Config& config) const;
};

template <typename T>
using Answer = tl::expected<T, Refusal>;

class Fleet {
public:
    [[nodiscard]] static Answer<Fleet> connect(const config::Config& config,
                                               const std::vector<config::Node>& nodes,
                                               const std::string& database);

    // Of every node, in their order; the refusal of the first that refuses.
    [[nodiscard]] Answer<std::vector<pg::Rows>> ask(const Statement& statement);
    [[nodiscard]] Answer<pg::Rows> ask_one(std::size_t node, const Statement& statement);

    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

private:
    struct Member {
        std::string name;
        pg::Client client;
    };
    Fleet() = default;
    [[nodiscard]] static Answer<Member> open(const config::Config& config, const config::Node& node,
                                             const std::string& database);
    [[nodiscard]] static Answer<pg::Rows> ask(Member& member, const Statement& statement);

    std::vector<Member> members_;
    std::vector<std::string> names_;
};

}  // namespace pgpool::ctl::verify
