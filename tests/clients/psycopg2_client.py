# SPDX-License-Identifier: PostgreSQL
"""psycopg2: transactions, COPY, server-side cursors, notices, cancel, encodings, threads."""
import io
import os
import threading
import time

import psycopg2
import psycopg2.errors
import psycopg2.extras

KEEPS_STATE = os.environ["CLIENT_POOL_MODE"] != "transaction"
REPLICATES = os.environ["CLIENT_POOL_MODE"] == "replication"


def connect(**options):
    return psycopg2.connect("", **options)


def transactions(connection):
    with connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists pg2; create table pg2(id serial primary key, body text, data bytea)")
    with connection.cursor() as cursor:
        cursor.execute("insert into pg2(body) values (%s) returning id", ["rolled back"])
        assert cursor.fetchone() == (1,)
        connection.rollback()
        cursor.execute("select count(*) from pg2")
        assert cursor.fetchone() == (0,)
        connection.commit()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("insert into pg2(id) values (7), (7)")
        raise AssertionError("no unique violation")
    except psycopg2.errors.UniqueViolation as error:
        assert error.diag.constraint_name == "pg2_pkey", error.diag.constraint_name
    with connection, connection.cursor() as cursor:
        psycopg2.extras.execute_values(cursor, "insert into pg2(body) values %s", [(f"row {i}",) for i in range(500)])
        psycopg2.extras.execute_batch(cursor, "update pg2 set body = %s where body = %s", [(f"new {i}", f"row {i}") for i in range(50)])
        cursor.execute("select count(*) from pg2 where body like 'new %'")
        assert cursor.fetchone() == (50,)


def values(connection):
    blob = bytes(range(256)) * 2000
    with connection, connection.cursor() as cursor:
        cursor.execute("insert into pg2(data) values (%s) returning data", [psycopg2.Binary(blob)])
        assert bytes(cursor.fetchone()[0]) == blob
        cursor.execute("select %s::int[], %s::jsonb, %s, %s::date", [[1, None, 3], '{"a": [1]}', None, "2020-02-29"])
        row = cursor.fetchone()
        assert row[0] == [1, None, 3] and row[1] == {"a": [1]} and row[2] is None and row[3].day == 29, row


def cursors(connection):
    with connection, connection.cursor("named") as cursor:
        cursor.itersize = 70
        cursor.execute("select g from generate_series(1, 1000) g")
        assert sum(row[0] for row in cursor) == 500500
    with connection, connection.cursor("holding", withhold=KEEPS_STATE) as cursor:
        cursor.execute("select g from generate_series(1, 10) g")
        assert len(cursor.fetchmany(4)) == 4
        if KEEPS_STATE:
            connection.commit()
        assert len(cursor.fetchall()) == 6


def copying(connection):
    with connection, connection.cursor() as cursor:
        if REPLICATES:  # COPY cannot draw from a sequence
            cursor.copy_expert("copy pg2(id, body) from stdin", io.StringIO("".join(f"{10_000 + i}\tcopied {i}\n" for i in range(2000))))
        else:
            cursor.copy_expert("copy pg2(body) from stdin", io.StringIO("".join(f"copied {i}\n" for i in range(2000))))
        out = io.StringIO()
        cursor.copy_expert("copy (select body from pg2 where body like 'copied %') to stdout", out)
        assert len(out.getvalue().splitlines()) == 2000
        try:
            cursor.copy_expert("copy pg2(id) from stdin", io.StringIO("x\n"))
            raise AssertionError("bad COPY accepted")
        except psycopg2.errors.InvalidTextRepresentation:
            connection.rollback()


def session(connection):
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("set timezone = 'Asia/Tokyo'")
        cursor.execute("show timezone")
        assert cursor.fetchone() == ("Asia/Tokyo",)
        assert connection.get_parameter_status("TimeZone") == "Asia/Tokyo"
        if not REPLICATES:
            cursor.execute("do $$ begin raise notice 'hello'; end $$")
            assert connection.notices[-1].strip() == "NOTICE:  hello", connection.notices
        cursor.execute("drop table if exists nowhere")
        assert connection.notices[-1].strip() == 'NOTICE:  table "nowhere" does not exist, skipping', connection.notices
        connection.set_client_encoding("LATIN1")
        cursor.execute("select %s", ["caf\xe9"])
        assert cursor.fetchone() == ("caf\xe9",)
        connection.set_client_encoding("UTF8")
        if KEEPS_STATE:
            cursor.execute("listen news")
            cursor.execute("notify news, 'today'")
            connection.poll()
            assert [n.payload for n in connection.notifies] == ["today"], connection.notifies
            cursor.execute("unlisten *")
    connection.autocommit = False


def cancel(connection):
    with connection.cursor() as cursor:
        timer = threading.Timer(0.3, connection.cancel)
        timer.start()
        begin = time.monotonic()
        try:
            cursor.execute("select pg_sleep(20)")
            raise AssertionError("not cancelled")
        except psycopg2.errors.QueryCanceled:
            assert time.monotonic() - begin < 10
        finally:
            timer.join()
        connection.rollback()
        cursor.execute("select 1")
        connection.rollback()


def isolation(connection):
    connection.set_session(isolation_level="SERIALIZABLE", readonly=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("show transaction_isolation")
        assert cursor.fetchone() == ("serializable",)
        cursor.execute("show transaction_read_only")
        assert cursor.fetchone() == ("on",)
    connection.set_session(isolation_level="READ COMMITTED", readonly=False)


def two_phase():
    connection = connect()
    try:
        connection.tpc_begin(connection.xid(1, "global", "branch"))
        with connection.cursor() as cursor:
            cursor.execute("select max_prepared_transactions from (select current_setting('max_prepared_transactions')::int) s(max_prepared_transactions)")
            cursor.execute("insert into pg2(body) values ('two phases')")
        connection.tpc_prepare()
        connection.tpc_commit()
    finally:
        connection.close()


def many_threads():
    failures = []

    def work(number):
        try:
            connection = connect()
            for i in range(40):
                with connection, connection.cursor() as cursor:
                    cursor.execute("select %s, %s", [number, i])
                    assert cursor.fetchone() == (number, i)
            connection.close()
        except Exception as error:  # reported by the main thread
            failures.append(error)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def main():
    connection = connect()
    for check in (transactions, values, cursors, copying, session, cancel, isolation):
        check(connection)
    if not REPLICATES:
        two_phase()
    many_threads()
    with connection, connection.cursor() as cursor:
        cursor.execute("drop table pg2")
    connection.close()
    print("psycopg2: 9 groups of checks")


main()
