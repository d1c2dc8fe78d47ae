# SPDX-License-Identifier: PostgreSQL
"""Mode replication: what is known to be wrong or missing. Each test fails until that is mended; then it loses its mark, and moves."""
import contextlib

import psycopg2
import psycopg2.errors
import pytest

from support.replicated import T, assert_equal, contents, equal_nodes, proxy_over, states
from support.pgcluster import wait_for

pytestmark = pytest.mark.xfail(strict=True, raises=(psycopg2.Error, AssertionError), reason="known to be open")


@pytest.fixture
def replicated(shared_proxy):
    shared_proxy.sql("drop table if exists t")
    yield shared_proxy
    assert states(shared_proxy) == ["up"] * 3


@pytest.fixture
def cursor(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as one:
        yield one


def test_rows_that_are_unique_only_together(replicated, cursor):
    cursor.execute("create table t(id int primary key, v int unique deferrable)")
    cursor.execute("insert into t values (1, 1), (2, 2)")
    cursor.execute("update t set v = 3 - v where v in (1, 2)")
    assert contents(replicated.nodes, T) == "1=2 2=1"


def test_rows_that_reference_each_other(replicated, cursor):
    cursor.execute("create table t(id int primary key, v int references t)")
    cursor.execute("insert into t select g, g % 5 + 1 from generate_series(1, 5) g")
    assert contents(replicated.nodes, T) == "1=2 2=3 3=4 4=5 5=1"


def test_an_insert_of_no_row_moves_the_sequence_everywhere(replicated, cursor):
    cursor.execute("create table t(id serial primary key, v int unique)")
    for _ in range(3):
        cursor.execute("insert into t(v) values (1) on conflict do nothing")
    assert_equal(replicated.nodes)


def test_a_write_in_a_read_only_transaction(cursor):
    cursor.execute("create table t(v int)")
    cursor.execute("begin read only")
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        cursor.execute("delete from t")


def test_prepare_behind_set_local(replicated, cursor):
    cursor.execute("create table t(id int primary key, v int)")
    for text in ("begin", "set local timezone = 'Asia/Tokyo'", "prepare p as insert into t values (1, 1)", "execute p", "commit"):
        cursor.execute(text)
    assert contents(replicated.nodes, T) == "1=1"


def test_copy_draws_from_a_sequence(replicated, cursor):
    cursor.execute("create table t(id serial primary key, v int)")
    with open("/dev/null") as nothing:
        cursor.copy_expert("copy t(v) from stdin", nothing)


def test_a_materialized_view_is_refreshed(cursor):
    cursor.execute("create table t(id int primary key, v int)")
    cursor.execute("create materialized view if not exists counted as select count(*) from t")
    try:
        cursor.execute("refresh materialized view counted")
    finally:
        cursor.execute("drop materialized view counted")


@pytest.fixture
def databases():
    with equal_nodes(databases=("template1", "postgres")) as servers, proxy_over(servers) as proxy:
        yield proxy


def test_a_new_database_takes_writes_at_once(databases):
    databases.sql("create database made")
    databases.sql("create table t(id int primary key)", "made")


def test_a_database_that_only_the_proxy_is_connected_to_is_dropped(databases):
    databases.sql("create database made")
    databases.sql("/* pgpool: node=node2 */ select 1", "made")
    main, other, _ = databases.nodes.nodes
    wait_for(lambda: other.sql("select count(*) from pg_stat_activity where datname = 'made' and state = 'idle'"), 5, "a connection of the proxy rests there")
    main.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'made'")
    databases.sql("drop database made")
    assert states(databases) == ["up"] * 3
