// SPDX-License-Identifier: PostgreSQL
#include "common/bus/codec.h"

#include <fmt/core.h>

#include <array>
#include <utility>

#include "common/bus/reader.h"
#include "common/bus/writer.h"

namespace pgpool::bus {

namespace {

constexpr std::size_t kHeaderSize = 4;
constexpr std::size_t kTypes = std::variant_size_v<Message>;
constexpr std::array<const char*, kTypes> kNames = {
    "Hello",    "Welcome",  "Refusal", "Observation", "Topology", "LeaseView", "Command", "Answer",
    "VipState", "VipOrder", "VipDone", "ClientList",  "Event",    "Parked",    "Alive"};

template <std::size_t Index>
Result<Message> read_fields(ByteView bytes) {
    Message message(std::in_place_index<Index>);
    Reader reader(bytes, kHeaderSize);
    fields(reader, std::get<Index>(message));
    if (!reader.result()) return tl::unexpected(reader.result().error().within(kNames[Index]));
    return message;
}

template <std::size_t... Index>
Result<Message> read_as(std::size_t index, ByteView bytes, std::index_sequence<Index...> /*all*/) {
    constexpr std::array readers = {&read_fields<Index>...};
    return readers[index](bytes);
}

std::uint16_t load_le16(const char* at) {
    return static_cast<std::uint16_t>(static_cast<std::uint8_t>(at[0]) | static_cast<std::uint8_t>(at[1])
                                                                             << 8);
}

}  // namespace

Result<std::string> encode(const Message& message) {
    std::string bytes;
    Writer writer(bytes);
    writer.number("type", static_cast<std::uint16_t>(message.index() + 1));
    writer.number("reserved", std::uint16_t{0});
    // The field lists serve reading, too, and so take what they may change: a copy.
    std::visit([&writer](auto copy) { fields(writer, copy); }, message);
    if (!writer.result()) return tl::unexpected(writer.result().error().within(type_name(message)));
    if (bytes.size() > kMessageLimit) {
        return fail(sqlstate::kProtocolViolation,
                    fmt::format("{}: {} bytes, at most {} are allowed", type_name(message), bytes.size(),
                                kMessageLimit));
    }
    return bytes;
}

Result<Decoded> decode(ByteView bytes) {
    if (bytes.size() < kHeaderSize || bytes.size() > kMessageLimit) {
        return fail(sqlstate::kProtocolViolation, fmt::format("a message of {} bytes, {} to {} are allowed",
                                                              bytes.size(), kHeaderSize, kMessageLimit));
    }
    const std::uint16_t type = load_le16(bytes.data());
    if (type == 0 || load_le16(bytes.data() + 2) != 0) {
        return fail(sqlstate::kProtocolViolation, "field type at offset 0: not a message of the bus");
    }
    if (type > kTypes) return Decoded(Unknown{type});
    auto message = read_as(type - 1U, bytes, std::make_index_sequence<kTypes>());
    if (!message) return tl::unexpected(std::move(message.error()));
    return Decoded(std::move(*message));
}

const char* type_name(const Message& message) {
    return kNames[message.index()];
}

std::string_view to_string(VipPhase phase) {
    switch (phase) {
        case VipPhase::Unknown:
            return "unknown";
        case VipPhase::Absent:
            return "absent";
        case VipPhase::Probing:
            return "probing";
        case VipPhase::Held:
            return "held";
        case VipPhase::Releasing:
            return "releasing";
        case VipPhase::Conflict:
            return "conflict";
    }
    return "unknown";
}

}  // namespace pgpool::bus
