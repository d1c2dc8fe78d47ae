// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. DDL of others commits meanwhile (docs/adr/0021-order-of-ddl.md): what must not
// be overtaken waits, or ends; a write that was overtaken is judged anew.
#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "proxy/exec/session.h"

namespace pgpool::exec {

namespace {

using At = Spread::Phase;
using sql::Kind;

constexpr const char* kChanged = "the schema has changed meanwhile";
constexpr milliseconds kDdlPatience{12000};  // as long as others wait for facts
constexpr milliseconds kDdlLook{10};         // it ends in any thread, and nobody is told: a COMMIT takes that

}  // namespace

void Session::note_ddl(const sql::Statement& statement) {
    const bool is_ddl =
        statement.kind == Kind::Ddl || statement.kind == Kind::SelectInto || statement.kind == Kind::Truncate;
    if (!is_ddl || statement.is_remark) return;
    request_.meaning.meets_ddl |= !statement.is_settled;
    request_.meaning.finds_names |= statement.finds_names;
    request_.meaning.changes_shared |= statement.is_shared;
    request_.meaning.changes_code |= !statement.is_of_relations && statement.kind == Kind::Ddl;
}

// Before the request at the front is sent: DDL that is committing has come to some nodes only. Who commits
// has executed all it wants to, and needs no lock that this transaction holds. Nothing: there is none.
std::optional<std::size_t> Session::await_ddl(ByteView bytes) {
    Spread& spread = *spread_;
    const DatabaseMarks& marks = *login_.database->marks;
    const bool is_shared = request_.meaning.changes_shared && around_.shared_ddl != nullptr;
    spread.watch.seen(marks.ddl_begun());
    if (is_shared) spread.shared_watch.seen(around_.shared_ddl->begun());
    const bool is_any = marks.is_ddl_under_way() || (is_shared && around_.shared_ddl->is_any());
    if (!request_.meaning.meets_ddl || !is_any) {
        ddl_until_ = {};
        return std::nullopt;
    }
    if (ddl_until_ == TimePoint()) ddl_until_ = around_.now + kDdlPatience;
    if (around_.now >= ddl_until_) {
        ddl_until_ = {};
        return refuse_within({.sqlstate = sqlstate::kSerializationFailure,
                              .message = "this cannot be replicated: DDL of others has not ended in time",
                              .hint = "The transaction can be repeated."},
                             bytes);
    }
    wait_ = Wait::Ddl;
    effects_.arm(TimerKind::Wait, kDdlLook);
    return 0;
}

// The request at the front is sent. One outside of transactions cannot be undone, whatever overtakes it; an
// index that is built so takes too long for others to wait for, and looks for nothing but its table.
void Session::begin_to_watch() {
    Spread& spread = *spread_;
    const Meaning& meaning = request_.meaning;
    const bool must_not = meaning.meets_ddl && !spread.is_bare;
    spread.watch.sent(must_not);
    if (meaning.changes_shared) spread.shared_watch.sent(must_not);
    spread.finds_names |= meaning.finds_names && !spread.is_bare;
    spread.changes_shared |= meaning.changes_shared;
    spread.changes_code |= meaning.changes_code;
    if (spread.is_bare && meaning.marks.is_ddl && !meaning.index) begin_ddl_commit();
}

void Session::begin_ddl_commit() {
    Spread& spread = *spread_;
    DatabaseMarks& marks = *login_.database->marks;
    std::vector<DdlCommits*> commits;
    const bool is_shared = spread.changes_shared && around_.shared_ddl != nullptr;
    if (is_shared) commits.push_back(around_.shared_ddl);
    if (!spread.is_bare) commits.push_back(&marks.ddl_commits);
    if (!spread.is_bare && spread.changes_code) commits.push_back(&marks.code_commits);
    if (spread.is_bare && !is_shared) commits.push_back(&marks.bare_ddl);
    spread.ddl_commit.emplace(login_.database->marks, std::move(commits));
}

// As it is sent. Of one that has begun already it may meet what was before or what is after.
void Session::note_code_begun() {
    const DdlCommits& commits = login_.database->marks->code_commits;
    const std::uint64_t begun = commits.begun();
    const std::uint64_t counted = commits.is_any() ? begun - 1 : begun;
    for (Judged& judged : spread_->judged) judged.code_begun = counted;
}

// Notes how often code was.
bool Session::was_schema_changed(Judged& judged) const {
    const DatabaseMarks& marks = *login_.database->marks;
    judged.overtaken = marks.code_commits.begun() - judged.code_begun;
    return marks.is_ddl_committing() || (judged.by && marks.last_ddl() >= judged.by->as_of);
}

// What main has done is judged anew once the others have done it too; behind DDL of its own, before anything
// else of the transaction, and then nothing may overtake it on the way to the others.
void Session::note_unsure() {
    Spread& spread = *spread_;
    std::vector<Judged> judged = std::exchange(spread.judged, {});
    if (!ddl_ || spread.is_alone) {
        std::move(judged.begin(), judged.end(), std::back_inserter(spread.following));
        return;
    }
    if (!judged.empty()) spread.watch.must_not_be_overtaken(login_.database->marks->ddl_begun());
    std::copy_if(judged.begin(), judged.end(), std::back_inserter(spread.unsure_behind_ddl),
                 [this](Judged& one) { return was_schema_changed(one); });
}

// The others have done all that main has, unless it is at the next already: what was overtaken on the way is
// found now.
void Session::note_followed() {
    Spread& spread = *spread_;
    if (spread.copies || (spread.phase != At::Open && spread.phase != At::Marking)) return;
    const bool is_overtaken =
        spread.watch.is_overtaken(login_.database->marks->ddl_begun()) ||
        (around_.shared_ddl != nullptr && spread.shared_watch.is_overtaken(around_.shared_ddl->begun()));
    spread.watch.executed();
    spread.shared_watch.executed();
    if (is_overtaken && !spread.followers.empty() && spread.doom.empty()) spread.doom = kChanged;
    for (Judged& judged : std::exchange(spread.following, {})) {
        if (was_schema_changed(judged)) spread.unsure.push_back(std::move(judged));
    }
}

// Of a node that would do all of it anew.
bool Session::may_meet_the_same() const {
    const Spread& spread = *spread_;
    return spread.watch.may_repeat(login_.database->marks->ddl_begun()) &&
           (around_.shared_ddl == nullptr || spread.shared_watch.may_repeat(around_.shared_ddl->begun()));
}

// False: facts are awaited, or it is being undone.
bool Session::are_unsure_alike() {
    Spread& spread = *spread_;
    if (spread.unsure.empty()) return true;
    const sql::CatalogFacts* committed = login_.database->facts.get();
    if (is_schema_newer(committed)) return effects_.facts_wanted(), await_others(), false;
    const auto is_alike = [&](const Judged& judged) { return is_judged_alike(judged, committed); };
    if (!std::all_of(spread.unsure.begin(), spread.unsure.end(), is_alike))
        return spread.doom = kChanged, undo_everywhere(), false;
    spread.unsure.clear();
    return true;
}

}  // namespace pgpool::exec
