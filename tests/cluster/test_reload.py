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
    """load(proxy, count): started; at the end of the test each must still make some turns."""
    running = []

    def made_turns(thread, since):
        return thread.failure or thread.turns > since + 3

    def start(proxy, count=8):
        running.extend(Load(proxy) for _ in range(count))
        for thread in running:
            thread.start()
    yield start
    for thread, turns in [(t, t.turns) for t in running]:
        wait_for(lambda: made_turns(thread, turns), 20, "the load goes on")
    for thread in running:
        thread.is_over.set()
    for thread in running:
        thread.join(40)
        thread.connection.close()
    assert [t.failure for t in running if t.failure] == []


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
    wait_for(lambda: "error reload_refused" in proxy.log_text(), 10, "the mistake is in the log")
    assert 'pool.mode: \\"wrong\\" is not allowed; allowed: auto, session, transaction' in proxy.log_text()
    assert proxy.admin("PGPOOL SHOW pool.size") == [{"pool.size": "20"}], "nothing of the file is in force"


@pytest.mark.deadline(60)
def test_what_needs_a_restart_says_so(trio, make_proxy):
    proxy = make_proxy(trio)
    proxy.change({"workers": 1})
    wait_for(lambda: 'warning parameter_needs_restart change="workers: 2 -> 1 ' in proxy.log_text(), 10, "the log names the parameter and says restart")
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


@pytest.mark.deadline(60)
def test_transaction_ends_at_its_removed_node(trio, make_proxy):
    """What runs at a node that is taken out goes on there to its end; nothing new goes there."""
    standby = trio.nodes[1]
    proxy = make_proxy(trio, {"routing": {"rules": [{"application_name": "reader", "target": standby.name}]}})
    with proxy.wire(application_name="reader") as connection:
        connection.query("begin read only")
        name = connection.rows("select current_setting('cluster_name')")
        assert name == [[standby.name]]
        proxy.change({"nodes": [node_entry(n) for n in trio.nodes if n is not standby], "routing": {"rules": []}})
        wait_for(lambda: len(proxy.admin("SHOW POOL_NODES")) == 2, 10, "the node is out")
        assert connection.rows("select current_setting('cluster_name')") == name
        held = "select count(*) from pg_stat_activity where application_name = 'reader'"
        assert standby.sql(held) == 1
        assert connection.query("commit")[0].type == "C"
        wait_for(lambda: standby.sql(held) == 0, 10, "its server connection is closed")
        for _ in range(20):
            assert connection.rows("select current_setting('cluster_name')") != name


@pytest.mark.deadline(60)
def test_cancel_reaches_a_removed_node(trio, make_proxy):
    standby = trio.nodes[1]
    proxy = make_proxy(trio)
    with proxy.wire(timeout=20) as connection:
        connection.send(wire.query(f"/* pgpool: node={standby.name} */ select pg_sleep(30), 'removed'"))
        running = "select count(*) from pg_stat_activity where query like '%''removed''' and state = 'active' and pid <> pg_backend_pid()"
        wait_for(lambda: standby.sql(running) == 1, 10, "it runs")
        proxy.change({"nodes": [node_entry(n) for n in trio.nodes if n is not standby]})
        wait_for(lambda: len(proxy.admin("SHOW POOL_NODES")) == 2, 10, "the node is out")
        connection.cancel()
        assert [f.fields()["C"] for f in connection.read_until("Z") if f.type == "E"] == ["57014"]


@pytest.mark.deadline(60)
def test_who_waits_for_a_removed_node_is_served_elsewhere(trio, make_proxy):
    standby = trio.nodes[1]
    rules = [{"application_name": "reader", "target": standby.name}]
    proxy = make_proxy(trio, {"routing": {"rules": rules}, "pool": {"size": 1}, "workers": 1})
    with proxy.wire(application_name="reader") as holder, proxy.wire(application_name="reader", timeout=8) as waiter:
        holder.query("begin read only")
        assert holder.rows("select current_setting('cluster_name')") == [[standby.name]]
        waiter.send(wire.query("select current_setting('cluster_name')"))
        wait_for(lambda: any(row["cl_waiting"] == "1" for row in proxy.admin("SHOW POOLS")), 10, "it waits")
        proxy.change({"nodes": [node_entry(n) for n in trio.nodes if n is not standby], "routing": {"rules": []}})
        rows = [f.values() for f in waiter.read_until("Z") if f.type == "D"]
        assert len(rows) == 1 and rows[0][0].decode() in {n.name for n in trio.nodes if n is not standby}
        holder.query("commit")
