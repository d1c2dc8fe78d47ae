# SPDX-License-Identifier: PostgreSQL
"""Mode replication: COPY FROM STDIN into tables of which main alone fills some columns (sequences, now(), random())."""
import contextlib
import csv
import io
import random
import struct
import threading

import psycopg2
import psycopg2.errors
import pytest

from support import wire
from support.pgcluster import wait_for
from support.replicated import assert_equal, contents, states

REFUSED = psycopg2.errors.FeatureNotSupported


@pytest.fixture
def replicated(shared_proxy):
    shared_proxy.sql("drop table if exists t cascade")
    yield shared_proxy
    assert states(shared_proxy) == ["up"] * 3
    shared_proxy.sql("drop table if exists t cascade")


@pytest.fixture
def connection(replicated):
    with contextlib.closing(replicated.connect()) as one:
        yield one


@pytest.fixture
def cursor(connection):
    with connection.cursor() as one:
        yield one


def copy(cursor, sql, data):
    cursor.copy_expert(sql, io.BytesIO(data if isinstance(data, bytes) else data.encode()))


class Slices(io.RawIOBase):
    """Data in pieces of any size: rows and messages do not end together."""

    def __init__(self, data, seed):
        self.left = data
        self.rng = random.Random(seed)

    def readable(self):
        return True

    def read(self, _size=-1):
        size = self.rng.choice([1, 1, 2, 3, 7, 50])
        piece, self.left = self.left[:size], self.left[size:]
        return piece


def positions(replicated, sequence="t_id_seq"):
    return [node.rows(f"select last_value, is_called from {sequence}")[0] for node in replicated.nodes.nodes]


def outcome(cursor, sql, data):
    """What the client sees: its count, or the error in all its words."""
    try:
        cursor.copy_expert(sql, Slices(data, len(data)))
        return cursor.rowcount, cursor.statusmessage
    except psycopg2.Error as error:
        told = error.diag
        return tuple(getattr(told, name) for name in ("severity", "sqlstate", "message_primary", "message_detail", "message_hint", "context",
                                                      "statement_position", "table_name", "column_name", "constraint_name"))


# Options and data: rows, or what the server refuses.
TEXT = [b"1\ta\n2\tb\n", b"1\ta\r\n2\tb\r\n", b"1\ta\r2\tb\r", b"1\ta\n2\tb", b"1\ta\\\nb\n2\t\\\\\\t\\x41\n", b"1\t\\N\n\\N\t\\N\n", b"1\ta\n\\.\nwhat follows\n",
        b"", b"\n", b"\\.\n", b"1\n", b"1\ta\tb\n", b"1\ta\n\n", b"x\ta\n", b"1\ta\n2\tb\r\n", b"1\ta\r\n2\tb\n", b"1\ta\n2\\.\n", b"1\ta\n-1\tb\n",
        b"1\t\\.x\n", b"1\ta\n" * 300 + b"x\ty\n", b"1\t" + b"long" * 50 + b"\t\n", b"1\ta\n2\tb\\.\n", b"1\ta\n2\tb\\", b"\xff\tx\n", b"1\t\xc3\xa4\n"]
CSV = [b"1,a\n2,b\n", b'1,"a\nb"\n2,"b\r\n\r"\n', b'1,"a""b,\n"""\n2,\n', b"1,\n,\n", b'1,""\n', b"1,a\r\n2,b\r\n", b"1,a\r2,b\r", b'1,"a\n', b"1,a\n\\.\nnothing\n",
       b"1,a\n\\.x,b\n", b"1,\\.\n", b"1,a,b\n", b"1\n", b"\n", b'1,a"b\nc"\n', b"1,a\n2,b", b"1,a\n\\.", b"x,a\n", b"", b"1,a\n-1,b\n", b"1,a\n2,b\r\n"]


@pytest.mark.parametrize("options, rows", [
    ("", TEXT), ("(null '5', delimiter '|')", [b"1|a\n5|5\n", b"1|\\|\n", b"1|a|b\n"]), ("(header)", [b"v\tw\n1\ta\n", b"\n1\ta\n", b"v\tw", b""]),
    ("(header match)", [b"v\tw\n1\ta\n", b"v\n1\ta\n", b"w\tv\n", b"v\tw\tx\n"]), ("delimiter ':' null ''", [b"1:a\n:\n"]),
    ("(format csv)", CSV), ("csv", CSV), ("(format csv, header)", [b"v,w\n1,a\n", b'"v\nx",w\r\n1,a\n', b'"v\nx",w\n1,a\n2,b\n']),
    ("(format csv, header match)", [b'v,"w"\n1,a\n', b"v\n1,a\n"]), ("(format csv, quote '''', escape '\\')", [b"1,'a\\'b'\n2,'\\\\'\n", b"1,'a\\\n'\n"]),
    ("(format csv, quote '0', delimiter ';', escape '1', null 'x')", [b"2;a\nx;x\n3;0a10\n;0\n"]), ("(format csv, force_not_null (w), null '7')", [b"7,7\n1,\n"]),
    ("(format csv, force_null (w))", [b'1,""\n']), ("(encoding 'latin1')", [b"1\t\xe4\n"]), ("(format csv, freeze)", [b"1,a\n"])])
def test_the_client_sees_what_a_plain_server_does(replicated, cursor, options, rows):
    """And the rows are on all nodes as on that."""
    table = "table t(id serial primary key, v int check (v > 0), w text, x int default 3)"
    copies = [(f"copy t(v, w) from stdin {options}", data) for data in rows]
    with contextlib.closing(replicated.nodes.nodes[0].connect()) as other, other.cursor() as plain:
        plain.execute(f"create temporary {table}")
        outcomes = [outcome(plain, *one) for one in copies]
        plain.execute("select id, v, w, x from t order by id")
        expected = plain.fetchall()
        plain.execute("insert into t(v) values (1) returning id")
        following = plain.fetchone()
        plain.execute("drop table t")  # as long as there is one the proxy refuses to write another of its name
    cursor.execute(f"create {table}")
    for one, told in zip(copies, outcomes):
        assert outcome(cursor, *one) == told, one
    assert [node.rows("select id, v, w, x from t order by id") for node in replicated.nodes.nodes] == [expected] * 3
    cursor.execute("insert into t(v) values (1) returning id")
    assert cursor.fetchone() == following
    assert_equal(replicated.nodes)


def binary(*rows):
    head = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
    fields = [b"".join(struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in row) for row in rows]
    return head + b"".join(struct.pack("!h", len(row)) + field for row, field in zip(rows, fields)) + struct.pack("!h", -1)


@pytest.mark.parametrize("kind", ["smallserial", "serial", "bigserial"])
def test_binary(replicated, cursor, kind):
    cursor.execute(f"create table t(v int, id {kind} primary key, w text)")
    one = struct.pack("!i", 1)
    for rows in ([(one, b"a"), (one, None), (None, b"")], [], [(one, bytes([10, 92, 34]))] * 1000):
        cursor.copy_expert("copy t(v, w) from stdin (format binary)", Slices(binary(*rows), 1))
    with pytest.raises(psycopg2.DataError, match="row field count is 1, expected 2"):
        copy(cursor, "copy binary t(v, w) from stdin", binary((one,)))
    with pytest.raises(psycopg2.Error):
        copy(cursor, "copy t(v, w) from stdin (format binary)", b"no binary data at all, but longer than a header")
    assert contents(replicated.nodes, "select count(*) || ' ' || max(id) || ' ' || count(distinct id) from t") == "1003 1003 1003"
    assert_equal(replicated.nodes)


def test_binary_of_what_is_no_integer(cursor):
    cursor.execute("create table t(id int primary key, at timestamptz default now())")
    with pytest.raises(REFUSED, match='in binary format column "at" is no integer'):
        copy(cursor, "copy t(id) from stdin (format binary)", binary((struct.pack("!i", 1),)))


def test_csv_import(replicated, cursor):
    """As everybody does it."""
    cursor.execute("create table t(id bigint generated always as identity primary key, name text not null, price numeric, at timestamptz default now(),"
                   " key uuid default gen_random_uuid(), luck float default random(), label text default 'L-' || nextval('t_id_seq'))")
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["name", "price"])
    rows.writerows([[f'thing "{i}",\n of Mödling', i / 100] for i in range(5000)])
    text.seek(0)
    cursor.copy_expert("copy t(name, price) from stdin with (format csv, header true, encoding 'utf8')", text)
    assert cursor.rowcount == 5000
    assert contents(replicated.nodes, "select count(*) || ' ' || count(distinct id) || ' ' || count(distinct key) || ' ' || count(distinct at) from t") == "5000 5000 5000 1"
    assert_equal(replicated.nodes)
    cursor.execute("insert into t(name) values ('next') returning id")
    assert cursor.fetchone()[0] == 10001
    assert len(set(positions(replicated))) == 1


def test_transactions_and_savepoints(replicated, connection, cursor):
    cursor.execute("create table t(id serial primary key, v int unique)")
    connection.autocommit = False
    cursor.execute("insert into t(v) values (0)")
    copy(cursor, "copy t(v) from stdin", "1\n2\n")
    cursor.execute("savepoint a")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        copy(cursor, "copy t(v) from stdin", "3\n1\n")
    cursor.execute("rollback to a")
    copy(cursor, "copy t(v) from stdin", "4\n")
    cursor.execute("savepoint b")
    copy(cursor, "copy t(v) from stdin csv", "5\n")
    cursor.execute("rollback to b")
    cursor.execute("insert into t(v) values (6)")
    connection.commit()
    assert contents(replicated.nodes, "select string_agg(id || '=' || v, ' ' order by id) from t") == "1=0 2=1 3=2 6=4 8=6"
    copy(cursor, "copy t(v) from stdin", "9\n")
    connection.rollback()
    assert_equal(replicated.nodes)
    assert len(set(positions(replicated))) == 1


def test_much_more_than_travels_otherwise(replicated, cursor):
    cursor.execute("create table t(id serial primary key, v int, w text)")
    rows = b"".join(b"%d\t%s\n" % (i, b"x" * (i % 700)) for i in range(150_000))
    assert len(rows) > 48 << 20
    copy(cursor, "copy t(v, w) from stdin", rows)
    assert contents(replicated.nodes, "select count(*) || ' ' || max(id - v) || ' ' || sum(length(w)) from t") == f"150000 1 {sum(i % 700 for i in range(150_000))}"
    assert_equal(replicated.nodes)


def test_a_row_that_is_too_long(replicated, cursor):
    cursor.execute("create table t(id serial primary key, w text)")
    with pytest.raises(REFUSED, match="more rows of COPY than can be held"):
        copy(cursor, "copy t(w) from stdin", b"x" * (40 << 20) + b"\n")
    copy(cursor, "copy t(w) from stdin", b"x" * (20 << 20) + b"\n")
    assert contents(replicated.nodes, "select string_agg(id || ' ' || length(w), ' ') from t") == f"2 {20 << 20}"


def test_others_draw_meanwhile(replicated):
    replicated.sql("create table t(id serial primary key, v int)")

    def work():
        with contextlib.closing(replicated.connect()) as one, one.cursor() as cursor:
            for i in range(10):
                copy(cursor, "copy t(v) from stdin", "".join(f"{v}\n" for v in range(200)))
                cursor.execute("insert into t(v) values (%s)", (i,))
    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert contents(replicated.nodes, "select count(*) || ' ' || count(distinct id) from t") == "8040 8040"
    assert_equal(replicated.nodes)
    assert len(set(positions(replicated))) == 1


def test_what_was_committed_is_not_given_out_by_another_node(replicated, cursor):
    cursor.execute("create table t(id int generated by default as identity (increment -3), v int)")
    copy(cursor, "copy t(v) from stdin", "1\n2\n3\n")
    assert positions(replicated) == [(-7, True)] * 3


def test_a_role_that_may_not_use_the_sequence(replicated, cursor):
    """Which it need not for an identity; but main tells of the column, and the others are given it."""
    cursor.execute("create table t(id int generated always as identity, v int)")
    cursor.execute("drop role if exists copier")
    cursor.execute("create role copier")
    cursor.execute("grant insert on t to copier")
    cursor.execute("set role copier")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        copy(cursor, "copy t(v) from stdin", "1\n")
    cursor.execute("reset role")
    cursor.execute("grant select on t to copier")
    cursor.execute("set role copier")
    copy(cursor, "copy t(v) from stdin", "1\n")
    cursor.execute("reset role")
    assert contents(replicated.nodes, "select string_agg(id || '=' || v, ' ') from t") == "1=1"
    cursor.execute("drop table t")
    cursor.execute("drop role copier")


def test_behind_ddl_of_the_same_transaction(replicated, connection, cursor):
    connection.autocommit = False
    cursor.execute("create table t(id serial primary key, v int)")
    copy(cursor, "copy t(v) from stdin", "1\n2\n")
    cursor.execute("drop table t")
    cursor.execute("create table t(v int, id int generated always as identity, at timestamptz default clock_timestamp())")
    copy(cursor, "copy t(v) from stdin", "3\n")
    connection.commit()
    assert contents(replicated.nodes, "select string_agg(id || '=' || v, ' ' order by id) from t") == "1=3"
    assert_equal(replicated.nodes)


def test_partitions_children_and_triggers(replicated, cursor):
    cursor.execute("create table t(id serial, v int, w int, at timestamptz default now()) partition by range (id)")
    cursor.execute("create table t_1 partition of t for values from (1) to (4)")
    cursor.execute("create table t_2 partition of t for values from (4) to (1000)")
    cursor.execute("create or replace function doubled() returns trigger language plpgsql as $$ begin new.w := new.id * 2; if new.v = 5 then return null; end if; return new; end $$")
    cursor.execute("create trigger twice before insert on t for each row execute function doubled()")
    copy(cursor, "copy t(v) from stdin", "".join(f"{v}\n" for v in range(10)))
    assert contents(replicated.nodes, "select string_agg(id || '=' || v || '=' || w, ' ' order by id) from t where id < 4 or id > 8") == "1=0=2 2=1=4 3=2=6 9=8=18 10=9=20"
    assert contents(replicated.nodes, "select count(*) from t") == 9
    assert_equal(replicated.nodes)


@pytest.mark.parametrize("column, sql, data, reason", [
    ("id serial", "copy t(v) from stdin where v > 1", b"1\n", "COPY has WHERE"),
    ("id serial", "copy t(v) from stdin (encoding 'sjis')", b"1\n", "the rows are in sjis"),
    ("id int default nullif(1, 1 + (random() * 0)::int)", "copy t(v) from stdin", b"1\n", "cannot be written as its rows are"),
    ("id text default 'ä' || random()", "copy t(v) from stdin", b"1\n", "cannot be written as its rows are"),
    ("id text default random()::text || chr(10)", "copy t(v) from stdin csv", b"1\n", "cannot be written as its rows are"),
    ("id serial", "copy t(v) from stdin (null '1')", b"1\n", "cannot be written as its rows are")])
def test_what_cannot_be_given_to_the_others(replicated, cursor, column, sql, data, reason):
    cursor.execute(f"create table t({column}, v text)")
    with pytest.raises(REFUSED, match=reason):
        copy(cursor, sql, data)
    assert contents(replicated.nodes, "select count(*) from t") == 0
    cursor.execute("insert into t(v) values (1)")


@pytest.mark.parametrize("setting, column", [("client_encoding to sjis", "id serial"), ("datestyle to german", "at timestamptz default now()")])
def test_under_settings_that_hide_what_is_meant(cursor, setting, column):
    cursor.execute(f"create table t({column}, v text)")
    cursor.execute(f"set {setting}")
    with pytest.raises(REFUSED, match="columns that the main node fills"):
        copy(cursor, "copy t(v) from stdin", b"1\n")


def test_numbers_of_too_few_digits(cursor):
    cursor.execute("create table t(x float default random(), v text)")
    cursor.execute("set extra_float_digits to 0")
    with pytest.raises(REFUSED, match="extra_float_digits below 1"):
        copy(cursor, "copy t(v) from stdin", b"1\n")
    cursor.execute("set extra_float_digits to 1")
    copy(cursor, "copy t(v) from stdin", b"1\n")


@pytest.mark.parametrize("setting", ["array_nulls to off", "client_encoding to shift_jis_2004"])
def test_values_that_others_would_read_otherwise(replicated, cursor, setting):
    cursor.execute("create table t(a text[] default array[null, random()::text, '\u203e'], v text)")
    cursor.execute("begin")
    cursor.execute(f"set local {setting}")
    with pytest.raises(REFUSED, match="columns that the main node fills"):
        copy(cursor, "copy t(v) from stdin (encoding 'utf8')", b"1\n")
        cursor.execute("commit")
    cursor.execute("rollback")
    assert contents(replicated.nodes, "select count(*) from t") == 0


def test_the_route_names_it(replicated, cursor):
    cursor.execute("create table t(id serial, v int)")
    copy(cursor, "copy t(v) from stdin", "1\n")  # waits for the facts of the table
    cursor.execute("show route for copy t(v) from stdin")
    assert 'of which main fills "id"' in str(cursor.fetchall())


def test_a_client_that_gives_up(replicated, cursor):
    """By CopyFail, and by going away."""
    cursor.execute("create table t(id serial primary key, v int)")
    with wire.connect(replicated.host, replicated.port, database="postgres") as client:
        client.send(wire.query("copy t(v) from stdin"), wire.copy_data(b"1\n2\n3"), wire.copy_fail("no"))
        assert [frame.type for frame in client.read_until()] == ["G", "E", "Z"]
        client.send(wire.query("copy t(v) from stdin"), wire.copy_data(b"1\n2"))
        client.read_until("G")
    copy(cursor, "copy t(v) from stdin", "1\n")
    assert contents(replicated.nodes, "select count(*) from t") == 1
    wait_for(lambda: len(set(positions(replicated))) == 1, 5, "sequences are at the same place")
