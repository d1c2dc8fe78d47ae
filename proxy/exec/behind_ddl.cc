// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. What follows DDL in the same transaction is judged by what that transaction sees
// itself (OwnFacts tells the rules).
#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/wire/error_fields.h"
#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {

using replication::WriteClass;
using wire::TransactionStatus;

namespace {
constexpr const char* kChanged = "the schema has changed meanwhile";
}

// By which statements are judged; null: nothing is loaded.
const sql::CatalogFacts* Session::facts() const {
    return own_facts_.latest() ? own_facts_.latest().get() : login_.database->facts.get();
}

// The verdicts that are kept are for all sessions.
route::Verdict Session::judge(route::CachedVerdict& slot, const sql::StatementInfo& info) const {
    if (own_facts_.latest()) return route::classify(info, facts(), around_.functions());
    return route::cached_verdict(slot, info, facts(), around_.functions(), around_.config_version());
}

// Only what follows DDL asks for it.
void Session::note_schema(const sql::Statement& statement) {
    if (!around_.functions().is_replicated() || !depends_on_schema(statement)) return;
    request_.meaning.rests_on_schema = true;
    if (ddl_) add_names(statement, request_.meaning.relations);
}

// Several statements of which one rests on a schema that another has changed, in a transaction block.
bool Session::mixes_ddl() const {
    const Meaning& meaning = request_.meaning;
    const bool changes = meaning.marks.is_ddl || (ddl_ && meaning.steering.rolls_to_savepoint);
    return transaction_ != TransactionStatus::Idle && meaning.steering.statements > 1 && changes &&
           meaning.rests_on_schema;
}

// Whether the request at the front must wait until the catalogs are read within its transaction. Also what
// main did while others changed the schema is judged anew here: before anything of this transaction changes
// it further.
bool Session::awaits_own_facts() {
    if (!ddl_ || !is_spread() || !spread_->doom.empty() || !on_primary()) return false;
    const bool is_open = transaction_ == TransactionStatus::InTransaction && !owes_client();
    if (!is_open || request_.meaning.marks.rolls_back || !login_.database->facts) return false;
    const bool is_watched = own_facts_.may_watch_ddl() && request_.meaning.marks.is_ddl;
    const bool is_unsure = !spread_->unsure_behind_ddl.empty();
    if (!is_unsure && !is_watched && !request_.meaning.rests_on_schema) return false;
    RelationNames names = request_.meaning.relations;
    for (const Judged& judged : spread_->unsure_behind_ddl) {
        for (const sql::Statement& statement : judged.info->statements) add_names(statement, names);
    }
    if (own_facts_.are_fresh() && own_facts_.hold(names) && !is_schema_newer()) return false;
    if (!own_facts_.may_read()) {
        if (is_unsure) spread_->doom = kChanged;
        return false;
    }
    wait_ = Wait::OwnFacts;
    classify_anew();
    effects_.disarm(TimerKind::Idle);
    send_own_query(own_facts_.begin(around_.catalog_reading, std::move(names), around_.now),
                   Purpose::OwnFacts);
    return true;
}

// An error of what we ask ends the transaction as one of ours, and tells that it is.
void Session::own_facts_came(std::string_view error_body) {
    if (wait_ != Wait::OwnFacts) return;
    wait_ = Wait::Nothing;
    Spread& spread = *spread_;
    if (!spread.doom.empty()) return;
    const wire::ErrorFields fields = wire::read_error_fields(error_body);
    const std::string obstacle = error_body.empty()
                                     ? own_facts_.end(around_.catalog_reading, *login_.database->facts)
                                     : std::string(fields.message);
    const std::vector<Judged> unsure = std::exchange(spread.unsure_behind_ddl, {});
    const auto is_alike = [this](const Judged& judged) { return is_judged_alike(judged, facts()); };
    if (own_facts_.are_fresh()) {
        if (!std::all_of(unsure.begin(), unsure.end(), is_alike)) spread.doom = kChanged;
        return;
    }
    if (!unsure.empty()) spread.doom = kChanged;
    if (!own_facts_.obstacle().empty()) return;
    spread.doom = "the catalogs could not be read: " + obstacle;
    const bool is_cancelled = fields.sqlstate == sqlstate::kQueryCanceled.view();
    const std::string message = "this cannot be replicated: " + spread.doom;
    wire::append_error(
        spread.refusal,
        {.sqlstate = is_cancelled ? sqlstate::kQueryCanceled : sqlstate::kFeatureNotSupported,
         .message = message,
         .hint = "They are read before a statement that follows DDL in the same transaction."});
}

// Why a write cannot follow the DDL of its own transaction; empty: it can, or there is none.
std::string Session::why_not_behind_ddl() const {
    const Meaning& meaning = request_.meaning;
    const replication::Classified& classified = *meaning.verdict.replicated;
    const bool depends = replication::depends_on_schema(classified) || meaning.large_objects.by_search_path;
    if (classified.kind <= WriteClass::Ddl || !depends) return {};
    const bool changes = meaning.marks.is_ddl || (ddl_ && meaning.steering.rolls_to_savepoint);
    if (changes && meaning.steering.statements > 1) return "a write behind DDL in the same text or batch";
    if (!ddl_ || own_facts_.are_fresh()) return {};
    return own_facts_.obstacle().empty() ? "a write behind DDL in the same transaction"
                                         : own_facts_.obstacle();
}

// For statements of ours that name a table: by search path, or after DDL, the same name means another one.
std::string Session::repeat_scope() {
    if (ddl_ || set_locally_) return fmt::format("{}/{}", id_, ++private_scopes_);
    return std::to_string(login_.database->marks->ddl_epoch()) + settings_scope();
}

}  // namespace pgpool::exec
