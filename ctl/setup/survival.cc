// SPDX-License-Identifier: PostgreSQL
#include "ctl/setup/survival.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "watchdog/lease/votes.h"

namespace pgpool::ctl {

namespace {

using Kind = lease::VoterKind;
constexpr std::ptrdiff_t kManyPairs = 10;

// What stands or falls together.
struct Host {
    std::vector<std::string> voters;
    int votes = 0;
    std::size_t members = 0;  // that can do more than vote
    std::size_t nodes = 0;
};

class Machines {
public:
    Machines(const config::Config& config, const Hosts& names) : names_(names) {
        const config::Watchdog& watchdog = config.watchdog;
        const bool has_witness = !watchdog.witness.empty();
        const lease::Votes votes(watchdog.members.size() - (has_witness ? 1 : 0), config.nodes.size(),
                                 has_witness ? lease::Votes::Witness::Present : lease::Votes::Witness::None);
        found_.total = votes.total();
        found_.quorum = votes.quorum();
        std::uint16_t next = 0;
        for (const config::Member& member : watchdog.members) {
            if (member.name != watchdog.witness)
                add(Kind::Member, member.name, member.address, votes.weight(lease::VoterId(next++)));
        }
        for (const config::Node& node : config.nodes)
            add(Kind::Node, node.name, node.host, votes.weight(lease::VoterId(next++)));
        for (const config::Member& member : watchdog.members) {
            if (member.name == watchdog.witness)
                add(Kind::Witness, member.name, member.address, votes.weight(lease::VoterId(next++)));
        }
    }

    Survival survival() {
        for (const auto& [name, host] : hosts_) add_loss({&host});
        add_split();
        for (auto first = hosts_.begin(); first != hosts_.end(); ++first) {
            for (auto second = std::next(first); second != hosts_.end(); ++second)
                add_loss({&first->second, &second->second});
        }
        add_warnings();
        return std::move(found_);
    }

private:
    void add(Kind kind, const std::string& voter, const std::string& address, int votes) {
        const auto known = names_.find(address);
        const std::string& name = known == names_.end() ? address : known->second;
        found_.votes.push_back({voter, name, votes});
        auto place =
            std::find_if(hosts_.begin(), hosts_.end(), [&](const auto& one) { return one.first == name; });
        if (place == hosts_.end()) place = hosts_.insert(hosts_.end(), {name, Host{}});
        Host& host = place->second;
        host.voters.push_back(voter);
        host.votes += votes;
        host.members += kind == Kind::Member ? 1 : 0;
        host.nodes += kind == Kind::Node ? 1 : 0;
        members_ += kind == Kind::Member ? 1 : 0;
        nodes_ += kind == Kind::Node ? 1 : 0;
    }

    void add_loss(const std::vector<const Host*>& lost) {
        std::size_t members = members_;
        std::size_t nodes = nodes_;
        int votes = found_.total;
        std::vector<std::string> voters;
        for (const Host* host : lost) {
            members -= host->members;
            nodes -= host->nodes;
            votes -= host->votes;
            voters.insert(voters.end(), host->voters.begin(), host->voters.end());
        }
        std::string consequence = "goes on";
        if (members == 0) {
            consequence = "no member is left";
        } else if (nodes == 0) {
            consequence = "no node is left";
        } else if (votes < found_.quorum) {
            consequence = "nobody may decide: no failover until one is back";
        }
        const bool is_survived = members > 0 && nodes > 0 && votes >= found_.quorum;
        found_.losses.push_back({fmt::format("{}", fmt::join(voters, " and ")), lost.size(), votes,
                                 is_survived, std::move(consequence)});
    }

    // The network between members is cut, everybody reaches the rest: one member, and who is no member.
    void add_split() {
        if (members_ < 2) return;
        const int votes = found_.total - static_cast<int>(members_) + 1;
        const bool is_survived = votes >= found_.quorum;
        found_.losses.push_back(
            {"only the network between members", 0, votes, is_survived,
             is_survived ? "goes on: who decides keeps on" : "nobody may decide until it is mended"});
    }

    void add_warnings() {
        for (const auto& [name, host] : hosts_) {
            const bool is_shared = host.voters.size() > 1;
            if (is_shared && found_.total - host.votes < found_.quorum) {
                found_.warnings.push_back(
                    fmt::format("{} are on one host, which has {} of {} votes: without it nobody may decide. "
                                "Put them on hosts "
                                "of their own, or add a witness on a third machine (watchdog.witness)",
                                fmt::join(host.voters, " and "), host.votes, found_.total));
            } else if (is_shared) {
                found_.warnings.push_back(
                    fmt::format("{} are on one host and are lost together", fmt::join(host.voters, " and ")));
            }
            if (name == "127.0.0.1" || name == "::1" || name == "localhost" || name.starts_with('/'))
                found_.warnings.push_back(fmt::format(
                    "{}: \"{}\" is another server for each member; all members must reach the same nodes",
                    fmt::join(host.voters, " and "), name));
        }
        if (nodes_ == 1) found_.warnings.emplace_back("there is one node: nothing can take over from it");
        if (members_ == 1)
            found_.warnings.emplace_back(
                "there is one member besides the witness: nothing can take over from it");
    }

    const Hosts& names_;
    std::vector<std::pair<std::string, Host>> hosts_;  // in the order of the configuration
    std::size_t members_ = 0;
    std::size_t nodes_ = 0;
    Survival found_;
};

std::string votes_text(const Survival& survival) {
    std::string text;
    for (const Vote& vote : survival.votes)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", vote.voter, vote.votes);
    return text;
}

}  // namespace

Survival survival_of(const config::Config& config, const Hosts& hosts) {
    return Machines(config, hosts).survival();
}

std::string survival_text(const Survival& survival) {
    const auto pairs = std::count_if(survival.losses.begin(), survival.losses.end(),
                                     [](const Loss& loss) { return loss.hosts == 2; });
    const bool are_many = pairs > kManyPairs;
    Table table{{{"lost"}, {"votes left", true}, {"then"}}, {}};
    for (const Loss& loss : survival.losses) {
        if (are_many && loss.hosts == 2 && loss.is_survived) continue;
        table.rows.push_back({loss.what, std::to_string(loss.votes_left), loss.consequence});
    }
    std::string text = fmt::format("What this set-up survives: {} votes ({}), {} are needed to decide.\n\n",
                                   survival.total, votes_text(survival), survival.quorum) +
                       render(table);
    if (are_many) text += "Of two hosts at once only what is not survived is shown.\n";
    return text;
}

Json survival_json(const Survival& survival) {
    Json votes = Json::array();
    for (const Vote& vote : survival.votes)
        votes.push_back({{"voter", vote.voter}, {"host", vote.host}, {"votes", vote.votes}});
    Json losses = Json::array();
    for (const Loss& loss : survival.losses)
        losses.push_back({{"lost", loss.what},
                          {"votes_left", loss.votes_left},
                          {"survived", loss.is_survived},
                          {"then", loss.consequence}});
    return {{"total", survival.total}, {"quorum", survival.quorum}, {"votes", votes}, {"losses", losses}};
}

}  // namespace pgpool::ctl
