// SPDX-License-Identifier: PostgreSQL
#pragma once

// The highest that anybody has come with. Threads: any; sequentially consistent.

#include <atomic>

namespace pgpool {

template <typename Value>
void raise(std::atomic<Value>& highest, Value value) {
    Value before = highest.load();
    while (before < value && !highest.compare_exchange_weak(before, value)) {
    }
}

}  // namespace pgpool
