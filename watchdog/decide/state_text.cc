// SPDX-License-Identifier: PostgreSQL
// The text of a ClusterState. Reading is lenient about nothing: what comes out is written again and compared.
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "watchdog/decide/cluster_state.h"

namespace pgpool::decide {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kFormat = 1;
constexpr std::array kStandings{Standing::InService, Standing::Detached, Standing::Quarantined};

std::int64_t seconds_of(WallTime time) {
    return std::chrono::floor<seconds>(time).time_since_epoch().count();
}

Json json_of(WallTime time) {
    return seconds_of(time);
}

Json json_of(const Lineage& lineage) {
    Json ancestors = Json::array();
    for (const Ancestor& ancestor : lineage.ancestors) {
        ancestors.push_back({{"timeline", ancestor.timeline}, {"end", ancestor.end.value}});
    }
    return {{"timeline", lineage.timeline}, {"ancestors", std::move(ancestors)}};
}

Json json_of(const NodeRecord& node) {
    Json json = {{"name", node.name},
                 {"standing", to_string(node.standing)},
                 {"since", seconds_of(node.since)},
                 {"reason", node.reason}};
    if (!node.conninfo.empty()) json["conninfo"] = node.conninfo;
    if (node.was_dropped) json["left_behind"] = node.is_left_behind;
    return json;
}

Json json_of(const HistoryEntry& entry) {
    return {{"at", seconds_of(entry.at)},      {"epoch", entry.epoch},          {"row", entry.row},
            {"event", to_string(entry.event)}, {"from", info(entry.from).name}, {"to", info(entry.to).name},
            {"facts", entry.facts.bits()},     {"reason", entry.reason}};
}

template <typename Item>
Json list_of(const std::vector<Item>& items) {
    Json list = Json::array();
    for (const Item& item : items) list.push_back(json_of(item));
    return list;
}

// Reads fields that must be there; the first that is wrong is kept.
class Reader {
public:
    [[nodiscard]] std::string text(const Json& map, const char* key) {
        const Json* found = field(map, key);
        return found != nullptr && check(found->is_string(), key) ? found->get<std::string>() : std::string();
    }
    template <typename Number>
    [[nodiscard]] Number number(const Json& map, const char* key) {
        const Json* found = field(map, key);
        return found != nullptr && check(found->is_number_integer(), key) ? found->get<Number>() : Number{};
    }
    [[nodiscard]] bool flag(const Json& map, const char* key) {
        const Json* found = field(map, key);
        return found != nullptr && check(found->is_boolean(), key) && found->get<bool>();
    }
    [[nodiscard]] WallTime time(const Json& map, const char* key) {
        return WallTime(seconds(number<std::int64_t>(map, key)));
    }
    // `read` is called with each item of the list.
    template <typename Read>
    void list(const Json& map, const char* key, Read read) {
        const Json* found = field(map, key);
        if (found == nullptr || !check(found->is_array(), key)) return;
        for (const Json& item : *found) read(item);
    }
    [[nodiscard]] const Json* field(const Json& map, const char* key) {
        const bool is_there = map.is_object() && map.contains(key);
        return check(is_there, key) ? &map.at(key) : nullptr;
    }
    bool check(bool holds, const char* key) {
        if (!holds && !wrong_) wrong_ = key;
        return holds;
    }
    [[nodiscard]] const std::optional<std::string>& wrong() const { return wrong_; }

private:
    std::optional<std::string> wrong_;
};

Phase read_phase(Reader& reader, const Json& map, const char* key) {
    const auto phase = phase_of(reader.text(map, key));
    reader.check(phase.has_value(), key);
    return phase.value_or(Phase::Steady);
}

template <typename Enum>
Enum read_name(Reader& reader, const Json& map, const char* key, std::span<const Enum> items) {
    const std::string name = reader.text(map, key);
    for (const Enum item : items) {
        if (to_string(item) == name) return item;
    }
    reader.check(false, key);
    return {};
}

Event read_event(Reader& reader, const Json& map) {
    std::array<Event, kEvents> events{};
    for (std::size_t i = 0; i < kEvents; ++i) events.at(i) = static_cast<Event>(i);
    return read_name<Event>(reader, map, "event", events);
}

NodeRecord read_node(Reader& reader, const Json& map) {
    const bool was_dropped = map.contains("left_behind");
    return {.name = reader.text(map, "name"),
            .standing = read_name<Standing>(reader, map, "standing", kStandings),
            .reason = reader.text(map, "reason"),
            .since = reader.time(map, "since"),
            .conninfo = map.contains("conninfo") ? reader.text(map, "conninfo") : "",
            .was_dropped = was_dropped,
            .is_left_behind = was_dropped && reader.flag(map, "left_behind")};
}

HistoryEntry read_entry(Reader& reader, const Json& map) {
    return {.at = reader.time(map, "at"),
            .epoch = reader.number<std::uint64_t>(map, "epoch"),
            .row = reader.text(map, "row"),
            .event = read_event(reader, map),
            .from = read_phase(reader, map, "from"),
            .to = read_phase(reader, map, "to"),
            .facts = FactSet::of_bits(reader.number<std::uint32_t>(map, "facts")),
            .reason = reader.text(map, "reason")};
}

Lineage read_lineage(Reader& reader, const Json& map) {
    Lineage lineage;
    lineage.timeline = reader.number<std::uint32_t>(map, "timeline");
    reader.list(map, "ancestors", [&](const Json& item) {
        lineage.ancestors.push_back(
            {reader.number<std::uint32_t>(item, "timeline"), Lsn(reader.number<std::uint64_t>(item, "end"))});
    });
    return lineage;
}

SyncRule read_sync(Reader& reader, const Json& map) {
    SyncRule sync;
    sync.needed = reader.number<std::size_t>(map, "needed");
    reader.list(map, "names", [&](const Json& item) {
        if (reader.check(item.is_string(), "names")) sync.names.push_back(item.get<std::string>());
    });
    return sync;
}

ClusterState read_state(Reader& reader, const Json& root) {
    static const Json nothing;
    const auto part = [&](const char* key) -> const Json& {
        const Json* found = reader.field(root, key);
        return found != nullptr ? *found : nothing;
    };
    ClusterState state;
    state.epoch = reader.number<std::uint64_t>(root, "epoch");
    state.phase = read_phase(reader, root, "phase");
    state.reason = reader.text(root, "reason");
    state.primary = reader.text(root, "primary");
    state.target = reader.text(root, "target");
    state.is_planned = reader.flag(root, "planned");
    state.wish = {reader.text(part("wish"), "target"), reader.flag(part("wish"), "may_lose_data")};
    state.lineage = read_lineage(reader, part("lineage"));
    state.sync = read_sync(reader, part("sync"));
    state.maintenance = {reader.time(part("maintenance"), "until"),
                         reader.text(part("maintenance"), "reason")};
    if (root.contains("pause"))
        state.pause = {reader.time(part("pause"), "since"),
                       seconds(reader.number<std::int64_t>(part("pause"), "lasts")),
                       reader.text(part("pause"), "reason")};
    reader.list(root, "nodes", [&](const Json& item) { state.nodes.push_back(read_node(reader, item)); });
    reader.list(root, "failovers", [&](const Json& item) {
        if (reader.check(item.is_number_integer(), "failovers")) {
            state.failovers.emplace_back(seconds(item.get<std::int64_t>()));
        }
    });
    reader.list(root, "history",
                [&](const Json& item) { state.history.push_back(read_entry(reader, item)); });
    return state;
}

bool holds_together(const ClusterState& state) {
    const bool needs_target = state.phase == Phase::Promoting || state.is_planned;
    std::set<std::string_view> names;
    for (const NodeRecord& node : state.nodes) names.insert(node.name);
    return names.size() == state.nodes.size() &&
           (state.primary.empty() || state.find(state.primary) != nullptr) &&
           (state.target.empty() || state.find(state.target) != nullptr) &&
           !(needs_target && state.target.empty());
}

tl::unexpected<Error> unreadable(const std::string& what) {
    return fail(sqlstate::kConfigFileError, "not a cluster state: " + what);
}

}  // namespace

std::string to_text(const ClusterState& state) {
    Json root = {
        {"version", kFormat},
        {"epoch", state.epoch},
        {"phase", info(state.phase).name},
        {"reason", state.reason},
        {"primary", state.primary},
        {"target", state.target},
        {"planned", state.is_planned},
        {"wish", {{"target", state.wish.target}, {"may_lose_data", state.wish.may_lose_data}}},
        {"lineage", json_of(state.lineage)},
        {"sync", {{"needed", state.sync.needed}, {"names", state.sync.names}}},
        {"maintenance",
         {{"until", seconds_of(state.maintenance.until)}, {"reason", state.maintenance.reason}}},
        {"nodes", list_of(state.nodes)},
        {"failovers", list_of(state.failovers)},
        {"history", list_of(state.history)},
    };
    if (state.is_paused())
        root["pause"] = {{"since", seconds_of(state.pause.since)},
                         {"lasts", state.pause.lasts.count()},
                         {"reason", state.pause.reason}};
    // What PostgreSQL or an operator wrote may not be UTF-8.
    return root.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

Result<ClusterState> state_of(std::string_view text) {
    const Json root = Json::parse(text, nullptr, false);
    if (root.is_discarded()) return unreadable("it is no JSON");
    Reader reader;
    if (reader.number<std::uint64_t>(root, "version") != kFormat)
        return unreadable("its version is not known");
    ClusterState state = read_state(reader, root);
    if (reader.wrong()) return unreadable(*reader.wrong());
    if (!holds_together(state)) return unreadable("its parts do not fit together");
    if (to_text(state) != text) return unreadable("it was not written by pgpool-watchdog");
    return state;
}

}  // namespace pgpool::decide
