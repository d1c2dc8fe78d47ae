// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. COPY FROM STDIN into a table of which main alone fills some columns: the others
// get the client's rows with main's values (FilledCopy). Main tells a value for each row while it takes them,
// so rows flow on without bound: what is held is what main has not come to.
#include <algorithm>
#include <cstdlib>

#include "common/markers/setup.h"
#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {

// Of the request at the front; null: it has none.
replication::CopyPlanPtr Session::filling() const {
    const auto& classified = request_.meaning.verdict.replicated;
    const bool is_copy = classified && request_.meaning.copies_in && classified->ways.size() == 1;
    return is_copy ? classified->ways.front().filling : nullptr;
}

std::string Session::why_not_filled() const {
    const replication::CopyPlanPtr plan = filling();
    if (!plan) return {};
    const std::string* encoding = link_->reported->find("client_encoding");
    if (plan->rows.encoding.empty() && encoding != nullptr && replication::hides_ascii(*encoding))
        return "COPY of rows in " + *encoding + " with columns that the main node fills";
    const bool is_plain = std::all_of(plan->columns.begin(), plan->columns.end(),
                                      [](const auto& column) { return column.size > 0; });
    const std::string why = is_plain ? std::string() : why_values_cannot_travel();
    return why.empty() ? why : "COPY with columns that the main node fills, " + why;
}

void Session::fill_copy() {
    constexpr int kMarksNothing = 18;  // from this version on \. does not end CSV
    const replication::CopyPlanPtr plan = filling();
    spread_->filled.reset();
    if (!plan || !spread_->trial.empty()) return;
    const std::string* version = link_->reported->find("server_version");
    spread_->filled.emplace(plan, version == nullptr || std::atoi(version->c_str()) < kMarksNothing);
}

// In place of the client's Query.
void Session::emit_telling_copy() {
    wire::append_query(out_, replication::with_telling(spread_->copy.sql, spread_->filled->plan()));
    send_made();
}

std::string Session::copy_of_others() const {
    const std::string& sql = spread_->copy.sql;
    return spread_->filled ? replication::with_columns(sql, spread_->filled->plan()) : sql;
}

// A notice that is for us. One that is too long to be held is missing in the end.
bool Session::is_told(const wire::Frame& notice) {
    if (!spread_ || !spread_->copies_in || !spread_->filled || !notice.complete()) return false;
    const wire::ErrorFields fields = wire::read_error_fields(notice.body);
    if (fields.sqlstate != markers::kFilled) return false;
    spread_->filled->fill(fields.message);
    pass_filled(false);
    return true;
}

void Session::pass_filled(bool is_last) {
    const std::string messages = spread_->filled->take_messages(is_last);
    if (messages.empty()) return;
    for (const auto& follower : spread_->followers) send_to(*follower, messages);
}

// If main has failed the others fail too: they get no end of their rows.
void Session::end_filled_copy() {
    Spread& spread = *spread_;
    if (spread.outcome.failed()) return;
    spread.filled->end();
    if (!spread.filled->obstacle().empty()) return doom_for_good(spread.filled->obstacle());
    pass_filled(true);
    spread.streams = false;
    std::string done;
    wire::FrameBuilder(done, wire::frontend::kCopyDone);
    for (const auto& follower : spread.followers) send_to(*follower, done);
    note_moved(spread.filled->plan().moved, {});
}

}  // namespace pgpool::exec
