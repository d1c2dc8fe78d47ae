# SPDX-License-Identifier: PostgreSQL
"""Names of statements and portals; SQL PREPARE beside protocol statements."""
from ..steps import *

sequence = Catalogue("names")

run_s1 = (Bind("", "s1"), Execute(), Sync, Ready())

sequence("same_statement_twice_is_42P05", Parse("s1", "select 1"), Sync, Ready(), Parse("s1", "select 2"), Sync, Ready(), run_s1)
sequence("same_statement_same_text_is_42P05", Parse("s1", "select 1"), Sync, Ready(), Parse("s1", "select 1"), Sync, Ready(), run_s1)
sequence("same_statement_twice_in_batch", Parse("s1", "select 1"), Parse("s1", "select 2"), Sync, Ready(), run_s1)
sequence("close_then_parse_again", Parse("s1", "select 1"), Close("S", "s1"), Parse("s1", "select 2"), Sync, Ready(), run_s1)
sequence("unknown_statement_is_26000", Bind("", "nowhere"), Execute(), Sync, Ready())
sequence("unknown_statement_described", Describe("S", "nowhere"), Sync, Ready())
sequence("unknown_unnamed_statement", Bind(), Sync, Ready(), Describe("S"), Sync, Ready())
sequence("unknown_portal_is_34000", Execute("nowhere"), Sync, Ready(), Describe("P", "nowhere"), Sync, Ready(), Execute(), Sync, Ready())
sequence("close_unknown_is_no_error", Close("S", "nowhere"), Close("P", "nowhere"), Close("S"), Close("P"), Sync, Ready())
sequence("same_portal_twice_is_42P03", Parse("s1", "select 1"), Bind("p1", "s1"), Bind("p1", "s1"), Sync, Ready())
sequence("unnamed_portal_twice", Parse("s1", "select $1::int"), Bind("", "s1", [1]), Bind("", "s1", [2]), Execute(), Sync, Ready())
sequence("portal_of_closed_statement", Parse("s1", "select 1"), Bind("p1", "s1"), Close("S", "s1"), Execute("p1"), Sync, Ready())
sequence("close_in_failed_batch_is_skipped", Parse("s1", "select 1"), Sync, Ready(), Parse("", "selct"), Close("S", "s1"), Sync, Ready(), run_s1)
sequence("parse_in_failed_transaction", Q("begin"), Q("select 1/0"), Parse("s1", "select 1"), Sync, Ready(), Q("rollback"), run_s1)
sequence("commit_parsed_in_failed_transaction", Q("begin"), Q("select 1/0"), X("commit"))
sequence("bind_in_failed_transaction", Parse("s1", "select 1"), Sync, Ready(), Q("begin"), Q("select 1/0"), run_s1, Q("rollback"), run_s1)
sequence("describe_in_failed_transaction", Parse("s1", "select 1"), Sync, Ready(), Q("begin"), Q("select 1/0"), Describe("S", "s1"), Sync, Ready(), Q("rollback"))
sequence("close_in_failed_transaction", Parse("s1", "select 1"), Sync, Ready(), Q("begin"), Q("select 1/0"), Close("S", "s1"), Sync, Ready(), Q("rollback"), run_s1)
sequence("name_with_odd_characters", Parse("a b\"c'd", "select 1"), Bind("", "a b\"c'd"), Execute(), Sync, Ready(), Parse("ž", "select 2"), Bind("", "ž"), Execute(), Sync, Ready())
sequence("name_of_300_bytes", Parse("n" * 300, "select 1"), Bind("p" * 300, "n" * 300), Execute("p" * 300), Sync, Ready(), Bind("", "n" * 301), Sync, Ready())
sequence("fifty_statements", [Parse(f"s{i}", f"select {i}") for i in range(50)], Sync, Ready(), [(Bind("", f"s{i}"), Execute()) for i in range(49, -1, -1)], Sync, Ready())
sequence("three_hundred_statements", [(Parse(f"s{i}", f"select {i}, $1::int"), Sync) for i in range(300)], Ready(300),
         [(Bind("", f"s{i}", [i]), Execute(), Sync) for i in range(300)], Ready(300))
sequence("same_text_under_two_names", Parse("s1", "select $1::int"), Parse("s2", "select $1::int"), Bind("", "s1", [1]), Execute(), Bind("", "s2", [2]), Execute(), Close("S", "s1"),
         Bind("", "s2", [3]), Execute(), Sync, Ready(), Bind("", "s1", [4]), Sync, Ready())
sequence("same_text_other_types", Parse("s1", "select $1", [INT4]), Parse("s2", "select $1", [TEXT]), Describe("S", "s1"), Describe("S", "s2"), Sync, Ready())

sequence("sql_prepare", Q("prepare q as select $1::int + 1"), Q("execute q(41)"), Q("deallocate q"), Q("execute q(1)"), tags="state")
sequence("sql_prepare_twice", Q("prepare q as select 1"), Q("prepare q as select 2"), Q("execute q"), tags="state")
sequence("sql_prepare_types", Q("prepare q(int, text) as select $1, $2"), Q("execute q(1, 'x')"), Q("execute q('x', 1)"), tags="state")
sequence("sql_prepare_argument_count", Q("prepare q(int) as select $1"), Q("execute q"), Q("execute q(1, 2)"), tags="state")
sequence("sql_prepare_seen_by_protocol", Q("prepare q as select 7"), Bind("", "q"), Describe("P"), Execute(), Sync, Ready(), tags="state")
sequence("protocol_statement_seen_by_sql", Parse("s1", "select $1::int"), Sync, Ready(), Q("execute s1(5)"), tags="state")
sequence("deallocate_protocol_statement", Parse("s1", "select 1"), Sync, Ready(), Q("deallocate s1"), run_s1, tags="state")
sequence("close_sql_statement", Q("prepare q as select 1"), Close("S", "q"), Sync, Ready(), Q("execute q"), tags="state")
sequence("deallocate_all", Parse("s1", "select 1"), Sync, Ready(), Q("prepare q as select 1"), Q("deallocate all"), run_s1, Q("execute q"), tags="state")
sequence("deallocate_unknown", Q("deallocate nothing"))
sequence("prepare_in_rolled_back_transaction", Q("begin"), Q("prepare q as select 5"), Q("rollback"), Q("execute q"), tags="state")
sequence("prepare_clashes_with_protocol", Parse("s1", "select 1"), Sync, Ready(), Q("prepare s1 as select 2"), run_s1, tags="state")
sequence("protocol_clashes_with_prepare", Q("prepare s1 as select 2"), Parse("s1", "select 1"), Sync, Ready(), run_s1, tags="state")
sequence("prepare_folds_case", Q("prepare Q as select 1"), Q("execute q"), Bind("", "Q"), Sync, Ready(), Q('prepare "Q" as select 2'), Q('execute "Q"'), tags="state")
sequence("execute_by_extended", X("prepare q as select $1::text"), X("execute q('x')"), X("deallocate q"), tags="state")
sequence("pg_prepared_statements_shows_ours", Parse("s1", "select 'shown'"), Sync, Ready(), Q("select name, statement, from_sql from pg_prepared_statements order by 1"), tags="state")
sequence("pg_prepared_statement_function_shows_ours", Parse("s1", "select 'shown'"), Sync, Ready(), Q("select name, statement, from_sql from pg_prepared_statement() order by 1"), tags="state")
sequence("create_table_as_execute", Q("prepare q as select 1 as a"), Q("create table made as execute q"), Q("table made"), tags="state")
sequence("explain_execute", Q("prepare q as select 1 as a"), Q("explain (costs off) execute q"), tags="state")
sequence("discard_all_drops_statements", Parse("s1", "select 1"), Sync, Ready(), Q("discard all"), run_s1)
sequence("discard_plans_keeps_statements", Parse("s1", "select 1"), Sync, Ready(), Q("discard plans"), run_s1)

# SQL cuts names to 63 bytes; the protocol keeps them whole and compares 63 bytes.
long = "n" * 70
sequence("long_name_of_protocol_in_sql", Parse(long, "select 1"), Sync, Ready(), Q(f"execute {long}"), Q("execute " + "n" * 63), Bind("", "n" * 65), Execute(), Sync, Ready(),
         Parse("n" * 63, "select 2"), Sync, Ready(), Q(f"deallocate {long}"), Bind("", long), Sync, Ready(), tags="state")
sequence("long_name_of_sql_in_protocol", Q(f"prepare {long} as select 1"), Bind("", "n" * 63), Execute(), Sync, Ready(), Describe("S", long), Sync, Ready(),
         Parse(long, "select 2"), Sync, Ready(), Close("S", "n" * 66), Sync, Ready(), Q(f"execute {long}"), tags="state")
sequence("long_name_closed_in_transaction", Parse(long, "select 1"), Sync, Ready(), Q("begin"), Q(f"execute {long}"), Close("S", long), Sync, Ready(), Q(f"execute {long}"),
         Q("rollback"), tags="state")

sequence("taken_name_in_failed_transaction", Parse("s1", "select 1"), Sync, Ready(), Q("begin"), Q("select 1/0"), [(Parse("s1", text), Sync, Ready()) for text in
         ("selct", "rollback", "select 2", "", "select 1; select 2")], Q("rollback"), run_s1)
sequence("taken_sql_name_in_failed_transaction", Q("prepare s1 as select 1"), Q("begin"), Q("select 1/0"), Parse("s1", "rollback"), Sync, Ready(), Bind("", "s1"), Sync, Ready(),
         Q("rollback"), run_s1, tags="state")
bind_unnamed = (Bind(), Execute(), Sync, Ready())
sequence("unnamed_parse_is_skipped", Parse("", "select 1"), Sync, Ready(), Parse("s1", "selct"), Parse("", "select 2"), Sync, Ready(), bind_unnamed)
sequence("unnamed_close_is_skipped", Parse("", "select 1"), Sync, Ready(), Parse("s1", "selct"), Close("S"), Sync, Ready(), bind_unnamed)
sequence("unnamed_parse_fails", Parse("", "select 1"), Sync, Ready(), Parse("", "selct"), Sync, Ready(), bind_unnamed)
sequence("unnamed_parse_of_two_fails", Parse("", "select 1"), Sync, Ready(), Parse("", "select 1; select 2"), Sync, Ready(), bind_unnamed)
sequence("unnamed_parse_is_malformed", Parse("", "select 1"), Sync, Ready(), Raw(wire.message("P", b"\0select 2\0\0\1"), "Parse without its type"), Sync, Ready(), bind_unnamed)
