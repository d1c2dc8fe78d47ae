# SPDX-License-Identifier: PostgreSQL
"""Mode replication: what clients send that is more than one plain statement: temporary tables, SQL PREPARE, scripts."""
import contextlib
import time

import psycopg2
import psycopg2.errors
import pytest

from support import replicated as replication
from support import wire
from support.pgcluster import wait_for


@pytest.fixture
def replicated(all_in):
    """A proxy over three equal nodes with a table t(id, v); all are in before and after."""
    with contextlib.closing(all_in.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists t, made")
        cursor.execute("create table t(id int primary key, v int not null)")
    return all_in


def contents(proxy, query=replication.T):
    return replication.contents(proxy.nodes, query)


def tables(proxy):
    """Permanent ones, as on all nodes; temporary ones of whomever, on the first."""
    of = "select coalesce(string_agg(relname, ' ' order by relname), '') from pg_class where relkind = 'r' and relpersistence = '{}'" \
         " and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pgpool_replication'::regnamespace)"
    others = proxy.nodes.nodes[1:]
    assert [node.sql(of.format("t")) for node in others] == ["", ""], "temporary tables are on main alone"
    return contents(proxy, of.format("p")), proxy.nodes.nodes[0].sql(of.format("t"))


def refused(cursor, text, reason):
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match=reason):
        cursor.execute(text)
    cursor.execute("rollback")


# --- errors as PostgreSQL's

@pytest.mark.parametrize("text, command", [
    ("savepoint a; insert into t values (1, 1); insert into t values (2, 2)", "SAVEPOINT"),
    ("insert into t values (1, 1); savepoint a", "SAVEPOINT"), ("savepoint a", "SAVEPOINT"),
    ("insert into t values (1, 1); rollback to a", "ROLLBACK TO SAVEPOINT"), ("rollback to a", "ROLLBACK TO SAVEPOINT"),
    ("release a; insert into t values (1, 1)", "RELEASE SAVEPOINT"), ("release a", "RELEASE SAVEPOINT")])
def test_savepoints_need_a_block(replicated, text, command):
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        frames = connection.query(text)
        errors = [f.fields() for f in frames if f.type == "E"]
        assert [(e["C"], e["M"]) for e in errors] == [("25P01", f"{command} can only be used in transaction blocks")]
        assert frames[-1].body == b"I"
    assert contents(replicated) == ""


@pytest.mark.parametrize("name", ["", "the_end"])
def test_a_commit_that_fails_by_the_extended_protocol(replicated, cursor, name):
    cursor.execute("create table made(id int references t deferrable initially deferred)")
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        connection.query("begin")
        connection.query("insert into made values (7)")
        connection.send(wire.parse(name, "commit"), wire.bind("", name), wire.execute(), wire.SYNC)
        frames = connection.read_until("Z")
        assert [f.name for f in frames] == ["ParseComplete", "BindComplete", "ErrorResponse", "ReadyForQuery"]
        assert frames[2].fields()["C"] == "23503" and frames[3].body == b"I"
    assert contents(replicated, "select count(*)::text from made") == "0"


def test_copy_of_a_table_that_is_not_there(replicated, cursor):
    for text in ("copy nosuch from stdin", "copy nosuch.t from stdin", "copy t(nosuch) from stdin"):
        with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
            errors = [f.fields()["C"] for f in connection.query(text) if f.type == "E"]
        assert errors == [{"copy nosuch.t from stdin": "3F000", "copy t(nosuch) from stdin": "42703"}.get(text, "42P01")], text
    cursor.execute("begin")
    cursor.execute("insert into t values (1, 1)")
    with pytest.raises(psycopg2.errors.UndefinedTable):
        cursor.execute("copy nosuch from stdin")
    cursor.execute("commit")
    assert cursor.statusmessage == "ROLLBACK" and contents(replicated) == ""


# --- temporary tables

def test_a_session_with_temporary_tables_writes_on(replicated, cursor):
    cursor.execute("create temp table stage(id int, v int)")
    cursor.execute("insert into stage values (1, 10), (2, 20)")
    cursor.execute("update stage set v = v + random()::int * 0 + 1")
    cursor.execute("insert into t values (5, 5)")
    cursor.execute("insert into t select id, v from stage")
    assert cursor.rowcount == 2
    cursor.execute("delete from stage where id = 1")
    cursor.execute("select id, v from stage")
    assert cursor.fetchall() == [(2, 21)]
    assert contents(replicated) == "1=11 2=21 5=5"
    assert tables(replicated) == ("t", "stage")
    cursor.execute("create index on stage (id)")
    cursor.execute("truncate stage")
    cursor.execute("analyze stage")
    cursor.execute("drop table stage")
    cursor.execute("insert into t values (6, 6)")
    assert contents(replicated) == "1=11 2=21 5=5 6=6"


def test_temporary_tables_in_a_transaction(replicated, cursor):
    cursor.execute("begin")
    cursor.execute("create temp table stage(id int, v int) on commit drop")
    cursor.execute("insert into t values (1, 1)")
    cursor.execute("insert into stage values (2, 2)")
    cursor.execute("savepoint a")
    cursor.execute("create temp table more as select * from stage")
    cursor.execute("insert into t select * from more")
    cursor.execute("rollback to a")
    cursor.execute("drop table stage")
    cursor.execute("create temp table stage(id int, v int)")
    cursor.execute("insert into stage values (3, 3)")
    cursor.execute("insert into t select * from stage")
    cursor.execute("commit")
    assert contents(replicated) == "1=1 3=3"
    assert tables(replicated) == ("t", "stage")
    cursor.execute("insert into stage values (4, 4)")


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_name_that_was_temporary_is_an_ordinary_one_again(replicated, cursor, ends):
    """A table that is made by it must not be on main alone."""
    cursor.execute("begin")
    cursor.execute("create temp table made(id int primary key, v int) on commit drop")
    cursor.execute("insert into made values (1, 1)")
    cursor.execute(ends)
    cursor.execute("create table made(id int primary key, v int)")
    cursor.execute("insert into made values (2, 2)")
    assert tables(replicated) == ("made t", "")
    assert contents(replicated, "select string_agg(id::text, ' ') from made") == "2"


def test_a_temporary_table_in_front_of_another_is_refused(replicated, cursor):
    cursor.execute("create temp table t(id int primary key, v int)")
    refused(cursor, "insert into t values (1, 1)", "temporary objects other than plain tables")
    refused(cursor, "insert into public.t values (1, 1)", "temporary objects other than plain tables")
    cursor.execute("discard temp")
    cursor.execute("insert into t values (7, 7)")
    assert contents(replicated) == "7=7"


@pytest.mark.parametrize("text, reason", [
    ("create table stage(id int)", "temporary table \"stage\" among others"),
    ("with gone as (delete from stage returning *) insert into t select * from gone", "among others"),
    ("insert into stage values (1, 1); insert into t values (1, 1)", "in one request"),
    ("alter table stage rename to made; insert into t values (1, 1)", "in one request"),
])
def test_what_mixes_temporary_tables_with_others_is_refused(replicated, cursor, text, reason):
    cursor.execute("create temp table stage(id int, v int)")
    refused(cursor, text, reason)
    assert tables(replicated) == ("t", "stage")
    assert contents(replicated) == ""


def test_temporary_objects_that_may_write_elsewhere(replicated, cursor):
    cursor.execute("create temp view v as select * from t")
    refused(cursor, "insert into v values (1, 1)", "temporary objects")
    refused(cursor, "insert into t values (1, 1)", "temporary objects")
    cursor.execute("discard temp")
    cursor.execute("create temp table stage(id int, v int)")
    cursor.execute("create rule r as on insert to stage do also insert into t values (new.id, new.v)")
    refused(cursor, "insert into t values (1, 1)", "temporary objects")
    refused(cursor, "insert into stage values (1, 1)", "temporary objects")
    cursor.execute("discard temp")
    assert contents(replicated) == ""


@pytest.mark.parametrize("command", [
    "create trigger g before insert on stage for each row execute function fires()", "alter table stage alter v set default writes()",
    "alter table stage add check (writes() > 0)"])
def test_a_temporary_table_whose_code_may_write_elsewhere_is_not_written(replicated, cursor, command):
    cursor.execute("create or replace function writes() returns int language sql as 'insert into t values (1, 1) returning 1'")
    cursor.execute("create or replace function fires() returns trigger language plpgsql as 'begin insert into t values (1, 1); return new; end'")
    cursor.execute("create temp table stage(id int, v int)")
    cursor.execute("insert into t values (2, 2)")
    with contextlib.suppress(psycopg2.errors.FeatureNotSupported):
        cursor.execute(command)
    with contextlib.suppress(psycopg2.errors.FeatureNotSupported):
        cursor.execute("insert into stage(id) values (1)")
    assert contents(replicated) == "2=2"


def test_code_that_alters_the_rows_of_a_temporary_table_writes_nothing_else(replicated, cursor):
    cursor.execute("create or replace function writes() returns int language sql as 'insert into t values (1, 1) returning 1'")
    cursor.execute("create temp table stage(id int)")
    cursor.execute("insert into stage values (1)")
    refused(cursor, "alter table stage alter id type int using writes()", "volatile")
    assert contents(replicated) == ""


@pytest.mark.parametrize("settings, then", [("reset search_path", "alter table made rename to stage"),
                                            ("set search_path to public, pg_temp", "select 1")])
def test_a_name_that_means_a_table_of_others_by_now(replicated, cursor, settings, then):
    """What is made by it meanwhile is written on all nodes or on none."""
    cursor.execute(settings)
    cursor.execute("create temp table made(id int primary key, v int)")
    cursor.execute(then)
    replicated.sql("create table public.made(id int primary key, v int)")
    refused(cursor, "insert into made values (1, 1)", "temporary objects")
    assert contents(replicated, "select count(*)::text from public.made") == "0"


def test_temporary_tables_by_the_extended_protocol(replicated):
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        def run(*texts):
            for text in texts:
                connection.send(wire.parse("", text), wire.bind(), wire.execute(), wire.SYNC)
            return [f.fields()["C"] for _ in texts for f in connection.read_until("Z") if f.type == "E"]
        assert run("create temp table stage(id int, v int)", "insert into stage values (1, 1)", "insert into t values (2, 2)",
                   "insert into t select * from stage", "drop table stage", "insert into t values (3, 3)") == []
    assert contents(replicated) == "1=1 2=2 3=3"
    assert tables(replicated) == ("t", "")


def test_another_sessions_temporary_table_means_nothing_here(replicated, cursor):
    cursor.execute("create temp table made(id int, v int)")
    cursor.execute("insert into made values (1, 1)")
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as other:
        other.execute("select 1")
        other.execute("create table made(id int primary key, v int)")
        other.execute("alter table made add column w int")
        other.execute("drop table made")
    assert tables(replicated) == ("t", "made")


def test_a_write_behind_ddl_of_the_same_text(replicated, client):
    """The facts do not know of the default."""
    text = "alter table t alter v set default (random() * 1000000)::int; insert into t(id) values (1)"
    assert answers(client, text) == ["0A000", "I"]
    assert contents(replicated) == ""


# --- SQL PREPARE

def test_execute_of_a_write_travels(replicated, cursor):
    cursor.execute("prepare put(int, int) as insert into t values ($1, $2)")
    cursor.execute('prepare "Move" as update t set v = $2 where id = $1')
    cursor.execute("execute put(1, 1 + 1)")
    assert cursor.statusmessage == "INSERT 0 1"
    cursor.execute("begin")
    cursor.execute("execute put(2, 20)")
    cursor.execute('execute "Move" (1, 11)')
    assert cursor.statusmessage == "UPDATE 1"
    cursor.execute("commit")
    assert contents(replicated) == "1=11 2=20"
    cursor.execute("begin")
    cursor.execute("execute put(3, 30)")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        cursor.execute("execute put(3, 30)")
    cursor.execute("rollback")
    cursor.execute("execute put(4, 40)")
    cursor.execute("deallocate put")
    refused(cursor, "execute put(5, 50)", "not made by PREPARE")
    assert contents(replicated) == "1=11 2=20 4=40"


def test_execute_over_many_sessions(replicated):
    """Connections serve as main and as follower in turn; a name means another statement for each client."""
    for number in range(12):
        with contextlib.closing(replicated.connect()) as connection, connection.cursor() as one:
            one.execute(f"prepare p as insert into t values ({number}, $1)")
            one.execute("select 1")
            one.execute("prepare r as select $1::int")
            one.execute("execute r(1)")
            one.execute(f"execute p({number})")
    assert contents(replicated) == " ".join(f"{n}={n}" for n in range(12))


@pytest.mark.parametrize("text, reason", [
    ("prepare w as insert into t values ($1, $1); execute w(1)", "together with other statements"),
    ("execute p(1, 1); execute p(2, 2)", "EXECUTE that is not a Query of its own"),
    ("execute p(1, (random() * 10)::int)", "random"),
    ("execute v(1)", "not provable|random|not deterministic"),
    ("explain analyze execute p(1, 1)", "EXPLAIN"),
    ("set search_path to public, pg_catalog;execute p(1, 1)", "EXECUTE"),
])
def test_what_execute_cannot_bring_along_is_refused(replicated, cursor, text, reason):
    cursor.execute("prepare p as insert into t values ($1, $2)")
    cursor.execute("prepare v as update t set v = random() * 100 where id = $1")
    refused(cursor, text, reason)
    cursor.execute("set search_path to public, pg_catalog")
    refused(cursor, "execute p(1, 1)", "prepared under other settings")
    cursor.execute("reset search_path")
    cursor.execute("begin")
    cursor.execute("set local datestyle to 'German'")
    refused(cursor, "execute p(1, 1)", "prepared under other settings")
    cursor.execute("execute p(9, 9)")
    assert contents(replicated) == "9=9"


def test_execute_of_a_statement_of_the_protocol_is_refused(replicated):
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        connection.send(wire.parse("p", "insert into t values (1, 1)"), wire.SYNC)
        connection.read_until("Z")
        assert [f.fields()["C"] for f in connection.query("execute p") if f.type == "E"] == ["0A000"]
    assert contents(replicated) == ""


def test_what_execute_did_is_done_again_after_a_crash(replicated, cursor):
    """The marker has it in a form that a keeper can run."""
    cursor.execute("prepare p as insert into t values ($1, $2)")
    cursor.execute("execute p(1, 2)")
    node = replicated.nodes.nodes[1]
    redo = node.sql("select redo from pgpool_replication.slot order by seq desc limit 1")
    assert b"prepare p as" in bytes(redo) and b"execute p(1, 2)" in bytes(redo) and b'DEALLOCATE "p"' in bytes(redo)


# --- texts with BEGIN and COMMIT

def answers(connection, text):
    """Tags, SQLSTATEs and the status at the end, which must come once."""
    frames = connection.query(text)
    assert [f.type for f in frames].count("Z") == 1, frames
    told = [f.fields()["C"] if f.type == "E" else f.body.rstrip(b"\0").decode() for f in frames if f.type in "CE"]
    return told + [frames[-1].body.decode()]


@pytest.fixture
def client(replicated):
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        yield connection


def test_a_transaction_in_one_text(replicated, client):
    assert answers(client, "begin; insert into t values (1, 1); update t set v = 2 where id = 1; commit") == \
        ["BEGIN", "INSERT 0 1", "UPDATE 1", "COMMIT", "I"]
    assert contents(replicated) == "1=2"
    assert answers(client, "begin; insert into t values (2, 2)") == ["BEGIN", "INSERT 0 1", "T"]
    assert answers(client, "insert into t values (3, 3); savepoint a; delete from t where id = 3; rollback to a; end") == \
        ["INSERT 0 1", "SAVEPOINT", "DELETE 1", "ROLLBACK", "COMMIT", "I"]
    assert contents(replicated) == "1=2 2=2 3=3"
    assert answers(client, "begin; insert into t values (4, 4); rollback; begin; insert into t values (5, 5); commit;"
                           "insert into t values (6, 6); insert into t values (7, 7);") == \
        ["BEGIN", "INSERT 0 1", "ROLLBACK", "BEGIN", "INSERT 0 1", "COMMIT", "INSERT 0 1", "INSERT 0 1", "I"]
    assert contents(replicated) == "1=2 2=2 3=3 5=5 6=6 7=7"


def test_a_migration_in_one_text(replicated, client):
    """DDL, and rows that each node would compute differently, statement by statement."""
    client.query("create table made(id serial primary key, at timestamptz default clock_timestamp())")
    assert answers(client, "begin; alter table made add column w int; commit; begin; insert into made default values;"
                           "insert into made(w) values (1); commit")[-1] == "I"
    assert contents(replicated, "select string_agg(made::text, ' ' order by id) from made").startswith("(1,")


def test_an_error_ends_the_text(replicated, client):
    assert answers(client, "begin; insert into t values (1, 1); insert into t values (1, 1); commit") == \
        ["BEGIN", "INSERT 0 1", "23505", "E"]
    assert answers(client, "rollback; insert into t values (2, 2)") == ["ROLLBACK", "INSERT 0 1", "I"]
    assert answers(client, "begin; insert into t values (3, 3); commit; insert into t values (4, 4); insert into t values (4, 4)") == \
        ["BEGIN", "INSERT 0 1", "COMMIT", "INSERT 0 1", "23505", "I"]
    assert answers(client, "begin; do $$begin end$$; commit; insert into t values (5, 5)") == ["BEGIN", "0A000", "E"]
    assert answers(client, "commit") == ["ROLLBACK", "I"]
    assert contents(replicated) == "2=2 3=3"
    frames = client.query("begin; select 1; select nosuch; commit")
    assert [f.fields()["P"] for f in frames if f.type == "E"] == ["25"]
    client.query("rollback")


@pytest.mark.parametrize("text", ["insert into t values (1, 1); begin; insert into t values (2, 2); commit",
                                  "insert into t values (1, 1); commit", "begin; insert into t values (1, 1); commit and chain"])
def test_texts_that_cannot_be_cut_are_refused(replicated, client, text):
    assert answers(client, text) == ["0A000", "I"]
    assert contents(replicated) == ""


def test_copy_within_a_text(replicated, client):
    client.send(wire.query("begin; insert into t values (1, 1); copy t from stdin; insert into t values (4, 4); commit"))
    client.read_until("G")
    client.send(wire.copy_data(b"2\t2\n"), wire.copy_data(b"3\t3\n"), wire.message("c"))
    tags = [f.body.rstrip(b"\0").decode() for f in client.read_until("Z") if f.type == "C"]
    assert tags == ["COPY 2", "INSERT 0 1", "COMMIT"]
    assert contents(replicated) == "1=1 2=2 3=3 4=4"
    client.send(wire.query("begin; copy t from stdin; insert into t values (5, 5); commit"))
    client.read_until("G")
    client.send(wire.copy_fail("no"))
    assert [f.type for f in client.read_until("Z")] == ["E", "Z"]
    assert answers(client, "rollback") == ["ROLLBACK", "I"]
    assert contents(replicated) == "1=1 2=2 3=3 4=4"


def test_texts_one_behind_the_other(replicated, client):
    """The second is on its way before the first is answered; the client ends its side behind it."""
    client.send(*(wire.query(f"begin; insert into t values ({n}, {n}); commit") for n in range(20)), wire.query("select 1"))
    frames = client.read_until("Z", count=21)
    assert [f.type for f in frames].count("E") == 0
    client.send(wire.query("begin; insert into t values (30, 30); insert into t values (31, 31); commit"), wire.message("X"))
    assert client.is_closed(10) or True
    wait_for(lambda: all("31=31" in found for found in replicated.nodes.sql(replication.T)), 10, "the last text has run everywhere")
    assert contents(replicated) == " ".join(f"{n}={n}" for n in [*range(20), 30, 31])


# --- large messages

SUM = "select coalesce(string_agg(id || '=' || length(v) || md5(v), ' ' order by id), '') from made"


@pytest.fixture
def documents(replicated, client):
    client.query("create table made(id int primary key, v text)")
    return client


@pytest.mark.parametrize("size", [100_000, 3_000_000, 12_000_000])
def test_large_values(replicated, documents, size):
    """In pieces that come later than the patience for the end of a batch."""
    value = "v" * size
    documents.send(wire.query(f"insert into made values (1, '{value}')"))
    assert [f.type for f in documents.read_until("Z")] == ["C", "Z"]
    batch = wire.parse("", "insert into made values ($1, $2)") + wire.bind("", "", ["2", value]) + wire.execute() + wire.SYNC
    documents.send(batch[:200])
    time.sleep(0.1)
    documents.send(batch[200:size // 2])
    time.sleep(0.1)
    documents.send(batch[size // 2:])
    assert [f.type for f in documents.read_until("Z")] == ["1", "2", "C", "Z"]
    many = [wire.bind("", "", [str(10 + n), "x" * 20_000]) + wire.execute() for n in range(20)]
    documents.send(wire.parse("", "insert into made values ($1, $2)"), *many, wire.SYNC)
    assert [f.type for f in documents.read_until("Z")].count("C") == 20
    assert contents(replicated, SUM).startswith(f"1={size}")


def test_larger_values_are_refused(replicated, documents):
    value = "v" * 17_000_000
    assert answers(documents, f"insert into made values (1, '{value}')") == ["0A000", "I"]
    documents.send(wire.parse("", "insert into made values ($1, $2)"), wire.bind("", "", ["1", value]), wire.execute(), wire.SYNC)
    assert [f.fields()["C"] for f in documents.read_until("Z") if f.type == "E"] == ["0A000"]
    assert answers(documents, "insert into made values (2, 'x')") == ["INSERT 0 1", "I"]
    assert contents(replicated, SUM).startswith("2=1")


def test_a_rule_is_no_obstacle_to_what_does_not_run_it(replicated, cursor):
    cursor.execute("create table rr(i int primary key); create rule r as on insert to rr do also nothing")
    cursor.execute("grant select on rr to public; alter table rr add column n int")
    cursor.execute("insert into t values (1, 1)")
    cursor.execute("drop table rr")


def told(cursor, text):
    with pytest.raises(psycopg2.errors.FeatureNotSupported) as failure:
        cursor.execute(text)
    return failure.value.diag.message_primary, failure.value.diag.message_hint


def test_code_that_could_not_be_read_counts_until_discard_all(replicated, cursor):
    cursor.execute("create or replace function unread() returns text stable language plpgsql as $$ begin return set_config('my.x', '1', false); end $$")
    cursor.execute("select unread()")
    assert told(cursor, "insert into t values (1, 1)") == (
        "this cannot be replicated: a write in a session that has called code that could not be read", "DISCARD ALL ends that.")
    cursor.execute("discard all")
    cursor.execute("insert into t values (1, 1)")
    cursor.execute("drop function unread")


def test_the_hint_tells_the_way_out(replicated, cursor):
    cursor.execute("create table keyless(a float)")
    message, hint = told(cursor, "update keyless set a = random()")
    assert "has no key that stays" in message and hint.startswith("A primary key") and "unsafe_statements" in hint
    assert told(cursor, "execute a(1); execute b(2)")[1] == "Send it by itself, as a simple query."
    cursor.execute("begin")
    assert told(cursor, "set session authorization postgres")[1] == "Send it before BEGIN."
    cursor.execute("rollback")
    cursor.execute("drop table keyless")


def test_show_route_knows_what_the_session_has_prepared(replicated, cursor):
    def route(text):
        cursor.execute("show route for " + text)
        return cursor.fetchall()[-1][0]
    cursor.execute("prepare j as insert into t values ($1, $2)")
    assert route("execute j(1, 2)") == "replicated: point (INSERT of given rows)"
    assert route("execute nobody(1, 2)") == "refused: EXECUTE of what was not made by PREPARE"
    cursor.execute("set search_path to public")
    assert route("execute j(1, 2)") == "refused: a statement that was prepared under other settings"


def test_execute_says_that_rows_do_not_travel_by_it(replicated, cursor):
    cursor.execute("create table drawn(id serial primary key, name text);")
    cursor.execute("prepare i(text) as insert into drawn(name) values ($1)")
    message, hint = told(cursor, "execute i('e1')")
    assert message.endswith('(column "id" draws from a sequence, and rows do not travel by EXECUTE)')
    assert hint.startswith("Send the statement itself")
    cursor.execute("insert into drawn(name) values ('e1')")
    cursor.execute("drop table drawn")
