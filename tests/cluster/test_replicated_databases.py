# SPDX-License-Identifier: PostgreSQL
"""Mode replication: databases are made, dropped, renamed and copied, beside the connections that rest in the proxy's pools."""
import contextlib
import threading
import time

import psycopg2
import psycopg2.errors
import pytest

from support.replicated import create_database, equal_nodes, proxy_over, states
from support.pgcluster import wait_for

NAMES = "select string_agg(datname, ',' order by datname) from pg_database where datname like 'made%'"


@pytest.fixture(scope="module")
def servers():
    with equal_nodes("create role carl login createdb; create role dora login createdb", databases=("template1", "postgres")) as nodes:
        yield nodes


@pytest.fixture
def proxy(servers):
    with proxy_over(servers, {"workers": 2}) as one:
        yield one
        assert states(one) == ["up"] * 3
        for name in ("made", "made2"):
            one.sql(f"drop database if exists {name} with (force)")


def there(servers):
    found = servers.sql(NAMES)
    assert len(set(found)) == 1, found
    return found[0]


def rest_in(proxy, name):
    """Connections of the proxy rest there, at every node and in both workers' pools."""
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            connection = stack.enter_context(contextlib.closing(proxy.connect(name)))
            with connection.cursor() as cursor:
                for node in ("node1", "node2", "node3"):
                    cursor.execute(f"/* pgpool: node={node} */ select 1")
    for node in proxy.nodes.nodes:
        wait_for(lambda n=node: n.sql(f"select count(*) from pg_stat_activity where datname = '{name}'"), 5, "a connection rests there")


@pytest.mark.parametrize("begin", ["", "begin; ", "begin isolation level repeatable read; select 1; "])
def test_a_new_database_takes_writes_at_once(proxy, begin):
    """Its markers are those of template1. Under an older snapshot the client repeats it; else once at most, at once, if it crosses
    the raising of the markers."""
    proxy.sql("create database made")
    is_old = "repeatable" in begin
    with contextlib.closing(proxy.connect("made")) as connection, connection.cursor() as cursor:
        for _ in range(20 if is_old else 2):
            with contextlib.suppress(psycopg2.errors.SerializationFailure):
                cursor.execute(f"{begin}create table t(id int primary key)")
                if begin:
                    cursor.execute("commit")
                break
            time.sleep(0.2 if is_old else 0)
    assert [node.sql("select count(*) from t", dbname="made") for node in proxy.nodes.nodes] == [0] * 3


def test_a_database_is_dropped_where_connections_of_the_proxy_rest(proxy):
    create_database(proxy, "made")
    rest_in(proxy, "made")
    proxy.sql("drop database made")
    assert there(proxy.nodes) is None


def test_a_database_is_dropped_where_they_rest_on_others_alone(proxy):
    create_database(proxy, "made")
    rest_in(proxy, "made")
    proxy.nodes.nodes[0].sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'made'")
    proxy.sql("drop database made")
    assert there(proxy.nodes) is None


def test_a_database_is_renamed_and_copied(proxy):
    create_database(proxy, "made")
    proxy.sql("create table t(id int primary key)", "made")
    rest_in(proxy, "made")
    proxy.sql("create database made2 template made")
    rest_in(proxy, "made")
    rest_in(proxy, "made2")
    proxy.sql("drop database made")
    proxy.sql("alter database made2 rename to made")
    assert there(proxy.nodes) == "made"
    assert proxy.sql("select count(*) from t", "made") == 0
    with proxy.connect() as connection, connection.cursor() as cursor:  # within a transaction
        cursor.execute("alter database made rename to made2")
        connection.rollback()
    assert there(proxy.nodes) == "made"


def test_what_was_known_of_a_database_is_not_believed_of_the_next(proxy):
    """`v` had no default of its own there before."""
    create_database(proxy, "made")
    proxy.sql("create table t(id int primary key, v timestamptz)", "made")
    proxy.sql("insert into t(id) values (1)", "made")
    create_database(proxy, "made2")
    proxy.sql("create table t(id int primary key, v timestamptz default clock_timestamp())", "made2")
    proxy.sql("drop database made")
    proxy.sql("alter database made2 rename to made")
    proxy.sql("insert into t(id) values (1)", "made")
    found = [node.sql("select v from t", dbname="made") for node in proxy.nodes.nodes]
    assert found[0] is not None and len(set(found)) == 1, found


@pytest.mark.parametrize("command", ["drop database made", "alter database made rename to made2", "create database made2 template made"])
def test_a_client_that_is_connected_holds_it(proxy, command):
    create_database(proxy, "made")
    with contextlib.closing(proxy.connect("made")):  # it holds no server connection
        began = time.monotonic()
        with pytest.raises(psycopg2.errors.ObjectInUse, match='database "made" is being accessed by other users'):
            proxy.sql(command)
        assert time.monotonic() - began > 4
    assert there(proxy.nodes) == "made"
    proxy.sql(command)
    assert there(proxy.nodes) in (None, "made2", "made,made2")


def test_a_client_that_leaves_is_waited_for(proxy):
    create_database(proxy, "made")
    connection = proxy.connect("made")
    leaving = threading.Timer(1, connection.close)
    leaving.start()
    proxy.sql("drop database made")
    leaving.join()
    assert there(proxy.nodes) is None


def test_force_ends_the_sessions(proxy):
    create_database(proxy, "made")
    with contextlib.closing(proxy.connect("made")) as idle, contextlib.closing(proxy.connect("made")) as busy:
        busy.autocommit = False
        with busy.cursor() as cursor:
            cursor.execute("create table t(id int primary key)")
        proxy.sql("drop database made with (force)")
        assert there(proxy.nodes) is None
        for ended in (idle, busy):
            with pytest.raises(psycopg2.OperationalError, match="administrator command|closed"), ended.cursor() as cursor:
                cursor.execute("select 1")


def test_force_is_for_who_may(proxy):
    with contextlib.closing(proxy.connect("postgres", user="carl")) as carl, carl.cursor() as cursor:
        cursor.execute("create database made")
    with contextlib.closing(proxy.connect("made")) as connected:
        with contextlib.closing(proxy.connect("postgres", user="dora")) as dora, dora.cursor() as cursor:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="must be owner of database made"):
                cursor.execute("drop database made with (force)")
        with contextlib.closing(proxy.connect("postgres", user="carl")) as carl, carl.cursor() as cursor:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="permission denied to terminate process"):
                cursor.execute("drop database made with (force)")
        with connected.cursor() as cursor:
            cursor.execute("select 1")
    with contextlib.closing(proxy.connect("made", user="carl")), \
            contextlib.closing(proxy.connect("postgres", user="carl")) as carl, carl.cursor() as cursor:
        def drops():
            """A connection of the proxy's health user, a superuser, may be there just then."""
            with contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("drop database made with (force)")
                return True
        wait_for(drops, 20, "he may end his own")
    assert there(proxy.nodes) is None


def test_a_node_where_others_are_in_the_way_for_a_while_stays_in(proxy):
    create_database(proxy, "made")
    with contextlib.closing(proxy.nodes.nodes[1].connect("made")) as connection:
        leaving = threading.Timer(7, connection.close)
        leaving.start()
        proxy.sql("drop database made")
        leaving.join()
    assert there(proxy.nodes) is None
