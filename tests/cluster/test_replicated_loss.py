# SPDX-License-Identifier: PostgreSQL
"""Mode replication: nodes and the proxy die while clients write; nothing that was acknowledged is lost, nodes stay equal."""
import contextlib
import time

import psycopg2
import psycopg2.errors
import pytest

from support.clients import Clients
from support.pgcluster import wait_for
from support.replicated import equal_nodes, proxy_over, states


class Load(Clients):
    """They each insert rows of their own, one per transaction, and note what was acknowledged."""

    def __init__(self, proxy):
        super().__init__(proxy, 8)
        self.refused, self.unknown, self.errors = set(), set(), []

    def work(self, number):
        connection, i = None, 0
        while not self.stopping.is_set():
            key = number * 1_000_000 + i
            i += 1
            try:
                if connection is None:
                    connection = self.proxy.connect()
                with connection.cursor() as cursor:
                    if i % 2:
                        cursor.execute("begin")
                        cursor.execute(f"insert into t values ({key}, 1)")
                        cursor.execute(f"update counters set n = n + 1 where id = {number % 3}")
                        self.unknown.add(key)
                        cursor.execute("commit")
                    else:
                        self.unknown.add(key)
                        cursor.execute(f"insert into t values ({key}, 1)")
                self.unknown.discard(key)
                self.acknowledged.add(key)
            except psycopg2.Error as error:
                self.errors.append(error)
                if error.pgcode == "40001":
                    self.unknown.discard(key)
                    self.refused.add(key)
                if connection is not None and connection.closed:
                    connection = None
                elif connection is not None:
                    with contextlib.suppress(psycopg2.Error), connection.cursor() as cursor:
                        cursor.execute("rollback")
                if connection is None:
                    time.sleep(0.05)
        if connection is not None:
            connection.close()

    def check(self, nodes):
        """On all these nodes the same, with all that was acknowledged and nothing that was refused."""
        found = [{row[0] for row in node.rows("select id from t")} for node in nodes]
        assert all(f == found[0] for f in found), [len(f) for f in found]
        assert self.acknowledged <= found[0], sorted(self.acknowledged - found[0])[:5]
        assert not self.refused & found[0], sorted(self.refused & found[0])[:5]
        assert found[0] <= self.acknowledged | self.unknown
        sums = [node.rows("select id, n from counters order by id") for node in nodes]
        assert all(s == sums[0] for s in sums), sums
        odd = sum(1 for key in found[0] if key % 1_000_000 % 2 == 0)
        assert sum(n for _, n in sums[0]) == odd


@pytest.fixture
def nodes():
    with equal_nodes("create table t(id int primary key, v int not null);"
                     "create table counters(id int primary key, n int not null); insert into counters values (0, 0), (1, 0), (2, 0)") as servers:
        yield servers


@pytest.fixture
def proxy(nodes):
    with proxy_over(nodes, {"replication": {"unsafe_statements": "allow", "stall_timeout": "2s"}}) as made:
        yield made


@pytest.mark.parametrize("lost", [0, 2])
@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_loss_of_a_node(nodes, proxy, lost, how):
    with Load(proxy) as load:
        load.go_on(300)
        getattr(nodes.nodes[lost], how)()
        wait_for(lambda: states(proxy)[lost] == "down", 20, "the node is out")
        load.go_on(300)
    load.check([node for i, node in enumerate(nodes.nodes) if i != lost])
    assert {e.pgcode for e in load.errors} <= {"40001"}, load.errors[:5]
    print(how, lost, len(load.acknowledged), len(load.errors))


def test_kill_of_the_proxy(nodes, proxy):
    with Load(proxy) as load:
        for _ in range(4):
            load.go_on(150)
            proxy.kill()
            proxy.start()
            proxy.is_checked = True
            wait_for(lambda: states(proxy) == ["up"] * 3, 20, "all nodes are in again")
    load.check(nodes.nodes)


class Drawers(Clients):
    """They draw from sequences, half of them in vain; what was committed, in the order in which each was told."""

    def __init__(self, proxy):
        super().__init__(proxy)
        self.ids, self.acknowledged = [], []

    def work(self, number):
        while not self.stopping.is_set():
            with contextlib.suppress(psycopg2.Error), contextlib.closing(self.proxy.connect()) as connection, connection.cursor() as cursor:
                while not self.stopping.is_set():
                    cursor.execute("insert into t(v) values (1) returning id")
                    self.ids.append(cursor.fetchone()[0])
                    cursor.execute("select nextval('s')")
                    self.acknowledged.append(cursor.fetchone()[0])
                    cursor.execute("begin")
                    cursor.execute("insert into t(v) values (2) returning id")
                    told = cursor.fetchone()[0]
                    cursor.execute("commit" if number % 2 else "rollback")
                    if number % 2:
                        self.ids.append(told)
            time.sleep(0.05)


def test_what_was_drawn_and_committed_is_given_out_once_though_main_is_lost():
    with equal_nodes("create table t(id serial primary key, v int); create sequence s") as servers, proxy_over(servers) as proxy:
        with Drawers(proxy) as drawers:
            for main in servers.nodes[:2]:
                drawers.go_on(100)
                main.kill()
                drawers.go_on(50)
        assert len(set(drawers.ids)) == len(drawers.ids) > 100
        assert len(set(drawers.acknowledged)) == len(drawers.acknowledged) > 100
        assert servers.nodes[2].sql("select count(*) from t") >= len(drawers.ids)
        assert servers.nodes[2].sql("select last_value from t_id_seq") >= max(drawers.ids)
