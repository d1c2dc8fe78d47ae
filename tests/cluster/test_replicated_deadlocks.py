# SPDX-License-Identifier: PostgreSQL
"""Mode replication: transactions that wait for each other at several nodes (proxy/exec/deadlock.cc)."""
import contextlib
import threading
import time

import psycopg2
import psycopg2.errors
import pytest

from support import wire
from support.pgcluster import wait_for
from support.replicated import contents, proxy_over, states

DEADLOCK = "40P01"
LIMIT_S = 3  # a third of that on a machine that has nothing else to do


@pytest.fixture(scope="module")
def nodes(shared_nodes):
    main = shared_nodes.nodes[0]
    shared_nodes.sql("create table a(id int primary key, v int not null); create table b(id int primary key, v int not null);"
                     "insert into a select g, 0 from generate_series(1, 9) g; insert into b values (1, 0);"
                     "create function port() returns int immutable language internal as 'inet_server_port';"  # believed to be so
                     "create function elsewhere(main int, others int) returns int immutable language plpgsql as "
                     f"$$ begin return case when port() = {main.port} then main else others end; end $$")
    return shared_nodes


@pytest.fixture(scope="module")
def shared_proxy(nodes):
    with proxy_over(nodes, {"replication": {"stall_timeout": "20s"}}) as proxy:
        with contextlib.closing(proxy.connect()) as connection, connection.cursor() as cursor:
            wait_for(lambda: is_known(cursor), 20, "the catalogs are known")
        yield proxy


def is_known(cursor):
    cursor.execute(f"show route for {LOCK_B}")
    return any("replicated: ddl" in line for line, in cursor.fetchall())


@pytest.fixture
def proxy(shared_proxy, nodes):
    yield shared_proxy
    assert states(shared_proxy) == ["up"] * 3
    for table in ("a", "b"):
        contents(nodes, f"select string_agg(t::text, ' ' order by id) from {table} t")
    assert nodes.sql("select count(*) from pg_locks where not granted") == [0, 0, 0]


class Client:
    """A connection; what `later` is given runs on a thread of its own. `failed` is the first SQLSTATE that it got."""

    def __init__(self, proxy):
        self.connection = proxy.connect()
        self.cursor = self.connection.cursor()
        self.failed, self.ended, self.thread = None, None, None

    def run(self, *texts):
        for text in texts:
            self.cursor.execute(text)
        return self

    def _run(self, texts):
        try:
            self.run(*texts)
        except psycopg2.Error as error:
            self.failed = error.pgcode
        self.ended = time.monotonic()

    def later(self, *texts):
        self.thread = threading.Thread(target=self._run, args=(texts,))
        self.thread.start()
        return self

    def joined(self):
        self.thread.join(30)
        assert self.ended is not None, "it still waits"
        return self


@contextlib.contextmanager
def clients(proxy, count):
    made = [Client(proxy) for _ in range(count)]
    try:
        yield made
    finally:
        for client in made:
            client.connection.close()


def blocked(node, count):
    """That many processes wait for locks there."""
    wait_for(lambda: node.sql("select count(*) from pg_locks where not granted") == count, 10, f"{count} wait at {node.name}", 0.01)


def followed(nodes, text):
    """node2 has done it too, in a transaction that is open; the client was told before."""
    rests = f"select count(*) from pg_stat_activity where state = 'idle in transaction' and query = $${text}$$"
    wait_for(lambda: nodes.nodes[1].sql(rests) == 1, 10, "node2 follows", 0.01)


LOCK_B = "lock table b in access exclusive mode"
# Locks row 3 on the main node, row 1 elsewhere, as a condition does that is evaluated before a commit here and behind it there.
ROW_1_ELSEWHERE = "insert into a values (elsewhere(3, 1), 0) on conflict (id) do update set v = a.v"
UPDATE_1 = "update a set v = v + 1 where id = 1"


def assert_one_victim(victim, others):
    """When the last of them had its answer."""
    assert [client.joined().failed for client in (victim, *others)] == [DEADLOCK] + [None] * len(others)
    return max(client.ended for client in (victim, *others))


def ddl_against_reader(proxy, nodes):
    """The reader is at node2 alone. alter -> reader at node2, reader -> locker at node2, locker -> alter at main."""
    with clients(proxy, 3) as (locker, reader, alter):
        locker.run("begin", LOCK_B)
        followed(nodes, LOCK_B)
        reader.later("/* pgpool: node=node2 */ select count(*) from a, b")
        blocked(nodes.nodes[1], 1)
        alter.run("begin", "alter table a alter v set default 1").later("commit")
        blocked(nodes.nodes[1], 2)
        began = time.monotonic()
        locker.later("insert into a values (100, 1)", "delete from a where id = 100", "commit")
        return assert_one_victim(alter, (locker, reader)) - began


def predicate(proxy, nodes):
    """point -> other at node2 and node3, other -> point at main; `point` began last."""
    with clients(proxy, 2) as (other, point):
        other.run("begin", ROW_1_ELSEWHERE)
        followed(nodes, ROW_1_ELSEWHERE)
        point.run("begin", UPDATE_1).later("commit")
        blocked(nodes.nodes[1], 1)
        began = time.monotonic()
        other.later(UPDATE_1, "commit")
        return assert_one_victim(point, (other,)) - began


@pytest.mark.deadline(120)
@pytest.mark.parametrize("case", [ddl_against_reader, predicate])
def test_a_cycle_through_nodes_ends_with_one_victim(proxy, nodes, sized, tell, case):
    ended = proxy.log_text().count("deadlock_ended")
    took = sorted(case(proxy, nodes) for _ in range(sized(10, 100)))
    tell(f"{len(took)} cycles, seconds until all had their answer: median {took[len(took) // 2]:.3f}, longest {took[-1]:.3f}")
    assert took[len(took) // 2] < 1 and took[-1] < sized(LIMIT_S, 1), took
    assert proxy.log_text().count("deadlock_ended") - ended == len(took)


def test_who_waits_at_main_is_told_in_reply_to_that(proxy, nodes):
    with clients(proxy, 2) as (other, point):
        point.run("begin", "select 1")
        other.run("begin", ROW_1_ELSEWHERE)
        followed(nodes, ROW_1_ELSEWHERE)
        point.later(UPDATE_1, "commit")
        blocked(nodes.nodes[1], 1)
        other.later(UPDATE_1)
        assert_one_victim(other, (point,))
        for text in ("select 1", "rollback to a"):
            with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
                other.run(text)
        other.run("commit")
        assert other.cursor.statusmessage == "ROLLBACK"
        other.run("update a set v = v + 1 where id = 2")


def test_savepoints_keep_nothing(proxy, nodes):
    with clients(proxy, 2) as (other, point):
        point.run("begin", "select 1")
        other.run("begin", ROW_1_ELSEWHERE)
        followed(nodes, ROW_1_ELSEWHERE)
        other.run("savepoint s")
        point.later(UPDATE_1, "commit")
        blocked(nodes.nodes[1], 1)
        other.later(UPDATE_1)
        assert_one_victim(other, (point,))
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            other.run("rollback to s")
        other.run("rollback", "update a set v = v + 1 where id = 2")


def test_who_rests_is_told_with_the_next_request(proxy, nodes):
    with clients(proxy, 2) as (other, point):
        other.run("begin", ROW_1_ELSEWHERE)
        followed(nodes, ROW_1_ELSEWHERE)
        point.run("begin", UPDATE_1)
        blocked(nodes.nodes[1], 1)
        began = time.monotonic()
        other.later(UPDATE_1, "commit")
        assert other.joined().failed is None and other.ended - began < LIMIT_S
        with pytest.raises(psycopg2.errors.DeadlockDetected, match="deadlock detected"):
            point.run("select 1")
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            point.run("select 1")
        point.run("rollback", UPDATE_1)


def test_a_statement_that_is_a_transaction(proxy, nodes):
    with clients(proxy, 2) as (other, point):
        other.run("begin", ROW_1_ELSEWHERE)
        followed(nodes, ROW_1_ELSEWHERE)
        point.later(UPDATE_1)
        blocked(nodes.nodes[1], 1)
        other.later(UPDATE_1, "commit")
        assert_one_victim(point, (other,))
        point.run(UPDATE_1)


def test_the_extended_protocol(proxy, nodes):
    update = [wire.parse("", "update a set v = v + 1 where id = $1"), wire.bind("", "", [b"1"]), wire.execute(), wire.SYNC]
    with clients(proxy, 1) as (point,), wire.connect(proxy.host, proxy.port, database="postgres") as other:
        point.run("begin", "select 1")
        for text in ("begin", ROW_1_ELSEWHERE):
            other.send(wire.query(text))
            assert [f for f in other.read_until("Z") if f.type == "E"] == []
        followed(nodes, ROW_1_ELSEWHERE)
        point.later(UPDATE_1, "commit")
        blocked(nodes.nodes[1], 1)
        other.send(*update)
        frames = other.read_until("Z")
        assert [f.name for f in frames] == ["ParseComplete", "BindComplete", "ErrorResponse", "ReadyForQuery"]
        assert frames[2].fields()["C"] == DEADLOCK and frames[3].body == b"E"
        assert point.joined().failed is None
        other.send(*update)
        assert [f.fields()["C"] for f in other.read_until("Z") if f.type == "E"] == ["25P02"]
        other.send(wire.query("rollback"))
        assert other.read_until("Z")[-1].body == b"I"


def test_a_long_wait_is_no_deadlock(proxy, nodes):
    with clients(proxy, 3) as (reader, alter, writer):
        reader.later("/* pgpool: node=node2 */ select pg_sleep(1.5) from a where id = 1")
        wait_for(lambda: nodes.nodes[1].sql("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == 1, 10, "it sleeps")
        alter.later("lock table a in access exclusive mode")
        blocked(nodes.nodes[1], 1)
        writer.later(UPDATE_1)
        assert [client.joined().failed for client in (reader, alter, writer)] == [None, None, None]


def test_a_deadlock_at_one_node_that_follows_is_told_as_one(proxy, nodes):
    """PostgreSQL finds it itself, at the cost of whoever has waited for deadlock_timeout first."""
    with clients(proxy, 2) as (reader, alter):
        alter.run("begin", LOCK_B)
        followed(nodes, LOCK_B)
        reader.later("/* pgpool: node=node2 */ select count(*) from a, b")
        blocked(nodes.nodes[1], 1)
        alter.later("alter table a alter v set default 1", "commit")
        outcome = {client.joined().failed for client in (reader, alter)}
        assert None in outcome and outcome <= {None, DEADLOCK}, "a follower that was the victim does it again"


def test_a_rollback_does_not_wait_for_a_cycle(proxy, nodes):
    with clients(proxy, 2) as (other, point):
        other.run("begin", ROW_1_ELSEWHERE)
        followed(nodes, ROW_1_ELSEWHERE)
        point.run("begin", "update a set v = v + 1 where id = 5", UPDATE_1)
        blocked(nodes.nodes[1], 1)
        other.later("update a set v = v + 1 where id = 5", "commit")
        point.later("rollback")
        assert [client.joined().failed for client in (other, point)] == [None, None]
        point.run("update a set v = v + 1 where id = 5")
