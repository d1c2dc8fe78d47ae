// SPDX-License-Identifier: PostgreSQL
#pragma once

// Catalog facts for tests of write classes: a table of every sort.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/sql/catalog_facts.h"

namespace pgpool::replication::fixture {

using sql::Content;
using sql::Default;

inline sql::ColumnFacts column(const char* name, Default filled = Default::Null,
                               Content content = Content::Plain) {
    return {.name = name, .filled = filled, .content = content, .type = "pg_catalog.int4"};
}

inline sql::ColumnFacts drawn(const char* name, const char* sequence, bool as_it_is = true) {
    sql::ColumnFacts made = column(name, Default::Sequence);
    made.sequences = {sequence};
    made.is_drawn = as_it_is;
    return made;
}

class Catalog {
public:
    Catalog() {
        facts_.version = 1;
        facts_.writes_known = true;
        functions();
        tables();
    }

    [[nodiscard]] sql::CatalogFacts& facts() { return facts_; }

    void function(const std::string& schema, const std::string& name, sql::Volatility volatility) {
        const sql::FunctionFacts value{volatility, schema == "pg_catalog", true};
        facts_.functions[name] = value;
        facts_.functions[schema + "." + name] = value;
    }

    // With a primary key over its first column, which is called id.
    void table(const std::string& name, std::vector<sql::ColumnFacts> more,
               const std::pair<std::string sql::WriteFacts::*, const char*>& obstacle = {}) {
        sql::WriteFacts write;
        write.columns = std::move(more);
        write.columns.insert(write.columns.begin(), column("id"));
        write.keys = {{name + "_pkey", {"id"}, false}};
        if (obstacle.first != nullptr) write.*obstacle.first = obstacle.second;
        add(name, std::move(write));
    }

    void add(const std::string& name, sql::WriteFacts write) {
        sql::RelationFacts relation;
        relation.write = std::make_shared<const sql::WriteFacts>(std::move(write));
        facts_.relations[name] = relation;
        facts_.relations["public." + name] = relation;
    }

    template <typename... Flags>
    void other(const std::string& schema, const std::string& name, Flags... flags) {
        sql::RelationFacts relation;
        ((relation.*flags = true), ...);
        relation.permanent = !relation.temporary;
        facts_.relations[name] = relation;
        facts_.relations[schema + "." + name] = relation;
    }

private:
    void functions() {
        using sql::Volatility;
        for (const char* name : {"lower", "count", "max", "sum", "array_agg", "row_number", "abs",
                                 "generate_series", "hashenum"})
            function("pg_catalog", name, Volatility::Immutable);
        for (const char* name : {"now", "to_char", "date_trunc", "age", "current_setting", "txid_current",
                                 "timezone", "json_populate_record", "table_to_xml"})
            function("pg_catalog", name, Volatility::Stable);
        for (const char* name :
             {"random", "gen_random_uuid", "nextval", "setval", "clock_timestamp", "pg_sleep",
              "pg_advisory_lock", "pg_notify", "lo_create", "lo_open", "lo_tell", "lo_unlink", "lo_import",
              "lo_get", "lowrite", "set_config", "currval"})
            function("pg_catalog", name, Volatility::Volatile);
        function("public", "pure", Volatility::Immutable);
        function("public", "looks", Volatility::Stable);
        function("public", "acts", Volatility::Volatile);
        function("public", "uuid_generate_v4", Volatility::Volatile);
        facts_.functions["uuid_generate_v4"].writes_nothing = true;
        function("public", "pretends", Volatility::Stable);
        facts_.functions["pretends"].may_write = true;
        function("public", "pretends_more", Volatility::Immutable);
        facts_.functions["pretends_more"].may_write = true;
        function("public", "gather", Volatility::Immutable);
        facts_.functions["gather"].aggregate = true;
        facts_.operators["###"] = {Volatility::Volatile, false, true};
        facts_.operators["##"] = {Volatility::Immutable, false, true};
        facts_.row_functions["full_name"] = {Volatility::Stable, false, true};
        facts_.types["mood"] = {true, true};
        facts_.types["pair"] = {false, false};
    }

    void tables() {
        table("t", {column("a"), column("b"), column("ts", Default::Null, Content::Date),
                    column("f", Default::Null, Content::Float), column("made", Default::Deterministic),
                    column("calc", Default::Generated)});
        table("u", {column("a"), column("n")});
        table("named", {column("r", Default::Null, Content::Object), column("n")});
        table("span", {column("during", Default::Null, Content::DateContainer)});
        table("stamped", {column("at", Default::NotDeterministic, Content::Date), column("a")});
        table("ruled", {}, {&sql::WriteFacts::obstacle, "a rule on table \"ruled\""});
        table("watched", {column("a")},
              {&sql::WriteFacts::update_obstacle, "trigger \"w\" on table \"watched\""});
        table("filled", {column("a"), column("x", Default::MayWrite)});
        with_triggers();
        sql::WriteFacts serial;
        serial.columns = {drawn("id", "public.serial_id_seq"), column("a")};
        serial.keys = {{"serial_pkey", {"id"}, false}};
        add("serial", serial);
        serial.columns[0].is_identity = true;
        serial.columns[1].cast = "::pg_catalog.text";
        add("ident", serial);
        serial.columns = {column("id"), drawn("a", "public.numbers", false)};
        serial.columns[0].is_always = true;
        add("numbered", serial);
        sql::WriteFacts list;
        list.columns = {column("id"), column("place"), column("later")};
        list.columns[1].is_unique = true;
        list.keys = {{"list_pkey", {"id"}, false}};
        list.at_end = "constraint \"list_later\" of table \"list\"";
        add("list", list);
        sql::WriteFacts keyless;
        keyless.columns = {column("a"), column("ts", Default::Null, Content::Date)};
        add("keyless", keyless);
        sql::WriteFacts pair;
        pair.columns = {column("x"), column("y"), column("email")};
        pair.keys = {{"pair_pkey", {"x", "y"}, false}, {"pair_email_key", {"email"}, true}};
        add("pair_of", pair);
        sql::WriteFacts parent = keyless;
        parent.columns = {column("id"), column("a")};
        parent.keys = {{"parent_pkey", {"id"}, false}};
        parent.followed = {{{"id"},
                            "foreign key \"child_fk\"",
                            "trigger \"w\" on table \"child\" (by foreign key \"child_fk\")"}};
        parent.delete_obstacle = "trigger \"w\" on table \"child\" (by foreign key \"child_fk\")";
        parent.truncate_obstacle = "trigger \"gone\" on table \"parent\"";
        add("parent", parent);
        facts_.truncate_obstacle = "trigger \"gone\"";
        other("pg_temp_3", "tmp", &sql::RelationFacts::temporary);
        other("pg_temp_4", "shared", &sql::RelationFacts::temporary);
        facts_.relations["shared"].permanent = true;
        other("public", "a_view", &sql::RelationFacts::view);
        sql::WriteFacts view;
        view.obstacle = "\"a_view\" is a view";
        facts_.relations["a_view"].write = std::make_shared<const sql::WriteFacts>(view);
        other("public", "dice", &sql::RelationFacts::view, &sql::RelationFacts::reads_volatile);
        other("pg_catalog", "pg_class", &sql::RelationFacts::system);
        other("public", "a_sequence");
    }

    // Triggers that write nothing.
    void with_triggers() {
        sql::WriteFacts write;
        write.columns = {column("id"), column("a"), column("at"), column("parent")};
        write.keys = {{"x_pkey", {"id"}, false}};
        sql::TriggerFacts touch;
        touch.is_before = true;
        touch.assigned = {"at"};
        const auto add_with = [&](const char* name, const sql::TriggerFacts& triggers) {
            sql::WriteFacts made = write;
            made.on_insert = made.on_update = made.on_delete = triggers;
            add(name, made);
        };
        add_with("computed", touch);
        touch.looks_before = "trigger \"touch\" on table \"touched\"";
        add_with("touched", touch);
        write.keys.clear();
        add_with("touched_keyless", touch);
        write.keys = {{"x_pkey", {"id"}, false}};
        write.held = {{{"parent"}, "public.parents", {"id"}, ""}};
        add_with("touched_child", touch);
        write.held.clear();
        write.delete_action = "foreign key \"fk\"";
        write.followed = {{{"id"}, "foreign key \"fk\"", ""}, {{"at"}, "foreign key \"by_at\"", ""}};
        add_with("touched_parent", touch);
        write.delete_action.clear();
        write.followed.clear();
        touch.assigned = {"id"};
        add_with("rekeyed", touch);
        touch.assigned.clear();
        touch.assigns_any = "trigger \"any\" on table \"remade\"";
        add_with("remade", touch);
        touch.assigns_any.clear();
        touch.always = "trigger \"ever\" on table \"fixed\"";
        add_with("fixed", touch);
        sql::TriggerFacts watch;
        watch.looks = "trigger \"watch\" on table \"seen\"";
        add_with("seen", watch);
        write.delete_action = "foreign key \"fk\"";
        add_with("seen_parent", watch);
    }

    sql::CatalogFacts facts_;
};

}  // namespace pgpool::replication::fixture
