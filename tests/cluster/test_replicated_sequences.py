# SPDX-License-Identifier: PostgreSQL
"""Mode replication: sequences. What was committed is never given out twice; what main alone has drawn the others get soon."""
import contextlib
import threading
import time

import psycopg2
import psycopg2.errors
import pytest

from support.pgcluster import wait_for
from support.replicated import assert_equal, equal_nodes, proxy_over, states


@pytest.fixture
def replicated(shared_proxy):
    shared_proxy.sql("drop table if exists t")
    shared_proxy.sql("drop sequence if exists s")
    yield shared_proxy
    assert states(shared_proxy) == ["up"] * 3
    shared_proxy.sql("drop table if exists t")
    shared_proxy.sql("drop sequence if exists s")


@pytest.fixture
def cursor(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as one:
        yield one


def last(replicated, sequence):
    return replicated.nodes.sql(f"select last_value from {sequence}")


def same_soon(replicated, sequence, value):
    wait_for(lambda: last(replicated, sequence) == [value] * 3, 5, f"{sequence} is at {value}: {last(replicated, sequence)}")


def test_rows_that_were_not_inserted_move_it_everywhere(replicated, cursor):
    cursor.execute("create table t(id serial primary key, v int unique)")
    for _ in range(3):
        cursor.execute("insert into t(v) values (1) on conflict do nothing")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        cursor.execute("insert into t(v) values (1)")
    assert_equal(replicated.nodes)  # which looks again for a while
    assert last(replicated, "t_id_seq") == [4] * 3


def test_a_rollback_moves_it_everywhere(replicated, cursor):
    cursor.execute("create table t(id int generated always as identity primary key, v int)")
    cursor.execute("create sequence s increment by -2")
    cursor.execute("begin")
    cursor.execute("insert into t(v) values (1), (2)")
    cursor.execute("select nextval('s'), nextval('s')")
    cursor.execute("rollback")
    same_soon(replicated, "t_id_seq", 2)
    same_soon(replicated, "s", -3)


def test_what_a_session_keeps_for_itself_is_passed_everywhere(replicated, cursor):
    cursor.execute("create sequence s cache 20")
    cursor.execute("select nextval('s')")
    same_soon(replicated, "s", 20)


def test_one_that_was_set_back_stays_there(replicated, cursor):
    cursor.execute("create sequence s")
    for _ in range(5):
        cursor.execute("begin")
        cursor.execute("select nextval('s') from generate_series(1, 50)")
        cursor.execute("rollback")
        cursor.execute("select setval('s', 3)")
        assert last(replicated, "s") == [3] * 3
        time.sleep(0.3)
    time.sleep(1)
    assert last(replicated, "s") == [3] * 3


class Drawers:
    """Clients that draw, half of them in vain; what was committed, in the order in which each was told."""

    def __init__(self, proxy, clients=6):
        self.proxy, self.ids, self.values, self.stopping = proxy, [], [], threading.Event()
        self.threads = [threading.Thread(target=self._client, args=(number,)) for number in range(clients)]

    def _client(self, number):
        while not self.stopping.is_set():
            with contextlib.suppress(psycopg2.Error), contextlib.closing(self.proxy.connect()) as connection, connection.cursor() as cursor:
                while not self.stopping.is_set():
                    cursor.execute("insert into t(v) values (1) returning id")
                    self.ids.append(cursor.fetchone()[0])
                    cursor.execute("select nextval('s')")
                    self.values.append(cursor.fetchone()[0])
                    cursor.execute("begin")
                    cursor.execute("insert into t(v) values (2) returning id")
                    told = cursor.fetchone()[0]
                    cursor.execute("commit" if number % 2 else "rollback")
                    if number % 2:
                        self.ids.append(told)
            time.sleep(0.05)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"


def test_what_was_committed_is_given_out_once_though_main_is_lost():
    with equal_nodes("create table t(id serial primary key, v int); create sequence s") as servers, proxy_over(servers) as proxy:
        with Drawers(proxy) as drawers:
            for main in servers.nodes[:2]:
                time.sleep(3)
                before = len(drawers.values)
                main.kill()
                wait_for(lambda b=before: len(drawers.values) > b + 50, 30, "writes go on")
        assert len(set(drawers.ids)) == len(drawers.ids) > 100
        assert len(set(drawers.values)) == len(drawers.values) > 100
        assert servers.nodes[2].sql("select count(*) from t") >= len(drawers.ids)
        assert servers.nodes[2].sql("select last_value from t_id_seq") >= max(drawers.ids)
