// SPDX-License-Identifier: PostgreSQL
#include "vip/tenure/announcements.h"

#include <array>

namespace pgpool::vip {

namespace {

constexpr std::array kFirst = {milliseconds(0),   milliseconds(50),    milliseconds(150),
                               milliseconds(400), milliseconds(1'000), milliseconds(5'000)};

}  // namespace

BootDuration Announcements::offset(std::size_t index) const {
    if (index < kFirst.size()) return kFirst[index];
    return kFirst.back() + period_ * static_cast<milliseconds::rep>(index - kFirst.size() + 1);
}

void Announcements::begin(BootTime now) {
    began_ = now;
    index_ = 0;
    next_ = now;
}

bool Announcements::take_due(BootTime now) {
    if (now < next_) return false;
    while (next_ <= now) next_ = began_ + offset(++index_);
    return true;
}

}  // namespace pgpool::vip
