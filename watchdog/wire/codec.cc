// SPDX-License-Identifier: PostgreSQL
#include "common/bus/codec.h"

#include <array>
#include <utility>

#include "common/bus/reader.h"
#include "common/bus/writer.h"
#include "watchdog/wire/messages.h"

namespace pgpool {

namespace {

template <typename Archive>
void flag(Archive& a, std::string_view name, bool& value) {
    std::uint8_t number = value ? 1 : 0;
    a.number(name, number);
    value = number != 0;
}

}  // namespace
}  // namespace pgpool

// Fields in their order, for reading and writing alike; each beside its type, where the archive finds it.
namespace pgpool::group {

template <typename Archive>
void fields(Archive& a, Process& p) {
    a.number("node", p.node);
    a.number("pid", p.pid);
}

template <typename Archive>
void fields(Archive& a, RingId& r) {
    a.number("node", r.node);
    a.number("sequence", r.sequence);
}

template <typename Archive>
void fields(Archive& a, View& v) {
    a.record("ring", v.ring);
    a.list("processes", v.processes);
}

template <typename Archive>
void fields(Archive& a, Stamp& s) {
    a.number("epoch", s.epoch);
    a.number("revision", s.revision);
}

template <typename Archive>
void fields(Archive& a, Record& r) {
    a.record("stamp", r.stamp);
    a.text("text", r.text, bus::kJsonLimit);
}

template <typename Archive>
void fields(Archive& a, Agreed& g) {
    a.name("name", g.name);
    a.text("value", g.value, bus::kLineLimit);
}

namespace message {

template <typename Archive>
void fields(Archive& a, Told& m) {
    a.record("view", m.view);
    a.number("protocol", m.protocol);
    a.name("name", m.name);
    a.list("agreed", m.agreed);
    flag(a, "was_synced", m.was_synced);
    a.record("latest", m.latest);
    a.record("on_disk", m.on_disk);
}

template <typename Archive>
void fields(Archive& a, Proposed& m) {
    a.record("record", m.record);
}

template <typename Archive>
void fields(Archive& a, Confirmed& m) {
    a.record("stamp", m.stamp);
}

}  // namespace message
}  // namespace pgpool::group

namespace pgpool::wire {

namespace {

constexpr std::size_t kHeaderSize = 2;
constexpr std::uint8_t kVersion = 1;

}  // namespace

template <typename Archive>
void fields(Archive& a, Vote& m) {
    a.number("to", m.to);
    a.text("bytes", m.bytes, bus::kLineLimit);
}

template <typename Archive>
void fields(Archive& a, Probed& p) {
    a.number("node", p.node);
    a.choice("finding", p.finding, decide::Finding::ReplayStuck);
    a.prose("detail", p.detail);
}

template <typename Archive>
void fields(Archive& a, Heard& h) {
    a.record("member", h.member);
    a.number("sent", h.sent_ns);
}

template <typename Archive>
void fields(Archive& a, Pulse& m) {
    a.number("epoch", m.epoch);
    a.list("probes", m.probes);
    a.number("sent", m.sent_ns);
    a.number("remaining", m.remaining_ns);
    a.list("heard", m.heard);
    flag(a, "serves", m.serves);
}

template <typename Archive>
void fields(Archive& a, Asked& m) {
    a.number("id", m.id);
    a.text("command", m.command, bus::kJsonLimit);
}

template <typename Archive>
void fields(Archive& a, Answered& m) {
    a.record("to", m.to);
    a.number("id", m.id);
    a.text("answer", m.answer, bus::kMessageLimit - 1);
}

template <typename Archive>
void fields(Archive& a, Relayed& m) {
    a.text("message", m.message, bus::kMessageLimit - 1);
}

template <typename Archive>
void fields(Archive& a, AddressesOff& m) {
    a.number("epoch", m.epoch);
}

namespace {

template <std::size_t Index>
std::optional<Message> read_fields(ByteView bytes) {
    Message message(std::in_place_index<Index>);
    bus::Reader reader(bytes, kHeaderSize);
    fields(reader, std::get<Index>(message));
    if (!reader.result()) return std::nullopt;
    return message;
}

template <std::size_t... Index>
std::optional<Message> read_as(std::size_t index, ByteView bytes, std::index_sequence<Index...> /*all*/) {
    constexpr std::array readers = {&read_fields<Index>...};
    return readers[index](bytes);
}

}  // namespace

Result<std::string> encode(const Message& message) {
    std::string bytes;
    bus::Writer writer(bytes);
    writer.number("version", kVersion);
    writer.number("kind", static_cast<std::uint8_t>(message.index() + 1));
    // The field lists serve reading, too, and so take what they may change: a copy.
    std::visit([&writer](auto copy) { fields(writer, copy); }, message);
    if (!writer.result()) return tl::unexpected(writer.result().error().within("message to members"));
    return bytes;
}

std::optional<Message> decode(ByteView bytes) {
    if (bytes.size() < kHeaderSize || static_cast<std::uint8_t>(bytes[0]) != kVersion) return std::nullopt;
    constexpr std::size_t kKinds = std::variant_size_v<Message>;
    const std::size_t kind = static_cast<std::uint8_t>(bytes[1]);
    if (kind == 0 || kind > kKinds) return std::nullopt;
    return read_as(kind - 1, bytes, std::make_index_sequence<kKinds>());
}

}  // namespace pgpool::wire
