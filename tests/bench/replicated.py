# SPDX-License-Identifier: PostgreSQL
"""Mode replication and what it is compared with: two nodes with a proxy in front, two without, and one alone.

`cluster` is a Trio here.
"""
import contextlib
import os
import pathlib

import psycopg2.errors

from support import markers, pgcluster, proxy

from . import contenders, harness

SLOTS, POOL_SIZE = 64, 40
OURS, OURS_PREPARED, PGPOOL, FLOOR, DIRECT = "pgpool-proxy", "pgpool-proxy/prepared", "pgpool2", "floor", "direct"


class Trio(pgcluster.Independents):
    """Two nodes of mode replication (`pair`), and one with the same tables that direct has for itself (`primary`)."""

    def __init__(self, storage, scale):
        super().__init__(3, {**harness.SERVER_SETTINGS, "max_prepared_transactions": str(SLOTS)}, storage)
        self.scale = scale
        self.pair, self.primary = self.nodes[:2], self.nodes[2]
        self.state_directory = pathlib.Path(self.directory, "state")

    def start(self):
        super().start()
        for node in self.nodes:
            harness.load_tables(node, self.scale)
        for database in ("postgres", "template1", contenders.DATABASE):
            markers.prepare(self.pair, SLOTS, database)
        self.state_directory.mkdir()
        return self

    def contents(self):
        """What each of the pair has, in few numbers."""
        return [node.rows("select (select sum(abalance::numeric * aid) from pgbench_accounts), (select sum(tbalance::numeric * tid) from "
                          "pgbench_tellers), (select sum(bbalance::numeric * bid) from pgbench_branches), (select count(*) from "
                          "pgbench_history)", dbname=contenders.DATABASE) for node in self.pair]


class Floor:
    """The same statements on both nodes by a load generator of its own, without any proxy (floor/client.h)."""
    name = FLOOR
    version_command = ["echo", "floor: tests/bench/floor"]

    @staticmethod
    def binary():
        return proxy.binary().parent.parent / "tests" / "bench" / "floor" / "bench_floor"

    @contextlib.contextmanager
    def run(self, cluster, protocol, clients):
        main, other = cluster.pair
        for node in cluster.pair:
            node.sql("update pgpool_replication.slot set token = 1, answer = 1", dbname=contenders.DATABASE)
        yield contenders.Running(main.port, None, "bench_floor, one connection per client to each node",
                                 (self.binary(), "--other", other.port, "--epoch", *markers.epochs(main, contenders.DATABASE)))


class PgpoolReplicating(contenders.Pgpool):
    """Its native replication; selects go to one node."""

    @staticmethod
    def behind(cluster):
        return cluster.pair

    def configuration(self, nodes, port, directory, protocol, clients):
        return self.in_mode("native_replication", nodes, port, directory, clients)


def can_write(running):
    with contextlib.closing(running.connect(dbname=contenders.DATABASE, user=contenders.USER)) as connection:
        try:
            connection.cursor().execute("update pgbench_accounts set abalance = abalance where aid = 1")
            return True
        except psycopg2.errors.FeatureNotSupported:
            return False


class OursReplicating:
    """All that is default but replication.commit, and as many server connections as the others have."""

    def __init__(self, name, commit):
        self.name, self.commit = name, commit

    @property
    def version_command(self):
        return [proxy.binary(), "--version"]

    @contextlib.contextmanager
    def run(self, cluster, protocol, clients):
        changes = {"mode": "replication", "workers": 0, "pool": {"size": POOL_SIZE}, "health": contenders.Ours.health,
                   "replication": {"state_directory": str(cluster.state_directory), "slots": SLOTS, "commit": self.commit},
                   "nodes": [proxy.node_entry(n) for n in cluster.pair]}
        with proxy.Proxy.for_cluster(cluster, changes) as running:
            pgcluster.wait_for(lambda: all(row["status"] == "up" for row in running.admin("show pool_nodes")), 20, "all nodes are in")
            pgcluster.wait_for(lambda: can_write(running), 20, "the catalogs are known")
            yield contenders.Running(running.port, running.process.pid,
                                     f"mode replication, commit {self.commit}, pool.size {POOL_SIZE}, workers {os.cpu_count()} (one per core)")


CONTENDERS = {c.name: c for c in (contenders.Direct(), Floor(), PgpoolReplicating(), OursReplicating(OURS, "ordered"),
                                  OursReplicating(OURS_PREPARED, "prepared"))}
