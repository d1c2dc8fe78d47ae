# SPDX-License-Identifier: PostgreSQL
"""Mode replication: how a statement travels is judged by the schema under which it runs; what cannot run fails as PostgreSQL says."""
import contextlib
import threading
import time

import psycopg2
import psycopg2.errors
import pytest

from support.pgcluster import wait_for
from support.replicated import contents, equal_nodes, no_commit, proxy_over, states


class Later(threading.Thread):
    """A statement on a thread of its own."""
    def __init__(self, connection, sql):
        super().__init__(daemon=True)
        self.connection, self.sql, self.error = connection, sql, None
        self.start()

    def run(self):
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(self.sql)
        except psycopg2.Error as error:
            self.error = error

    def end(self, timeout=20):
        self.join(timeout)
        assert not self.is_alive(), self.sql
        return self.error


@contextlib.contextmanager
def clients(proxy, count):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(proxy.connect())) for _ in range(count)]


def run(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_default_that_came_while_it_waited_for_a_connection():
    """The only connection is busy: by then the facts are those of after the ALTER."""
    with equal_nodes("create table t(id int primary key, c timestamptz)") as servers, \
            proxy_over(servers, {"workers": 1, "pool": {"size": 1}}) as proxy, clients(proxy, 3) as (ddl, sleeper, writer):
        run(ddl, "insert into t values (0, null)")
        run(ddl, "begin")
        run(ddl, "alter table t alter c set default clock_timestamp()")
        sleeping = Later(sleeper, "select pg_sleep(1.5)")
        time.sleep(0.2)
        writing = Later(writer, "insert into t(id) values (1)")
        time.sleep(0.2)
        run(ddl, "commit")
        assert (sleeping.end(), writing.end()) == (None, None)
        assert contents(servers, "select count(c) from t") == 1
        contents(servers, "select c from t where id = 1")


def test_a_default_whose_commit_takes_long_on_main():
    """Facts that are loaded meanwhile are those of before."""
    with equal_nodes("create table t(id int primary key, c timestamptz)") as servers, proxy_over(servers) as proxy, \
            clients(proxy, 2) as (ddl, writer):
        run(writer, "insert into t values (0, null)")
        with no_commit(servers.nodes[0]):
            altering = Later(ddl, "alter table t alter c set default clock_timestamp()")
            time.sleep(0.5)
            writing = Later(writer, "insert into t(id) values (1)")
            time.sleep(1)
        assert (altering.end(), writing.end()) == (None, None)
        contents(servers, "select c from t where id = 1")
        assert states(proxy) == ["up"] * 3


def test_a_function_that_begins_to_write():
    stable = "create or replace function f() returns int language sql stable as 'select 1'"
    writes = "create or replace function f() returns int language plpgsql volatile as $$ begin insert into t(v) values ('x'); return 2; end $$"
    with equal_nodes(f"create table t(id serial primary key, v text); {stable}") as servers, proxy_over(servers) as proxy, \
            clients(proxy, 1) as (client,):
        run(client, "select f()")
        for _ in range(4):
            run(client, stable)
            run(client, "select f()")
            run(client, writes)
            with pytest.raises(psycopg2.errors.FeatureNotSupported):
                run(client, "select f()")
        assert contents(servers, "select count(*) from t") == 0


@pytest.fixture
def replicated(all_in):
    all_in.sql("drop table if exists t; create table t(id int primary key, v int not null)")
    return all_in


@pytest.mark.parametrize("text, error", [
    ("selct", psycopg2.errors.SyntaxError),
    ("select * from nowhere", psycopg2.errors.UndefinedTable),
    ("insert into nowhere values (1)", psycopg2.errors.UndefinedTable),
    ("select nosuch(1)", psycopg2.errors.UndefinedFunction),
    ("insert into t values (1, 1); insert into nowhere values (1)", psycopg2.errors.UndefinedTable)])
def test_mistakes_are_told_as_postgresql_tells_them(replicated, text, error):
    with clients(replicated, 1) as (client,):
        with pytest.raises(error):
            run(client, text)
        run(client, "begin")
        run(client, "insert into t values (2, 2)")
        with pytest.raises(error):
            run(client, text)
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            run(client, "select 1")
        run(client, "rollback")
        run(client, "insert into t values (3, 3)")
    assert contents(replicated.nodes) == "3=3"


def test_a_write_in_a_read_only_transaction(replicated):
    replicated.sql("create table if not exists keyless(v int)")
    with clients(replicated, 1) as (client,):
        run(client, "begin read only")
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            run(client, "delete from keyless")


def test_what_was_made_behind_the_back_is_undone_and_known_from_then_on(replicated):
    replicated.nodes.sql("drop table if exists late; create table late(id int primary key)")
    with clients(replicated, 1) as (client,):
        wait_for(lambda: not fails(client, "insert into late values (1)"), 20, "it is known")
    assert contents(replicated.nodes, "select count(*) from late") == 1
    replicated.sql("drop table late")


def fails(client, sql):
    try:
        run(client, sql)
        return False
    except psycopg2.errors.SerializationFailure:
        return True


def test_a_long_ddl_is_not_late():
    """The others take as long as main does."""
    with equal_nodes("create table t(id int primary key); insert into t select generate_series(1, 30)") as servers, \
            proxy_over(servers, {"replication": {"stall_timeout": "500ms"}}) as proxy, clients(proxy, 1) as (client,):
        began = time.monotonic()
        run(client, "create index slow on t (md5(repeat(id::text, 20000000)))")
        assert time.monotonic() - began > 1.5, "too fast to show anything"
        contents(servers, "select count(*) from pg_indexes where indexname = 'slow'")
        assert states(proxy) == ["up"] * 3


def test_rows_that_travelled_together_are_repaired():
    """Their values are in the redo as arrays of a type that nobody named."""
    with equal_nodes("create table t(id int primary key, v float8); insert into t select g, 0 from generate_series(1, 5) g") as servers, \
            proxy_over(servers) as proxy:
        proxy.sql("update t set v = random()")
        main, other = servers.nodes[:2]
        slot = main.sql("select id from pgpool_replication.slot order by seq desc limit 1")
        proxy.stop()
        other.sql(f"update t set v = 0; update pgpool_replication.slot set seq = seq - 1 where id = {slot}")
        proxy.start()
        wait_for(lambda: states(proxy) == ["up"] * 3, 20, "all nodes are in again")
        assert "transaction_repaired" in proxy.log_text()
        contents(servers, "select string_agg(v::text, ' ' order by id) from t")


def test_a_vacuum_that_is_ended_takes_nobody_out(replicated):
    node = replicated.nodes.nodes[0]
    with contextlib.closing(node.connect()) as holder, clients(replicated, 1) as (client,):
        run(holder, "begin")
        run(holder, "lock table t in share mode")
        vacuum = Later(client, "vacuum t")
        found = "select count(*) from pg_stat_activity where query = 'vacuum t' and wait_event_type = 'Lock'"
        wait_for(lambda: node.sql(found) == "1" or node.sql(found) == 1, 10, "VACUUM waits")
        node.sql("select pg_terminate_backend(pid) from pg_stat_activity where query = 'vacuum t'")
        assert vacuum.end() is not None
        time.sleep(0.5)
        assert states(replicated) == ["up"] * 3


def test_read_write_within_a_session_that_is_read_only(replicated):
    with clients(replicated, 1) as (client,):
        run(client, "set default_transaction_read_only = on")
        run(client, "begin read write")
        run(client, "insert into t values (1, 1)")
        run(client, "commit")
    assert contents(replicated.nodes) == "1=1"


def test_a_main_that_hangs_in_commit_is_taken_out():
    with equal_nodes("create table t(id int primary key, v int)") as servers, \
            proxy_over(servers, {"replication": {"stall_timeout": "1s"}}) as proxy, clients(proxy, 1) as (client,):
        run(client, "begin")
        run(client, "insert into t values (1, 1)")
        with no_commit(servers.nodes[0]):
            began = time.monotonic()
            with pytest.raises((psycopg2.errors.SerializationFailure, psycopg2.OperationalError)):
                run(client, "commit")
            assert time.monotonic() - began < 20
            assert sorted(states(proxy)) == ["down", "up", "up"]
        run(client, "insert into t values (2, 2)")
        assert {node.sql("select count(*) from t") for node in servers.nodes[1:]} <= {"1", 1}
