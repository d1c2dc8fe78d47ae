// SPDX-License-Identifier: PostgreSQL
#include "common/wire/error_fields.h"

#include <optional>

#include "common/wire/encoder.h"

namespace pgpool::wire {

namespace {

std::string_view name_of(Severity severity) {
    switch (severity) {
        case Severity::Fatal:
            return "FATAL";
        case Severity::Notice:
            return "NOTICE";
        case Severity::Warning:
            return "WARNING";
        case Severity::Error:
            break;
    }
    return "ERROR";
}

void append_report(std::string& out, char type, const Report& report) {
    FrameBuilder frame(out, type);
    frame.byte1('S').string(name_of(report.severity)).byte1('V').string(name_of(report.severity));
    frame.byte1('C').string(report.sqlstate.view()).byte1('M').string(report.message);
    if (!report.detail.empty()) frame.byte1('D').string(report.detail);
    if (!report.hint.empty()) frame.byte1('H').string(report.hint);
    frame.byte1('\0');
}

}  // namespace

ErrorFields read_error_fields(ByteView body) {
    ErrorFields fields;
    bool in_code = false;
    Cursor cursor(body);
    while (cursor.ok()) {
        const auto tag = static_cast<char>(cursor.u8());
        if (tag == '\0') break;
        const std::string_view value = cursor.c_string();
        switch (tag) {
            case 'S':
                if (fields.severity.empty()) fields.severity = value;
                break;
            case 'V':
                fields.severity = value;
                break;
            case 'C':
                fields.sqlstate = value;
                break;
            case 'M':
                fields.message = value;
                break;
            case 'P':
                fields.points_into_query = true;
                break;
            case 'W':
            case 'q':
                in_code = true;
                break;
            default:
                break;
        }
    }
    fields.points_into_query = fields.points_into_query && !in_code;
    return fields;
}

void append_error(std::string& out, const Report& report) {
    append_report(out, backend::kErrorResponse, report);
}

void append_fatal(std::string& out, const Error& error) {
    append_error(out, {.severity = Severity::Fatal,
                       .sqlstate = error.sqlstate,
                       .message = error.message,
                       .hint = error.hint});
}

void append_notice(std::string& out, const Report& report) {
    append_report(out, backend::kNoticeResponse, report);
}

namespace {

// `field(tag, value)` says what is there in the copy; nothing: no such field.
template <typename Field>
std::string copied(ByteView body, Field field) {
    std::string copy;
    Cursor cursor(body);
    while (cursor.ok()) {
        const auto tag = static_cast<char>(cursor.u8());
        if (tag == '\0') break;
        const std::optional<std::string_view> value = field(tag, cursor.c_string());
        if (!value) continue;
        copy.push_back(tag);
        copy.append(*value);
        copy.push_back('\0');
    }
    copy.push_back('\0');
    return copy;
}

std::string with_severity(ByteView body, std::string_view severity) {
    return copied(body, [severity](char tag, std::string_view value) {
        return std::optional(tag == 'S' || tag == 'V' ? severity : value);
    });
}

}  // namespace

std::string without_context(ByteView body) {
    return copied(body, [](char tag, std::string_view value) {
        return tag == 'W' ? std::nullopt : std::optional(value);
    });
}

std::string as_fatal(ByteView body) {
    return with_severity(body, "FATAL");
}

std::string as_error(ByteView body) {
    return with_severity(body, "ERROR");
}

}  // namespace pgpool::wire
