// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/script.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/wire/decoder.h"
#include "common/wire/encoder.h"
#include "common/wire/message.h"

namespace pgpool::exec {

namespace {

using sql::Kind;

bool steers(const sql::Statement& statement) {
    return statement.kind == Kind::Begin || statement.kind == Kind::Commit ||
           statement.kind == Kind::Rollback;
}

// PostgreSQL has read all of the text before anything of it runs, and refuses some commands in company.
bool must_stay_whole(const sql::Statement& statement) {
    const bool reads_anew =
        std::any_of(statement.settings.begin(), statement.settings.end(), [](const auto& change) {
            return change.act == sql::SettingChange::Act::ResetAll || change.name == "client_encoding" ||
                   change.name == "standard_conforming_strings";
        });
    return reads_anew || statement.outside_transaction_only || statement.transaction.chain ||
           statement.kind == Kind::Unknown || statement.kind == Kind::PrepareTransaction;
}

bool can_be_cut(const sql::StatementInfo& info, bool is_in_block) {
    bool has_open_statements = false;  // outside of a block
    for (const sql::Statement& statement : info.statements) {
        if (must_stay_whole(statement) || (steers(statement) && has_open_statements)) return false;
        if (steers(statement)) is_in_block = statement.kind == Kind::Begin;
        has_open_statements = !is_in_block && !steers(statement);
    }
    return info.statements.size() > 1;
}

// PostgreSQL counts positions in characters.
std::size_t count_characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

std::optional<Script> Script::of(std::string_view text, const sql::StatementInfo& info, bool is_in_block) {
    if (!can_be_cut(info, is_in_block)) return std::nullopt;
    Script script;
    script.text_ = text;
    script.add_parts(info, is_in_block);
    return script;
}

void Script::add_parts(const sql::StatementInfo& info, bool is_in_block) {
    for (const sql::Statement& statement : info.statements) {
        const auto at = static_cast<std::size_t>(statement.location);
        const std::size_t size =
            statement.length > 0 ? static_cast<std::size_t>(statement.length) : text_.size() - at;
        if (steers(statement)) is_in_block = statement.kind == Kind::Begin;
        parts_.push_back({at, size});
        if (is_in_block || steers(statement)) continue;
        parts_.back().size = text_.size() - at;  // this one and all behind it
        return;
    }
}

ByteView Script::next() {
    if (frame_.empty()) wire::append_query(frame_, text_of(parts_[next_]));
    return frame_;
}

void Script::take_next() {
    ++next_;
    frame_.clear();
}

std::string Script::filter(ByteView bytes) {
    std::string out;
    while (!bytes.empty()) {
        std::size_t size = std::min<std::uint64_t>(body_left_, bytes.size());
        body_left_ -= size;
        if (size > 0) {
            out.append(bytes.substr(0, size));
        } else {
            const wire::Frame frame = wire::next_frame(bytes).frame;
            size = frame.bytes.empty() ? bytes.size() : frame.bytes.size();
            if (!frame.bytes.empty()) body_left_ = frame.size - frame.bytes.size();
            filter_message(bytes.substr(0, size), bytes[0], out);
        }
        bytes.remove_prefix(size);
    }
    return out;
}

void Script::filter_message(ByteView bytes, char type, std::string& out) {
    if (type == wire::backend::kErrorResponse) failed_ = true;
    if (type == wire::backend::kErrorResponse && body_left_ == 0)
        return wire::append_frame(out, type, in_place(bytes.substr(wire::kFrameHeader)));
    if (type != wire::backend::kReadyForQuery) {
        out.append(bytes);
        return;
    }
    ++answered_;
    is_over_ = failed_ || answered_ == parts_.size();
    if (is_over_) out.append(bytes);
}

// An error tells where in the text it is (field P), which the client knows as a whole.
std::string Script::in_place(ByteView error_body) const {
    std::string told;
    Cursor fields(error_body);
    const Part& part = parts_[std::min(answered_, parts_.size() - 1)];
    for (std::uint8_t field = fields.u8(); field != 0 && fields.ok(); field = fields.u8()) {
        const std::string_view value = fields.c_string();
        std::size_t position = 0;
        const bool is_position =
            field == 'P' && std::from_chars(value.begin(), value.end(), position).ec == std::errc();
        told.push_back(static_cast<char>(field));
        if (is_position)
            told += std::to_string(position + count_characters(text_.substr(0, part.at)));
        else
            told += value;
        told.push_back('\0');
    }
    told.push_back('\0');
    return told;
}

}  // namespace pgpool::exec
