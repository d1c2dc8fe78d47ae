// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/copy_splitter.h"

#include <string_view>

namespace pgpool::exec {

using Format = sql::CopyRows::Format;

CopySplitter::CopySplitter(const sql::CopyRows& rows, bool is_marked)
    : format_(rows.format),
      quote_(rows.quote),
      escape_(rows.escape == rows.quote ? '\0' : rows.escape),
      is_marked_(is_marked),
      has_head_(rows.format == Format::Binary || rows.header != sql::CopyRows::Header::None) {}

CopySplitter::Piece CopySplitter::next(ByteView data, bool is_all) {
    if (is_over_) return {Found::End};
    return format_ == Format::Binary ? next_tuple(data) : next_line(data, is_all);
}

CopySplitter::Piece CopySplitter::found(Found what, std::size_t size) {
    at_ = 0;
    in_quotes_ = is_escaped_ = false;
    is_over_ = what == Found::End || ends_here_;
    if (what == Found::OneRow && has_head_) {
        has_head_ = false;
        what = Found::Head;
    }
    return {what, size};
}

// --- lines ---

CopySplitter::Piece CopySplitter::next_line(ByteView data, bool is_all) {
    while (at_ < data.size()) {
        switch (step(data, is_all)) {
            case Step::On:
                break;
            case Step::Ends:
                return found(Found::OneRow, at_);
            case Step::Wait:
                return {};
            case Step::End:
                ends_here_ = true;
                return last_line();
        }
    }
    return is_all ? last_line() : Piece();
}

// One without an end, if there is any.
CopySplitter::Piece CopySplitter::last_line() {
    return at_ == 0 ? found(Found::End, 0) : found(Found::OneRow, at_);
}

// Wait and End leave `at_` at the character.
CopySplitter::Step CopySplitter::step(ByteView data, bool is_all) {
    const char c = data[at_];
    const bool is_last = at_ + 1 == data.size() && !is_all;
    const bool may_be_two = c == '\\' || (c == '\r' && line_end_ != LineEnd::Cr);
    if (is_last && may_be_two) return Step::Wait;
    const bool is_escape = c == '\\' && (format_ == Format::Text || at_ == 0);
    if (is_escape && data.substr(at_ + 1).starts_with('.')) {
        if (format_ == Format::Text) return Step::End;
        const Step mark = mark_of_csv(data, is_all);
        if (mark != Step::On) return mark;
    }
    note_quotes(c);
    ++at_;
    if (in_quotes_) return Step::On;
    if (c == '\r') return after_return(data);
    if (c == '\n' && (line_end_ == LineEnd::Unknown || line_end_ == LineEnd::Lf)) {
        line_end_ = LineEnd::Lf;
        return Step::Ends;
    }
    if (is_escape && format_ == Format::Text && at_ < data.size()) ++at_;
    return Step::On;
}

// The server's toggle: an escape counts within quotes only.
void CopySplitter::note_quotes(char c) {
    if (format_ != Format::Csv) return;
    if (in_quotes_ && c == escape_) is_escaped_ = !is_escaped_;
    if (c == quote_ && !is_escaped_) in_quotes_ = !in_quotes_;
    if (c != escape_) is_escaped_ = false;
}

CopySplitter::Step CopySplitter::after_return(ByteView data) {
    if (line_end_ == LineEnd::Lf) return Step::On;
    const bool is_pair = line_end_ != LineEnd::Cr && at_ < data.size() && data[at_] == '\n';
    if (!is_pair && line_end_ == LineEnd::CrLf) return Step::On;
    line_end_ = is_pair ? LineEnd::CrLf : LineEnd::Cr;
    if (is_pair) ++at_;
    return Step::Ends;
}

// At the begin of a line. On: it is data.
CopySplitter::Step CopySplitter::mark_of_csv(ByteView data, bool is_all) {
    const std::string_view rest = data.substr(at_ + 2);
    if (!is_marked_) return Step::On;
    const std::string_view end = line_end_ == LineEnd::CrLf ? "\r\n" : line_end_ == LineEnd::Cr ? "\r" : "\n";
    const bool is_either = line_end_ == LineEnd::Unknown && rest.starts_with('\r');
    if (is_either || rest.starts_with(end)) return Step::End;
    const bool may_become = end.substr(0, rest.size()) == rest && !is_all;
    return may_become ? Step::Wait : Step::On;
}

// --- tuples ---

CopySplitter::Piece CopySplitter::next_tuple(ByteView data) {
    constexpr std::size_t kHead = 19;  // signature, flags, and the length of what follows them
    constexpr std::uint16_t kTrailer = 0xFFFF;
    constexpr std::uint32_t kNull = 0xFFFFFFFF;
    if (has_head_) {
        if (data.size() < kHead) return {};
        const std::size_t size = kHead + load_be32(data.data() + kHead - 4);
        return data.size() < size ? Piece() : found(Found::OneRow, size);
    }
    if (!fields_) {
        if (data.size() < 2) return {};
        const std::uint16_t count = load_be16(data.data());
        if (count == kTrailer) return found(Found::End, 0);
        fields_ = count;
        at_ = 2;
    }
    for (; *fields_ > 0; --*fields_) {
        if (data.size() - at_ < 4) return {};
        const std::uint32_t length = load_be32(data.data() + at_);
        const std::size_t size = 4 + (length == kNull ? 0 : std::size_t{length});
        if (data.size() - at_ < size) return {};
        at_ += size;
    }
    fields_.reset();
    return found(Found::OneRow, at_);
}

}  // namespace pgpool::exec
