// SPDX-License-Identifier: PostgreSQL
#pragma once

// Membership: which nodes hold everything that was committed, in mode replication. Pure.
//
// Invariants: (1) at least one member is attached, unless there is none at all; (2) `main` names an attached
// member, and stays the same as long as that is attached; after it the first attached in the order of the
// configuration; (3) two memberships with different attached members never have the same epoch once they are
// in force: who changes one gives it a higher epoch.

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/cluster/fence.h"

namespace pgpool::cluster {

struct Member {
    std::string name;
    bool is_attached = true;
    std::string reason;  // in words, when not attached
    WallTime since;      // of the last change of it, in whole seconds
    // Under this epoch others were last made equal to it, at least in part; 0: not since the start. Not in
    // the text. Who was taken out before has left them nothing.
    std::uint64_t given_under = 0;
    // Under the epoch in force it may lack what others have committed; until it is made equal, or is out.
    bool is_doubted = false;
    friend bool operator==(const Member&, const Member&) = default;
};

struct Membership {
    std::uint64_t epoch = 0;
    Fence fence;  // of the epoch; 0: not raised since the start. Not in the text
    // Every attached node can hold what replication.commit may have it prepare. Not in the text either.
    bool can_prepare = false;
    std::string not_open;  // why, as long as the cluster is not open. Not in the text either
    std::string main;
    std::vector<Member> members;  // in the order of the configuration

    [[nodiscard]] const Member* find(std::string_view name) const;
    [[nodiscard]] bool is_attached(std::string_view name) const;
    [[nodiscard]] std::size_t attached() const;
    [[nodiscard]] bool is_last(std::string_view name) const;  // attached, and no other is
    friend bool operator==(const Membership&, const Membership&) = default;
};

// When nothing is known: all are attached, epoch 1.
[[nodiscard]] Membership first_membership(std::span<const std::string> names, WallTime now);

// What is tried by who takes over from another that may have changed it since: all are attached but those
// that are let go.
[[nodiscard]] Membership take_over(const Membership& known, const std::set<std::string>& released,
                                   WallTime now);

// As the configuration has it now: a new node is not attached, one that is no longer configured is forgotten.
// An error if no attached member would be left.
[[nodiscard]] Result<Membership> fit(const Membership& membership, std::span<const std::string> names,
                                     WallTime now);

// Errors: 42704 there is no such node; 55000 it is so already, or it is the last one that is attached.
[[nodiscard]] Result<void> evict(Membership& membership, std::string_view name, std::string reason,
                                 WallTime now);
[[nodiscard]] Result<void> attach(Membership& membership, std::string_view name, WallTime now);

// Errors as of evict(), but for the last one.
[[nodiscard]] Result<void> doubt(Membership& membership, std::string_view name);
// Under membership.epoch all who are attached have the same: nobody is doubted, each has given to the others.
void note_equal(Membership& membership);
// Others take over what this member has, under membership.epoch.
void note_given(Membership& membership, std::string_view name);
// What was given is also known of an attempt that has failed.
void keep_given(Membership& membership, const Membership& attempt);

// YAML with a version of its form in it; a text that was cut short is refused. Version 1 had no doubts.
[[nodiscard]] std::string to_text(const Membership& membership);
[[nodiscard]] Result<Membership> membership_of(std::string_view text);

}  // namespace pgpool::cluster
