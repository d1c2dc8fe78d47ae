# SPDX-License-Identifier: PostgreSQL
"""Mode replication: materialized views are refreshed on all nodes, and hold the same."""
import contextlib
import threading

import psycopg2
import psycopg2.errors
import pytest

from support import wire
from support.replicated import contents

V = "select string_agg(g || '=' || n, ' ' order by g) from v"


@pytest.fixture
def replicated(all_equal):
    all_equal.sql("drop table if exists t cascade; create table t(id int primary key, g int, x float8, at timestamptz default now())")
    all_equal.sql("insert into t select i, i % 5, i / 7.0 from generate_series(1, 500) i")
    return all_equal


@pytest.mark.parametrize("how", ["", "concurrently"])
def test_one_is_refreshed_everywhere(replicated, cursor, how):
    cursor.execute("create view between_them as select * from t where id > 0")
    cursor.execute("create materialized view v as select g, count(*) as n from between_them group by g with no data")
    cursor.execute("refresh materialized view v")
    cursor.execute("create unique index on v(g)")
    cursor.execute("insert into t values (501, 7, 0)")
    cursor.execute(f"refresh materialized view {how} v")
    assert contents(replicated.nodes, V).endswith("7=1")
    cursor.execute("begin")
    cursor.execute("insert into t values (502, 8, 0)")
    cursor.execute(f"refresh materialized view {how} public.v")
    cursor.execute("select n from v where g = 8")
    assert cursor.fetchone() == (1,)
    cursor.execute("commit")
    assert contents(replicated.nodes, V).endswith("8=1")
    cursor.execute("refresh materialized view v with no data")


def test_it_sees_the_same_beside_writers(replicated, cursor):
    cursor.execute("create materialized view v as select g, count(*) as n from t group by g with no data")
    stopping = threading.Event()

    def write():
        with contextlib.closing(replicated.connect()) as connection, connection.cursor() as own:
            i = 1000
            while not stopping.is_set():
                own.execute(f"insert into t values ({i}, {i % 5}, 0)")
                i += 1
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            cursor.execute("refresh materialized view v")
    finally:
        stopping.set()
        writer.join()


@pytest.mark.parametrize("query", ["select id, clock_timestamp() as n from t", "select g, random() as n from t"])
def test_volatile_ones_are_refused(cursor, query):
    cursor.execute(f"create materialized view v as {query} with no data")
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="calls a volatile function"):
        cursor.execute("refresh materialized view v")


def test_one_that_comes_out_differently_is_refused(cursor):
    cursor.execute("create materialized view v as select count(*) as g, now() as n from t with no data")
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="are not those of the main node"):
        cursor.execute("refresh materialized view v")


def test_it_is_for_its_owner(replicated, cursor):
    cursor.execute("drop role if exists dora")
    cursor.execute("create role dora login")
    cursor.execute("create materialized view v as select count(*) as g from t")
    cursor.execute("grant select on t, v to dora")
    with contextlib.closing(replicated.connect(user="dora")) as connection, connection.cursor() as dora:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="must be owner"):
            dora.execute("refresh materialized view v")


def test_one_that_is_not_found_at_the_commit_is_refused(replicated, cursor):
    cursor.execute("create materialized view v as select count(*) as g from t with no data")
    cursor.execute("begin")
    cursor.execute("refresh materialized view v")
    cursor.execute("set local search_path = pg_catalog")
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="is not found any more"):
        cursor.execute("commit")


def test_it_comes_by_the_extended_protocol_but_alone(replicated, cursor):
    cursor.execute("create materialized view v as select count(*) as g from t with no data")
    with replicated.wire() as extended:
        extended.send(wire.parse("", "refresh materialized view v"), wire.bind("", ""), wire.execute(), wire.SYNC)
        assert "E" not in [frame.type for frame in extended.read_until("Z")]
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="together with other statements"):
        cursor.execute("refresh materialized view v; insert into t values (600, 1)")
