// SPDX-License-Identifier: PostgreSQL
#include "common/wire/startup.h"

#include <fmt/core.h>

#include <algorithm>

#include "common/wire/encoder.h"

namespace pgpool::wire {

namespace {

constexpr std::uint32_t kSslCode = 80877103;
constexpr std::uint32_t kGssCode = 80877104;
constexpr std::uint32_t kCancelCode = 80877102;
constexpr std::size_t kMinPacket = 8;

Result<FirstPacket> read_startup_message(std::uint32_t version, Cursor& cursor) {
    StartupMessage startup;
    startup.minor_version = version & 0xffffU;
    while (true) {
        const std::string_view name = cursor.c_string();
        if (!cursor.ok()) break;
        if (name.empty()) {
            if (cursor.at_end()) return FirstPacket{std::move(startup)};
            break;
        }
        const std::string_view value = cursor.c_string();
        if (!cursor.ok()) break;
        if (name.starts_with("_pq_.")) {
            startup.unknown_protocol_options.emplace_back(name);
        } else {
            startup.parameters.emplace_back(name, value);
        }
    }
    return fail(sqlstate::kProtocolViolation,
                "invalid startup packet layout: expected terminator as last byte");
}

}  // namespace

std::string_view StartupMessage::get(std::string_view name) const {
    const auto at =
        std::find_if(parameters.begin(), parameters.end(), [&](const auto& p) { return p.first == name; });
    return at == parameters.end() ? std::string_view{} : at->second;
}

Result<std::size_t> first_packet_size(ByteView four_bytes) {
    const std::uint32_t length = load_be32(four_bytes.data());
    if (length < kMinPacket || length > kMaxStartupPacket + 4) {
        return fail(sqlstate::kProtocolViolation, "invalid length of startup packet");
    }
    return std::size_t{length};
}

Result<FirstPacket> read_first_packet(ByteView packet) {
    Cursor cursor(packet.substr(4));
    const std::uint32_t version = cursor.u32();
    if (version == kSslCode) return FirstPacket{SslRequest{}};
    if (version == kGssCode) return FirstPacket{GssEncRequest{}};
    if (version == kCancelCode) {
        const std::uint32_t pid = cursor.u32();
        const std::uint32_t secret = cursor.u32();
        // PostgreSQL logs one of a wrong length and closes: it is the request of nobody.
        return FirstPacket{cursor.at_end() ? CancelRequest{pid, secret} : CancelRequest{}};
    }
    if (version >> 16U != 3) {
        return fail(sqlstate::kFeatureNotSupported,
                    fmt::format("unsupported frontend protocol {}.{}: server supports 3.0 to 3.0",
                                version >> 16U, version & 0xffffU));
    }
    return read_startup_message(version, cursor);
}

bool needs_negotiation(const StartupMessage& startup) {
    return startup.minor_version > kProtocolMinor || !startup.unknown_protocol_options.empty();
}

void append_negotiate_protocol_version(std::string& out, const StartupMessage& startup) {
    FrameBuilder frame(out, backend::kNegotiateProtocolVersion);
    frame.int32((3U << 16U) | kProtocolMinor);
    frame.int32(static_cast<std::uint32_t>(startup.unknown_protocol_options.size()));
    for (const std::string& name : startup.unknown_protocol_options) frame.string(name);
}

void append_startup(std::string& out, const std::vector<std::pair<std::string, std::string>>& parameters) {
    const std::size_t start = out.size();
    append_be32(out, 0);
    append_be32(out, 3U << 16U);
    for (const auto& [name, value] : parameters) {
        out.append(name).push_back('\0');
        out.append(value).push_back('\0');
    }
    out.push_back('\0');
    store_be32(out.data() + start, static_cast<std::uint32_t>(out.size() - start));
}

void append_cancel_request(std::string& out, std::uint32_t pid, std::uint32_t secret) {
    append_be32(out, 16);
    append_be32(out, kCancelCode);
    append_be32(out, pid);
    append_be32(out, secret);
}

namespace {

// Splits at blanks; a backslash keeps the next character (PG: pg_split_opts).
std::vector<std::string> split_options(std::string_view options) {
    std::vector<std::string> words;
    bool in_word = false;
    for (std::size_t i = 0; i < options.size(); ++i) {
        char c = options[i];
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            in_word = false;
            continue;
        }
        if (c == '\\' && i + 1 < options.size()) c = options[++i];
        if (!in_word) words.emplace_back();
        in_word = true;
        words.back().push_back(c);
    }
    return words;
}

tl::unexpected<Error> bad_switch(std::string_view word) {
    return tl::unexpected<Error>(Error{fmt::format("invalid command-line argument for server process: {}", word),
                                       sqlstate::kSyntaxError, "Try \"postgres --help\" for more information."});
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_options(std::string_view options) {
    std::vector<std::pair<std::string, std::string>> settings;
    const std::vector<std::string> words = split_options(options);
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string_view word = words[i];
        if (word == "-c" && i + 1 == words.size()) return bad_switch(word);
        if (word == "-c") {
            word = words[++i];
        } else if (word.starts_with("--") || word.starts_with("-c")) {
            word.remove_prefix(2);
        } else {
            return bad_switch(word);
        }
        const std::size_t equals = word.find('=');
        if (equals == std::string_view::npos || equals == 0) {
            return fail(sqlstate::kSyntaxError, fmt::format("--{} requires a value", word));
        }
        std::string name(word.substr(0, equals));
        std::replace(name.begin(), name.end(), '-', '_');
        settings.emplace_back(std::move(name), word.substr(equals + 1));
    }
    return settings;
}

}  // namespace pgpool::wire
