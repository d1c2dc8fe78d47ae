# SPDX-License-Identifier: PostgreSQL
"""Several requests on their way at once."""
from ..steps import *

sequence = Catalogue("pipelines")


def one(text, values=(), name=""):
    return (Parse(name, text), Bind("", name, values), Describe("P"), Execute(), Sync)


sequence("three_syncs", one("select 1"), one("select 2"), one("select 3"), Ready(3))
sequence("hundred_syncs", [one("select $1::int", [i]) for i in range(100)], Ready(100))
sequence("error_in_the_middle", one("select 1"), one("select 1/0"), one("select 3"), Ready(3))
sequence("parse_error_in_the_middle", one("select 1"), one("selct"), one("select 3"), Ready(3))
sequence("errors_all", [one("selct") for _ in range(10)], Ready(10))
sequence("writes_and_reads", one("insert into journal(what) values ('a')"), one("table journal"), one("insert into journal(what) values ('b')"), one("table journal"), Ready(4))
sequence("begin_work_commit", one("begin"), one("insert into journal(what) values ('a')"), one("table journal"), one("commit"), one("table journal"), Ready(5))
sequence("begin_error_commit", one("begin"), one("select 1/0"), one("select 1"), one("commit"), one("select 2"), Ready(5))
sequence("many_statements_one_sync", [(Parse("", f"select {i}"), Bind(), Execute()) for i in range(50)], Sync, Ready())
sequence("many_statements_one_sync_error_late", [(Parse("", f"select 1/({i} - 30)"), Bind(), Execute()) for i in range(50)], Sync, Ready())
sequence("implicit_transaction_is_rolled_back", [(Parse("", f"insert into journal(what) values ('{i}')"), Bind(), Execute()) for i in range(5)],
         Parse("", "select 1/0"), Bind(), Execute(), Sync, Ready(), Q("table journal"))
sequence("begin_inside_batch", Parse("", "insert into journal(what) values ('a')"), Bind(), Execute(), Parse("", "begin"), Bind(), Execute(), Sync, Ready(), Q("rollback"), Q("table journal"))
sequence("commit_inside_batch", Parse("", "begin"), Bind(), Execute(), Parse("", "insert into journal(what) values ('a')"), Bind(), Execute(), Parse("", "commit"), Bind(), Execute(),
         Parse("", "select 1/0"), Bind(), Execute(), Sync, Ready(), Q("table journal"))
sequence("rollback_inside_batch", Parse("", "begin"), Bind(), Execute(), Parse("", "insert into journal(what) values ('a')"), Bind(), Execute(), Parse("", "rollback"), Bind(), Execute(), Sync, Ready(), Q("table journal"))
sequence("mixed_with_simple", one("select 1"), Query("select 2"), one("select 3"), Query("select 1/0"), one("select 5"), Ready(5))
sequence("simple_after_unsynced_error", Parse("", "selct"), Query("select 'skipped'"), Sync, Query("select 'runs'"), Ready(2))
sequence("simple_ends_unsynced_batch", Parse("", "select 1"), Bind(), Execute(), Query("select 2"), Ready(), Sync, Ready())
sequence("named_prepared_ahead", Parse("s1", "select $1::int"), Sync, [(Bind("", "s1", [i]), Execute(), Sync) for i in range(20)], Ready(21))
sequence("parse_close_parse", [(Parse("s1", f"select {i}"), Bind("", "s1"), Execute(), Close("S", "s1")) for i in range(20)], Sync, Ready())
sequence("flush_between_syncs", one("select 1"), Parse("", "select 2"), Flush, Until("1", 2), Bind(), Execute(), Sync, Ready())
sequence("half_a_batch_then_wait", Parse("", "select 1"), Bind(), Pause(0.05), Execute(), Pause(0.05), Sync, Ready())
sequence("header_then_wait", Raw(wire.query("select 1")[:3], "first 3 bytes of Query"), Pause(0.05), Raw(wire.query("select 1")[3:], "the rest"), Ready())
sequence("batch_cut_in_the_middle", one("select 1"), Raw(wire.parse("", "select 2")[:9], "9 bytes of Parse"), Pause(0.05), Raw(wire.parse("", "select 2")[9:], "the rest"), Bind(), Execute(), Sync, Ready(2))
sequence("replies_larger_than_buffers", [one("select repeat('x', 30000)") for _ in range(20)], Ready(20))
sequence("slow_first_fast_second", one("select pg_sleep(0.1)"), one("select 2"), Ready(2))
sequence("set_inside_pipeline", one("set datestyle = 'SQL, DMY'"), one("select date '2020-12-31'"), one("reset datestyle"), one("select date '2020-12-31'"), Ready(4))
sequence("ddl_inside_pipeline", one("create table made(a int)"), one("insert into made values (1)"), one("select * from made"), one("drop table made"), one("select * from made"), Ready(5))
sequence("function_call_between", one("select 1"), FunctionCall(89), one("select 2"), Ready(3))
sequence("sync_storm", [Sync] * 200, Ready(200))
sequence("query_storm", [Query("select 1")] * 200, Ready(200))
sequence("terminate_in_pipeline", one("insert into journal(what) values ('x')"), one("select 2"), Terminate, Eof(), tags="closes")
