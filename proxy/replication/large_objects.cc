// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/large_objects.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "proxy/sql/lexer.h"

namespace pgpool::replication {

namespace {

using sql::Token;
using sql::TokenKind;
using Function = LargeObjectFunction;

constexpr std::int64_t kOpenToWrite = 0x20000;  // INV_WRITE, PG documentation 35.3
constexpr std::uint32_t kNull = 0xFFFFFFFF;

// `repeat`: what the others execute; behind the call's own parameters come main's result and the object to be
// locked, as far as `has_number` and `locks` say. One that makes an object takes main's result in place of
// its first parameter.
struct Row {
    Function function;
    std::string_view name;
    std::uint32_t oid;
    std::string_view arguments;  // n: number, b: bytea, o: number of an object
    Reach reach;
    bool has_number;
    std::string_view repeat;
};

// The classid of the locks: "pgLO".
constexpr auto kRows = std::to_array<Row>({
    {Function::Creat, "lo_creat", 957, "n", Reach::Contents, true,
     "SELECT 1 WHERE pg_catalog.lo_create($1) OPERATOR(pg_catalog.=) $1"},
    {Function::Create, "lo_create", 715, "o", Reach::Contents, true,
     "SELECT 1 WHERE pg_catalog.lo_create($1) OPERATOR(pg_catalog.=) $1"},
    {Function::FromBytea, "lo_from_bytea", 3457, "ob", Reach::Contents, true,
     "SELECT 1 WHERE pg_catalog.lo_from_bytea($1, $2) OPERATOR(pg_catalog.=) $1"},
    {Function::Put, "lo_put", 3460, "onb", Reach::Contents, false,
     "SELECT pg_catalog.lo_put($1, $2, $3) FROM pg_catalog.pg_advisory_xact_lock(1885817935, $4)"},
    {Function::Unlink, "lo_unlink", 964, "o", Reach::Contents, true,
     "SELECT 1 FROM pg_catalog.pg_advisory_xact_lock(1885817935, $3)"
     " WHERE pg_catalog.lo_unlink($1) OPERATOR(pg_catalog.=) $2"},
    {Function::Open, "lo_open", 952, "on", Reach::Contents, true,
     "SELECT 1 FROM pg_catalog.pg_advisory_xact_lock(1885817935, $4)"
     " WHERE pg_catalog.lo_open($1, $2) OPERATOR(pg_catalog.=) $3"},
    {Function::Close, "lo_close", 953, "n", Reach::Numbers, true,
     "SELECT 1 WHERE pg_catalog.lo_close($1) OPERATOR(pg_catalog.=) $2"},
    {Function::Write, "lowrite", 955, "nb", Reach::Contents, true,
     "SELECT 1 WHERE pg_catalog.lowrite($1, $2) OPERATOR(pg_catalog.=) $3"},
    {Function::Truncate, "lo_truncate", 1004, "nn", Reach::Contents, true,
     "SELECT 1 WHERE pg_catalog.lo_truncate($1, $2) OPERATOR(pg_catalog.=) $3"},
    {Function::Truncate64, "lo_truncate64", 3172, "nn", Reach::Contents, true,
     "SELECT 1 WHERE pg_catalog.lo_truncate64($1, $2) OPERATOR(pg_catalog.=) $3"},
    {Function::Read, "loread", 954, "nn", Reach::Position, false, "SELECT pg_catalog.loread($1, $2) IS NULL"},
    {Function::Seek, "lo_lseek", 956, "nnn", Reach::Position, false,
     "SELECT pg_catalog.lo_lseek($1, $2, $3) IS NULL"},
    {Function::Seek64, "lo_lseek64", 3170, "nnn", Reach::Position, false,
     "SELECT pg_catalog.lo_lseek64($1, $2, $3) IS NULL"},
    {Function::Tell, "lo_tell", 958, "n", Reach::Main, false, ""},
    {Function::Tell, "lo_tell64", 3171, "n", Reach::Main, false, ""},
    {Function::Get, "lo_get", 3458, "o", Reach::Main, false, ""},
    {Function::Get, "lo_get", 3459, "onn", Reach::Main, false, ""},
});
// An object that is only read is locked by nobody.
constexpr std::string_view kOpenToRead =
    "SELECT 1 WHERE pg_catalog.lo_open($1, $2) OPERATOR(pg_catalog.=) $3";

const Row& row_of(Function function) {
    return *std::find_if(kRows.begin(), kRows.end(),
                         [&](const Row& row) { return row.function == function; });
}

// One of the tokens of a call, without case.
bool is_word(const Token& token, std::string_view word) {
    if (token.kind == TokenKind::Word) return to_lower_ascii(token.text) == word;
    return token.kind == TokenKind::QuotedWord && token.text.size() == word.size() + 2 &&
           token.text.substr(1, word.size()) == word;
}

bool is_string(const Token& token) {
    return token.kind == TokenKind::String || token.kind == TokenKind::MovingString;
}

// Of 'x' or E'x'; nothing: it is written in another way, or with other escapes than \\ and \'.
std::optional<std::string> unquoted(std::string_view literal) {
    const bool has_escapes = literal.starts_with('E') || literal.starts_with('e');
    if (has_escapes) literal.remove_prefix(1);
    if (literal.size() < 2 || !literal.starts_with('\'') || !literal.ends_with('\'')) return std::nullopt;
    literal = literal.substr(1, literal.size() - 2);
    std::string text;
    text.reserve(literal.size());
    for (std::size_t i = 0; i < literal.size(); ++i) {
        const bool is_escape = has_escapes && literal[i] == '\\';
        if (is_escape && literal[i + 1] != '\\' && literal[i + 1] != '\'') return std::nullopt;
        if (is_escape || literal[i] == '\'') ++i;
        text += literal[i];
    }
    return text;
}

// The values of a Bind after its names, or of a FunctionCall after its OID: formats, then the values.
std::optional<std::vector<std::optional<GivenValue>>> read_values(Cursor& cursor) {
    std::vector<bool> formats(cursor.u16());
    for (std::size_t i = 0; i < formats.size() && cursor.ok(); ++i) formats[i] = cursor.u16() != 0;
    std::vector<std::optional<GivenValue>> values(cursor.u16());
    for (std::size_t i = 0; i < values.size() && cursor.ok(); ++i) {
        const std::uint32_t size = cursor.u32();
        if (size == kNull) continue;
        const bool is_binary = formats.size() == 1 ? formats[0] : i < formats.size() && formats[i];
        values[i] = GivenValue{std::string(cursor.bytes(size)), is_binary};
    }
    return cursor.ok() ? std::optional(std::move(values)) : std::nullopt;
}

// SELECT [pg_catalog.]f(value, ...) [[AS] name] [;]
class CallReader {
public:
    CallReader(std::string_view sql, ByteView bind_rest) : lexer_(sql) {
        Cursor cursor(bind_rest);
        if (!bind_rest.empty()) parameters_ = read_values(cursor).value_or(Values());
        advance();
    }

    ReadCall read() {
        if (!take_word("select")) return NoCall::NotOne;
        if (take_word("pg_catalog") && !take(".")) return NoCall::NotOne;
        const auto name = std::find_if(kRows.begin(), kRows.end(),
                                       [this](const Row& row) { return is_word(token_, row.name); });
        if (name == kRows.end()) return NoCall::NotOne;
        advance();
        if (!take("(")) return NoCall::NotOne;
        LargeObjectCall call;
        while (!take(")")) {
            if (!call.arguments.empty() && !take(",")) return NoCall::Unclear;
            if (!take_value(call.arguments)) return NoCall::Unclear;
        }
        const auto function = large_object_function(name->name, call.arguments.size());
        if (!function || !is_at_end()) return NoCall::Unclear;
        call.function = *function;
        return call.is_clear() ? ReadCall(std::move(call)) : NoCall::Unclear;
    }

private:
    using Values = std::vector<std::optional<GivenValue>>;

    void advance() { token_ = lexer_.next(); }
    bool take(std::string_view mark) {
        const bool is_it = token_.text == mark;
        if (is_it) advance();
        return is_it;
    }
    bool take_word(std::string_view word) {
        const bool is_it = is_word(token_, word);
        if (is_it) advance();
        return is_it;
    }

    bool take_value(Values& values) {
        const bool is_negative = take("-");
        if (token_.kind == TokenKind::Number) {
            values.emplace_back(GivenValue{(is_negative ? "-" : "") + std::string(token_.text)});
        } else if (is_negative) {
            return false;
        } else if (is_string(token_)) {
            auto text = unquoted(token_.text);
            if (!text) return false;
            values.emplace_back(GivenValue{std::move(*text)});
        } else if (token_.kind == TokenKind::Parameter) {
            std::size_t number = 0;
            std::from_chars(token_.text.data() + 1, token_.text.data() + token_.text.size(), number);
            if (number == 0 || number > parameters_.size()) return false;
            values.push_back(parameters_[number - 1]);
        } else if (is_word(token_, "null")) {
            values.emplace_back(std::nullopt);
        } else {
            return false;
        }
        advance();
        return !take("::") || take_type();
    }

    // A plain name: what a modifier makes of a value is not known.
    bool take_type() {
        if (take_word("pg_catalog") && !take(".")) return false;
        if (token_.kind != TokenKind::Word) return false;
        advance();
        return true;
    }

    bool is_at_end() {
        (void)take_word("as");
        if (token_.kind == TokenKind::Word || token_.kind == TokenKind::QuotedWord) advance();
        while (take(";")) {
        }
        return token_.kind == TokenKind::End;
    }

    sql::Lexer lexer_;
    Values parameters_;
    Token token_;
};

// What follows the two names of a Bind.
std::string bind_values(const std::vector<GivenValue>& values) {
    std::string rest;
    append_be16(rest, static_cast<std::uint16_t>(values.size()));
    for (const GivenValue& value : values) append_be16(rest, value.is_binary ? 1 : 0);
    append_be16(rest, static_cast<std::uint16_t>(values.size()));
    for (const GivenValue& value : values) {
        append_be32(rest, static_cast<std::uint32_t>(value.bytes.size()));
        rest += value.bytes;
    }
    append_be16(rest, 0);
    return rest;
}

// As advisory locks take it.
GivenValue lock_key(std::uint32_t object) {
    return {std::to_string(static_cast<std::int32_t>(object))};
}

std::int64_t number_at(const LargeObjectCall& call, std::size_t at) {
    return whole_number(*call.arguments[at]).value_or(0);
}

}  // namespace

std::optional<LargeObjectFunction> large_object_function(std::string_view name, std::size_t arguments) {
    const auto found = std::find_if(kRows.begin(), kRows.end(), [&](const Row& row) {
        return row.name == name && row.arguments.size() == arguments;
    });
    return found != kRows.end() ? std::optional(found->function) : std::nullopt;
}

std::optional<LargeObjectFunction> large_object_function(std::uint32_t oid) {
    const auto found =
        std::find_if(kRows.begin(), kRows.end(), [&](const Row& row) { return row.oid == oid; });
    return found != kRows.end() ? std::optional(found->function) : std::nullopt;
}

bool calls_large_object(const sql::Statement& statement) {
    if (statement.kind != sql::Kind::Select || !statement.calls_once || statement.functions.size() != 1)
        return false;
    const sql::FunctionRef& called = statement.functions.front();
    const auto function = large_object_function(called.name, called.arguments);
    const bool is_builtin = called.schema.empty() || called.schema == "pg_catalog";
    return is_builtin && function && *function != Function::Get;
}

bool LargeObjectCall::does_nothing() const {
    return std::any_of(arguments.begin(), arguments.end(), [](const auto& value) { return !value; });
}

bool LargeObjectCall::opens_for_writing() const {
    return function == Function::Open && !does_nothing() && (number_at(*this, 1) & kOpenToWrite) != 0;
}

Reach LargeObjectCall::reach() const {
    if (does_nothing()) return Reach::Main;
    if (function == Function::Open && !opens_for_writing()) return Reach::Numbers;
    return row_of(function).reach;
}

bool LargeObjectCall::has_number() const {
    return row_of(function).has_number;
}

std::optional<std::uint32_t> LargeObjectCall::locked() const {
    const bool locks = function == Function::Put || function == Function::Unlink || opens_for_writing();
    if (!locks || does_nothing()) return std::nullopt;
    return static_cast<std::uint32_t>(number_at(*this, 0));
}

std::optional<std::int64_t> LargeObjectCall::closed() const {
    if (function != Function::Close || does_nothing()) return std::nullopt;
    return number_at(*this, 0);
}

bool LargeObjectCall::is_clear() const {
    const std::string_view wanted = row_of(function).arguments;
    if (function == Function::Get) return true;
    for (std::size_t i = 0; i < wanted.size() && i < arguments.size(); ++i) {
        const auto& given = arguments[i];
        if (!given || wanted[i] == 'b') continue;
        const auto number = whole_number(*given);
        if (!number || (wanted[i] == 'o' && (*number > UINT32_MAX || *number < INT32_MIN))) return false;
    }
    return arguments.size() == wanted.size();
}

ReadCall read_call(std::string_view sql, ByteView bind_rest) {
    return CallReader(sql, bind_rest).read();
}

ReadCall read_function_call(ByteView body) {
    Cursor cursor(body);
    const auto function = large_object_function(cursor.u32());
    if (!function) return NoCall::NotOne;
    auto values = read_values(cursor);
    if (!values) return NoCall::Unclear;
    LargeObjectCall call{*function, std::move(*values)};
    return call.is_clear() ? ReadCall(std::move(call)) : NoCall::Unclear;
}

RepeatedCall repeat(const LargeObjectCall& call, std::int64_t result) {
    const Row& row = row_of(call.function);
    const bool makes = row.repeat.ends_with("$1");
    std::vector<GivenValue> values;
    if (makes) values.push_back({std::to_string(static_cast<std::uint32_t>(result))});
    for (std::size_t i = makes ? 1 : 0; i < call.arguments.size(); ++i) {
        const bool is_object = row.arguments[i] == 'o';
        if (row.arguments[i] == 'b')
            values.push_back(*call.arguments[i]);
        else if (is_object)
            values.push_back({std::to_string(static_cast<std::uint32_t>(number_at(call, i)))});
        else
            values.push_back({std::to_string(number_at(call, i))});
    }
    if (row.has_number && !makes) values.push_back({std::to_string(result)});
    if (const auto object = call.locked()) values.push_back(lock_key(*object));
    const bool reads = call.function == Function::Open && !call.opens_for_writing();
    return {std::string(reads ? kOpenToRead : row.repeat), bind_values(values)};
}

RepeatedCall lock_of(std::uint32_t object) {
    return {"SELECT pg_catalog.pg_advisory_xact_lock(1885817935, $1)", bind_values({lock_key(object)})};
}

std::optional<std::int64_t> whole_number(const GivenValue& value) {
    const std::string& bytes = value.bytes;
    std::int64_t found = 0;
    if (!value.is_binary) {
        const auto end = std::from_chars(bytes.data(), bytes.data() + bytes.size(), found).ptr;
        const bool is_one = !bytes.empty() && end == bytes.data() + bytes.size();
        return is_one ? std::optional(found) : std::nullopt;
    }
    if (bytes.size() != 2 && bytes.size() != 4 && bytes.size() != 8) return std::nullopt;
    std::uint64_t bits = (static_cast<unsigned char>(bytes[0]) & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
    for (const char byte : bytes) bits = bits << 8U | static_cast<unsigned char>(byte);
    return static_cast<std::int64_t>(bits);
}

}  // namespace pgpool::replication
