// SPDX-License-Identifier: PostgreSQL
#pragma once

// PreparedBranch: what becomes of one follower's part of a transaction that its node was asked to prepare
// (PREPARE TRANSACTION, docs/adr/0014). It does not end with the connection: what was neither ended nor
// surely never prepared may be left there. Pure.

#include <cstdint>
#include <string>
#include <string_view>

namespace pgpool::exec {

class PreparedBranch {
public:
    // What is to be sent: behind the marker; and COMMIT or ROLLBACK of it. REQUIRES for the second:
    // is_prepared().
    [[nodiscard]] std::string ask(std::string_view gid);
    [[nodiscard]] std::string end(std::string_view verb);

    void not_sent() { state_ = State::None; }
    void on_tag(std::string_view tag);
    void on_asked_end();  // what it was asked with is answered
    void on_end(
        bool is_there_none);  // and so is what was to end it: nothing is prepared, or that is not known

    [[nodiscard]] bool is_asked() const { return state_ == State::Asked; }
    [[nodiscard]] bool is_prepared() const { return state_ == State::Prepared; }
    [[nodiscard]] bool may_be_left() const { return is_stuck_ || state_ != State::None; }

private:
    enum class State : std::uint8_t {
        None,      // nothing is prepared
        Asked,     // perhaps
        Prepared,  // it is
        Ending,    // it was, and may be
    };

    State state_ = State::None;
    bool is_stuck_ = false;  // it could not be ended
    std::string gid_;
};

}  // namespace pgpool::exec
