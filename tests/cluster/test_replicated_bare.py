# SPDX-License-Identifier: PostgreSQL
"""Mode replication: what runs outside of transactions, and fails or is cancelled on some node."""
import contextlib
import threading

import psycopg2
import psycopg2.errors
import pytest

from support import wire
from support.pgcluster import wait_for_lock
from support.replicated import equal_nodes, proxy_over, states

INVALID = "select count(*) from pg_index where not indisvalid"


@pytest.fixture
def replicated(all_equal):
    all_equal.sql("drop table if exists t; create table t(id int primary key, v int)")
    all_equal.sql("insert into t values (1, 1)")
    return all_equal


@contextlib.contextmanager
def writer(proxy):
    """Rests in a transaction that has written the table."""
    with contextlib.closing(proxy.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("insert into t values (2, 2)")
        yield
        cursor.execute("rollback")


@pytest.mark.parametrize("name", ["i", ""])
def test_an_index_that_was_cancelled_can_be_dropped_and_made_again(replicated, name):
    """It remains on main alone, invalid, as PostgreSQL leaves it."""
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        with writer(replicated):
            cancel = threading.Thread(target=lambda: (wait_for_lock(replicated.nodes.nodes[0], "create index"), connection.cancel()))
            cancel.start()
            with pytest.raises(psycopg2.errors.QueryCanceled):
                cursor.execute(f"create index concurrently {name} on t(v)")
            cancel.join()
        assert replicated.nodes.sql(INVALID) == [1, 0, 0]
        cursor.execute("drop index " + (name or "t_v_idx"))
        assert replicated.nodes.sql(INVALID) == [0] * 3
        cursor.execute(f"create index concurrently {name} on t(v)")


def test_an_index_that_was_cancelled_can_be_dropped_by_the_extended_protocol(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("set statement_timeout = '2s'")
        with writer(replicated), pytest.raises(psycopg2.errors.QueryCanceled):
            cursor.execute("create index concurrently i on t(v)")
    assert replicated.nodes.sql(INVALID) == [1, 0, 0]
    with replicated.wire() as extended:
        extended.send(wire.parse("", "drop index concurrently i"), wire.bind("", ""), wire.execute(), wire.SYNC)
        assert "E" not in [frame.type for frame in extended.read_until("Z")]
    assert replicated.nodes.sql(INVALID) == [0] * 3


def test_a_node_that_was_away_while_main_made_an_index_is_taken_out():
    with equal_nodes("create table t(id int primary key, v int)") as nodes, proxy_over(nodes) as proxy, \
            contextlib.closing(proxy.connect()) as connection, connection.cursor() as cursor:
        main, away, _ = nodes.nodes
        with writer(proxy):
            making = threading.Thread(target=cursor.execute, args=["create index concurrently i on t(v)"])
            making.start()
            wait_for_lock(main, "create index")
            assert away.sql("select count(pg_terminate_backend(pid)) from pg_stat_activity"
                            " where state = 'idle' and application_name not like 'pgpool%'") > 0
        making.join()
        assert states(proxy) == ["up", "down", "up"]
        assert nodes.sql("select count(*) from pg_class where relname = 'i'") == [1, 0, 1]


def test_a_timeout_of_the_client_ends_nothing_on_the_others(replicated):
    with contextlib.closing(replicated.nodes.nodes[1].connect()) as other, other.cursor() as blocker:
        blocker.execute("begin")
        blocker.execute("lock table t in row exclusive mode")
        ending = threading.Timer(4, blocker.execute, ["rollback"])
        ending.start()
        with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("set statement_timeout = '3s'; set lock_timeout = '1500ms'")
            cursor.execute("create index concurrently i on t(v)")
        ending.join()


def test_a_vacuum_is_cancelled_on_the_others_too(replicated):
    with contextlib.closing(replicated.nodes.nodes[1].connect()) as other, other.cursor() as blocker:
        blocker.execute("begin")
        blocker.execute("lock table t in access share mode")
        with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
            cancel = threading.Thread(target=lambda: (wait_for_lock(replicated.nodes.nodes[1], "vacuum"), connection.cancel()))
            cancel.start()
            cursor.execute("vacuum full t")
            cancel.join()
        blocker.execute("rollback")


@pytest.mark.parametrize("name", ["i", ""])
def test_an_index_that_meets_a_deadlock_on_a_node_is_made_again_there(replicated, name):
    """Nobody is taken out, and no node has another index than main; an invalid one from before stays."""
    node = replicated.nodes.nodes[1]
    replicated.sql("insert into t values (2, 1)")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        replicated.sql("create unique index concurrently before on t(v)")
    assert replicated.nodes.sql(INVALID) == [1] * 3
    with contextlib.closing(node.connect()) as other, other.cursor() as blocker:
        blocker.execute("set deadlock_timeout = '1h'; begin; lock table t in row exclusive mode")
        building = threading.Thread(target=replicated.sql, args=[f"create index concurrently {name} on t(v)"])
        building.start()
        wait_for_lock(node, "create index")
        blocker.execute("lock table t in share update exclusive mode")
        assert node.sql(INVALID) >= 1
        blocker.execute("rollback")
        building.join()
    assert states(replicated) == ["up"] * 3
    assert replicated.nodes.sql("select string_agg(indexrelid::regclass::text, ' ' order by indexrelid::regclass::text) from pg_index where indrelid = 't'::regclass") == [
        "before i t_pkey" if name else "before t_pkey t_v_idx"] * 3
    assert replicated.nodes.sql(INVALID) == [1] * 3
