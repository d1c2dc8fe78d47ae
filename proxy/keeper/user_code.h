// SPDX-License-Identifier: PostgreSQL
#pragma once

// UserCode: statements of a user, in a superuser's session, that cannot get at the superuser's rights.
//
// SET SESSION AUTHORIZATION alone does not do: any function that a statement calls can take it back. Within a
// function that runs with its owner's rights (SECURITY DEFINER) the server refuses that, and SET ROLE. So
// each statement is run by a temporary function that belongs to the user, made anew for it, since what has
// run could have replaced it. What the user's code leaves to be run at COMMIT is run by end(), or given up.
//
// Blocks until the deadline. REQUIRES: within a transaction; no statement that ends it or makes savepoints.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/markers/redo.h"
#include "common/pg/client.h"

namespace pgpool::keeper {

class UserCode {
public:
    UserCode(pg::Client& client, const std::string& user, TimePoint deadline);

    [[nodiscard]] pg::ClientResult<void> run(std::string_view sql);  // one statement or several
    // How many rows it has changed.
    [[nodiscard]] pg::ClientResult<std::int64_t> run(const markers::RedoStatement& statement);
    // Constraints are checked now, cursors are closed. ENSURES: nothing of the user runs at COMMIT; the
    // session is the superuser's again.
    [[nodiscard]] pg::ClientResult<void> end();

private:
    [[nodiscard]] pg::ClientResult<std::string> make(std::string_view sql, std::string_view expressions);
    [[nodiscard]] pg::ClientResult<std::int64_t> call(const std::string& function);
    [[nodiscard]] pg::ClientResult<std::int64_t> call_quietly(const std::string& function);
    [[nodiscard]] pg::ClientResult<std::int64_t> execute(std::string_view sql, std::string_view expressions);
    [[nodiscard]] pg::ClientResult<void> own(std::string_view sql);
    [[nodiscard]] pg::ClientResult<std::int64_t> run_own(const markers::RedoStatement& statement);
    [[nodiscard]] pg::ClientResult<std::vector<std::string>> types_of(
        const markers::RedoStatement& statement);
    [[nodiscard]] pg::ClientResult<std::string> given_type(std::uint32_t oid);
    [[nodiscard]] pg::ClientResult<std::uint32_t> number_of(const std::string& type);
    [[nodiscard]] pg::ClientResult<std::string> as_text(const markers::RedoParameter& parameter,
                                                        std::uint32_t type);
    [[nodiscard]] pg::ClientResult<std::string> ask(std::string_view sql, std::string_view parameter);
    [[nodiscard]] pg::ClientResult<bool> check_constraints();

    pg::Client& client_;
    const std::string user_;  // quoted
    const TimePoint deadline_;
    std::size_t made_ = 0;  // functions
};

}  // namespace pgpool::keeper
