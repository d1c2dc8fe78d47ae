// SPDX-License-Identifier: PostgreSQL
#include "common/wire/encoder.h"

#include "common/wire/decoder.h"

namespace pgpool::wire {

void append_frame(std::string& out, char type, ByteView body) {
    out.push_back(type);
    append_be32(out, static_cast<std::uint32_t>(body.size() + 4));
    out.append(body);
}

FrameBuilder::FrameBuilder(std::string& out, char type) : out_(out), length_at_(out.size() + 1) {
    out_.push_back(type);
    out_.append(4, '\0');
}

FrameBuilder::~FrameBuilder() {
    store_be32(out_.data() + length_at_, static_cast<std::uint32_t>(out_.size() - length_at_));
}

FrameBuilder& FrameBuilder::byte1(char value) {
    out_.push_back(value);
    return *this;
}

FrameBuilder& FrameBuilder::int16(std::uint16_t value) {
    append_be16(out_, value);
    return *this;
}

FrameBuilder& FrameBuilder::int32(std::uint32_t value) {
    append_be32(out_, value);
    return *this;
}

FrameBuilder& FrameBuilder::string(std::string_view value) {
    out_.append(value);
    out_.push_back('\0');
    return *this;
}

FrameBuilder& FrameBuilder::bytes(ByteView value) {
    out_.append(value);
    return *this;
}

void append_ready_for_query(std::string& out, TransactionStatus status) {
    FrameBuilder(out, backend::kReadyForQuery).byte1(static_cast<char>(status));
}

void append_command_complete(std::string& out, std::string_view tag) {
    FrameBuilder(out, backend::kCommandComplete).string(tag);
}

void append_parameter_status(std::string& out, std::string_view name, std::string_view value) {
    FrameBuilder(out, backend::kParameterStatus).string(name).string(value);
}

void append_backend_key_data(std::string& out, std::uint32_t pid, std::uint32_t secret) {
    FrameBuilder(out, backend::kBackendKeyData).int32(pid).int32(secret);
}

void append_query(std::string& out, std::string_view sql) {
    FrameBuilder(out, frontend::kQuery).string(sql);
}

void append_parse(std::string& out, std::string_view name, ByteView sql_and_types) {
    FrameBuilder(out, frontend::kParse).string(name).bytes(sql_and_types);
}

void append_close_statement(std::string& out, std::string_view name) {
    FrameBuilder(out, frontend::kClose).byte1('S').string(name);
}

void append_sync(std::string& out) {
    append_frame(out, frontend::kSync, {});
}

namespace {
std::uint16_t type_size(ColumnType type) {
    switch (type) {
        case ColumnType::Bool:
            return 1;
        case ColumnType::Int4:
            return 4;
        case ColumnType::Int8:
        case ColumnType::Float8:
        case ColumnType::Timestamptz:
            return 8;
        case ColumnType::Text:
            break;
    }
    return 0xffff;  // -1: variable
}
}  // namespace

void append_row_description(std::string& out, std::span<const Column> columns) {
    FrameBuilder frame(out, backend::kRowDescription);
    frame.int16(static_cast<std::uint16_t>(columns.size()));
    for (const Column& column : columns) {
        frame.string(column.name).int32(0).int16(0);  // of no table
        frame.int32(static_cast<std::uint32_t>(column.type)).int16(type_size(column.type));
        frame.int32(0xffffffff).int16(static_cast<std::uint16_t>(column.format));  // no type modifier
    }
}

void append_data_row(std::string& out, std::span<const std::optional<std::string>> values) {
    FrameBuilder frame(out, backend::kDataRow);
    frame.int16(static_cast<std::uint16_t>(values.size()));
    for (const auto& value : values) {
        if (!value) {
            frame.int32(0xffffffff);
            continue;
        }
        frame.int32(static_cast<std::uint32_t>(value->size())).bytes(*value);
    }
}

}  // namespace pgpool::wire
