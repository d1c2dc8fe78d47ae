// SPDX-License-Identifier: PostgreSQL

// Input: two bytes that choose the format and the cuts, then the data of a COPY. Checked besides memory
// safety: rows are the same whether the data comes at once or in pieces, they lie one behind the other, and
// without the values that are put before them they are what the client has sent.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/wire/encoder.h"
#include "proxy/exec/filled_copy.h"

using namespace pgpool;

namespace {

sql::CopyRows chosen(std::uint8_t by) {
    sql::CopyRows rows;
    rows.format = static_cast<sql::CopyRows::Format>(by % 3);
    if ((by & 4U) != 0) rows.header = sql::CopyRows::Header::Skipped;
    if (rows.format == sql::CopyRows::Format::Csv) rows.delimiter = ',';
    if ((by & 8U) != 0) rows.escape = '\\';
    return rows;
}

struct Rows {
    std::vector<std::size_t> ends;
    std::size_t head = 0;
};

Rows split(const sql::CopyRows& rows, std::string_view data, std::size_t step) {
    using Found = exec::CopySplitter::Found;
    exec::CopySplitter splitter(rows, true);
    Rows out;
    std::size_t begin = 0;
    for (std::size_t end = std::min(step, data.size());; end = std::min(end + step, data.size())) {
        while (true) {
            const auto [found, size] = splitter.next(data.substr(begin, end - begin), end == data.size());
            if (found == Found::More || found == Found::End) break;
            PGPOOL_ASSERT(size > 0 && begin + size <= end);
            begin += size;
            if (found == Found::Head)
                out.head = begin;
            else
                out.ends.push_back(begin);
        }
        if (end == data.size()) return out;
    }
}

std::string filled(const sql::CopyRows& rows, std::string_view data, std::size_t count) {
    replication::CopyPlan plan;
    plan.columns = {{.name = "a", .size = 4}};
    plan.rows = rows;
    exec::FilledCopy copy(std::make_shared<const replication::CopyPlan>(plan), true);
    std::string messages;
    wire::append_frame(messages, 'd', data);
    wire::append_frame(messages, 'c', {});
    copy.take(messages);
    for (std::size_t i = 0; i < count; ++i)
        copy.fill(
            "1\x1f"
            "on\x1f"
            "7");
    copy.end();
    PGPOOL_ASSERT(copy.obstacle().empty());
    std::string out;
    exec::CopyBodies bodies;
    const std::string made = copy.take_messages(true);
    ByteView rest = made;
    while (const auto piece = bodies.next(rest)) out += *piece;
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size < 2) return 0;
    const sql::CopyRows rows = chosen(bytes[0]);
    const std::string_view data(reinterpret_cast<const char*>(bytes) + 2, size - 2);
    const Rows whole = split(rows, data, data.size() + 1);
    const Rows pieces = split(rows, data, bytes[1] % 16 + 1U);
    PGPOOL_ASSERT(whole.ends == pieces.ends && whole.head == pieces.head);
    const std::size_t used = whole.ends.empty() ? whole.head : whole.ends.back();
    const std::size_t added = rows.format == sql::CopyRows::Format::Binary ? 8
                              : rows.format == sql::CopyRows::Format::Csv  ? 4
                                                                           : 2;
    PGPOOL_ASSERT(filled(rows, data, whole.ends.size()).size() == used + added * whole.ends.size());
    return 0;
}
