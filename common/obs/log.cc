// SPDX-License-Identifier: PostgreSQL
#include "common/obs/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <mutex>

#include "common/base/utf8.h"
#include "common/obs/line_writer.h"

namespace pgpool::log {

namespace detail {
std::atomic<Level> threshold{Level::Info};
}

namespace {

constexpr std::size_t kMaxValueBytes = 8192;  // a longer text is cut: one event must not flood the journal

template <typename... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

// Bytes at the front of `text` that may be printed as they are: a well-formed character that is no control
// (C0, DEL, C1: a terminal would obey them). 0: escape one byte.
std::size_t printable(std::string_view text) {
    const std::size_t length = utf8_character(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (length == 1 && (byte < 0x20 || byte == 0x7F)) return 0;
    if (length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0) return 0;
    return length;
}

bool is_plain(std::string_view text) {
    if (text.empty()) return false;
    while (!text.empty()) {
        const std::size_t length = printable(text);
        const char c = text.front();
        if (length == 0 || c == ' ' || c == '"' || c == '\\' || c == '=') return false;
        text.remove_prefix(length);
    }
    return true;
}

void append_escaped(std::string& line, char c) {
    switch (c) {
        case '\n':
            line += "\\n";
            return;
        case '\t':
            line += "\\t";
            return;
        case '\r':
            line += "\\r";
            return;
        default:
            fmt::format_to(std::back_inserter(line), "\\x{:02x}", static_cast<unsigned char>(c));
    }
}

void append_quoted(std::string& line, std::string_view text) {
    line += '"';
    while (!text.empty()) {
        const std::size_t length = printable(text);
        if (length == 0) append_escaped(line, text.front());
        if (length == 1 && (text.front() == '"' || text.front() == '\\')) line += '\\';
        line += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    line += '"';
}

void append_text(std::string& line, std::string_view text) {
    const std::string_view shown = text.substr(0, kMaxValueBytes);
    if (is_plain(shown)) {
        line += shown;
    } else {
        append_quoted(line, shown);
    }
    if (shown.size() < text.size()) line += "...";
}

void append_duration(std::string& line, microseconds time) {
    const std::int64_t count = time.count();
    // The sign apart: -0.25ms has no sign in its whole part.
    const std::uint64_t size =
        count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
    if (count < 0) line += '-';
    fmt::format_to(std::back_inserter(line), "{}", size / 1000);
    if (const std::uint64_t part = size % 1000; part != 0) {
        line += '.';
        std::string digits = fmt::format("{:03}", part);
        digits.erase(digits.find_last_not_of('0') + 1);
        line += digits;
    }
    line += "ms";
}

// sd-daemon(3): JOURNAL_STREAM holds "device:inode" of the stream that leads to the journal. It is inherited,
// so it counts only if our stderr is that very stream.
bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

class PriorityFlag final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& to) override {
        const int priority = priority_of(message.level);
        fmt::format_to(std::back_inserter(to), "<{}>", priority);
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return spdlog::details::make_unique<PriorityFlag>();
    }

private:
    // syslog(3)
    static int priority_of(spdlog::level::level_enum level) {
        if (level >= spdlog::level::err) return 3;
        if (level == spdlog::level::warn) return 4;
        return level == spdlog::level::info ? 6 : 7;
    }
};

std::unique_ptr<spdlog::formatter> make_formatter(bool journal) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<PriorityFlag>('*');
    formatter->set_pattern(journal ? "%*%v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    return formatter;
}

// stderr, and how many lines it had no room for: told in front of the next one that it has room for.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (!writer_.flush()) {
            ++lost_;
            return;
        }
        if (lost_ > 0) put({"", spdlog::level::warn, fmt::format("log_lost lines={}", lost_)});
        lost_ = 0;
        put(message);
    }
    void flush_() override {}

private:
    void put(const spdlog::details::log_msg& message) {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        writer_.write({line.data(), line.size()});
    }

    LineWriter writer_{STDERR_FILENO};
    std::uint64_t lost_ = 0;
};

spdlog::logger& logger() {
    static const std::unique_ptr<spdlog::logger> instance = [] {
        auto made = std::make_unique<spdlog::logger>("", std::make_shared<StderrSink>());
        made->set_level(spdlog::level::trace);
        made->set_formatter(make_formatter(stderr_is_journal()));
        return made;
    }();
    return *instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::Debug:
            return spdlog::level::debug;
        case Level::Info:
            return spdlog::level::info;
        case Level::Warning:
            return spdlog::level::warn;
        case Level::Error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

}  // namespace

void Value::append_to(std::string& line) const {
    const auto append = Overloaded{
        [&](bool flag) { line += flag ? "true" : "false"; },
        [&](std::string_view text) { append_text(line, text); },
        [&](microseconds time) { append_duration(line, time); },
        [&](Secret) { line += "***"; },
        [&](auto number) { fmt::format_to(std::back_inserter(line), "{}", number); },
    };
    std::visit(append, value_);
}

std::string format_event(std::string_view event, std::span<const Field> fields) {
    std::string line(event);
    for (const Field& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        field.value.append_to(line);
    }
    return line;
}

void set_level(Level level) {
    detail::threshold.store(level, std::memory_order_relaxed);
}

void write(Level level, std::string_view event, Fields fields) {
    if (!enabled(level)) return;
    logger().log(to_spdlog(level),
                 spdlog::string_view_t(format_event(event, {fields.begin(), fields.size()})));
}

}  // namespace pgpool::log
