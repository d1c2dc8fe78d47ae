# SPDX-License-Identifier: PostgreSQL
"""Messages larger than any buffer."""
from ..steps import *

sequence = Catalogue("large")

MIB = 1 << 20

sequence("query_1_mib", Q("select length('" + "q" * MIB + "')"), tags="large")
sequence("query_1_mib_of_values", Q("select count(*) from (values " + ",".join(f"({i})" for i in range(120000)) + ") v(a)"), tags="large")
sequence("query_10_mib_comment", Q("select 1 /*" + "c" * (10 * MIB) + "*/"), tags="large")
sequence("query_error_1_mib", Q("selct '" + "q" * MIB + "'"), tags="large")
sequence("parse_1_mib", X("select length('" + "q" * MIB + "')"), tags="large")
sequence("parameter_20_mib", X("select length($1::text)", ["p" * (20 * MIB)]), tags="large")
sequence("parameters_many_of_1_mib", X("select " + "+".join(f"length(${i + 1}::text)" for i in range(8)), ["p" * MIB] * 8), tags="large")
sequence("parameter_20_mib_with_error", X("select $1::int", ["9" * (20 * MIB)]), Q("select 1"), tags="large",
         mask=["9{100,}"])
sequence("parameter_5_mib_pipelined", [(Parse("", "select length($1::text)"), Bind("", "", ["p" * (5 * MIB)]), Execute(), Sync) for _ in range(3)], Ready(3), tags="large")
sequence("row_20_mib", Q("select repeat('r', 20 * 1024 * 1024)"), tags="large")
sequence("row_20_mib_extended", X("select repeat('r', 20 * 1024 * 1024)"), tags="large")
sequence("rows_of_1_mib", Q("select repeat('r', 1024 * 1024) from generate_series(1, 12)"), Q("select 1"), tags="large")
sequence("large_row_in_pipeline", X("select 1"), Query("select repeat('r', 3000000)"), Query("select 2"), Ready(2), tags="large")
sequence("notice_of_1_mib", Q("select note(repeat('n', 1024 * 1024))"), tags="large")
sequence("error_of_1_mib", Q("select fail(repeat('e', 1024 * 1024))"), Q("select 1"), tags="large")
sequence("copy_data_of_5_mib", Query("copy journal(what) from stdin"), Until("G"), CopyData(b"c" * (5 * MIB) + b"\n"), CopyDone, Ready(), Q("select length(what) from journal"), tags="large")
sequence("name_of_1_mib", Parse("n" * MIB, "select 1"), Bind("", "n" * MIB), Execute(), Sync, Ready(), tags="large")
sequence("execute_rows_by_thousand", Q("begin"), Parse("", "select g, repeat('x', 200) from generate_series(1, 20000) g"), Bind("p"), [(Execute("p", 1000), Flush, Until("sC")) for _ in range(21)], Sync, Ready(), Q("commit"), tags="large")
