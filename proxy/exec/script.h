// SPDX-License-Identifier: PostgreSQL
#pragma once

// Script: the text of one Query that begins or ends transactions in company of other statements. In mode
// replication its parts run one after the other, as if the client had sent each as a Query: BEGIN, COMMIT and
// ROLLBACK by themselves, within a transaction block every statement by itself, outside of one all up to the
// end (they are one transaction).
//
// As PostgreSQL does it, an error ends the whole text, and there is one ReadyForQuery, at its end. Not here:
// texts where statements in front of a BEGIN or COMMIT, outside of a block, would belong to its transaction.
// Pure; one worker only.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "proxy/sql/statement.h"

namespace pgpool::exec {

class Script {
public:
    // `info` is of this very text. None: it cannot be cut.
    [[nodiscard]] static std::optional<Script> of(std::string_view text, const sql::StatementInfo& info,
                                                  bool is_in_block);

    [[nodiscard]] bool has_next() const { return !failed_ && next_ < parts_.size(); }
    [[nodiscard]] ByteView next();  // a Query; valid until take_next()
    void take_next();               // it was sent
    // All that the client is to hear has passed.
    [[nodiscard]] bool is_over() const { return is_over_; }

    // What the client gets of bytes that were meant for it, which may end within a message.
    [[nodiscard]] std::string filter(ByteView bytes);

private:
    struct Part {
        std::size_t at = 0;
        std::size_t size = 0;
    };
    void add_parts(const sql::StatementInfo& info, bool is_in_block);
    [[nodiscard]] std::string_view text_of(const Part& part) const {
        return std::string_view(text_).substr(part.at, part.size);
    }
    void filter_message(ByteView bytes, char type, std::string& out);
    [[nodiscard]] std::string in_place(ByteView error_body) const;

    std::string text_;
    std::vector<Part> parts_;
    std::size_t next_ = 0;
    std::size_t answered_ = 0;
    std::string frame_;            // of the next part
    std::uint64_t body_left_ = 0;  // of a message that is passing
    bool failed_ = false;
    bool is_over_ = false;
};

}  // namespace pgpool::exec
