// SPDX-License-Identifier: PostgreSQL
#pragma once

// Connections straight to the nodes, as health.user.

#include <future>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/pg/client.h"

namespace pgpool::ctl {

struct Unreachable {
    std::string node;
    std::string reason;
};

[[nodiscard]] pg::ClientResult<pg::Client> connect_node(
    const config::Config& config, const config::Node& node, const std::string& database,
    pg::SessionSettings settings = pg::SessionSettings::Fixed);

// What `work` gives for each element, in their order; all run at the same time.
template <typename Range, typename Work>
auto at_the_same_time(Range& elements, const Work& work) {
    using Answer = decltype(work(*elements.begin()));
    std::vector<std::future<Answer>> running;
    for (auto& element : elements)
        running.push_back(std::async(std::launch::async, [&element, &work] { return work(element); }));
    std::vector<Answer> answers;
    for (auto& one : running) answers.push_back(one.get());
    return answers;
}

}  // namespace pgpool::ctl
