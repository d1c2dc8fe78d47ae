// SPDX-License-Identifier: PostgreSQL
#pragma once

// EnumSet: a set of enumerators of a small enum class (below 32), usable in constant expressions.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace pgpool::decide {

template <typename Enum>
class EnumSet {
public:
    constexpr EnumSet() = default;
    constexpr EnumSet(std::initializer_list<Enum> items) {
        for (const Enum item : items) bits_ |= bit(item);
    }
    [[nodiscard]] static constexpr EnumSet of_bits(std::uint32_t bits) {
        EnumSet set;
        set.bits_ = bits;
        return set;
    }
    constexpr void insert(Enum item) { bits_ |= bit(item); }
    constexpr void insert_if(bool is_in, Enum item) {
        if (is_in) insert(item);
    }
    [[nodiscard]] constexpr bool has(Enum item) const { return (bits_ & bit(item)) != 0; }
    [[nodiscard]] constexpr bool has_all(EnumSet other) const { return (bits_ & other.bits_) == other.bits_; }
    [[nodiscard]] constexpr bool has_any(EnumSet other) const { return (bits_ & other.bits_) != 0; }
    [[nodiscard]] constexpr bool is_empty() const { return bits_ == 0; }
    [[nodiscard]] constexpr std::uint32_t bits() const { return bits_; }
    [[nodiscard]] constexpr std::size_t size() const {
        return static_cast<std::size_t>(std::popcount(bits_));
    }
    friend constexpr bool operator==(const EnumSet&, const EnumSet&) = default;

private:
    [[nodiscard]] static constexpr std::uint32_t bit(Enum item) {
        return std::uint32_t{1} << static_cast<std::uint32_t>(item);
    }
    std::uint32_t bits_ = 0;
};

}  // namespace pgpool::decide
