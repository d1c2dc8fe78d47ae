# SPDX-License-Identifier: PostgreSQL
"""Mode replication: connections and commits that fail on nodes that are well. Nobody is taken out for it, whatever a client sets or
an administrator ends; nodes stay equal, and what was acknowledged is there."""
import contextlib
import time

import psycopg2
import pytest

from support import replicated as replication
from support.clients import Clients
from support.pgcluster import wait_for


@pytest.fixture
def replicated(shared_proxy):
    shared_proxy.sql("drop table if exists t")
    shared_proxy.sql("create table t(id int primary key, v int)")
    return shared_proxy


class Writers(Clients):
    """They insert rows of their own, and connect again when that fails; `settings` is what the even ones begin with."""

    def __init__(self, proxy, settings=""):
        super().__init__(proxy)
        self.settings, self.failures = settings, []

    def work(self, number):
        rows = iter(range(number * 1_000_000, (number + 1) * 1_000_000))
        while not self.stopping.is_set():
            with contextlib.suppress(psycopg2.Error), contextlib.closing(self.proxy.connect()) as connection:
                with connection.cursor() as cursor:
                    if self.settings and number % 2 == 0:
                        cursor.execute(self.settings)
                    self._insert(cursor, rows)

    def _insert(self, cursor, rows):
        for row in rows:
            if self.stopping.is_set():
                return
            try:
                cursor.execute("insert into t values (%s, 0)", [row])
            except psycopg2.Error as error:
                self.failures.append(error.pgcode)
                raise
            self.acknowledged.add(row)


def is_well(proxy, writers):
    wait_for(lambda: replication.states(proxy) == ["up"] * 3, 15, "all are in again")
    assert "node_evicted" not in proxy.log_text()
    are_equal(proxy.nodes.nodes, writers)


def are_equal(nodes, writers):
    found = {node.name: {row[0] for row in node.rows("select id from t")} for node in nodes}
    assert len(set(map(frozenset, found.values()))) == 1, {name: len(rows) for name, rows in found.items()}
    found = found[nodes[0].name]
    assert not writers.acknowledged - found, "acknowledged, and not there"
    assert len(writers.acknowledged) > 100


@pytest.mark.deadline(120)
@pytest.mark.parametrize("settings", ["set idle_in_transaction_session_timeout = '4ms'", "set statement_timeout = '2ms'",
                                      "set lock_timeout = '1ms'"], ids=["idle", "statement", "lock"])
def test_limits_of_clients(replicated, settings):
    with Writers(replicated, settings) as writers:
        time.sleep(5)
        writers.go_on(100)
    is_well(replicated, writers)


@pytest.mark.deadline(120)
@pytest.mark.parametrize("node", [0, 1], ids=["main", "another"])
def test_sessions_that_an_administrator_ends(node):
    """One of clients at a time, while it does something, so that some are at their COMMIT."""
    end = "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity where backend_type = 'client backend'" \
          " and pid <> pg_backend_pid() and application_name !~ '^pgpool' and query ~ 'insert|COMMIT|mark' order by random() limit 1) as one"
    ended = 0
    with replication.equal_nodes("create table t(id int primary key, v int)") as servers, replication.proxy_over(servers) as proxy:
        with Writers(proxy) as writers:
            until = time.monotonic() + 6
            with contextlib.closing(servers.nodes[node].connect()) as connection, connection.cursor() as cursor:
                while time.monotonic() < until or (ended <= 20 and time.monotonic() < until + 60):
                    cursor.execute(end)
                    ended += cursor.fetchone()[0]
                    time.sleep(0.02)
                    if "node_evicted" in proxy.log_text():
                        break
            writers.go_on(100)
        is_well_but_for_who_came_too_late(proxy, writers)


def is_well_but_for_who_came_too_late(proxy, writers):
    """A node is taken out only where others may have built on what it lacks (docs/adr/0016-what-may-be-repaired-late.md)."""
    wait_for(lambda: "waiting" not in replication.states(proxy), 15, "it is open")
    lost = [line for line in proxy.log_text().splitlines() if "node_evicted" in line]
    assert all("may have committed there already" in line for line in lost), lost
    are_equal([node for node, state in zip(proxy.nodes.nodes, replication.states(proxy)) if state == "up"], writers)
    assert len(writers.acknowledged) > 100
