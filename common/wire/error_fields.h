// SPDX-License-Identifier: PostgreSQL
#pragma once

// ErrorResponse and NoticeResponse: their fields (PG documentation 55.8), read and written.

#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/error.h"

namespace pgpool::wire {

enum class Severity : std::uint8_t { Error, Fatal, Notice, Warning };

// The fields that we look at; views into the body they were read from.
struct ErrorFields {
    std::string_view severity;  // field V, not localised; field S from servers before 9.6
    std::string_view sqlstate;
    std::string_view message;
    // At a place of the client's text, not in code that was running (field P without W and q).
    bool points_into_query = false;

    [[nodiscard]] bool fatal() const { return severity == "FATAL" || severity == "PANIC"; }
};
[[nodiscard]] ErrorFields read_error_fields(ByteView body);

// What we say to a client ourselves. `detail` and `hint` may be empty.
struct Report {
    Severity severity = Severity::Error;
    SqlState sqlstate;
    std::string_view message;
    std::string_view detail = {};
    std::string_view hint = {};
};
void append_error(std::string& out, const Report& report);   // ErrorResponse
void append_fatal(std::string& out, const Error& error);     // ErrorResponse, FATAL
void append_notice(std::string& out, const Report& report);  // NoticeResponse

// Copies a body without field W. That tells also with which parameters a statement was executed, if its
// session has set log_parameter_max_length_on_error.
[[nodiscard]] std::string without_context(ByteView body);

// Copies a body with its severity replaced by FATAL: an ERROR met while a client logs in ends that login.
[[nodiscard]] std::string as_fatal(ByteView body);
// By ERROR: what ended a server connection fails one request of a client that stays.
[[nodiscard]] std::string as_error(ByteView body);

}  // namespace pgpool::wire
