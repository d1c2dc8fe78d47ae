// SPDX-License-Identifier: PostgreSQL
#pragma once

// Makes messages. Every function appends one whole message to `out`.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

#include "common/base/bytes.h"
#include "common/wire/message.h"

namespace pgpool::wire {

// A message of any type around a finished body.
void append_frame(std::string& out, char type, ByteView body);

// A message whose body is written in place: Int16/Int32/String/bytes, then the destructor fills in the
// length.
class FrameBuilder {
public:
    FrameBuilder(std::string& out, char type);
    FrameBuilder(const FrameBuilder&) = delete;
    FrameBuilder& operator=(const FrameBuilder&) = delete;
    ~FrameBuilder();

    FrameBuilder& byte1(char value);
    FrameBuilder& int16(std::uint16_t value);
    FrameBuilder& int32(std::uint32_t value);
    FrameBuilder& string(std::string_view value);  // with its zero
    FrameBuilder& bytes(ByteView value);           // as they are

private:
    std::string& out_;
    std::size_t length_at_;
};

void append_ready_for_query(std::string& out, TransactionStatus status);
void append_command_complete(std::string& out, std::string_view tag);
void append_parameter_status(std::string& out, std::string_view name, std::string_view value);
void append_backend_key_data(std::string& out, std::uint32_t pid, std::uint32_t secret);
void append_query(std::string& out, std::string_view sql);
void append_parse(std::string& out, std::string_view name, ByteView sql_and_types);
void append_close_statement(std::string& out, std::string_view name);
void append_sync(std::string& out);

// Types of the columns that we describe ourselves: real OIDs of pg_type.
enum class ColumnType : std::uint32_t {
    Bool = 16,
    Int8 = 20,
    Int4 = 23,
    Text = 25,
    Float8 = 701,
    Timestamptz = 1184
};

enum class Format : std::uint16_t { Text = 0, Binary = 1 };

struct Column {
    std::string_view name;
    ColumnType type = ColumnType::Text;
    Format format = Format::Text;
};
void append_row_description(std::string& out, std::span<const Column> columns);
void append_data_row(std::string& out, std::span<const std::optional<std::string>> values);  // each in the format of its column

}  // namespace pgpool::wire
