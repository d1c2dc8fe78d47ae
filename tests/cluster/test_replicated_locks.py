# SPDX-License-Identifier: PostgreSQL
"""Mode replication: statements whose rows cannot travel are repeated under locks (docs/adr/0013-read-locks.md)."""
import contextlib
import threading

import psycopg2
import psycopg2.errors
import pytest

from support import wire
from support.pgcluster import wait_for

LOG = "select coalesce(string_agg(a || ':' || b, ' ' order by a, b), '') from log"
TABLES = """
create table t(id int primary key, v int not null);
create table log(a int, b int);
create table u(id int primary key, n int);
create table archive(a int, b int);
create table parent(id int primary key);
create table child(id int primary key, parent int references parent on update cascade on delete cascade);
create table grandchild(child int references child on delete set null);
create table parts(a int, b int) partition by hash (a);
create table parts0 partition of parts for values with (modulus 2, remainder 0);
create table parts1 partition of parts for values with (modulus 2, remainder 1);
insert into log select g, g % 3 from generate_series(1, 9) g;
insert into t select g, g from generate_series(1, 5) g;
"""
NAMES = "t, log, u, archive, parent, child, grandchild, parts, made, hidden"
WAITING = "select count(*) from pg_locks where not granted and locktype = 'relation'"


@pytest.fixture
def replicated(shared_proxy):
    """A proxy over three equal nodes; all are in before and after, and hold the same."""
    with contextlib.closing(shared_proxy.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"drop table if exists {NAMES}")
        for text in TABLES.strip().split(";\n"):
            cursor.execute(text.strip().rstrip(";"))
    yield shared_proxy
    assert [row["status"] for row in shared_proxy.admin("show pool_nodes")] == ["up"] * 3
    for table in ("t", "log", "u", "archive", "parent", "child", "grandchild", "parts"):
        contents(shared_proxy, f"select coalesce(string_agg(x::text, ' ' order by x::text), '') from {table} x")


def contents(proxy, query=LOG):
    """The same on all nodes, once."""
    found = proxy.nodes.sql(query)
    assert len(set(found)) == 1, (query, found)
    return found[0]


def locks(proxy, node=0):
    """Of tables, that transactions hold now."""
    rows = proxy.nodes.nodes[node].rows(
        "select relation::regclass::text || ' ' || mode from pg_locks where locktype = 'relation' and relation >= 16384"
        " and relation in (select oid from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace)"
        " and mode like 'Share%' order by 1")
    return [row[0] for row in rows]


def refused(cursor, text, reason):
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match=reason):
        cursor.execute(text)
    cursor.execute("rollback")


# --- what is repeated

@pytest.mark.parametrize("text, count, expected", [
    ("update log set b = b + 10 where a < 3", 2, "1:11 2:12 3:0 4:1 5:2 6:0 7:1 8:2 9:0"),
    ("delete from log where b = 0", 3, "1:1 2:2 4:1 5:2 7:1 8:2"),
    ("delete from log where a in (select id from t)", 5, "6:0 7:1 8:2 9:0"),
    ("delete from log using t where t.id = log.a and t.v > 2 returning t.v", 3, "1:1 2:2 6:0 7:1 8:2 9:0"),
    ("update log set b = (select count(*) from t where id < log.a) where a > 4", 5, "1:1 2:2 3:0 4:1 5:4 6:5 7:5 8:5 9:5"),
    ("delete from log where b = 7", 0, "1:1 2:2 3:0 4:1 5:2 6:0 7:1 8:2 9:0"),
    ("with gone as (delete from log where b = 2 returning *) insert into archive select * from gone", 3, "1:1 3:0 4:1 6:0 7:1 9:0"),
    ("with gone as (delete from log where b = 2 returning *) select count(*) from gone", 1, "1:1 3:0 4:1 6:0 7:1 9:0"),
    ("merge into log using t on t.id = log.a when matched and t.v > 3 then delete when matched then update set b = t.v"
     " when not matched then insert values (t.id, 0)", 5, "1:1 2:2 3:3 6:0 7:1 8:2 9:0"),
])
@pytest.mark.parametrize("form", ["alone", "block", "batch", "batch that begins"])
def test_what_has_no_key_is_repeated(replicated, cursor, text, count, expected, form):
    if form.startswith("batch"):
        with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
            begin = [wire.parse("", "begin"), wire.bind(), wire.execute()] if "begins" in form else []
            connection.send(*begin, wire.parse("", text), wire.bind(), wire.execute(), wire.SYNC)
            frames = connection.read_until("Z")
            assert [f.name for f in frames if f.name != "DataRow"] == \
                ["ParseComplete", "BindComplete", "CommandComplete"] * (1 + bool(begin)) + ["ReadyForQuery"], frames
            tag = [f for f in frames if f.name == "CommandComplete"][-1].body.rstrip(b"\0").decode()
            assert tag.split()[-1] == str(count)
            if begin:
                connection.query("commit")
    else:
        if form == "block":
            cursor.execute("begin")
            cursor.execute("insert into u values (1, 1)")
        cursor.execute(text)
        assert cursor.rowcount == count
        if form == "block":
            cursor.execute("commit")
    assert contents(replicated) == expected


def test_a_part_of_with_writes_where_the_tag_tells_nothing(replicated, cursor):
    cursor.execute("with gone as (delete from log where a < 8 returning *) insert into archive select * from gone where false")
    assert cursor.rowcount == 0
    assert contents(replicated) == "8:2 9:0"


def test_a_table_made_from_others(replicated, cursor):
    cursor.execute("create table made as select * from log where b = 1")
    assert cursor.rowcount == 3
    cursor.execute("begin")
    cursor.execute("select * into hidden from log")
    assert locks(replicated) == ["log ShareLock"]
    cursor.execute("commit")
    assert contents(replicated, "select (select count(*) from made) || '/' || (select count(*) from hidden)") == "3/9"


def test_keys_that_are_assigned(replicated, cursor):
    cursor.execute("update t set id = - id")
    assert contents(replicated, "select string_agg(id || '=' || v, ' ' order by id) from t") == "-5=5 -4=4 -3=3 -2=2 -1=1"
    cursor.execute("update t set id = id - 100 where v in (select a from log where b = 1)")
    assert cursor.rowcount == 2
    assert contents(replicated, "select string_agg(id || '=' || v, ' ' order by id) from t") == "-104=4 -101=1 -5=5 -3=3 -2=2"


def test_partitions_and_foreign_keys_that_follow(replicated, cursor):
    cursor.execute("insert into parts select g, g from generate_series(1, 6) g")
    cursor.execute("update parts set a = a + 1 where b > 2")
    cursor.execute("insert into parent values (1), (2)")
    cursor.execute("insert into child values (10, 1), (20, 2)")
    cursor.execute("insert into grandchild values (10), (20)")
    cursor.execute("begin")
    cursor.execute("with gone as (delete from parent where id = 1 returning id) insert into archive select id, id from gone")
    assert locks(replicated) == [f"{table} ShareRowExclusiveLock" for table in ("archive", "child", "grandchild", "parent")]
    cursor.execute("delete from parts where a in (select id from t)")
    assert {"parts ShareRowExclusiveLock", "parts0 ShareRowExclusiveLock", "parts1 ShareRowExclusiveLock", "t ShareLock"} <= set(locks(replicated))
    cursor.execute("update parent set id = - id")
    cursor.execute("commit")
    assert contents(replicated, "select string_agg(id || '=' || parent, ' ') from child") == "20=-2"
    assert contents(replicated, "select string_agg(coalesce(child, 0)::text, ' ' order by child) from grandchild") == "20 0"


def test_prepared_statements(replicated, cursor):
    cursor.execute("prepare gone(int) as delete from log where a in (select id from t where v = $1)")
    for number in (1, 2):
        cursor.execute(f"execute gone({number})")
        assert cursor.rowcount == 1
    assert contents(replicated) == "3:0 4:1 5:2 6:0 7:1 8:2 9:0"
    refused(cursor, "execute gone(random()::int)", "given to EXECUTE")


def test_texts_of_several_statements(replicated, cursor):
    cursor.execute("insert into u select a, b from log where a < 4; delete from log where a in (select id from u); update t set v = v + 1 where v > 3")
    assert contents(replicated) == "4:1 5:2 6:0 7:1 8:2 9:0"
    assert contents(replicated, "select string_agg(v::text, ' ' order by id) from t") == "1 2 3 5 6"


def test_savepoints(replicated, cursor):
    cursor.execute("begin")
    cursor.execute("savepoint a")
    cursor.execute("delete from log where a < 5")
    cursor.execute("rollback to a")
    assert locks(replicated) == []
    cursor.execute("delete from log where a > 5")
    cursor.execute("commit")
    assert contents(replicated) == "1:1 2:2 3:0 4:1 5:2"


def test_what_the_route_says(replicated, cursor):
    cursor.execute("show route for delete from log where a = 5")
    told = " ".join(str(row) for row in cursor.fetchall())
    assert "repeated under locks, as table \"log\" has no key that stays: predicate" in told


# --- locks

def test_which_locks_are_taken_on_all_nodes(replicated, cursor):
    cursor.execute("begin")
    cursor.execute("delete from log where a in (select id from t) and b not in (select b from log where a = 5)")
    for node in range(3):
        wait_for(lambda node=node: locks(replicated, node) == ["log ShareRowExclusiveLock", "t ShareLock"], 10, f"node {node}")
    cursor.execute("commit")


def later(proxy, *texts):
    """One client's texts, in a thread; its errors."""
    errors = []

    def run():
        try:
            with contextlib.closing(proxy.connect()) as connection, connection.cursor() as cursor:
                for text in texts:
                    cursor.execute(text)
        except psycopg2.Error as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def test_it_waits_for_writers_of_what_it_reads(replicated, cursor):
    """The case that statement replication has always had wrong, without a key to help."""
    cursor.execute("begin")
    cursor.execute("insert into u values (1, 1)")
    thread, errors = later(replicated, "update log set b = 100 where a in (select id from u)")
    wait_for(lambda: replicated.nodes.nodes[0].sql(WAITING) == 1, 10, "it waits for the lock")
    assert replicated.nodes.nodes[1].sql(WAITING) == 0, "main first"
    cursor.execute("insert into u values (2, 2)")
    cursor.execute("commit")
    thread.join(20)
    assert errors == []
    assert contents(replicated).startswith("1:100 2:100 3:0")


def test_writers_wait_for_it(replicated, cursor):
    cursor.execute("begin")
    cursor.execute("update log set b = 100 where a in (select id from u)")
    assert cursor.rowcount == 0
    thread, errors = later(replicated, "insert into u values (1, 1)")
    wait_for(lambda: replicated.nodes.nodes[0].sql(WAITING) == 1, 10, "the writer waits")
    cursor.execute("update log set b = 200 where a in (select id from u)")
    assert cursor.rowcount == 0
    cursor.execute("commit")
    thread.join(20)
    assert errors == []


def test_conditions_over_what_others_write(replicated):
    """Neither a difference nor an abort."""
    rounds = range(40)
    clients = [
        later(replicated, *["update log set b = b + 1 where a in (select id from u)" for _ in rounds]),
        later(replicated, *[f"insert into u values ({i % 9 + 1}, 0) on conflict (id) do nothing" for i in rounds]),
        later(replicated, *[f"delete from u where id = {i * 7 % 9 + 1}" for i in rounds]),
        later(replicated, *["with gone as (delete from log where b > 20 returning *) insert into archive select * from gone" for _ in rounds]),
        later(replicated, *["merge into log using u on u.id = log.a when matched then update set b = b + 2" for _ in rounds])]
    for thread, errors in clients:
        thread.join(60)
        assert not thread.is_alive()
        assert errors == []
    contents(replicated)


def test_two_that_upgrade_are_a_deadlock(replicated, cursor):
    cursor.execute("begin")
    cursor.execute("insert into log values (20, 20)")
    thread, errors = later(replicated, "begin", "insert into log values (21, 21)", "delete from log where a = 1", "commit")
    wait_for(lambda: replicated.nodes.nodes[0].sql(WAITING) == 1, 10, "the other waits for the lock")
    own = []
    try:
        cursor.execute("delete from log where a = 2")
        cursor.execute("commit")
    except psycopg2.Error as error:
        own.append(error)
        cursor.execute("rollback")
    thread.join(20)
    assert [error.pgcode for error in (*errors, *own)] == ["40P01"]


def test_a_cancel_while_it_waits(replicated, cursor):
    cursor.execute("begin")
    cursor.execute("insert into u values (1, 1)")
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as other:
        for begin in ("", "begin"):
            if begin:
                other.execute(begin)
            cancel = threading.Thread(target=lambda: (wait_for(lambda: replicated.nodes.nodes[0].sql(WAITING) == 1, 20, "it waits"), connection.cancel()))
            cancel.start()
            with pytest.raises(psycopg2.errors.QueryCanceled):
                other.execute("delete from log where a in (select id from u)")
            cancel.join()
        other.execute("rollback")
        other.execute("set lock_timeout = '300ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            other.execute("delete from log where a in (select id from u)")
        cursor.execute("rollback")
        other.execute("delete from log where a in (select v from t)")
    assert contents(replicated) == "6:0 7:1 8:2 9:0"


@pytest.mark.parametrize("form", ["query", "batch"])
@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_the_first_statement_has_its_snapshot_behind_the_lock(replicated, cursor, level, form):
    """What it waits for it must see; the other nodes do."""
    cursor.execute("begin")
    cursor.execute("insert into u values (1, 1)")
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        connection.query(f"begin isolation level {level}")
        text = "delete from log where a in (select id from u)"
        connection.send(*([wire.query(text)] if form == "query" else [wire.parse("", text), wire.bind(), wire.execute(), wire.SYNC]))
        wait_for(lambda: replicated.nodes.nodes[0].sql(WAITING) == 1, 10, "it waits for the lock")
        cursor.execute("commit")
        tags = [f.body for f in connection.read_until("Z") if f.name == "CommandComplete"]
        assert tags == [b"DELETE 1\0"]
        assert locks(replicated) == ["log ShareRowExclusiveLock", "u ShareLock"]
        connection.query("commit")
    assert contents(replicated).startswith("2:2 3:0")


# --- rights

@pytest.fixture
def weak(replicated):
    """Of a role that may only select u, and update column b of log."""
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("create role weak login")
        cursor.execute("grant select on u to weak")
        cursor.execute("grant select, update (b) on log to weak")
        cursor.execute("create table hidden(a int)")
    with contextlib.closing(replicated.connect(user="weak")) as connection, connection.cursor() as cursor:
        yield cursor
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("drop owned by weak")
        cursor.execute("drop role weak")


def test_a_role_with_few_rights(replicated, cursor, weak):
    cursor.execute("insert into u values (1, 1), (2, 2)")
    refused(weak, "update log set b = 50 where a in (select id from u)", "nobody may write public.u meanwhile, which takes more than")
    assert locks(replicated) == []
    cursor.execute("grant truncate on u to weak")
    weak.execute("update log set b = 50 where a in (select id from u)")
    assert weak.rowcount == 2
    assert contents(replicated).startswith("1:50 2:50 3:0")
    for forbidden in ("update log set b = 1 where a in (select a from hidden)", "delete from hidden", "delete from log where a = 1",
                      "select pgpool_replication.lock_tables(null, '{}', '{hidden}')", "select pgpool_replication.lock_tables(null, '{u}', '{}')",
                      "select pgpool_replication.lock_tables(null, '{}', '{pg_authid}')"):
        with pytest.raises(psycopg2.Error) as caught:
            weak.execute(forbidden)
        assert caught.value.pgcode in ("42501", "0A000"), forbidden
    weak.execute("begin isolation level repeatable read")
    refused(weak, "update log set b = 51 where a in (select id from u)", "the right to LOCK")
    assert locks(replicated) == []


def test_the_token_is_not_told_by_an_error(replicated, weak):
    token = str(replicated.nodes.nodes[0].sql("select token from pgpool_replication.slot where id = 0"))
    weak.execute("set log_parameter_max_length_on_error = -1")
    for text in ("update log set b = 1 where a in (select a from hidden)", "delete from hidden", "update log set b = 50 where a in (select id from u)"):
        with pytest.raises(psycopg2.Error) as caught:
            weak.execute(text)
        assert token not in str(caught.value) and "parameters" not in str(caught.value)


def test_temporary_objects_do_not_run_in_it(replicated, weak):
    """They stand before all others in a search_path that does not name pg_temp."""
    with contextlib.closing(replicated.nodes.nodes[0].connect(user="weak")) as connection, connection.cursor() as direct:
        direct.execute("create function pg_temp.evil() returns oid language plpgsql as $$begin raise exception 'evil'; end$$")
        for name in ("pg_class", "pg_constraint"):
            direct.execute(f"create temp view {name} as select pg_temp.evil() as oid, pg_temp.evil() as conrelid, pg_temp.evil() as confrelid")
        direct.execute("create domain pg_temp.text as pg_catalog.text check (pg_temp.evil() is null)")
        replicated.nodes.sql("grant delete on u to weak")
        direct.execute("begin")
        token = replicated.nodes.nodes[0].sql("select token from pgpool_replication.slot where id = 0")
        direct.execute("select pgpool_replication.lock_tables(%s, '{log}', '{u}')", [token])
        assert locks(replicated) == ["log ShareRowExclusiveLock", "u ShareLock"]
        direct.execute("rollback")


def test_names_mean_what_the_statement_means(replicated, cursor):
    cursor.execute("create schema other")
    cursor.execute("create table other.log(a int, b int)")
    try:
        cursor.execute("insert into other.log values (1, 1)")
        cursor.execute("begin")
        cursor.execute("set local search_path = other, public")
        cursor.execute("update log set b = 2 where a = 1")
        assert cursor.rowcount == 1
        assert locks(replicated) == []
        cursor.execute("update public.log set b = 3 where a = 1")
        assert locks(replicated) == ["log ShareRowExclusiveLock"]
        cursor.execute("commit")
        assert contents(replicated, "select string_agg(b::text, ' ') from other.log") == "2"
        assert contents(replicated).startswith("1:3 2:2")
    finally:
        cursor.execute("rollback")
        cursor.execute("drop schema other cascade")


# --- what is refused

@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_snapshot_that_is_older_than_the_lock_is_refused(replicated, cursor, level):
    for texts in ([f"begin isolation level {level}", "select 1"], [f"begin isolation level {level}", "delete from log where a = 5"],
                  ["begin", f"set transaction isolation level {level}"], [f"set default_transaction_isolation = '{level}'"]):
        for text in texts:
            cursor.execute(text)
        refused(cursor, "delete from log where a = 1", f"too late under {level.upper()}")
    cursor.execute("begin isolation level read committed")
    cursor.execute("delete from log where a = 1")
    cursor.execute("commit")
    assert contents(replicated).startswith("2:2")


@pytest.mark.parametrize("text, reason", [
    ("update log set b = t.v from t where t.id > log.a", "any of the rows that meet one"),
    ("delete from log where a = (select max(id) from t)", r"like max\(\) takes any"),
    ("delete from log where a in (select id from t limit 1)", "LIMIT"),
    ("update log set b = random()", "calls random"),
    ("with x as (delete from log returning a) update log set b = 1", "more than once"),
    ("with x as (delete from parts returning *) insert into parts0 select * from x", "\"parts0\" may be a part of another table"),
    ("merge into log using t on t.id = log.a when matched then update set b = random()", "in MERGE"),
])
def test_what_is_not_deterministic_is_refused(cursor, text, reason):
    refused(cursor, text, reason)


def test_unlogged_tables_are_refused(replicated, cursor):
    replicated.nodes.sql("create unlogged table hidden(a int)")
    refused(cursor, "delete from log where a in (select a from hidden)", "unlogged|may not be the same")
    replicated.nodes.sql("drop table hidden")


def test_nodes_that_were_prepared_by_an_older_version(replicated, cursor):
    replicated.nodes.sql("alter function pgpool_replication.lock_tables(bigint, regclass[], regclass[]) rename to lock_tables_off")
    try:
        refused(cursor, "delete from log where a = 1", "prepared by an older version")
        cursor.execute("begin")
        refused(cursor, "delete from log where a = 1", "prepared by an older version")
    finally:
        replicated.nodes.sql("alter function pgpool_replication.lock_tables_off(bigint, regclass[], regclass[]) rename to lock_tables")
    cursor.execute("delete from log where a = 1")
    assert contents(replicated).startswith("2:2")


# --- after a crash

def test_what_was_repeated_under_locks_is_done_again(replicated, cursor):
    """A node that has not committed what main has committed gets it from main's marker."""
    cursor.execute("delete from log where a in (select id from t)")
    main, other = replicated.nodes.nodes[:2]
    slot = main.sql("select id from pgpool_replication.slot order by seq desc limit 1")
    replicated.stop()
    other.sql(f"insert into log select g, g % 3 from generate_series(1, 5) g; update pgpool_replication.slot set seq = seq - 1 where id = {slot}")
    replicated.start()
    wait_for(lambda: all(row["status"] == "up" for row in replicated.admin("show pool_nodes")), 20, "all nodes are in")
    assert "transaction_repaired" in replicated.log_text()
    assert contents(replicated) == "6:0 7:1 8:2 9:0"
