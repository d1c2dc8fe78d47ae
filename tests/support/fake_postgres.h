// SPDX-License-Identifier: PostgreSQL
#pragma once

// FakePostgres: one server process after its login, as far as the protocol goes (PG documentation 55.2):
// bytes in, bytes out, nothing else. What statements do is in fake_sql.h.
//
// Answers are held back until Sync, Flush, the end of a Query, an error or the start of a COPY, as a server
// does. Parameters that have changed are reported just before ReadyForQuery, as servers from release 14 do.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/wire/decoder.h"
#include "tests/support/fake_sql.h"

namespace pgpool::support {

class FakePostgres {
public:
    // `own_prefix`: of the statement names of the proxy. That such a name is taken or missing is a fault of
    // the proxy, told by violation(). Empty: nobody's.
    FakePostgres(FakeNode& node, FakeSql::Settings startup, std::string own_prefix);

    void take(ByteView bytes);
    [[nodiscard]] std::string output();  // since the last call

    void wake_up();                       // pg_sleep() ends
    void cancel();                        // whatever runs now; nothing if nothing runs
    void die(std::string_view sqlstate);  // FATAL, and the end
    [[nodiscard]] bool asleep() const { return mode_ == Mode::Asleep; }
    [[nodiscard]] bool closed() const { return closed_; }
    [[nodiscard]] bool busy() const;  // owes an answer, or the rest of a message is missing
    [[nodiscard]] const std::string& violation() const { return violation_; }
    [[nodiscard]] FakeSql& sql() { return sql_; }

private:
    enum class Mode : std::uint8_t { Normal, CopyIn, Asleep };
    struct Portal {
        SqlText sql;
        std::vector<std::string> parameters;
        bool gives_rows = false;  // as it was bound: what an EXECUTE runs may change later
        bool started = false;
        bool ended = false;  // ran to completion: an Execute gives nothing more
        std::deque<std::string> rows;
        std::string tag;
    };

    void on_frame(const wire::Frame& frame);
    void on_copy_frame(const wire::Frame& frame);
    void on_query(std::string_view sql);
    void on_parse(const wire::Frame& frame);
    void on_bind(const wire::Frame& frame);
    void on_describe(const wire::Frame& frame);
    void on_execute(const wire::Frame& frame);
    void on_close(const wire::Frame& frame);
    void on_function_call();

    void run_query();  // the statements of a Query that are left
    void finish_query();
    void run_portal();
    void show(Portal& portal);
    void end_copy(bool copied, std::string_view reason);
    void resume();

    void answer(char type, ByteView body = {});
    void complete(const std::string& tag);
    void notice(const std::string& sqlstate);
    void row(const std::string& value);
    void describe_rows(bool gives_rows);
    void fail(const std::string& sqlstate, const std::string& message);
    void ready();
    void flush();
    void drop_old_portals();
    void blame(std::string_view what) {
        if (violation_.empty()) violation_ = what;
    }
    [[nodiscard]] bool is_ours(std::string_view name) const {
        return !own_prefix_.empty() && name.starts_with(own_prefix_);
    }

    FakeSql sql_;
    std::string own_prefix_;
    std::string in_;
    std::string out_;      // not flushed
    std::string flushed_;  // on its way
    Mode mode_ = Mode::Normal;
    bool in_query_ = false;  // else the extended protocol
    bool skipping_ = false;  // after an error, until Sync
    bool unsynced_ = false;
    bool closed_ = false;
    std::deque<SqlText> todo_;  // of a Query
    std::map<std::string, Portal> portals_;
    std::string running_;    // portal that copies or sleeps
    std::size_t limit_ = 0;  // of its Execute
    std::string copy_tag_;
    std::uint64_t transactions_ = 0;
    std::string violation_;
};

}  // namespace pgpool::support
