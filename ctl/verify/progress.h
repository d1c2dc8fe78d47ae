// SPDX-License-Identifier: PostgreSQL
#pragma once

// A bar on a terminal: how much of a database has been compared.

#include <cstdint>
#include <string>

#include "common/base/clock.h"

namespace pgpool::ctl::verify {

// `app [#####     ]  50% public.orders`, cut to `width`. The estimate may be less than what there is.
[[nodiscard]] std::string progress_line(const std::string& database, const std::string& object,
                                        std::uint64_t done, std::uint64_t estimate, std::size_t width);

class Progress {
public:
    enum class Show : std::uint8_t { Bar, Nothing };
    // A bar only if standard error is a terminal.
    explicit Progress(Show show);
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void begin(const std::string& database, std::uint64_t estimated_rows);
    void at(const std::string& object);
    void add(std::uint64_t rows);
    void clear();

private:
    void draw();

    bool is_shown_;
    bool is_drawn_ = false;
    TimePoint drawn_at_{};
    std::string database_;
    std::string object_;
    std::uint64_t done_ = 0;
    std::uint64_t estimate_ = 0;
};

}  // namespace pgpool::ctl::verify
