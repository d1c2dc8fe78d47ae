// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/membership.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "common/config/yaml_tree.h"

namespace pgpool::cluster {

namespace {

using config::YamlNode;
using config::YamlTree;

constexpr SqlState kNotInThatState{"55000"};
constexpr std::uint64_t kFormat = 2;

WallTime whole_seconds(WallTime time) {
    return std::chrono::floor<seconds>(time);
}

void choose_main(Membership& membership) {
    if (membership.is_attached(membership.main)) return;
    const auto first = std::ranges::find(membership.members, true, &Member::is_attached);
    membership.main = first != membership.members.end() ? first->name : std::string();
}

Result<Member*> member_of(Membership& membership, std::string_view name) {
    const auto found = std::ranges::find(membership.members, name, &Member::name);
    if (found == membership.members.end())
        return fail(sqlstate::kUndefinedObject, fmt::format("there is no node \"{}\"", name));
    return &*found;
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        if (c == '"' || c == '\\') out += '\\';
        out += is_control ? ' ' : c;
    }
    return out + '"';
}

tl::unexpected<Error> unreadable(std::string_view what) {
    return fail(sqlstate::kConfigFileError, fmt::format("not a membership: {}", what));
}

// Reads maps whose keys must be there; the first thing that is wrong is kept.
class Reader {
public:
    explicit Reader(const YamlTree& tree) : tree_(tree) {}

    [[nodiscard]] const YamlNode* field(const YamlNode& map, std::string_view key) {
        for (std::size_t i = 0; map.kind == YamlNode::Kind::Map && i + 1 < map.items.size(); i += 2) {
            if (tree_[map.items[i]].text == key) return &tree_[map.items[i + 1]];
        }
        note(key);
        return nullptr;
    }
    [[nodiscard]] std::string text(const YamlNode& map, std::string_view key) {
        const YamlNode* node = field(map, key);
        if (node != nullptr && node->kind != YamlNode::Kind::Scalar) note(key);
        return node != nullptr ? node->text : std::string();
    }
    [[nodiscard]] std::uint64_t number(const YamlNode& map, std::string_view key) {
        const std::string digits = text(map, key);
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc() || end != digits.data() + digits.size()) note(key);
        return value;
    }
    [[nodiscard]] bool flag(const YamlNode& map, std::string_view key) {
        const std::string word = text(map, key);
        if (word != "true" && word != "false") note(key);
        return word == "true";
    }
    void note(std::string_view key) {
        if (!wrong_) wrong_ = key;
    }
    [[nodiscard]] const std::optional<std::string>& wrong() const { return wrong_; }

private:
    const YamlTree& tree_;
    std::optional<std::string> wrong_;
};

Member read_member(Reader& reader, const YamlNode& map, std::uint64_t format) {
    return {.name = reader.text(map, "name"),
            .is_attached = reader.flag(map, "attached"),
            .reason = reader.text(map, "reason"),
            .since = WallTime(seconds(reader.number(map, "since"))),
            .is_doubted = format > 1 && reader.flag(map, "doubted")};
}

bool holds_together(const Membership& membership) {
    std::set<std::string_view> names;
    for (const Member& member : membership.members) names.insert(member.name);
    return names.size() == membership.members.size() && membership.epoch > 0 &&
           membership.is_attached(membership.main);
}

}  // namespace

const Member* Membership::find(std::string_view name) const {
    const auto found = std::ranges::find(members, name, &Member::name);
    return found != members.end() ? &*found : nullptr;
}

bool Membership::is_attached(std::string_view name) const {
    const Member* member = find(name);
    return member != nullptr && member->is_attached;
}

std::size_t Membership::attached() const {
    return static_cast<std::size_t>(std::ranges::count(members, true, &Member::is_attached));
}

bool Membership::is_last(std::string_view name) const {
    return is_attached(name) && attached() == 1;
}

Membership first_membership(std::span<const std::string> names, WallTime now) {
    Membership membership;
    membership.epoch = 1;
    for (const std::string& name : names) membership.members.push_back({name, true, {}, whole_seconds(now)});
    choose_main(membership);
    return membership;
}

Membership take_over(const Membership& known, const std::set<std::string>& released, WallTime now) {
    Membership membership = known;
    for (Member& member : membership.members) {
        const bool is_released = released.contains(member.name);
        if (member.is_attached != is_released) continue;
        member = {.name = member.name,
                  .is_attached = !is_released,
                  .reason = is_released ? "an administrator has let it go" : "",
                  .since = whole_seconds(now)};
    }
    choose_main(membership);
    return membership;
}

Result<Membership> fit(const Membership& membership, std::span<const std::string> names, WallTime now) {
    Membership next;
    next.epoch = membership.epoch;
    next.fence = membership.fence;
    next.can_prepare = membership.can_prepare;
    next.not_open = membership.not_open;
    next.main = membership.main;
    for (const std::string& name : names) {
        const Member* known = membership.find(name);
        next.members.push_back(known != nullptr ? *known : Member{name, false, "new", whole_seconds(now)});
    }
    if (next.attached() == 0) {
        return fail(kNotInThatState, fmt::format("none of the configured nodes is attached; the last main "
                                                 "node was \"{}\"",
                                                 membership.main));
    }
    choose_main(next);
    return next;
}

Result<void> evict(Membership& membership, std::string_view name, std::string reason, WallTime now) {
    const auto member = member_of(membership, name);
    if (!member) return tl::unexpected(member.error());
    if (!(*member)->is_attached)
        return fail(kNotInThatState, fmt::format("node \"{}\" is not attached", name));
    if (membership.is_last(name)) {
        return fail(
            kNotInThatState,
            fmt::format("node \"{}\" is the last one that is attached: nobody else has the data", name));
    }
    (*member)->is_attached = false;
    (*member)->is_doubted = false;
    (*member)->reason = std::move(reason);
    (*member)->since = whole_seconds(now);
    choose_main(membership);
    return {};
}

Result<void> attach(Membership& membership, std::string_view name, WallTime now) {
    const auto member = member_of(membership, name);
    if (!member) return tl::unexpected(member.error());
    if ((*member)->is_attached) return fail(kNotInThatState, fmt::format("node \"{}\" is attached", name));
    (*member)->is_attached = true;
    (*member)->reason.clear();
    (*member)->since = whole_seconds(now);
    choose_main(membership);
    return {};
}

Result<void> doubt(Membership& membership, std::string_view name) {
    const auto member = member_of(membership, name);
    if (!member) return tl::unexpected(member.error());
    if (!(*member)->is_attached)
        return fail(kNotInThatState, fmt::format("node \"{}\" is not attached", name));
    (*member)->is_doubted = true;
    return {};
}

void note_equal(Membership& membership) {
    for (Member& member : membership.members) {
        member.is_doubted = false;
        if (member.is_attached) member.given_under = membership.epoch;
    }
}

void note_given(Membership& membership, std::string_view name) {
    if (const auto member = member_of(membership, name); member) (*member)->given_under = membership.epoch;
}

void keep_given(Membership& membership, const Membership& attempt) {
    for (Member& member : membership.members) {
        const Member* tried = attempt.find(member.name);
        if (tried != nullptr) member.given_under = std::max(member.given_under, tried->given_under);
    }
}

std::string to_text(const Membership& membership) {
    std::string text = fmt::format(
        "# Which nodes hold everything that was committed. Written by pgpool-proxy; change it with PGPOOL "
        "ATTACH NODE\n# and PGPOOL DETACH NODE only.\nversion: {}\nepoch: {}\nmain: {}\nmembers:\n",
        kFormat, membership.epoch, quoted(membership.main));
    for (const Member& member : membership.members) {
        text += fmt::format("  - {{name: {}, attached: {}, doubted: {}, since: {}, reason: {}}}\n",
                            quoted(member.name), member.is_attached, member.is_doubted,
                            std::chrono::floor<seconds>(member.since).time_since_epoch().count(),
                            quoted(member.reason));
    }
    return text + "complete: true\n";
}

Result<Membership> membership_of(std::string_view text) {
    const auto tree = config::read_yaml(text);
    if (!tree) return unreadable(tree.error().message);
    Reader reader(*tree);
    const YamlNode& root = (*tree)[tree->root];
    const std::uint64_t format = reader.number(root, "version");
    if (format < 1 || format > kFormat) return unreadable("its version is not known");
    Membership membership;
    membership.epoch = reader.number(root, "epoch");
    membership.main = reader.text(root, "main");
    const YamlNode* members = reader.field(root, "members");
    if (members != nullptr && members->kind != YamlNode::Kind::List) reader.note("members");
    if (!reader.flag(root, "complete")) reader.note("complete");
    if (reader.wrong()) return unreadable(*reader.wrong());
    for (const std::size_t item : members->items) {
        membership.members.push_back(read_member(reader, (*tree)[item], format));
    }
    if (reader.wrong()) return unreadable(*reader.wrong());
    if (!holds_together(membership)) return unreadable("its parts do not fit together");
    return membership;
}

}  // namespace pgpool::cluster
