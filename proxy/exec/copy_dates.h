// SPDX-License-Identifier: PostgreSQL
#pragma once

// CopyDates: looks among the rows of a COPY FROM STDIN for fields that are another date tomorrow, such as
// 'now'. Each node would read them by its own clock.
//
// It knows neither the columns nor the format: any field counts, ends at any of the usual delimiters, and is
// taken without its quotes and escapes. So it errs to one side only, as long as the delimiter, quote and
// escape are usual ones (sql::Statement::unusual_fields). Fields longer than any date are none. Pure.

#include <string>

#include "common/base/bytes.h"
#include "proxy/exec/copy_bodies.h"

namespace pgpool::exec {

class CopyDates {
public:
    // Messages of the client from the first CopyData on, cut anywhere.
    [[nodiscard]] bool found_in(ByteView messages);
    void clear() { *this = {}; }

private:
    [[nodiscard]] bool found_in_rows(ByteView bytes);
    [[nodiscard]] bool ends_as_date();
    void keep(ByteView part);

    CopyBodies bodies_;
    std::string field_;  // what there is of the one that has not ended
};

}  // namespace pgpool::exec
