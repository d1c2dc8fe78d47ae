// SPDX-License-Identifier: PostgreSQL
#pragma once

// The floor of mode replication: what the same transactions cost on two nodes if nobody stands between the
// client and them, with markers and with commits in the same order (main first). A client here is what a
// client and the perfect proxy are together: it knows its connections to both nodes, and waits for nothing
// but what the rules of proxy/exec/spread.h make it wait for.
//
// "M[...]" is one send to main and its answer, "O[...]" one to the other node; what stands in one bracket is
// one round trip, ";" waits, "|" is at the same time.
//
//   update (autocommit), 4 round trips one after the other:
//       M[BEGIN UPDATE constraints mark] ; O[BEGIN UPDATE constraints mark] ; M[COMMIT] ; O[COMMIT]
//   tpcb, 8 round trips, where pgbench at one node has 7; its BEGIN waits for the first statement:
//       M[BEGIN UPDATE] ; M[SELECT] | O[BEGIN UPDATE] ; M[UPDATE] ; M[UPDATE] | O[UPDATE] ; M[INSERT] |
//       O[UPDATE] ; M[constraints mark] | O[INSERT constraints mark] ; M[COMMIT] ; O[COMMIT] The other node
//       need not have answered before main gets the next statement, only before COMMIT.
//
// "constraints" is SET CONSTRAINTS ALL IMMEDIATE, "mark" kMark of common/markers/setup.h with the texts as
// redo, both prepared in either protocol. With -M prepared all statements are, with -M simple the server
// parses and plans the texts each time. Only what decides is checked: an error, or a marker that was refused,
// ends the program.

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/bench/floor/arguments.h"
#include "tests/bench/floor/meter.h"

namespace pgpool::floor {

// A connection in pipeline mode, on which statements are put together and then sent in one piece.
class Node {
public:
    Node(const Arguments& arguments, const std::string& port);

    void add(const char* name, const std::vector<std::string>& values, bool prepared);
    void add_mark(std::uint32_t slot, std::uint64_t sequence, std::uint64_t epoch, const std::string& redo);
    void send();  // a round trip begins
    void read();  // what has come
    [[nodiscard]] bool owes() const { return owed_ > 0; }
    [[nodiscard]] int descriptor() const { return PQsocket(connection_.get()); }

private:
    struct Finish {
        void operator()(PGconn* connection) const { PQfinish(connection); }
    };
    void prepare();
    [[noreturn]] void fail(const std::string& what) const;
    void check(const PGresult* result) const;

    std::unique_ptr<PGconn, Finish> connection_;
    int owed_ = 0;  // round trips
};

class Client {
public:
    Client(const Arguments& arguments, int number, Meter& meter);

    void begin();    // its next transaction
    void advance();  // something was read
    [[nodiscard]] bool is_busy() const { return step_ > 0; }

    Node main, other;

private:
    struct Statement {
        const char* name = nullptr;
        std::vector<std::string> values;
        bool is_write = true;
    };
    void make_transaction();
    void execute(Node& node, const Statement& statement);
    void mark(Node& node);
    void run_statement();
    void commit(Node& node);

    const Arguments& arguments_;
    Meter& meter_;
    int number_;
    std::minstd_rand random_;
    std::uint64_t sequence_;
    std::vector<Statement> statements_;
    std::string redo_;
    std::size_t step_ = 0;  // round trips of main that have begun; 0: none
    Clock::time_point began_;
};

}  // namespace pgpool::floor
