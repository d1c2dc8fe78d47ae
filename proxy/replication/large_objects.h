// SPDX-License-Identifier: PostgreSQL
#pragma once

// Large objects: the server's functions for them, called by SQL (`SELECT lo_put(...)`, alone and with plain
// values) or by a FunctionCall, and what the other nodes do in the place of a call. Pure.
//
// The others get a statement of ours with the same values, and with main's result: an object gets the number
// that it has on main, and a result that is another than main's changes the command tag ("SELECT 0"), which
// the comparison of nodes sees. Nodes are equal and large objects are made through the proxy only, so a
// number that was free on main is free everywhere; if not, the outcomes differ as ever.
//
// Why that is the same everywhere: (1) what changes the contents of an object, or opens it to do so, has an
// advisory lock on its number from before main executes it until its transaction ends, on each node, so
// writers of one object have the same order everywhere (PostgreSQL itself locks pages only, and lo_truncate
// and lo_unlink remove what they see); (2) they read an object as it is then, whatever the snapshot; (3)
// descriptors are numbers that a backend hands out within a transaction, the least that is free: all nodes
// open and close in the same order, so they hand out the same ones. Descriptors for reading count for that
// alone; what is read by them, and where they stand, is nobody's business but main's.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "proxy/sql/statement.h"

namespace pgpool::replication {

enum class LargeObjectFunction : std::uint8_t {
    Creat,
    Create,
    FromBytea,
    Put,
    Unlink,
    Open,
    Close,
    Write,
    Truncate,
    Truncate64,
    Read,
    Seek,
    Seek64,
    Tell,
    Get,
};

// As in a Bind or a FunctionCall.
struct GivenValue {
    std::string bytes;
    bool is_binary = false;
    friend bool operator==(const GivenValue&, const GivenValue&) = default;
};

// How far it reaches.
enum class Reach : std::uint8_t {
    Main,      // reads
    Position,  // moves a descriptor: matters where one is open for writing
    Numbers,   // opens for reading, or closes: matters for the numbers of descriptors that come later
    Contents,  // changes an object, or opens it for that
};

// By the name in pg_catalog, or by the OID in PostgreSQL's pg_proc.dat, which is the same in
// releases 9.4 to 18.
[[nodiscard]] std::optional<LargeObjectFunction> large_object_function(std::string_view name,
                                                                       std::size_t arguments);
[[nodiscard]] std::optional<LargeObjectFunction> large_object_function(std::uint32_t oid);

// Whether the statement is one call of them and nothing else, if its name means PostgreSQL's own. lo_get()
// writes nothing and is a read like others.
[[nodiscard]] bool calls_large_object(const sql::Statement& statement);

struct LargeObjectCall {
    LargeObjectFunction function = LargeObjectFunction::Get;
    std::vector<std::optional<GivenValue>> arguments;  // none: NULL

    // All these functions are strict.
    [[nodiscard]] bool does_nothing() const;
    [[nodiscard]] Reach reach() const;
    [[nodiscard]] bool opens_for_writing() const;
    [[nodiscard]] bool has_number() const;  // for a result, which repeat() wants
    // What must be locked before it is called.
    [[nodiscard]] std::optional<std::uint32_t> locked() const;
    // The descriptor that it closes.
    [[nodiscard]] std::optional<std::int64_t> closed() const;
    // Whether its numbers can be read at all.
    [[nodiscard]] bool is_clear() const;
};

// `SELECT f(values)` with the parameters of a Bind, which are what follows its names. NotOne: the text is
// something else; Unclear: a call whose arguments are no plain values.
enum class NoCall : std::uint8_t { NotOne, Unclear };
using ReadCall = std::variant<NoCall, LargeObjectCall>;
[[nodiscard]] ReadCall read_call(std::string_view sql, ByteView bind_rest);
[[nodiscard]] ReadCall read_function_call(ByteView body);

// A statement, and what follows the two names of a Bind: its parameters, for a result in text.
struct RepeatedCall {
    std::string sql;
    std::string values;
};
// What the others execute, and answer with "SELECT 1" if all is well. `result`: main's, as a number.
// REQUIRES: is_clear(), not does_nothing()
[[nodiscard]] RepeatedCall repeat(const LargeObjectCall& call, std::int64_t result);
// What main executes before a call with locked().
[[nodiscard]] RepeatedCall lock_of(std::uint32_t object);

// A whole number as PostgreSQL writes it: in text, or as int2, int4, oid or int8.
[[nodiscard]] std::optional<std::int64_t> whole_number(const GivenValue& value);

}  // namespace pgpool::replication
