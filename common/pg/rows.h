// SPDX-License-Identifier: PostgreSQL
#pragma once

// Rows: the result of a query, owned and detached from its connection; every value is text or NULL.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgpool::pg {

class Rows {
public:
    using Cell = std::optional<std::string>;

    struct Column {
        std::string name;
        std::uint32_t type = 0;  // its oid
    };

    Rows() = default;
    // REQUIRES: cells.size() is a multiple of columns.
    Rows(std::size_t columns, std::vector<Cell> cells) : columns_(columns), cells_(std::move(cells)) {}
    Rows(std::vector<Column> header, std::vector<Cell> cells)
        : columns_(header.size()), header_(std::move(header)), cells_(std::move(cells)) {}

    // Empty if it was made without.
    [[nodiscard]] const std::vector<Column>& header() const { return header_; }
    [[nodiscard]] std::size_t columns() const { return columns_; }
    [[nodiscard]] std::size_t size() const { return columns_ == 0 ? 0 : cells_.size() / columns_; }
    [[nodiscard]] bool empty() const { return size() == 0; }

    // REQUIRES: as many columns, or no row of one of the two.
    [[nodiscard]] Rows followed_by(const Rows& others) const {
        std::vector<Cell> all(cells_);
        all.insert(all.end(), others.cells_.begin(), others.cells_.end());
        return {empty() ? others.columns_ : columns_, std::move(all)};
    }

    // REQUIRES: row < size() and column < columns().
    [[nodiscard]] const Cell& at(std::size_t row, std::size_t column) const {
        return cells_[row * columns_ + column];
    }
    // The value, or an empty text for NULL. Valid as long as this object.
    [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const {
        const Cell& cell = at(row, column);
        return cell ? std::string_view(*cell) : std::string_view();
    }
    [[nodiscard]] bool is_true(std::size_t row, std::size_t column) const { return text(row, column) == "t"; }

private:
    std::size_t columns_ = 0;
    std::vector<Column> header_;
    std::vector<Cell> cells_;
};

}  // namespace pgpool::pg
