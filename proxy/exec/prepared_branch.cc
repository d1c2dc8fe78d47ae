// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/prepared_branch.h"

#include <fmt/core.h>

namespace pgpool::exec {

std::string PreparedBranch::ask(std::string_view gid) {
    state_ = State::Asked;
    gid_ = gid;
    return fmt::format("PREPARE TRANSACTION '{}'", gid_);
}

std::string PreparedBranch::end(std::string_view verb) {
    state_ = State::Ending;
    return fmt::format("{} PREPARED '{}'", verb, gid_);
}

void PreparedBranch::on_tag(std::string_view tag) {
    if (state_ == State::Asked && tag == "PREPARE TRANSACTION") state_ = State::Prepared;
}

void PreparedBranch::on_asked_end() {
    if (state_ == State::Asked) state_ = State::None;
}

// Another attempt may have been asked for meanwhile.
void PreparedBranch::on_end(bool is_there_none) {
    is_stuck_ |= !is_there_none;
    if (state_ == State::Ending) state_ = State::None;
}

}  // namespace pgpool::exec
