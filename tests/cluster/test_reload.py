# SPDX-License-Identifier: PostgreSQL
"""SIGHUP under load: nodes come and go, bad files are refused whole, no client notices."""
import signal
import threading
import time

import pytest

from support import wire
from support.proxy import node_entry
from support.pgcluster import wait_for


class Load(threading.Thread):
    """Reads and writes one after the other; no error is allowed."""

    def __init__(self, proxy):
        super().__init__(daemon=True)
        self.connection, self.failure, self.turns, self.is_over = proxy.wire(timeout=30), None, 0, threading.Event()

    def run(self):
        try:
            while not self.is_over.is_set():
                self.connection.rows("select count(*) from reloads")
                self.connection.rows("insert into reloads values (1) returning a")
                self.turns += 1
        except Exception as error:  # reported by the test
            self.failure = f"{type(error).__name__}: {error} after {self.turns} turns"


@pytest.fixture
def load():
    """load(proxy, count): started; stopped and checked at the end of the test."""
    running = []

    def start(proxy, count=8):
        running.extend(Load(proxy) for _ in range(count))
        for thread in running:
            thread.start()
    yield start
    for thread in running:
        thread.is_over.set()
    for thread in running:
        thread.join(40)
    assert [t.failure for t in running if t.failure] == []
    assert all(t.turns > 3 for t in running)


@pytest.fixture
def trio(make_cluster):
    cluster = make_cluster(standbys=2)
    cluster.primary.sql("create table reloads(a int)")
    cluster.wait_caught_up()
    return cluster


@pytest.mark.deadline(120)
def test_twenty_reloads_with_nodes_added_and_removed(trio, make_proxy, load):
    proxy = make_proxy(trio)
    load(proxy)
    everyone = [node_entry(n) for n in trio.nodes]
    for turn in range(20):
        nodes = [everyone[:1], everyone[:2], everyone, [everyone[0], everyone[2]]][turn % 4]
        proxy.change({"nodes": nodes, "pool": {"size": 5 + turn}})
        time.sleep(0.25)
    wait_for(lambda: len(proxy.admin("SHOW POOL_NODES")) == 2, 10, "the last configuration is in force")


@pytest.mark.deadline(60)
def test_new_node_gets_reads(trio, make_proxy):
    proxy = make_proxy(trio, {"nodes": [node_entry(trio.primary)]})
    with proxy.wire() as connection:
        proxy.change({"nodes": [node_entry(n) for n in trio.nodes]})
        seen = set()
        wait_for(lambda: seen.add(connection.rows("select current_setting('cluster_name')")[0][0]) or len(seen) == 3, 15, "all nodes serve reads")


@pytest.mark.deadline(60)
def test_invalid_file_is_refused_whole(trio, make_proxy, load):
    proxy = make_proxy(trio)
    load(proxy, 2)
    good = proxy.config_file.read_text()
    proxy.write_config(good.replace("workers: 2", "workers: 2\npool:\n  size: 7\n  mode: wrong"))
    proxy.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "wrong" in proxy.log_text(), 10, "the mistake is in the log")
    assert proxy.sql("select 1") == 1


@pytest.mark.deadline(60)
def test_what_needs_a_restart_says_so(trio, make_proxy):
    proxy = make_proxy(trio)
    proxy.change({"workers": 1})
    wait_for(lambda: "workers" in proxy.log_text() and "restart" in proxy.log_text(), 10, "the log names the parameter and says restart")
    assert proxy.sql("select 1") == 1


@pytest.mark.deadline(60)
def test_sessions_survive_a_reload(trio, make_proxy):
    proxy = make_proxy(trio)
    with proxy.wire() as connection:
        connection.query("set datestyle = 'German'")
        connection.query("begin")
        connection.query("insert into reloads values (5)")
        connection.send(wire.parse("kept", "select 7"), wire.SYNC)
        connection.read_until("Z")
        for size in (3, 9):
            proxy.change({"pool": {"size": size}})
            time.sleep(0.3)
        connection.send(wire.bind("", "kept"), wire.execute(), wire.SYNC)
        assert [f.values() for f in connection.read_until("Z") if f.type == "D"] == [[b"7"]]
        assert connection.query("commit")[0].type == "C"
        assert connection.rows("show datestyle") == [["German, DMY"]]
