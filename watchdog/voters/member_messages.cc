// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/member_messages.h"

#include "common/base/error.h"

namespace pgpool::voters {

namespace {

constexpr char kVersion = 1;

enum class Kind : std::uint8_t { Lock, Renew, Answer, Close, Closed, Offer, Accept, Released };

void append_u64(std::string& to, std::uint64_t value) {
    append_be32(to, static_cast<std::uint32_t>(value >> 32));
    append_be32(to, static_cast<std::uint32_t>(value));
}

std::uint64_t u64(Cursor& from) {
    const std::uint64_t high = from.u32();
    return high << 32 | from.u32();
}

std::string begin(Kind kind) {
    return {kVersion, static_cast<char>(kind)};
}

std::string text(const VoteQuestion& message) {
    PGPOOL_ASSERT(message.question.kind != lease::Question::Kind::Run);
    std::string bytes =
        begin(message.question.kind == lease::Question::Kind::Lock ? Kind::Lock : Kind::Renew);
    append_u64(bytes, message.session.value);
    append_u64(bytes, message.question.record.value);
    return bytes;
}

std::string text(const VoteAnswer& message) {
    std::string bytes = begin(Kind::Answer);
    append_u64(bytes, message.session.value);
    append_u64(bytes, message.answer.epoch.value);
    return bytes += message.answer.has_lock ? '\1' : '\0';
}

std::string text(const VoteClose& message) {
    std::string bytes = begin(Kind::Close);
    append_u64(bytes, message.session.value);
    return bytes;
}

std::string text(const VoteClosed& message) {
    std::string bytes = begin(Kind::Closed);
    append_u64(bytes, message.session.value);
    return bytes;
}

std::string text(const lease::Message& message) {
    constexpr auto kFirst = static_cast<std::uint8_t>(Kind::Offer);
    std::string bytes = begin(static_cast<Kind>(kFirst + static_cast<std::uint8_t>(message.kind)));
    append_u64(bytes, message.epoch.value);
    append_be16(bytes, message.from.value);
    append_be16(bytes, message.to.value);
    return bytes;
}

MemberMessage read_question(Cursor& from, lease::Question::Kind kind) {
    VoteQuestion message;
    message.session = SessionId(u64(from));
    message.question.kind = kind;
    message.question.record = Epoch(u64(from));
    return message;
}

MemberMessage read_answer(Cursor& from) {
    VoteAnswer message;
    message.session = SessionId(u64(from));
    message.answer.epoch = Epoch(u64(from));
    message.answer.has_lock = from.u8() == 1;
    return message;
}

MemberMessage read_message(Cursor& from, lease::Message::Kind kind) {
    lease::Message message{.kind = kind, .epoch = {}, .from = {}, .to = {}};
    message.epoch = Epoch(u64(from));
    message.from = MemberId(from.u16());
    message.to = MemberId(from.u16());
    return message;
}

std::optional<MemberMessage> read(Cursor& from, Kind kind) {
    switch (kind) {
        case Kind::Lock:
            return read_question(from, lease::Question::Kind::Lock);
        case Kind::Renew:
            return read_question(from, lease::Question::Kind::Renew);
        case Kind::Answer:
            return read_answer(from);
        case Kind::Close:
            return VoteClose{SessionId(u64(from))};
        case Kind::Closed:
            return VoteClosed{SessionId(u64(from))};
        case Kind::Offer:
            return read_message(from, lease::Message::Kind::Offer);
        case Kind::Accept:
            return read_message(from, lease::Message::Kind::Accept);
        case Kind::Released:
            return read_message(from, lease::Message::Kind::Released);
    }
    return std::nullopt;
}

}  // namespace

std::string encode(const MemberMessage& message) {
    return std::visit([](const auto& what) { return text(what); }, message);
}

std::optional<MemberMessage> decode(ByteView bytes) {
    Cursor cursor(bytes);
    if (cursor.u8() != kVersion) return std::nullopt;
    const auto kind = static_cast<Kind>(cursor.u8());
    std::optional<MemberMessage> message = read(cursor, kind);
    if (!cursor.at_end()) return std::nullopt;
    return message;
}

}  // namespace pgpool::voters
