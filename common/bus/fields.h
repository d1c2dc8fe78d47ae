// SPDX-License-Identifier: PostgreSQL
#pragma once

// The fields of each message, in wire order, with their limits: read by Reader and Writer alike, so that the
// two cannot differ. Private to common/bus. An archive offers
//   number(name, value)         a fixed-width integer, little-endian
//   choice(name, value, last)   an enum of one byte; above `last` becomes 0
//   name(name, text)            at most kNameLimit bytes; longer is an error
//   text(name, text, limit)     longer is an error
//   prose(name, text)           for people: cut at kProseLimit when written
//   record(name, record)        a length, then the fields of the record
//   list(name, records)         a count, then records

#include <cstddef>

#include "common/bus/messages.h"

namespace pgpool::bus {

inline constexpr std::size_t kNameLimit = 255;
inline constexpr std::size_t kProseLimit = 1000;
inline constexpr std::size_t kLineLimit = 8000;
inline constexpr std::size_t kJsonLimit = 60'000;
inline constexpr std::size_t kListLimit = 4096;

template <typename Archive>
void fields(Archive& a, Version& v) {
    a.number("major", v.major);
    a.number("minor", v.minor);
}

template <typename Archive>
void fields(Archive& a, Page& p) {
    a.number("index", p.index);
    a.number("count", p.count);
}

template <typename Archive>
void fields(Archive& a, Hello& m) {
    a.record("version", m.version);
    a.name("program", m.program);
    a.name("instance", m.instance);
    a.number("pid", m.pid);
    a.number("incarnation", m.incarnation);
}

template <typename Archive>
void fields(Archive& a, Welcome& m) {
    a.record("version", m.version);
    a.name("program", m.program);
    a.name("member", m.member);
    a.number("pid", m.pid);
    a.number("incarnation", m.incarnation);
}

template <typename Archive>
void fields(Archive& a, Refusal& m) {
    a.record("version", m.version);
    a.prose("reason", m.reason);
}

template <typename Archive>
void fields(Archive& a, Observation& m) {
    a.number("epoch", m.epoch);
    a.number("node", m.node);
    a.choice("suspicion", m.suspicion, Suspicion::Unequal);
    a.choice("failure", m.failure, FailureClass::Replay);
    a.prose("reason", m.reason);
}

template <typename Archive>
void fields(Archive& a, Node& n) {
    a.number("id", n.id);
    a.name("name", n.name);
    a.name("host", n.host);
    a.number("port", n.port);
    a.choice("role", n.role, NodeRole::Replica);
    a.choice("state", n.state, NodeState::Parked);
    a.prose("reason", n.reason);
}

template <typename Archive>
void fields(Archive& a, Topology& m) {
    a.number("epoch", m.epoch);
    a.number("revision", m.revision);
    a.record("page", m.page);
    a.list("nodes", m.nodes);
}

template <typename Archive>
void fields(Archive& a, LeaseView& m) {
    a.number("epoch", m.epoch);
    a.number("holder", m.holder);
    a.name("holder_name", m.holder_name);
    a.number("deadline_ns", m.deadline_ns);
}

template <typename Archive>
void fields(Archive& a, std::string& argument) {
    a.text("argument", argument, kJsonLimit);
}

template <typename Archive>
void fields(Archive& a, Command& m) {
    a.number("id", m.id);
    a.name("verb", m.verb);
    a.list("arguments", m.arguments);
}

template <typename Archive>
void fields(Archive& a, Answer& m) {
    a.number("id", m.id);
    a.record("page", m.page);
    a.number("exit_code", m.exit_code);
    a.text("json", m.json, kJsonLimit);
}

template <typename Archive>
void fields(Archive& a, VipState& m) {
    a.name("address", m.address);
    a.name("device", m.device);
    a.choice("phase", m.phase, VipPhase::Conflict);
    a.number("epoch", m.epoch);
    a.prose("reason", m.reason);
}

template <typename Archive>
void fields(Archive& a, VipOrder& m) {
    a.number("id", m.id);
    a.choice("verb", m.verb, VipVerb::TakeReleased);
    a.number("epoch", m.epoch);
    a.number("deadline_ns", m.deadline_ns);
}

template <typename Archive>
void fields(Archive& a, VipDone& m) {
    a.number("id", m.id);
    a.choice("outcome", m.outcome, Outcome::Done);
    a.prose("reason", m.reason);
}

template <typename Archive>
void fields(Archive& a, Endpoint& e) {
    a.choice("family", e.family, Family::V6);
    for (std::uint8_t& byte : e.address) a.number("address", byte);
    a.number("port", e.port);
}

template <typename Archive>
void fields(Archive& a, Connection& c) {
    a.record("client", c.client);
    a.record("server", c.server);
}

template <typename Archive>
void fields(Archive& a, ClientList& m) {
    a.number("revision", m.revision);
    a.record("page", m.page);
    a.list("connections", m.connections);
}

template <typename Archive>
void fields(Archive& a, Event& m) {
    a.number("at_ns", m.at_ns);
    a.choice("severity", m.severity, Severity::Error);
    a.name("program", m.program);
    a.text("line", m.line, kLineLimit);
}

template <typename Archive>
void fields(Archive& a, Parked& m) {
    a.number("epoch", m.epoch);
    a.number("revision", m.revision);
    a.number("clients_in_transaction", m.clients_in_transaction);
}

template <typename Archive>
void fields(Archive& a, Alive& m) {
    a.number("count", m.count);
}

}  // namespace pgpool::bus
