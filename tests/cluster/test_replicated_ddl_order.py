# SPDX-License-Identifier: PostgreSQL
"""Mode replication: DDL and what others do meanwhile come in the same order on all nodes, or not at all (docs/adr/0021-order-of-ddl.md)."""
import contextlib
import threading

import psycopg2
import psycopg2.errors
import pytest

from support.pgcluster import wait_for
from support.replicated import contents, create_database, equal_nodes, no_commit, proxy_over, states

RETRY = psycopg2.errors.SerializationFailure
WAITS = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ilike '{}%'"
ITS_TABLES = "select coalesce(string_agg(oid::regclass::text, ' ' order by oid::regclass::text), '') from pg_class where relname in ('a', 'b', 'i', 'z')"


class Later(threading.Thread):
    """A statement on a thread of its own."""
    def __init__(self, connection, sql):
        super().__init__(daemon=True)
        self.connection, self.sql, self.error = connection, sql, None
        self.start()

    def run(self):
        try:
            run(self.connection, self.sql)
        except psycopg2.Error as error:
            self.error = error

    def end(self, timeout=30):
        self.join(timeout)
        assert not self.is_alive(), self.sql
        return self.error


def run(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextlib.contextmanager
def clients(proxy, count):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(proxy.connect())) for _ in range(count)]


@contextlib.contextmanager
def held(node, sql):
    """A transaction of another client of that node alone."""
    with contextlib.closing(node.connect()) as holder:
        run(holder, "begin")
        run(holder, sql)
        yield
        run(holder, "rollback")


def wait_until(node, query):
    wait_for(lambda: int(node.sql(query)) > 0, 20, query)


@pytest.fixture
def replicated(all_in):
    all_in.nodes.sql("drop schema if exists alice cascade; drop table if exists t, z, a; drop table if exists b")
    all_in.nodes.sql("drop function if exists f(); drop function if exists f(int); drop domain if exists d")
    all_in.sql("create table t(id int primary key, v int not null)")
    all_in.sql("insert into t values (1, 10), (2, 20)")
    yield all_in
    assert states(all_in) == ["up"] * 3


# --- DDL and DDL

@pytest.mark.parametrize("made, meets", [
    ("create table a(id int)", "drop table if exists a"),
    ("create table a(id int)", "alter table if exists a add column v int"),
    ("create unique index i on t(v)", "drop index i"),
    ("create table a(id int)", "begin; drop table if exists a; create table b(id int); commit")])
def test_ddl_waits_for_ddl_that_the_others_are_still_to_commit(replicated, made, meets):
    main, other = replicated.nodes.nodes[:2]
    with clients(replicated, 2) as (first, second):
        with no_commit(other):
            making = Later(first, made)
            wait_until(main, "select count(*) from pg_class where relname in ('a', 'i')")
            meeting = Later(second, meets)
            meeting.join(1)
        assert making.end() is None
        assert meeting.end() is None
    contents(replicated.nodes, ITS_TABLES)
    contents(replicated.nodes, "select count(*) from pg_attribute where attrelid = to_regclass('a')")


def test_ddl_waits_behind_ddl_of_its_own_too(replicated):
    main, other = replicated.nodes.nodes[:2]
    with clients(replicated, 2) as (first, second):
        run(second, "begin")
        run(second, "create table b(id int)")
        with no_commit(other):
            making = Later(first, "create table a(id int)")
            wait_until(main, "select count(*) from pg_class where relname = 'a'")
            dropping = Later(second, "drop table if exists a")
            dropping.join(1)
        assert (making.end(), dropping.end()) == (None, None)
        run(second, "commit")
    assert contents(replicated.nodes, ITS_TABLES) == "b"


def test_ddl_that_others_overtake_on_one_node_is_undone(replicated):
    """Main has found nothing; the other node looks only when there is something."""
    main, other = replicated.nodes.nodes[:2]
    replicated.sql("create table z(id int)")
    with clients(replicated, 2) as (first, second):
        with held(other, "lock table z in access share mode"):
            dropping = Later(second, "drop table if exists z, a")
            wait_until(other, WAITS.format("drop table"))
            run(first, "create table a(id int)")
        assert isinstance(dropping.end(), RETRY)
    assert contents(replicated.nodes, ITS_TABLES) == "a z"
    with clients(replicated, 1) as (again,):
        run(again, "drop table if exists z, a")
    assert contents(replicated.nodes, ITS_TABLES) == ""


def test_a_transaction_may_rest_while_others_change_the_schema(replicated):
    """Not the life of a migration counts, but that of each of its statements."""
    with clients(replicated, 2) as (first, second):
        run(second, "begin")
        for text, others in (("drop table if exists b", "create table a(id int)"), ("create table b(id int)", "drop table a")):
            run(second, text)
            for node in replicated.nodes.nodes[1:]:  # the client hears of it before they have done it
                wait_until(node, f"select count(*) from pg_stat_activity where state = 'idle in transaction' and query = '{text}'")
            run(first, others)
        run(second, "commit")
    assert contents(replicated.nodes, ITS_TABLES) == "b"


NAMES = "select coalesce(string_agg(relname || ' ' || relkind::text, ', ' order by relname), '') from pg_class where relname like 'a\\_%' or relname like 't\\_v%'"


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("taken, makes, named", [
    ("create sequence a_id_seq", "create table a(id serial)", "a_id_seq S"),
    ("create sequence a_id_seq", "create table a(id int generated always as identity)", "a_id_seq S"),
    ("create table a_pkey(i int)", "begin; create table a(id int primary key); commit", "a_pkey i"),
    ("create table t_v_idx(i int)", "create index on t(v)", "t_v_idx i"),
    ("create table t_v_key(i int)", "begin; alter table public.t add unique (v); commit", "t_v_key i")])
def test_names_that_a_server_finds_are_the_same_on_all(replicated, at, taken, makes, named):
    """A name that another transaction is about to make is taken, also if that is rolled back in the end: here it is on one node only."""
    with clients(replicated, 1) as (client,):
        with held(replicated.nodes.nodes[at], taken):
            with pytest.raises(RETRY):
                run(client, makes)
            run(client, "rollback")
        assert contents(replicated.nodes, NAMES) == ""
        run(client, makes)
    assert contents(replicated.nodes, NAMES) == named


def test_who_waits_for_a_table_that_is_rolled_back_makes_the_same_everywhere(replicated):
    """Main has named the sequence a_id_seq1 before it waits for the other's name of the table; the other nodes may not."""
    main = replicated.nodes.nodes[0]
    with clients(replicated, 2) as (first, second):
        run(first, "begin")
        run(first, "create table a(id serial)")
        making = Later(second, "create table a(id serial)")
        wait_until(main, WAITS.format("create table"))
        run(first, "rollback")
        assert making.end() is None or isinstance(making.error, RETRY)
    contents(replicated.nodes, NAMES)


def test_an_index_that_takes_long_does_not_mind(replicated):
    """It looks for nothing but its table, which it has locked: pg_restore -j makes several at a time."""
    other = replicated.nodes.nodes[1]
    with clients(replicated, 2) as (first, second):
        with held(other, "lock table t in row exclusive mode"):
            indexing = Later(second, "create index i on public.t(v)")
            wait_until(other, WAITS.format("create index"))
            run(first, "create table a(id int)")
        assert indexing.end() is None
    assert contents(replicated.nodes, ITS_TABLES) == "a i"


def test_roles_are_those_of_all_databases():
    with equal_nodes(databases=("postgres", "template1")) as servers, proxy_over(servers) as proxy, clients(proxy, 1) as (first,):
        create_database(proxy, "next")
        second = proxy.connect(dbname="next")
        main, other = servers.nodes[:2]
        with no_commit(other):
            making = Later(first, "create role newcomer")
            wait_until(main, "select count(*) from pg_roles where rolname = 'newcomer'")
            dropping = Later(second, "drop role if exists newcomer")
            dropping.join(1)
        assert (making.end(), dropping.end()) == (None, None)
        assert contents(servers, "select count(*) from pg_roles where rolname = 'newcomer'") == 0


# --- writes and DDL

def overtaken(replicated, write, ddl, held_by, end="commit", settings="select"):
    """How `write` ends, which waits on main for who did `held_by` while `ddl` commits."""
    with clients(replicated, 3) as (holder, writer, changer):
        run(writer, settings)
        run(holder, "begin")
        run(holder, held_by)
        writing = Later(writer, write)
        wait_until(replicated.nodes.nodes[0], WAITS.format(write))
        run(changer, ddl)
        run(holder, end)
        return writing.end()


def test_a_function_that_is_replaced_under_a_statement_that_waits(replicated):
    replicated.sql("create function f(int) returns int immutable language sql as 'select $1 + 1'")
    ddl = "create or replace function f(int) returns int immutable language sql as 'select $1 + 2'"
    assert isinstance(overtaken(replicated, "update t set v = f(5) where id = 1", ddl, "update t set v = 11 where id = 1"), RETRY)
    assert contents(replicated.nodes) == "1=11 2=20"


def test_a_function_that_is_replaced_before_all_nodes_have_called_it(replicated):
    replicated.sql("create function f(int) returns int immutable language sql as 'select $1 + 1'")
    other = replicated.nodes.nodes[1]
    with clients(replicated, 2) as (writer, ddl):
        with held(other, "lock table t in access exclusive mode"):
            writing = Later(writer, "update t set v = f(5) where id = 1")
            wait_until(other, WAITS.format("update t set v = f"))
            run(ddl, "create or replace function f(int) returns int immutable language sql as 'select $1 + 2'")
        assert isinstance(writing.end(), RETRY)
    assert contents(replicated.nodes) == "1=10 2=20"


def test_a_trigger_function_that_is_replaced_under_a_statement_that_waits(replicated):
    body = "create or replace function f() returns trigger language plpgsql as 'begin new.v := new.v + {}; return new; end'"
    replicated.sql(body.format(1))
    replicated.sql("create trigger f before update on t for each row execute function f()")
    assert isinstance(overtaken(replicated, "update t set v = 5 where id = 1", body.format(2), "update t set v = 11 where id = 1"), RETRY)
    contents(replicated.nodes)


def test_a_default_of_a_domain_that_is_set_under_a_statement_that_waits(replicated):
    replicated.sql("drop table t; create domain d as int default 1")
    replicated.sql("create table t(id int primary key, v d)")
    ended = overtaken(replicated, "insert into t(id) values (1)", "alter domain d set default 2", "insert into t values (1, 7)", "rollback")
    assert isinstance(ended, RETRY)
    contents(replicated.nodes)


def test_a_table_that_comes_to_stand_before_the_one_that_is_written(replicated):
    replicated.sql("create schema alice")
    ended = overtaken(replicated, "insert into t values (3, 31)", "create table alice.t(id int primary key, v int not null)",
                      "insert into t values (3, 30)", "rollback", settings="set search_path = alice, public")
    assert isinstance(ended, RETRY)
    assert contents(replicated.nodes, "select (select count(*) from public.t) || ' ' || (select count(*) from alice.t)") == "2 0"


def test_what_uses_nothing_of_that_goes_on(replicated):
    other = replicated.nodes.nodes[1]
    write = "update t set v = v + abs(-5) where id = 1"
    assert overtaken(replicated, write, "create table a(id int)", "update t set v = 11 where id = 1") is None
    with clients(replicated, 2) as (writer, ddl):
        with held(other, "lock table t in access exclusive mode"):
            writing = Later(writer, write)
            wait_until(other, WAITS.format("update"))
            run(ddl, "drop table a")
        assert writing.end() is None
    assert contents(replicated.nodes) == "1=21 2=20"
