// SPDX-License-Identifier: PostgreSQL
#include "tests/bench/floor/client.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include "common/markers/setup.h"

namespace pgpool::floor {

namespace {

struct Text {
    const char* name;
    const char* sql;
};

constexpr const char* kMarkName = "mark";
constexpr const char* kConstraintsName = "constraints";
constexpr std::array<Text, 9> kTexts{{
    {"begin", "BEGIN"},
    {"commit", "COMMIT"},
    {kConstraintsName, "SET CONSTRAINTS ALL IMMEDIATE"},
    {"account", "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2"},
    {"balance", "SELECT abalance FROM pgbench_accounts WHERE aid = $1"},
    {"teller", "UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2"},
    {"branch", "UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2"},
    {"history",
     "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) "
     "VALUES ($1, $2, $3, $4, '2026-01-01 00:00:00')"},
    {kMarkName, nullptr},
}};

const char* text_of(std::string_view name) {
    return std::find_if(kTexts.begin(), kTexts.end(), [&](const Text& text) { return name == text.name; })
        ->sql;
}

// The values in place of $1, $2, ...
std::string as_text(const char* name, const std::vector<std::string>& values) {
    std::string sql = text_of(name);
    for (std::size_t i = values.size(); i > 0; --i) {
        const std::string parameter = fmt::format("${}", i);
        sql.replace(sql.find(parameter), parameter.size(), values[i - 1]);
    }
    return sql;
}

std::string conninfo(const Arguments& arguments, const std::string& port) {
    return fmt::format("host={} port={} user={} dbname={} application_name=floor", arguments.host, port,
                       arguments.user, arguments.database);
}

}  // namespace

// --- Node ---

Node::Node(const Arguments& arguments, const std::string& port)
    : connection_(PQconnectdb(conninfo(arguments, port).c_str())) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) fail("cannot connect");
    prepare();
}

void Node::prepare() {
    for (const Text& text : kTexts) {
        const std::string sql = text.sql != nullptr ? text.sql : std::string(markers::kMark);
        PGresult* result = PQprepare(connection_.get(), text.name, sql.c_str(), 0, nullptr);
        check(result);
        PQclear(result);
    }
}

void Node::fail(const std::string& what) const {
    throw std::runtime_error(fmt::format("error: {}: {}", what, PQerrorMessage(connection_.get())));
}

void Node::check(const PGresult* result) const {
    switch (PQresultStatus(result)) {
        case PGRES_TUPLES_OK:  // of all that is executed only the marker may tell nothing
            if (PQnfields(result) == 1 && PQgetisnull(result, 0, 0) != 0) fail("the marker was refused");
            return;
        case PGRES_COMMAND_OK:
        case PGRES_PIPELINE_SYNC:
            return;
        default:
            fail("a statement failed");
    }
}

void Node::add(const char* name, const std::vector<std::string>& values, bool prepared) {
    if (PQpipelineStatus(connection_.get()) == PQ_PIPELINE_OFF) {
        PQsetnonblocking(connection_.get(), 1);
        if (PQenterPipelineMode(connection_.get()) != 1) fail("no pipeline mode");
    }
    std::vector<const char*> pointers;
    for (const std::string& value : values) pointers.push_back(value.c_str());
    const int count = static_cast<int>(values.size());
    const int sent =
        prepared ? PQsendQueryPrepared(connection_.get(), name, count, pointers.data(), nullptr, nullptr, 0)
                 : PQsendQueryParams(connection_.get(), as_text(name, values).c_str(), 0, nullptr, nullptr,
                                     nullptr, nullptr, 0);
    if (sent != 1) fail("cannot send");
}

void Node::add_mark(std::uint32_t slot, std::uint64_t sequence, std::uint64_t epoch,
                    const std::string& redo) {
    const std::array<std::string, 3> numbers{std::to_string(slot), std::to_string(sequence),
                                             std::to_string(epoch)};
    constexpr const char* kToken = "1";  // as the benchmark has set it
    const std::array<const char*, 5> values{numbers[0].c_str(), numbers[1].c_str(), numbers[2].c_str(),
                                            redo.data(), kToken};
    const std::array<int, 5> lengths{0, 0, 0, static_cast<int>(redo.size()), 0};
    const std::array<int, 5> formats{0, 0, 0, 1, 0};
    if (PQsendQueryPrepared(connection_.get(), kMarkName, 5, values.data(), lengths.data(), formats.data(),
                            0) != 1)
        fail("cannot send");
}

// Nothing here is larger than a socket's buffer.
void Node::send() {
    if (PQpipelineSync(connection_.get()) != 1 || PQflush(connection_.get()) != 0) fail("cannot send");
    ++owed_;
}

void Node::read() {
    if (PQconsumeInput(connection_.get()) != 1) fail("connection lost");
    while (owed_ > 0 && PQisBusy(connection_.get()) == 0) {
        PGresult* result = PQgetResult(connection_.get());
        if (result == nullptr) continue;  // between two statements
        check(result);
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) --owed_;
        PQclear(result);
    }
}

// --- Client ---

Client::Client(const Arguments& arguments, int number, Meter& meter)
    : main(arguments, arguments.port),
      other(arguments, arguments.other),
      arguments_(arguments),
      meter_(meter),
      number_(number),
      random_(static_cast<unsigned>(number + 1)),
      // Above all that others have left in this slot, as nobody makes a million transactions a second.
      sequence_(static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                               std::chrono::system_clock::now().time_since_epoch())
                                               .count())) {}

void Client::make_transaction() {
    const auto one_of = [&](int count) {
        return std::to_string(std::uniform_int_distribution<>(1, count)(random_));
    };
    const std::string delta = std::to_string(std::uniform_int_distribution<>(-5000, 5000)(random_));
    const std::string aid = one_of(100'000 * arguments_.scale);
    statements_.clear();
    statements_.push_back({"account", {delta, aid}});
    if (arguments_.script == Script::Tpcb) {
        const std::string tid = one_of(10 * arguments_.scale), bid = one_of(arguments_.scale);
        statements_.push_back({"balance", {aid}, false});
        statements_.push_back({"teller", {delta, tid}});
        statements_.push_back({"branch", {delta, bid}});
        statements_.push_back({"history", {tid, bid, aid, delta}});
    }
    redo_.clear();
    for (const Statement& statement : statements_) {
        if (statement.is_write) redo_ += as_text(statement.name, statement.values);
    }
}

void Client::execute(Node& node, const Statement& statement) {
    if (&statement == &statements_.front()) node.add("begin", {}, arguments_.prepared);
    node.add(statement.name, statement.values, arguments_.prepared);
}

void Client::mark(Node& node) {
    node.add(kConstraintsName, {}, true);
    node.add_mark(static_cast<std::uint32_t>(number_), sequence_, arguments_.epoch, redo_);
}

void Client::commit(Node& node) {
    node.add("commit", {}, arguments_.prepared);
    node.send();
}

void Client::begin() {
    began_ = Clock::now();
    ++sequence_;
    make_transaction();
    step_ = 0;
    run_statement();
}

// The next statement on main, and what main has executed before it on the other.
void Client::run_statement() {
    const bool is_last_known = arguments_.script == Script::Update;  // autocommit: nothing comes behind it
    execute(main, statements_[step_]);
    if (is_last_known) mark(main);
    main.send();
    if (step_ > 0 && statements_[step_ - 1].is_write) {
        execute(other, statements_[step_ - 1]);
        other.send();
    }
    ++step_;
}

// step_: statements, the marker of main unless it came with the only one, both commits.
void Client::advance() {
    if (step_ == 0 || main.owes()) return;
    const std::size_t last = statements_.size();
    if (step_ < last) return run_statement();
    const bool marks_with_statement = arguments_.script == Script::Update;
    if (step_ == last) {
        if (!marks_with_statement) {
            mark(main);
            main.send();
        }
        execute(other, statements_.back());
        mark(other);
        other.send();
        step_ = last + 1;
        return;
    }
    if (other.owes()) return;
    if (step_ == last + 1) return commit(main), void(++step_);
    if (step_ == last + 2) return commit(other), void(++step_);
    meter_.count(number_, Clock::now() - began_);
    step_ = 0;
}

}  // namespace pgpool::floor
