// SPDX-License-Identifier: PostgreSQL
#pragma once

// Messages of both directions for tests: made in one call, and printed in one short word each, so that a
// whole exchange can be compared as text: "1 2 D(x) C(SELECT 1) Z(I)".
//
// Client:  Q(sql) P(name|sql) B(portal|statement|p1,p2) D(S name) E(portal) C(S name) S H d(4) c f(text)
// F(oid) X Server:  1 2 3 t(1) T D(x) C(tag) I s Z(I) E(42601) E(FATAL 57P01) N(01000) S(name=value)
// A(channel) V G H d(4) c n

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/wire/decoder.h"

namespace pgpool::support {

[[nodiscard]] std::string query(std::string_view sql);
[[nodiscard]] std::string parse(std::string_view name, std::string_view sql,
                                const std::vector<std::uint32_t>& types = {});
[[nodiscard]] std::string bind_portal(std::string_view portal, std::string_view statement,
                                      const std::vector<std::string>& parameters = {});
[[nodiscard]] std::string describe_statement(std::string_view name);
[[nodiscard]] std::string describe_portal(std::string_view name);
[[nodiscard]] std::string execute(std::string_view portal = "", std::uint32_t max_rows = 0);
[[nodiscard]] std::string close_statement(std::string_view name);
[[nodiscard]] std::string close_portal(std::string_view name);
[[nodiscard]] std::string sync();
[[nodiscard]] std::string flush();
[[nodiscard]] std::string terminate();
[[nodiscard]] std::string function_call(std::uint32_t oid);
[[nodiscard]] std::string copy_data(std::string_view bytes);
[[nodiscard]] std::string copy_done();
[[nodiscard]] std::string copy_fail(std::string_view reason);

// Parse, Bind and Execute of the unnamed statement, and Sync.
[[nodiscard]] std::string extended(std::string_view sql, const std::vector<std::string>& parameters = {});

[[nodiscard]] std::string print_from_client(const wire::Frame& frame);
[[nodiscard]] std::string print_from_server(const wire::Frame& frame);
[[nodiscard]] std::string print_from_client(ByteView frames);  // REQUIRES: whole messages
[[nodiscard]] std::string print_from_server(ByteView frames);  // REQUIRES: whole messages

}  // namespace pgpool::support
