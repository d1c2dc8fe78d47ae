# SPDX-License-Identifier: PostgreSQL
"""pgpool-ctl: what it says of real nodes and of a running proxy, and its exit codes."""
import contextlib
import itertools
import shutil
import subprocess
import threading
import time

import pytest

from support import ctl as ctls
from support import replicated
from support.pgcluster import Independents, wait_for
from support.proxy import ROOT

EQUAL, DIFFERS, USAGE, UNREACHABLE = 0, 1, 2, 3
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def nodes():
    """Two servers that tests share; each has databases of its own there."""
    with Independents(2) as independents:
        yield independents


@pytest.fixture
def ctl(nodes):
    made = ctls.Ctl(nodes.nodes)
    yield made
    made.close()


class Database:
    def __init__(self, nodes, name):
        self.nodes, self.name = nodes, name
        self.first, self.second = nodes.nodes

    def both(self, text):
        self.nodes.sql(text, dbname=self.name)

    def second_only(self, text):
        return self.second.sql(text, dbname=self.name)

    def first_only(self, text):
        return self.first.sql(text, dbname=self.name)


@pytest.fixture
def app(nodes):
    """An empty database on both nodes."""
    database = Database(nodes, f"app{next(NUMBERS)}")
    nodes.sql(f"create database {database.name}")
    yield database
    nodes.sql(f"drop database if exists {database.name} with (force)")


def verify(ctl, app, *more, tries=2):
    return ctl.run("verify", "--databases", app.name, "--tries", str(tries), *more)


def lines(done):
    return [l.removeprefix("differs: ") for l in done.out.splitlines() if l.startswith("differs: ")]


KEYED = """create table keyed(a int, b text, payload text, primary key (a, b));
           insert into keyed select i, 'b' || i, repeat('x', 20) || i from generate_series(1, 2500) i"""


# --- verify ---
def test_equal_nodes(ctl, app):
    app.both(KEYED)
    app.both("""create table "Odd ""Name"(r int, "select" text); insert into "Odd ""Name" values (1, 'x'), (1, 'x'), (2, null);
                create table empty(id int primary key);
                create table parted(id int primary key, v text) partition by range (id);
                create table parted1 partition of parted for values from (0) to (100);
                insert into parted values (1, 'one'), (2, 'two');
                create view v as select * from keyed; create materialized view m as select * from keyed;
                create type mood as enum ('sad', 'ok'); create table moods(m mood primary key, f float8, t timestamptz);
                insert into moods values ('ok', 0.1, '2024-01-01'), ('sad', 'nan', 'infinity');
                select lo_from_bytea(4711, 'hello'); create sequence s; select nextval('s')""")
    done = verify(ctl, app, "--chunk", "100")
    assert (done.code, done.err) == (EQUAL, "")
    assert done.out.startswith(f"node1, node2 are equal: 1 databases, 6 tables, {2500 + 3 + 2 + 2500 + 2} rows")
    done = verify(ctl, app, "--json")
    found = done.json()
    assert done.code == EQUAL and found["equal"] and found["differences"] == [] and found["nodes"] == ["node1", "node2"]
    assert list(found) == ["equal", "complete", "nodes", "unreachable", "databases", "tables", "rows", "differences", "notes"]


def test_odd_tables(ctl, app):
    """Names that the SQL of the comparison uses itself, no columns, inheritance, generated columns, types without order."""
    app.both("""create table r(r int primary key, h int, hashed int); insert into r values (1, 2, 3);
                create table "pg_odd"(r int, h text); insert into "pg_odd" values (1, 'x');
                create table nothing(); insert into nothing default values; insert into nothing default values;
                create table parent(id int primary key); create table child(v int) inherits (parent);
                insert into parent values (1); insert into child values (2, 2);
                create table g(id int generated always as identity primary key, d int generated always as (7) stored, p point, j json, x xml);
                insert into g(p, j, x) values ('(1,2)', '{"a" : 1}', '<a/>');
                create unlogged table u(id int primary key); insert into u values (1);
                alter table r drop column h; alter table r add column h int""")
    done = verify(ctl, app)
    assert (done.code, done.err) == (EQUAL, "") and "note" not in done.out, done.out
    assert "7 tables, 8 rows" in done.out
    app.second_only("insert into nothing default values; update r set h = 1; update g set j = '{\"a\":1}'; insert into child values (3, 3)")
    assert sorted(lines(verify(ctl, app))) == [
        f"{app.name}: public.child: (3,3): extra on node2", f"{app.name}: public.g: id=1: other contents on node2",
        f"{app.name}: public.nothing: (): 3 such rows instead of 2 on node2", f"{app.name}: public.r: r=1: other contents on node2"]


def test_all_databases_of_equal_nodes(ctl):
    done = ctl.run("verify", "--tries", "2")
    assert done.code == EQUAL, done.out + done.err


@pytest.mark.parametrize("chunk", ["10", "1000", "100000"])
@pytest.mark.parametrize("change,line", [
    ("delete from keyed where a = 1234", "public.keyed: a=1234 b=b1234: missing on node2"),
    ("update keyed set payload = 'y' where a = 7", "public.keyed: a=7 b=b7: other contents on node2"),
    ("insert into keyed values (5000, 'late', '')", "public.keyed: a=5000 b=late: extra on node2"),
    ("insert into keyed values (-1, 'early', '')", "public.keyed: a=-1 b=early: extra on node2"),
    ("update keyed set b = 'B' where a = 2500", ["public.keyed: a=2500 b=B: extra on node2", "public.keyed: a=2500 b=b2500: missing on node2"]),
])
def test_names_the_row(ctl, app, chunk, change, line):
    app.both(KEYED)
    app.second_only(change)
    done = verify(ctl, app, "--chunk", chunk)
    wanted = [line] if isinstance(line, str) else line
    assert done.code == DIFFERS and sorted(lines(done)) == [f"{app.name}: {l}" for l in sorted(wanted)]


def test_json_of_a_difference(ctl, app):
    app.both(KEYED)
    app.second_only("delete from keyed where a = 17")
    done = verify(ctl, app, "--json")
    assert done.code == DIFFERS
    assert done.json()["differences"] == [{"database": app.name, "kind": "row", "object": "public.keyed", "key": "a=17 b=b17",
                                           "node": "node2", "what": "missing"}]


def test_many_differences_end_soon(ctl, app):
    """An empty table against a full one, either way: ten keys are named, and nobody waits for the rest."""
    app.both("create table t(id int primary key); create table bag(v int)")
    app.second_only("insert into t select generate_series(1, 100000); insert into bag select generate_series(1, 100000)")
    begin = time.monotonic()
    done = verify(ctl, app, "--chunk", "1000")
    assert time.monotonic() - begin < 20
    assert done.code == DIFFERS and len(lines(done)) == 20
    assert [l for l in lines(done) if ".t:" in l] == [f"{app.name}: public.t: id={i}: extra on node2" for i in range(1, 11)]
    assert f"note: {app.name}: public.t: only the first 10 are named" in done.out
    app.first_only("insert into t select generate_series(1, 100000)")
    app.second_only("truncate t")
    assert len(lines(verify(ctl, app, "--tables", "public.t"))) == 10


def test_keyless_table_is_a_multiset(ctl, app):
    app.both("create table bag(v text); insert into bag select i % 10 from generate_series(1, 5000) i")
    assert verify(ctl, app).code == EQUAL
    app.second_only("delete from bag where ctid = (select min(ctid) from bag where v = '3'); insert into bag values ('new')")
    done = verify(ctl, app)
    assert done.code == DIFFERS
    assert sorted(lines(done)) == sorted([f"{app.name}: public.bag: (3): 499 such rows instead of 500 on node2",
                                          f"{app.name}: public.bag: (new): extra on node2"])
    assert sorted(lines(verify(ctl, app, "--chunk", "100"))) == sorted(lines(done))


def test_order_of_rows_does_not_count(ctl, app):
    app.both("create table bag(v int)")
    app.first_only("insert into bag select generate_series(1, 100)")
    app.second_only("insert into bag select generate_series(100, 1, -1)")
    assert verify(ctl, app).code == EQUAL


def test_settings_of_nodes_do_not_count(ctl, app):
    app.both("""create table t(id int primary key, at timestamptz, b bytea, f float8, i interval, m money);
                insert into t values (1, '2024-01-01 UTC', '\\x01', 0.1, '1 day 2 hours', 1.5)""")
    for name, value in [("datestyle", "German"), ("timezone", "Asia/Tokyo"), ("bytea_output", "escape"), ("extra_float_digits", "-5"),
                        ("intervalstyle", "iso_8601"), ("quote_all_identifiers", "on")]:
        app.second_only(f"alter database {app.name} set {name} = '{value}'")
    assert lines(verify(ctl, app)) == []


def test_keys_of_other_types(ctl, app):
    app.both("""create extension citext;
                create table ci(k citext primary key, v int); insert into ci select 'Key' || i, i from generate_series(1, 300) i;
                create table ci2(k citext, n int, primary key (k, n)); insert into ci2 select 'Key' || i, i from generate_series(1, 300) i;
                create domain code as char(5); create table c(k code primary key); insert into c select i::text from generate_series(1, 300) i;
                create table n(k numeric(10,2), d date, u uuid, primary key (k, d, u));
                insert into n select i, '2024-01-01', md5(i::text)::uuid from generate_series(1, 300) i;
                create table ar(k int[] primary key, v int); insert into ar select array[i, -i], i from generate_series(1, 300) i""")
    done = verify(ctl, app, "--chunk", "7")
    assert (done.code, done.err) == (EQUAL, ""), done.out
    assert "1500 rows" in done.out
    app.second_only("update ci set v = 0 where k = 'key77'; delete from ci2 where n = 8; delete from c where k = '200';"
                    "delete from n where k = 3; update ar set v = 0 where k = array[5, -5]")
    assert sorted(lines(verify(ctl, app, "--chunk", "7"))) == [
        f"{app.name}: public.ar: k={{5,-5}}: other contents on node2", f"{app.name}: public.c: k=200  : missing on node2",
        f"{app.name}: public.ci2: (Key8,8): missing on node2", f"{app.name}: public.ci: k=Key77: other contents on node2",
        f"{app.name}: public.n: k=3.00 d=2024-01-01 u=eccbc87e-4b5c-e2fe-2830-8fd9f2a7baf3: missing on node2"]


def test_sequence(ctl, app):
    app.both("create sequence s; create table t(id serial primary key)")
    app.second_only("select nextval('s'); select nextval('s')")
    done = verify(ctl, app)
    assert done.code == DIFFERS and lines(done) == [f"{app.name}: sequence public.s: 2 instead of 1 (not called) on node2"]


def test_large_objects(ctl, app):
    app.both("select lo_from_bytea(100, 'same'); select lo_from_bytea(101, 'same')")
    app.second_only("select lo_put(100, 4, 'x'); select lo_unlink(101); select lo_create(102)")
    done = verify(ctl, app)
    assert done.code == DIFFERS and lines(done) == [
        f"{app.name}: large object 100: other contents on node2", f"{app.name}: large object 101: missing on node2",
        f"{app.name}: large object 102: extra on node2"]


@pytest.mark.parametrize("change,line", [
    ("alter table keyed add column more int", "column public.keyed.more: extra on node2"),
    ("alter table keyed alter column payload set default 'x'", "column public.keyed.payload: other definition on node2"),
    ("create index on keyed(payload)", "index public.keyed_payload_idx: extra on node2"),
    ("alter table keyed add constraint positive check (a > 0)", "constraint public.keyed.positive: extra on node2"),
    ("create or replace function f() returns int language sql as 'select 2'", "function public.f(): other definition on node2"),
    ("drop trigger t on keyed", "trigger public.keyed.t: missing on node2"),
    ("alter table keyed disable trigger t", "trigger public.keyed.t: other definition on node2"),
    ("create or replace view v as select 2 as a", "view public.v: other definition on node2"),
    ("grant select on keyed to public", "table public.keyed: other definition on node2"),
    ("alter type mood add value 'glad'", "type public.mood: other definition on node2"),
    ("alter sequence s increment 2", "sequence public.s: other definition on node2"),
    ("create schema more", "schema more: extra on node2"),
    ("alter table keyed enable row level security", "table public.keyed: other definition on node2"),
    ("create policy p on keyed using (a > 0)", "policy public.keyed.p: extra on node2"),
    ("create extension hstore with schema public", "extension hstore: extra on node2"),
])
def test_schema(ctl, app, change, line):
    app.both(KEYED)
    app.both("""create function f() returns int language sql as 'select 1'; create view v as select 1 as a;
                create function tr() returns trigger language plpgsql as 'begin return new; end';
                create trigger t before insert on keyed for each row execute function tr();
                create type mood as enum ('sad', 'ok'); create sequence s""")
    app.second_only(change)
    done = verify(ctl, app, tries=1)
    assert done.code == DIFFERS and f"{app.name}: {line}" in lines(done)
    if "extension" not in line:
        assert lines(done) == [f"{app.name}: {line}"]


def test_table_that_one_node_lacks(ctl, app):
    app.both("create table t(id int primary key)")
    app.second_only("drop table t; create table other(id int)")
    done = verify(ctl, app)
    assert done.code == DIFFERS and "rows are not compared" in done.out
    assert {f"{app.name}: table public.t: missing on node2", f"{app.name}: table public.other: extra on node2"} <= set(lines(done))
    chosen = verify(ctl, app, "--tables", "public.other")
    assert chosen.code == DIFFERS and f"{app.name}: table public.other: extra on node2" in lines(chosen) and "public.t" not in chosen.out


def test_rights_that_were_given_and_taken_are_equal(ctl, app):
    app.both("create table t(id int primary key)")
    app.second_only("grant select on t to public; revoke select on t from public")
    assert lines(verify(ctl, app)) == []


def test_roles_and_databases(ctl, app, nodes):
    nodes.sql("create role teller login")
    nodes.sql("create role secret login password 'md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'")
    try:
        app.second.sql("alter role teller connection limit 3")
        app.second.sql("alter role secret password 'md5bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'")
        app.second.sql(f"alter database {app.name} connection limit 50")
        done = verify(ctl, app)
        assert done.code == DIFFERS and sorted(lines(done)) == [
            f"database {app.name}: other definition on node2", "password secret: other definition on node2",
            "role teller: other definition on node2"]
    finally:
        nodes.sql("drop role teller")
        nodes.sql("drop role secret")


def test_database_that_one_node_lacks(ctl, app):
    app.second.sql(f"drop database {app.name}")
    done = verify(ctl, app)
    assert done.code == DIFFERS and lines(done) == [f"database {app.name}: missing on node2"]


def test_what_the_replication_keeps_for_itself_is_left_out(ctl, app):
    assert ctl.run("prepare-nodes", "--databases", app.name).code == EQUAL
    app.second_only("update pgpool_replication.slot set seq = 5")
    assert verify(ctl, app).code == EQUAL


def test_chosen_tables(ctl, app):
    app.both(KEYED)
    app.both('create schema "S"; create table "S"."T"(id int primary key)')
    app.second_only('insert into "S"."T" values (1); create sequence other')
    assert verify(ctl, app, "--tables", "public.keyed").code == EQUAL
    assert lines(verify(ctl, app, "--tables", 'public.keyed,"S"."T"')) == [f'{app.name}: "S"."T": id=1: extra on node2']


@contextlib.contextmanager
def writers(app, count=3):
    """Clients that do the same on both nodes, first on the first, as mode replication does; they own different rows."""
    stop, failures = threading.Event(), []

    def write(number):
        try:
            with contextlib.ExitStack() as stack:
                cursors = [stack.enter_context(contextlib.closing(n.connect(app.name))).cursor() for n in (app.first, app.second)]
                for turn in itertools.count():
                    if stop.is_set():
                        return
                    for cursor in cursors:
                        cursor.execute("begin; update hot set v = v + 1 where id = %s; insert into log values (%s, %s);"
                                       "insert into queue values (%s, %s); delete from queue where w = %s and n < %s;"
                                       "select nextval('s'); commit",
                                       [number, number, turn, number, turn, number, turn - 5])
        except Exception as error:  # the test that runs meanwhile reports it
            failures.append(error)
    threads = [threading.Thread(target=write, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert not failures


HOT = """create table hot(id int primary key, v int); insert into hot select i, 0 from generate_series(0, 999) i;
         create table log(w int, n int); create table queue(w int, n int, primary key (w, n)); create sequence s"""


@pytest.mark.deadline(180)
def test_no_false_difference_while_writers_run(ctl, app):
    app.both(HOT)
    with writers(app):
        time.sleep(0.5)
        for chunk in "100", "10000":
            done = verify(ctl, app, "--chunk", chunk, tries=10)
            assert (done.code, lines(done)) == (EQUAL, []), done.out
    assert verify(ctl, app).code == EQUAL


@pytest.mark.deadline(180)
def test_true_differences_are_found_while_writers_run(ctl, app):
    app.both(HOT)
    app.second_only("update hot set v = -1 where id = 500; delete from hot where id = 501; insert into log values (-1, -1);"
                    "update hot set v = 1000000 where id = 0")
    with writers(app):
        time.sleep(0.5)
        done = verify(ctl, app, tries=10)
    found = "\n".join(lines(done))
    assert done.code == DIFFERS
    for line in ("public.hot: id=0: other", "public.hot: id=500: other", "public.hot: id=501: missing", "public.log: (-1,-1): extra"):
        assert line in found
    assert len(lines(done)) == 4, found


def test_three_nodes_and_one_down():
    with Independents(3) as independents:
        ctl = ctls.Ctl(independents.nodes)
        try:
            independents.sql("create table t(id int primary key)")
            independents.nodes[2].sql("insert into t values (1)")
            done = ctl.run("verify", "--tries", "1")
            assert done.code == DIFFERS and lines(done) == ["postgres: public.t: id=1: extra on node3"]
            independents.nodes[2].stop()
            done = ctl.run("verify", "--tries", "1")
            assert done.code == UNREACHABLE and "node1, node2 are equal" in done.out
            assert "node node3 is not compared: " in done.err and "refused" in done.err.lower()
            assert [u["node"] for u in ctl.run("verify", "--json", "--tries", "1").json()["unreachable"]] == ["node3"]
            assert ctl.run("check-nodes").code == UNREACHABLE
            prepared = ctl.run("prepare-nodes")
            assert prepared.code == UNREACHABLE and "node3" in prepared.err and "node2  postgres   prepared" in prepared.out
            independents.nodes[1].stop()
            done = ctl.run("verify")
            assert done.code == UNREACHABLE and "node2" in done.err and "node3" in done.err
        finally:
            ctl.close()


def test_node_that_dies_meanwhile():
    with Independents(2) as independents:
        ctl = ctls.Ctl(independents.nodes)
        try:
            independents.sql("create table t(id int primary key); insert into t select generate_series(1, 300000)")
            independents.nodes[1].sql("insert into t values (-1)")
            killer = threading.Timer(2, independents.nodes[1].kill)
            killer.start()
            done = ctl.run("verify", "--chunk", "10", "--tries", "0", "--databases", "postgres")
            killer.join()
            assert done.code == DIFFERS and lines(done) == ["postgres: public.t: id=-1: extra on node2"]
            assert "node node2 is not compared" in done.err
        finally:
            ctl.close()


def test_row_security_is_no_silent_filter(nodes, app):
    nodes.sql("create role reader login in role pg_read_all_data")
    app.both("create table t(id int primary key); insert into t values (1); alter table t enable row level security")
    ctl = ctls.Ctl(nodes.nodes, {"health": {"user": "reader"}})
    try:
        done = verify(ctl, app)
        assert done.code == UNREACHABLE and "row-level security" in done.err and "BYPASSRLS" in done.out
    finally:
        ctl.close()
        nodes.sql("drop role reader")


def test_a_role_without_rights_is_told_what_it_needs(nodes, app):
    nodes.sql("create role weak login")
    app.both("create table t(id int primary key)")
    ctl = ctls.Ctl(nodes.nodes, {"health": {"user": "weak"}})
    try:
        done = verify(ctl, app)
        assert done.code == UNREACHABLE and "permission denied for table t" in done.err and "GRANT pg_read_all_data TO weak" in done.out
        app.both("grant select on t to weak")
        done = verify(ctl, app)
        assert done.code == EQUAL and "passwords are not compared: weak may not read pg_authid" in done.out, done.out
        assert "large objects are not compared: weak may not read pg_largeobject" in done.out
        app.both("create table more(id int primary key); grant pg_read_all_data to weak")
        assert "not compared" not in verify(ctl, app).out
    finally:
        ctl.close()
        app.both("drop owned by weak")
        nodes.sql("drop role weak")


def test_standbys_are_compared_too(pair):
    pair.primary.sql("create table if not exists compared(id int primary key)")
    pair.primary.sql("create unlogged table if not exists unlogged(id int)")
    pair.wait_caught_up()
    ctl = ctls.Ctl(pair.nodes, {"mode": "streaming"})
    try:
        done = ctl.run("verify")
        assert done.code == EQUAL and "sequences are not compared" in done.out, done.out
        assert ctl.run("prepare-nodes").code == USAGE
    finally:
        ctl.close()
        pair.primary.sql("drop table unlogged")


# --- check-nodes, prepare-nodes ---
def test_prepare_twice_is_harmless(ctl, app):
    for _ in range(2):
        done = ctl.run("prepare-nodes", "--json")
        assert done.code == EQUAL, done.out + done.err
        pairs = [(p["node"], p["database"]) for p in done.json()["prepared"] if p["done"]]
        for database in "postgres", "template1", app.name:
            assert {("node1", database), ("node2", database)} <= set(pairs)
        assert "template0" not in [database for _, database in pairs]
    for node in app.first, app.second:
        assert node.sql("select count(*) from pgpool_replication.slot", dbname=app.name) == 512
        assert node.sql("select pgpool_replication.version()", dbname="template1") == 5


def test_prepare_where_nodes_are_read_only(ctl, app):
    for node in app.first, app.second:
        node.sql(f"alter database {app.name} set default_transaction_read_only = on")
    done = ctl.run("prepare-nodes", "--databases", app.name)
    assert done.code == EQUAL, done.out
    assert done.out.split() == ["node", "database", "result", "node1", app.name, "prepared", "node2", app.name, "prepared"]


def test_print(ctl):
    done = ctl.run("prepare-nodes", "--print")
    assert done.code == EQUAL and "CREATE SCHEMA IF NOT EXISTS pgpool_replication" in done.out
    assert "CREATE SCHEMA" in ctl.run("--json", "prepare-nodes", "--print").json()["sql"]


def test_check_nodes(ctl, app, nodes):
    alike = ctl.run("check-nodes")
    assert alike.out == "2 nodes do not differ\n" and "node2: fsync is off" in alike.err
    app.second.sql("alter system set default_transaction_isolation = 'serializable'")
    app.second.sql(f"alter database {app.name} set datestyle = 'German'")
    app.second_only("create extension hstore")
    app.both("drop schema if exists pgpool_replication cascade")  # from template1, where a test before has prepared that
    try:
        app.second.restart()
        done = ctl.run("check-nodes")
        assert done.code == DIFFERS and lines(done) == [
            f'datestyle in database {app.name}: node1 (none), node2 "German"'.replace("datestyle", "DateStyle"),
            'default_transaction_isolation: node1 "read committed", node2 "serializable"',
            f'database {app.name}: extension hstore: node1 (none), node2 "1.8"']
        found = ctl.run("check-nodes", "--json").json()
        assert found["differences"][1] == {"database": None, "setting": "default_transaction_isolation", "values": [
            {"node": "node1", "value": "read committed"}, {"node": "node2", "value": "serializable"}]}
        refused = ctl.run("prepare-nodes", "--databases", app.name)
        assert refused.code == DIFFERS and "nothing was prepared" in refused.err
        assert not app.first.sql("select to_regnamespace('pgpool_replication')", dbname=app.name)
    finally:
        app.second.sql("alter system reset default_transaction_isolation")
        app.second.restart()


def test_nodes_that_cannot_prepare(app, nodes):
    reason = 'node "node1": max_prepared_transactions is 20, replication.commit: {} needs at least 512 (replication.slots); set it in'
    for commit, code in ("auto", EQUAL), ("prepared", DIFFERS):
        ctl = ctls.Ctl(nodes.nodes, {"replication": {"commit": commit}})
        try:
            done = ctl.run("prepare-nodes", "--databases", app.name)
            assert done.code == code and reason.format(commit) in (done.err if code == EQUAL else done.out), done.out + done.err
        finally:
            ctl.close()


def test_collations_and_databases(ctl, app, nodes):
    app.first.sql(f"create database {app.name}b")
    app.second.sql(f"create database {app.name}b template template0 lc_collate 'C' lc_ctype 'C'")
    try:
        done = ctl.run("check-nodes")
        assert done.code == DIFFERS and f'database {app.name}b: collation: node1 "C.UTF-8", node2 "C"' in lines(done)
        app.second.sql(f"drop database {app.name}b")
        assert lines(ctl.run("check-nodes")) == [f'database {app.name}b: database: node1 "present", node2 (none)']
        app.first.sql("update pg_database set datconnlimit = -2 where datname = %s", [app.name + "b"])  # a DROP DATABASE was interrupted
        assert ctl.run("check-nodes").code == EQUAL
        assert ctl.run("verify", "--databases", f"{app.name}b").code == USAGE
    finally:
        nodes.sql(f"drop database if exists {app.name}b")


# --- the proxy ---
def test_nodes_of_a_running_proxy(pair, make_proxy):
    proxy = make_proxy(pair)
    done = ctls.run(proxy.config_file, "nodes")
    assert done.code == EQUAL and done.out.splitlines()[0].split() == ["name", "address", "role", "status", "weight", "reason"]
    assert max(map(len, done.out.splitlines())) <= 100
    assert [l.split()[0] for l in done.out.splitlines()[1:]] == ["node1", "node2"]
    found = ctls.run(proxy.config_file, "nodes", "--json").json()
    assert found["source"] == "proxy" and found["error"] is None
    assert [(n["name"], n["port"], n["status"], n["role"]) for n in found["nodes"]] == [
        ("node1", pair.primary.port, "up", "primary"), ("node2", pair.standbys[0].port, "up", "standby")]


def test_nodes_without_a_proxy(pair, make_unstarted_proxy):
    proxy = make_unstarted_proxy(pair)
    done = ctls.run(proxy.config_file, "nodes")
    assert done.code == UNREACHABLE and "the proxy does not answer" in done.err and "asking the nodes themselves" in done.err
    assert [l.split()[::3][:2] for l in done.out.splitlines()[1:]] == [["node1", "up"], ["node2", "up"]]
    found = ctls.run(proxy.config_file, "--json", "nodes").json()
    assert found["source"] == "nodes" and [n["in_recovery"] for n in found["nodes"]] == [False, True]
    assert all(n["version"].startswith("15") for n in found["nodes"])


def test_show(pair, make_proxy):
    proxy = make_proxy(pair)
    for what in "pools", "clients", "config", "help", "nodes", "pool_nodes", "health_check_stats", "POOL_STATUS":
        done = ctls.run(proxy.config_file, "show", what, "--json")
        assert done.code == EQUAL and done.json()["rows"], done.err
    clients = ctls.run(proxy.config_file, "show", "clients", "--json").json()
    assert clients["command"] == "SHOW clients" and clients["rows"][0]["application_name"] == "pgpool-ctl"
    assert isinstance(clients["rows"][0]["port"], int)
    route = ctls.run(proxy.config_file, "show", "route", "for", "select 1")
    assert route.code == EQUAL and "route" in route.out
    wrong = ctls.run(proxy.config_file, "show", "poools")
    assert wrong.code == DIFFERS and "unknown command" in wrong.err and "show help" in wrong.err


def test_commands_reach_the_console(pair, make_proxy):
    """Whatever it makes of them."""
    proxy = make_proxy(pair)
    for command in ["attach", "node2"], ["detach", "node2", "--reason", "it's old"]:
        assert ctls.run(proxy.config_file, *command).code in (EQUAL, DIFFERS)
    wrong = ctls.run(proxy.config_file, "detach", "node7")
    assert wrong.code == USAGE and "node1, node2" in wrong.err


def test_unix_socket(pair, make_proxy, tmp_path):
    proxy = make_proxy(pair, {"listen": {"unix_socket_directory": str(tmp_path)}})
    clients = ctls.run(proxy.config_file, "show", "clients", "--json").json()["rows"]
    assert [c["addr"] for c in clients] == ["[local]"]


def test_users_of_the_console(pair, make_proxy):
    proxy = make_proxy(pair)
    refused = ctls.run(proxy.config_file, "nodes", "--user", "nobody")
    assert refused.code == UNREACHABLE and 'refuses user "nobody"' in refused.err and "admin.users" in refused.err
    failed = ctls.run(proxy.config_file, "nodes", "--user", "nobody", "--json")
    assert set(failed.json()) == {"error", "hint"}


# --- who is in, mode replication ---
@pytest.fixture(scope="module")
def three():
    with replicated.equal_nodes("create table t(id int primary key, v text)") as servers:
        yield servers


@pytest.fixture
def in_use(three):
    with replicated.proxy_over(three) as proxy:
        yield proxy
        for node in three.nodes:  # for the test behind
            if not node.is_running():
                node.start()


def copy_from(good, lost):
    """As docs/replication.md, "When a node is lost"."""
    good.stop()
    lost.stop()
    settings = (lost.data / "postgresql.conf").read_bytes()
    shutil.rmtree(lost.data)
    subprocess.run(["cp", "-a", good.data, lost.data], check=True)
    (lost.data / "postgresql.conf").write_bytes(settings)
    good.start()
    lost.start()


def test_a_lost_node_comes_back_as_the_docs_say(three, in_use):
    attach = lambda *options: ctls.run(in_use.config_file, "attach", "node3", *options)
    three.nodes[2].kill()
    wait_for(lambda: replicated.states(in_use) == ["up", "up", "down"], 20, "node3 is out")
    in_use.sql("insert into t values (1, 'missed')")
    assert in_use.stop() == 0
    copy_from(three.nodes[0], three.nodes[2])
    in_use.start()
    wait_for(lambda: replicated.states(in_use) == ["up", "up", "down"], 20, "the cluster is open")
    refused = attach()
    assert refused.code == DIFFERS and "attach node3 --verify" in refused.err and "attach node3 --force" in refused.err
    done = attach("--verify")
    assert done.code == EQUAL and "node1, node2, node3 are equal" in done.out and "done: PGPOOL ATTACH NODE node3 FORCE" in done.out, done.err
    assert replicated.states(in_use) == ["up"] * 3


def test_a_node_that_differs_is_not_attached(three, in_use):
    attach = lambda *options: ctls.run(in_use.config_file, "attach", "node3", *options)
    assert ctls.run(in_use.config_file, "detach", "node3").code == EQUAL
    assert ctls.run(in_use.config_file, "detach", "node2").code == EQUAL
    three.nodes[2].sql("insert into t values (77, 'only here')")
    three.nodes[1].sql("insert into t values (78, 'out too: it does not count')")
    done = attach("--verify")
    assert done.code == DIFFERS and "t: id=77: extra on node3" in done.out and "78" not in done.out and "it differs" in done.err
    found = attach("--verify", "--json")
    assert found.code == DIFFERS and found.json()["nodes"] == ["node1", "node3"] and not found.json()["equal"]
    told = ctls.run(in_use.config_file, "verify", "--tables", "public.t", "--tries", "1")
    assert told.code == DIFFERS and told.err.splitlines()[:2] == [f"pgpool-ctl: node{i} is taken out: detached by postgres" for i in (2, 3)]
    assert "node3 is taken out: detached by postgres" in ctls.run(in_use.config_file, "verify", "--json", "--tries", "1").json()["notes"]
    three.nodes[2].sql("delete from t where id = 77")
    found = attach("--verify", "--json")
    assert found.code == EQUAL and found.json()["command"] == "PGPOOL ATTACH NODE node3 FORCE"
    three.nodes[1].sql("delete from t where id = 78")
    assert ctls.run(in_use.config_file, "attach", "node2", "--force").code == EQUAL
    assert replicated.states(in_use) == ["up"] * 3


def test_the_reason_of_a_detachment_is_kept(three, in_use):
    done = ctls.run(in_use.config_file, "detach", "node2", "--reason", "it's old, says Müller")
    assert done.code == EQUAL, done.err
    text = ctls.run(in_use.config_file, "nodes").out
    assert "node2 was taken out: detached by postgres: it's old" in text and "pgpool-ctl attach node2 --verify" in text
    shown = ctls.run(in_use.config_file, "nodes", "--json").json()["nodes"][1]
    assert (shown["status"], shown["reason"]) == ("down", "taken out: detached by postgres: it's old, says Müller")
    assert ctls.run(in_use.config_file, "attach", "node2", "--force").code == EQUAL


# --- the command line ---
@pytest.mark.parametrize("arguments,code,text", [
    (["--version"], 0, "pgpool-ctl "), (["--help"], 0, "verify"), (["verify", "--help"], 0, "--chunk"),
    (["help"], 0, "prepare-nodes"), (["help", "verify"], 0, "--chunk"), (["help", "nosuch"], USAGE, "unknown command 'nosuch'"),
    (["noeds"], USAGE, "pgpool-ctl: unknown command 'noeds', did you mean 'nodes'?"), ([], USAGE, "no command"), (["nosuch"], USAGE, "nosuch"), (["verify", "--chunk", "0"], USAGE, "--chunk"),
    (["verify", "--tables", "t"], USAGE, "schema.table"), (["verify", "--tables", "no.such"], USAGE, "no node has a table"),
    (["verify", "--databases", "nosuch"], USAGE, "nosuch"), (["prepare-nodes", "--databases", "nosuch"], USAGE, "nosuch"),
    (["show"], USAGE, "what"), (["-c", "/nonexistent", "nodes"], USAGE, "cannot be read"),
])
def test_command_line(ctl, arguments, code, text):
    done = ctl.run(*arguments)
    assert done.code == code and text in done.out + done.err


@pytest.mark.parametrize("arguments", [["bogus"], ["nodes", "--bogus"], ["verify", "--chunk", "0"], ["attach"], []])
def test_errors_of_the_command_line_in_json(ctl, arguments):
    done = ctl.run("--json", *arguments)
    found = done.json()
    assert done.code == USAGE and set(found) == {"error", "hint"} and found["error"] and "pgpool-ctl help" in found["hint"]


@pytest.mark.parametrize("words", [["--config", "FILE"], ["--config", "=", "FILE"], ["-c", "FILE"]], ids=" ".join)
def test_completion_reads_the_names_of_that_file(tmp_path, words):
    """bash parts --config=FILE at the sign."""
    file = tmp_path / "appliance.yaml"
    file.write_text("nodes:\n  - {name: north, host: 192.0.2.1}\n  - {name: south, host: 192.0.2.2}\n")
    typed = ["pgpool-ctl", *[str(file) if word == "FILE" else word for word in words], "switchover", ""]
    script = (f". {ROOT}/deploy/completion/pgpool-ctl; COMP_WORDS=({' '.join(word or repr(word) for word in typed)}); "
              f"COMP_CWORD={len(typed) - 1}; _pgpool_ctl; echo ${{COMPREPLY[@]}}")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.split()[:3] == ["north", "south", "--wait"], done.stderr
