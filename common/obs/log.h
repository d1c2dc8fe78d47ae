// SPDX-License-Identifier: PostgreSQL
#pragma once

// The log: one line per event, `event key=value key=value`, on stderr. Never prose, never a secret.
//
//     log::warning("node_down", {{"node", name}, {"reason", text}, {"after", elapsed}});
//
// Invariants: (1) an event is one line of printable UTF-8, whatever a peer put into a value; (2) a call below
// the threshold costs one relaxed load (guard expensive arguments with enabled()). Where stderr is the
// journal a line begins with its syslog priority, `<4>` (sd-daemon(3)), and the journal adds the time;
// elsewhere it begins with the local time (ISO 8601, milliseconds, offset) and the level. Nobody waits for
// who reads it (line_writer.h): lines that find no room are counted, and `log_lost lines=N` stands where they
// would. Threads: any. Not for `P` folders: they return reasons and their callers log.

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/clock.h"
#include "common/config/config.h"

namespace pgpool::log {

using Level = config::LogLevel;

// A text that is never printed: `***` stands for it, also for an empty one.
struct Secret {
    std::string_view text;
};

// The right-hand side of a field. Views are valid until the call returns, which is all the log needs.
class Value {
public:
    Value(std::string_view text) : value_(text) {}                      // NOLINT(google-explicit-constructor)
    Value(const std::string& text) : value_(std::string_view(text)) {}  // NOLINT(google-explicit-constructor)
    Value(const char* text) : value_(std::string_view(text)) {}         // NOLINT(google-explicit-constructor)
    Value(bool flag) : value_(flag) {}                                  // NOLINT(google-explicit-constructor)
    Value(double number) : value_(number) {}                            // NOLINT(google-explicit-constructor)
    Value(Secret secret) : value_(secret) {}                            // NOLINT(google-explicit-constructor)
    template <std::signed_integral T>
    Value(T number) : value_(std::int64_t{number}) {}  // NOLINT(google-explicit-constructor)
    template <std::unsigned_integral T>
    Value(T number) : value_(std::uint64_t{number}) {}  // NOLINT(google-explicit-constructor)
    template <typename Rep, typename Period>
    Value(std::chrono::duration<Rep, Period> time)  // NOLINT(google-explicit-constructor)
        : value_(std::chrono::duration_cast<microseconds>(time)) {}

    // Texts with blanks, quotes, `=` or anything unprintable are quoted and escaped; durations are
    // milliseconds with up to three decimals and unit: `1500ms`, `0.25ms`.
    void append_to(std::string& line) const;

private:
    std::variant<bool, std::int64_t, std::uint64_t, double, microseconds, std::string_view, Secret> value_;
};

struct Field {
    std::string_view key;  // lower_case_words
    Value value;
};

using Fields = std::initializer_list<Field>;

// `event key=value …` without time, level and end of line.
[[nodiscard]] std::string format_event(std::string_view event, std::span<const Field> fields);

namespace detail {
extern std::atomic<Level> threshold;
}

[[nodiscard]] inline bool enabled(Level level) {
    return level >= detail::threshold.load(std::memory_order_relaxed);
}
void set_level(Level level);

// Writes the event if its level is enabled.
void write(Level level, std::string_view event, Fields fields);

inline void debug(std::string_view event, Fields fields = {}) {
    write(Level::Debug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) {
    write(Level::Info, event, fields);
}
inline void warning(std::string_view event, Fields fields = {}) {
    write(Level::Warning, event, fields);
}
inline void error(std::string_view event, Fields fields = {}) {
    write(Level::Error, event, fields);
}

}  // namespace pgpool::log
