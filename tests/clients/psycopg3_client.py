# SPDX-License-Identifier: PostgreSQL
"""psycopg 3: automatic prepared statements, pipeline mode, binary COPY, server cursors, asyncio."""
import asyncio
import os

import psycopg
from psycopg import sql

KEEPS_STATE = os.environ["CLIENT_POOL_MODE"] != "transaction"


def prepared_statements():
    with psycopg.connect("", autocommit=True, prepare_threshold=0) as connection:
        for i in range(300):  # more texts than prepared_max, so that old ones are deallocated
            assert connection.execute(f"select %s::int + {i % 120}", [i]).fetchone() == (i + i % 120,)
    with psycopg.connect("", autocommit=True, prepare_threshold=2) as connection:
        connection.execute("drop table if exists pg3; create table pg3(a int primary key, b text)")
        for i in range(10):
            connection.execute("insert into pg3 values (%s, %s)", [i, f"b{i}"])
            assert connection.execute("select b from pg3 where a = %s", [i]).fetchone() == (f"b{i}",)
        connection.execute("alter table pg3 add column c int")
        for i in range(5):
            try:
                connection.execute("select * from pg3 where a = %s", [i]).fetchone()
            except psycopg.errors.FeatureNotSupported:
                raise AssertionError("the plan of an own statement changed its result type") from None


def pipelines():
    with psycopg.connect("", autocommit=True) as connection:
        with connection.pipeline() as pipeline:
            cursors = [connection.execute("select %s::int * 2", [i]) for i in range(200)]
            pipeline.sync()
            assert [c.fetchone()[0] for c in cursors] == [i * 2 for i in range(200)]
        with connection.pipeline(), connection.transaction():
            for i in range(100, 150):
                connection.execute("insert into pg3(a) values (%s)", [i])
        assert connection.execute("select count(*) from pg3 where a >= 100").fetchone() == (50,)
        try:
            with connection.pipeline() as pipeline:
                connection.execute("insert into pg3(a) values (777)")
                connection.execute("select 1/0")
                connection.execute("insert into pg3(a) values (778)")
                pipeline.sync()
            raise AssertionError("no error from the pipeline")
        except psycopg.errors.DivisionByZero:
            pass
        assert connection.execute("select count(*) from pg3 where a in (777, 778)").fetchone() == (0,)


def copying():
    with psycopg.connect("") as connection, connection.cursor() as cursor:
        with cursor.copy("copy pg3(a, b) from stdin (format binary)") as copy:
            copy.set_types(["int4", "text"])
            for i in range(3000):
                copy.write_row((10000 + i, f"binary {i}"))
        with cursor.copy("copy (select a from pg3 where a >= 10000 order by a) to stdout") as copy:
            assert [int(row[0]) for row in copy.rows()] == list(range(10000, 13000))
        try:
            with cursor.copy("copy pg3(a) from stdin") as copy:
                copy.write("1\n")
                raise KeyError("the program gives up")
        except psycopg.errors.QueryCanceled:
            pass
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        connection.rollback()


def server_cursors():
    with psycopg.connect("") as connection:
        with connection.cursor("c1") as cursor:
            cursor.execute("select g from generate_series(1, 5000) g")
            assert sum(row[0] for row in cursor) == 12502500
        with connection.cursor("c2", scrollable=True) as cursor:
            cursor.execute("select g from generate_series(1, 20) g")
            cursor.scroll(10)
            assert cursor.fetchone() == (11,)
        with connection.cursor(binary=True) as cursor:
            assert cursor.execute("select %b::int8, %t::text, %s", [2**40, "x", True]).fetchone() == (2**40, "x", True)
        rows = list(connection.cursor().stream("select g from generate_series(1, 500) g"))
        assert len(rows) == 500


def transactions():
    with psycopg.connect("") as connection:
        with connection.transaction():
            connection.execute("insert into pg3(a) values (-1)")
            try:
                with connection.transaction():
                    connection.execute("insert into pg3(a) values (-2)")
                    connection.execute("select 1/0")
            except psycopg.errors.DivisionByZero:
                pass
        assert connection.execute("select array_agg(a) from pg3 where a < 0").fetchone() == ([-1],)
        connection.rollback()
        connection.read_only = True
        try:
            connection.execute("delete from pg3")
            raise AssertionError("a read-only transaction wrote")
        except psycopg.errors.ReadOnlySqlTransaction:
            connection.rollback()
        connection.execute(sql.SQL("select {}").format(sql.Literal("quoted ' value")))


async def asynchronous():
    async def work(number):
        async with await psycopg.AsyncConnection.connect("", autocommit=True) as connection:
            for i in range(20):
                cursor = await connection.execute("select %s::int, %s::int", [number, i], prepare=True)
                assert await cursor.fetchone() == (number, i)
    await asyncio.gather(*(work(n) for n in range(25)))
    if KEEPS_STATE:
        async with await psycopg.AsyncConnection.connect("", autocommit=True) as connection:
            await connection.execute("listen pg3_channel")
            async with await psycopg.AsyncConnection.connect("", autocommit=True) as other:
                await other.execute("notify pg3_channel, 'x'")
            notification = await asyncio.wait_for(connection.notifies().__anext__(), 10)
            assert notification.payload == "x"


def main():
    for check in (prepared_statements, pipelines, copying, server_cursors, transactions):
        check()
    asyncio.run(asynchronous())
    with psycopg.connect("", autocommit=True) as connection:
        connection.execute("drop table pg3")
    print(f"psycopg {psycopg.__version__}: 6 groups of checks")


main()
