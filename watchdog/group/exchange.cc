// SPDX-License-Identifier: PostgreSQL
#include "watchdog/group/exchange.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace pgpool::group {

namespace {

// In what the two differ, in words; empty: they can go together.
std::string difference(const message::Told& ours, const message::Told& theirs) {
    const int apart = int{ours.protocol} - int{theirs.protocol};
    if (apart > 1 || apart < -1)
        return fmt::format("its protocol is {}, that of \"{}\" is {}: update one of them", theirs.protocol,
                           ours.name, ours.protocol);
    for (const Agreed& parameter : ours.agreed) {
        const auto same = std::find_if(theirs.agreed.begin(), theirs.agreed.end(),
                                       [&](const Agreed& other) { return other.name == parameter.name; });
        // A version that does not know the parameter yet has it at its default.
        if (same != theirs.agreed.end() && same->value != parameter.value)
            return fmt::format("{} is {} there and {} on \"{}\"", parameter.name, same->value,
                               parameter.value, ours.name);
    }
    return {};
}

}  // namespace

Exchange::Exchange(std::string name, std::vector<Agreed> agreed, Record record)
    : name_(std::move(name)),
      agreed_(std::move(agreed)),
      latest_(std::move(record)),
      on_disk_(latest_.stamp) {}

std::string_view Exchange::member_of(Process process) const {
    const auto found = peers_.find(process);
    return found != peers_.end() ? std::string_view(found->second.member) : std::string_view();
}

std::vector<std::string> Exchange::members() const {
    std::vector<std::string> names;
    for (const auto& [process, peer] : peers_) {
        if (!peer.member.empty()) names.push_back(peer.member);
    }
    return names;
}

std::string_view Exchange::refusal_of(Process process) const {
    const auto found = peers_.find(process);
    return found != peers_.end() ? std::string_view(found->second.refusal) : std::string_view();
}

std::string_view Exchange::refusal_of(std::string_view name) const {
    for (const auto& [process, peer] : peers_) {
        if (peer.told && peer.told->name == name && peer.is_refused()) return peer.refusal;
    }
    return {};
}

std::vector<Process> Exchange::awaited() const {
    std::vector<Process> found;
    for (const auto& [process, peer] : peers_) {
        if (peer.counts() && peer.confirmed < latest_.stamp) found.push_back(process);
    }
    return found;
}

bool Exchange::has_latest(Process process) const {
    const auto found = peers_.find(process);
    return found != peers_.end() && found->second.told && found->second.counts() &&
           found->second.confirmed >= latest_.stamp;
}

// Who stays in the view tells anew what it has on disk.
Actions Exchange::view_changed(const View& view, Process self) {
    view_ = view;
    self_ = self;
    std::map<Process, Peer> before = std::exchange(peers_, {});
    for (const Process process : view.processes)
        peers_[process].member = std::exchange(before[process].member, {});
    first_.reset();
    is_synced_ = false;
    durable_ = {};
    return {tell()};
}

action::Send Exchange::tell() const {
    return {message::Told{.view = view_,
                          .name = name_,
                          .agreed = agreed_,
                          .was_synced = was_synced_,
                          .latest = latest_,
                          .on_disk = on_disk_}};
}

Actions Exchange::set_agreed(std::vector<Agreed> agreed) {
    if (agreed == agreed_) return {};
    agreed_ = std::move(agreed);
    if (view_.processes.empty()) return {};
    return {tell()};
}

Actions Exchange::delivered(Process from, const Message& message) {
    Actions actions;
    const auto found = peers_.find(from);
    if (found == peers_.end()) return actions;
    Peer& peer = found->second;
    if (const auto* told = std::get_if<message::Told>(&message)) {
        if (told->view != view_) return actions;  // of a view that is over
        const bool has_changed = peer.told.has_value();
        peer.told = *told;
        confirm(peer, told->on_disk);
        if (first_ && has_changed) {
            judge(in_order_after(from), actions);
        } else if (first_) {  // it was not waited for
            judge(from, peer, actions);
            take_over(peer, actions);
        }
    } else if (const auto* proposed = std::get_if<message::Proposed>(&message)) {
        if (!peer.is_refused() && (peer.told || !peer.member.empty())) learn(proposed->record, actions);
    } else if (const auto* confirmed = std::get_if<message::Confirmed>(&message)) {
        confirm(peer, confirmed->stamp);
    }
    look(actions);
    return actions;
}

void Exchange::confirm(Peer& peer, Stamp stamp) {
    peer.confirmed = std::max(peer.confirmed, stamp);
    if (peer.confirmed >= latest_.stamp) peer.is_ignored = false;
}

Actions Exchange::written(Stamp stamp) {
    Actions actions;
    if (stamp <= on_disk_) return actions;
    on_disk_ = stamp;
    if (!view_.processes.empty()) actions.push_back(action::Send{message::Confirmed{stamp}});
    look(actions);
    return actions;
}

Actions Exchange::ignore(Process process) {
    Actions actions;
    const auto found = peers_.find(process);
    if (found == peers_.end() || process == self_) return actions;
    found->second.is_ignored = true;
    look(actions);
    return actions;
}

Actions Exchange::propose(Record record) const {
    if (!is_synced_ || record.stamp <= latest_.stamp) return {};
    return {action::Send{message::Proposed{std::move(record)}}};
}

void Exchange::learn(const Record& record, Actions& actions) {
    if (record.stamp <= latest_.stamp) return;
    latest_ = record;
    actions.push_back(action::Write{record});
}

void Exchange::look(Actions& actions) {
    if (!first_ && have_all_told()) judge(in_order(), actions);
    if (!first_ || peers_.at(self_).is_refused()) return;
    if (!is_synced_ && on_disk_ >= needed_) {
        is_synced_ = was_synced_ = true;
        actions.push_back(action::Synced{});
    }
    if (is_synced_) say_durable(actions);
}

bool Exchange::have_all_told() const {
    return std::all_of(peers_.begin(), peers_.end(),
                       [](const auto& entry) { return entry.second.told || entry.second.is_ignored; });
}

// Those that have told, the one that the others must be like first: the same order for all members.
Exchange::Order Exchange::in_order() {
    Order all;
    for (auto& [process, peer] : peers_) {
        if (peer.told) all.emplace_back(process, &peer);
    }
    const auto rank = [](const auto& one) {
        return std::pair(one.second->told->was_synced, one.second->told->latest.stamp);
    };
    std::ranges::stable_sort(all, std::greater(), rank);  // else in the order of nodes
    return all;
}

Exchange::Order Exchange::in_order_after(Process changed) {
    Order all = in_order();
    std::ranges::stable_sort(all, std::less(), [&](const auto& one) {
        if (one.first == changed) return 1;
        return one.second->member.empty() ? 2 : 0;
    });
    return all;
}

// REQUIRES: somebody has told, as one does who is not ignored by himself.
void Exchange::judge(const Order& all, Actions& actions) {
    first_ = all.front().second->told;
    for (const auto& [process, peer] : all) peer->member.clear();
    for (const auto& [process, peer] : all) judge(process, *peer, actions);
    for (const auto& [process, peer] : all) take_over(*peer, actions);
    needed_ = latest_.stamp;
}

void Exchange::judge(Process process, Peer& peer, Actions& actions) {
    peer.member.clear();
    peer.refusal = objection(*peer.told);
    if (!peer.is_refused()) {
        peer.member = peer.told->name;
        return;
    }
    if (process == self_) is_synced_ = false;
    actions.push_back(action::Refused{process, peer.told->name, peer.refusal});
}

void Exchange::take_over(const Peer& peer, Actions& actions) {
    if (!peer.is_refused() && !peers_.at(self_).is_refused()) learn(peer.told->latest, actions);
}

// Why it cannot be a member beside those that were found to be.
std::string Exchange::objection(const message::Told& told) const {
    if (told.name.empty()) return "it has no name";
    for (const auto& [process, peer] : peers_) {
        if (peer.member == told.name)
            return fmt::format(
                "node {} of corosync is named \"{}\" already: each needs a watchdog.name of its own",
                process.node, told.name);
    }
    return difference(*first_, told);
}

void Exchange::say_durable(Actions& actions) {
    Stamp least = on_disk_;
    for (const auto& [process, peer] : peers_) {
        if (process != self_ && peer.counts()) least = std::min(least, peer.confirmed);
    }
    if (least <= durable_) return;
    durable_ = least;
    actions.push_back(action::Durable{least});
}

}  // namespace pgpool::group
