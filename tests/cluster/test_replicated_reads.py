# SPDX-License-Identifier: PostgreSQL
"""Mode replication: which node serves a read, what becomes of it when that dies, and that no read misses what was acknowledged."""
import collections
import contextlib
import math
import random
import threading
import time

import pytest

from support import proxy as proxies
from support.pgcluster import wait_for
from support.replicated import assert_equal, equal_nodes, proxy_over, states

WEIGHTS = (1, 2, 3)
LEAST_LIKELY = 0.001
READERS, WRITERS, KEYS = 6, 4, 40
READ = "select v, inet_server_port() from t where id = {}"
LONGER_READ = "select max(g), inet_server_port() from t, generate_series(1, 30000) g where id = {} group by 2"
TABLE = (f"create table t(id int primary key, v int not null); insert into t select g, 0 from generate_series(0, {KEYS - 1}) g;"
         "create table history(id int, v int)")


def likelihood(counts, weights):
    """Of counts as far from the weights as these, by Pearson's test, for two or three classes."""
    total, parts = sum(counts), sum(weights)
    distance = sum((count - total * weight / parts) ** 2 / (total * weight / parts) for count, weight in zip(counts, weights))
    return math.exp(-distance / 2) if len(counts) == 3 else math.erfc(math.sqrt(distance / 2))


def weighted(servers):
    return {"nodes": [proxies.node_entry(node, weight=weight) for node, weight in zip(servers.nodes, WEIGHTS)],
            "routing": {"balance": "statement"}}


class Threads:
    """Runs `work(number, cursor)` for each of several clients; none may fail."""

    def __init__(self, proxy, work, count):
        self.proxy, self.work, self.errors = proxy, work, []
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(count)]

    def _run(self, number):
        try:
            with contextlib.closing(self.proxy.connect()) as connection, connection.cursor() as cursor:
                self.work(number, cursor)
        except Exception as error:  # told by join()
            self.errors.append(f"client {number}: {type(error).__name__}: {error}")

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def join(self, timeout):
        until = time.monotonic() + timeout
        for thread in self.threads:
            thread.join(max(0.0, until - time.monotonic()))
            assert not thread.is_alive(), "a client hangs"
        assert self.errors == []


class Reads:
    """Clients that read until there were `count` of them; the ports that have served them, in order."""

    def __init__(self, proxy, count):
        self.count, self.ports, self.clients = count, [], Threads(proxy, self._read, READERS)
        self.clients.start()

    def _read(self, number, cursor):
        while len(self.ports) < self.count:
            cursor.execute((LONGER_READ if number % 3 == 0 else READ).format(random.randrange(KEYS)))
            self.ports.append(cursor.fetchone()[1])

    def spread(self, nodes):
        self.clients.join(300)
        counts = collections.Counter(self.ports)
        assert set(counts) <= {node.port for node in nodes}
        return [counts[node.port] for node in nodes]


@pytest.fixture
def nodes():
    with equal_nodes(TABLE) as servers:
        yield servers


def test_reads_are_spread_by_weight(nodes, sized, tell):
    with proxy_over(nodes, weighted(nodes)) as proxy:
        counts = Reads(proxy, sized(3_000, 10_000)).spread(nodes.nodes)
    found = likelihood(counts, WEIGHTS)
    tell(f"weights {WEIGHTS}: {counts}, p = {found:.3f}")
    assert found > LEAST_LIKELY


@pytest.mark.parametrize("lost, how", [(0, "kill"), (2, "kill_postmaster")])
def test_a_node_dies_and_no_read_fails(nodes, sized, tell, lost, how):
    with proxy_over(nodes, weighted(nodes)) as proxy:
        reads = Reads(proxy, sized(3_000, 10_000))
        wait_for(lambda: len(reads.ports) > reads.count // 3, 60, "a third of the reads is done", 0.001)
        getattr(nodes.nodes[lost], how)()
        counts = reads.spread(nodes.nodes)
        wait_for(lambda: states(proxy)[lost] == "down", 20, "the node is out")
        left = [i for i in range(3) if i != lost]
        after = Reads(proxy, reads.count).spread([nodes.nodes[i] for i in left])
    found = likelihood(after, [WEIGHTS[i] for i in left])
    tell(f"{len(reads.ports)} reads around its end, none failed: {counts}; behind it {after}, p = {found:.3f}")
    assert found > LEAST_LIKELY


class Commits:
    """Writers that raise rows of their own by one, in all ways to commit; `acknowledged` is what everybody must see of each."""
    WAYS = (
        ["update t set v = v + 1 where id = {0}"],
        ["begin", "update t set v = v + 1 where id = {0}", "insert into history select id, v from t where id = {0}", "commit"],
        ["begin; update t set v = v + 1 where id = {0}; insert into history values ({0}, 0); commit"],
        ["update t set v = v + 1 where id in (select {0}) and random() >= 0"],
    )

    def __init__(self, proxy):
        self.acknowledged, self.latest, self.is_over = [0] * KEYS, 0, False
        self.clients = Threads(proxy, self._write, WRITERS)

    def _write(self, number, cursor):
        for i in range(10**9):
            if self.is_over:
                return
            key = random.randrange(number, KEYS, WRITERS)
            for text in self.WAYS[i % len(self.WAYS)]:
                cursor.execute(text.format(key))
            self.acknowledged[key] += 1
            self.latest = key

    def __enter__(self):
        self.clients.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.clients.join(30)


def test_no_read_misses_what_was_acknowledged(nodes, sized, tell):
    count, ports, missed = sized(6_000, 100_000), collections.Counter(), []
    with proxy_over(nodes) as proxy:
        with Commits(proxy) as commits:
            def check(_, cursor):
                for i in range(-(-count // READERS)):
                    key = commits.latest if i % 2 else random.randrange(KEYS)
                    least = commits.acknowledged[key]
                    cursor.execute(READ.format(key))
                    value, port = cursor.fetchone()
                    ports[port] += 1
                    if value < least:
                        missed.append((port, key, value, least))
            Threads(proxy, check, READERS).start().join(sized(80, 1500))
        tell(f"{sum(ports.values())} reads by {READERS} clients beside {sum(commits.acknowledged)} commits by {WRITERS}: {len(missed)} missed one; by node {list(ports.values())}")
        assert missed == [] and len(ports) == 3
        assert states(proxy) == ["up"] * 3
    assert_equal(nodes)
