# SPDX-License-Identifier: PostgreSQL
"""A proxy whose roles the watchdog decides (docs/adr/0023-proxy-and-lease.md), with a hub that the test plays and real servers."""
import contextlib
import os
import threading
import time

import pytest

from support import replicated, wire
from support.hub import FakeHub, own_group
from support.pgcluster import wait_for

PRIMARY, STANDBY, PARKED, DOWN = "primary:up", "standby:up", "primary:parked", "unknown:down"


class Writer(threading.Thread):
    """Transactions of two rows one after the other, as pgbench makes them; remembers what was acknowledged and the first error."""

    def __init__(self, proxy, number):
        super().__init__(daemon=True)
        self.connection, self.number, self.acknowledged = proxy.wire(timeout=40), number, []
        self.failure, self.is_over = None, threading.Event()

    def run(self):
        try:
            key = 0
            while not self.is_over.is_set():
                key += 1
                for text in ("begin", f"insert into ledger values ({self.number}, {key}, 1)", f"insert into ledger values ({self.number}, {key}, 2)", "commit"):
                    frames = self.connection.query(text)
                    errors = [f.fields() for f in frames if f.type == "E"]
                    if errors:
                        self.failure = f"{text}: {errors[0]['C']} {errors[0]['M']}"
                        return
                self.acknowledged.append(key)
        except (wire.Closed, wire.Timeout, OSError) as error:
            self.failure = f"{type(error).__name__} after {len(self.acknowledged)}"

    def finish(self):
        self.is_over.set()
        self.join(45)
        return self


@pytest.fixture
def hub(request):
    played = FakeHub(f"t{os.getpid()}-{abs(hash(request.node.name)) % 10000}")
    yield played
    played.kill()


@pytest.fixture
def two(make_cluster):
    cluster = make_cluster(standbys=1)
    cluster.primary.sql("create table ledger(client int, key int, part int, primary key (client, key, part))")
    cluster.wait_caught_up()
    return cluster


def settings(hub, **watchdog):
    """A runtime directory without a page: the lease comes by the hub alone."""
    return {"health": {"period": "100ms", "failover_park_timeout": "20s"}, "pool": {"size": 30},
            "watchdog": {"enabled": True, "name": hub.service.removeprefix("pgpool-bus."), "group": own_group(),
                         "runtime_directory": "/nonexistent", **watchdog}}


def decided(hub, revision, one, other, epoch=1, **more):
    hub.decide(epoch, revision, node1=one, node2=other, **more)


@pytest.fixture
def served(two, hub, make_proxy):
    """node1 is primary by the hub's word."""
    hub.start()
    decided(hub, 1, PRIMARY, STANDBY)
    return make_proxy(two, settings(hub))


def state(proxy):
    return proxy.admin("SHOW POOL_WATCHDOG")[0]


def switch_over(cluster, hub, revision=2):
    """As the watchdog does it: park, stop, equal positions, promote, publish. The old primary does not come back."""
    decided(hub, revision, PARKED, STANDBY)
    hub.expect(f"parked 1 {revision} 0")
    cluster.primary.sql("checkpoint")
    cluster.primary.stop("fast")
    cluster.standbys[0].promote()
    decided(hub, 1, DOWN, PRIMARY, epoch=2)
    return cluster.standbys[0]


def test_start_without_a_hub_waits_and_says_why(two, hub, make_unstarted_proxy):
    proxy = make_unstarted_proxy(two, {**settings(hub), "health": {"period": "100ms", "failover_park_timeout": "1s"}})
    proxy.start(wait=False)
    wait_for(lambda: "info started" in proxy.log_text(), 10, "it has started")
    with pytest.raises(wire.ServerError) as refused:
        proxy.wire(timeout=15)
    assert "57P03" in str(refused.value) and "the watchdog cannot be reached" in str(refused.value)
    waiting = []
    login = threading.Thread(target=lambda: waiting.append(proxy.wire(timeout=15)))
    login.start()
    hub.start()
    decided(hub, 1, PRIMARY, STANDBY)
    login.join(15)
    assert waiting[0].rows("insert into ledger values (1, 1, 1) returning key") == [["1"]], "who waited was let in"
    waiting[0].close()
    assert proxy.stop() == 0


def test_roles_are_the_hubs_word(served, two, hub):
    two.standbys[0].promote()
    wait_for(lambda: "cluster_conflict" in served.log_text(), 10, "somebody promoted by hand")
    with served.wire() as connection:
        assert connection.rows("insert into ledger values (1, 1, 1) returning inet_server_port()") == [[str(two.primary.port)]]
        assert [row["role"] for row in served.admin("SHOW POOL_NODES")] == ["primary", "unknown"]
        decided(hub, 1, DOWN, PRIMARY, epoch=2)
        wait_for(lambda: state(served)["epoch"] == "2", 10, "the next decision is there")
        assert connection.rows("insert into ledger values (1, 2, 1) returning inet_server_port()") == [[str(two.standbys[0].port)]]
        decided(hub, 7, PRIMARY, STANDBY, verb="older")
        wait_for(lambda: state(served)["ignored"] == "1", 10, "the older one was heard")
        assert connection.rows("insert into ledger values (1, 3, 1) returning inet_server_port()") == [[str(two.standbys[0].port)]]
    assert state(served)["decided_by"] == "watchdog" and state(served)["hub"] == "connected"


def test_a_topology_in_pages(served, hub):
    hub.decide(1, 2, verb="pages", node1=PARKED, node2=STANDBY)
    wait_for(lambda: state(served)["revision"] == "2", 10, "all pages are there")
    assert "moves to another node" in state(served)["parked_because"]


@pytest.mark.deadline(120)
def test_switchover_under_load_has_no_error(served, two, hub, tell):
    writers = [Writer(served, number) for number in range(8)]
    for writer in writers:
        writer.start()
    wait_for(lambda: all(len(w.acknowledged) > 5 for w in writers), 20, "every writer is at work")
    begin = time.monotonic()
    successor = switch_over(two, hub)
    before = [len(w.acknowledged) for w in writers]
    wait_for(lambda: all(w.failure or len(w.acknowledged) > n for w, n in zip(writers, before)), 20, "every writer goes on")
    tell(f"switchover with 8 writers took {time.monotonic() - begin:.2f} s")
    for writer in writers:
        writer.finish()
    assert [w.failure for w in writers if w.failure] == []
    stored = {tuple(row) for row in successor.rows("select client, key from ledger group by 1, 2 having count(*) = 2")}
    assert [(w.number, key) for w in writers for key in w.acknowledged if (w.number, key) not in stored] == []


def test_parked_waits_for_transactions_under_way(served, hub):
    with served.wire() as busy, served.wire() as pinned, served.wire(timeout=20) as next_one:
        busy.query("begin")
        busy.query("insert into ledger values (1, 1, 1)")
        pinned.query("create temp table kept(a int)")
        decided(hub, 2, PARKED, STANDBY)
        hub.expect("parked 1 2 1")
        next_one.send(wire.query("insert into ledger values (2, 1, 1) returning key"))
        pinned.send(wire.query("insert into kept values (1) returning a"))
        assert next_one.drain(0.3) == [] and pinned.drain(0.1) == [], "nothing begins"
        busy.query("insert into ledger values (1, 1, 2)")
        assert busy.query("commit")[-1].body == b"I"
        hub.expect("parked 1 2 0")
        decided(hub, 3, PRIMARY, STANDBY)  # it was taken back
        assert [f.values() for f in next_one.read_until("Z") if f.type == "D"] == [[b"1"]]
        assert [f.values() for f in pinned.read_until("Z") if f.type == "D"] == [[b"1"]]


def test_strict_goes_on_without_the_hub(served, hub):
    with served.wire() as connection:
        hub.pause()
        assert connection.rows("insert into ledger values (1, 1, 1) returning key") == [["1"]]
        hub.resume()
        hub.kill()
        wait_for(lambda: state(served)["hub"] == "away", 10, "its end is noticed")
        assert connection.rows("insert into ledger values (1, 2, 1) returning key") == [["2"]]
        hub.start()
        hub.expect("client pgpool-proxy")
        decided(hub, 0, DOWN, PRIMARY)  # of before
        wait_for(lambda: state(served)["ignored"] == "1", 10, "an older topology of a new hub is ignored, too")
        assert connection.rows("insert into ledger values (1, 3, 1) returning key") == [["3"]]


def serving(two, hub, make_unstarted_proxy, milliseconds):
    """With `available`, by a lease that lasts so long."""
    proxy = make_unstarted_proxy(two, {**settings(hub, durability="available"), "workers": 1})
    hub.start()
    decided(hub, 1, PRIMARY, STANDBY)
    proxy.start(wait=False)
    hub.expect("client pgpool-proxy")
    hub.lease(1, milliseconds)
    wait_for(proxy.is_ready, 5, "it serves")
    return proxy


def test_available_ends_with_the_lease(two, hub, make_unstarted_proxy):
    proxy = serving(two, hub, make_unstarted_proxy, 6_000)
    with proxy.wire(timeout=20) as idle, proxy.wire(timeout=20) as busy:
        busy.query("begin")
        assert busy.query("insert into ledger values (1, 1, 1)")[-1].body == b"T"
        hub.kill()
        wait_for(lambda: idle.rows("show pool_nodes")[0][3] == "down", 15, "the lease is over")
        frames = busy.query("commit")
        assert [f.fields()["C"] for f in frames if f.type == "E"] == ["40001"] and frames[-1].body == b"I"
        assert idle.rows("/* pgpool: standby */ select count(*) from ledger") == [["0"]], "reads of standbys go on"
        idle.send(wire.query("insert into ledger values (2, 1, 1) returning key"))
        assert idle.drain(0.3) == []
        hub.start()
        hub.expect("client pgpool-proxy")
        hub.lease(1, 60_000)
        assert [f.values() for f in idle.read_until("Z") if f.type == "D"] == [[b"1"]], "the topology in force is as before"
    assert proxy.stop() == 0


LEASE = 5  # seconds


@pytest.fixture
def leased(two, hub, make_unstarted_proxy):
    proxy = serving(two, hub, make_unstarted_proxy, LEASE * 1000)
    proxy.sql("delete from ledger")  # what its catalogs must tell is known then
    return proxy


@contextlib.contextmanager
def standing_still(proxy):
    """Until that lease is over."""
    with proxy.standing_still():
        until = time.monotonic() + LEASE + 0.1
        yield
        time.sleep(max(until - time.monotonic(), 0))


@pytest.mark.parametrize("first", [["select 1"], ["begin", "savepoint a"]])
def test_who_stood_still_past_the_deadline_sends_nothing(leased, two, hub, first):
    two.primary.sql("create sequence s")
    with leased.wire(timeout=20) as client:
        for text in first:
            client.query(text)
        with standing_still(leased):
            client.send(wire.query("insert into ledger values (1, nextval('s'), 1)"))
        if "begin" in first:
            assert [f.fields()["C"] for f in client.read_until("Z") if f.type == "E"] == ["40001"]
        assert client.drain(0.3) == []
        assert not two.primary.sql("select is_called from s"), "which no ROLLBACK takes back"
        hub.lease(1, 60_000)
        if "begin" not in first:
            assert [f.type for f in client.read_until("Z")] == ["C", "Z"], "it was parked"


def test_who_stood_still_meanwhile_hears_of_another_primary_first(leased, two, hub):
    successor, = two.standbys
    with leased.wire(timeout=20) as client:
        with standing_still(leased):
            client.send(wire.query("insert into ledger values (1, 1, 1)"))
            successor.promote()
            decided(hub, 1, DOWN, PRIMARY, epoch=2)
            hub.lease(2, 60_000)
        assert [f.type for f in client.read_until("Z")] == ["C", "Z"]
    assert successor.sql("select count(*) from ledger") == 1
    assert two.primary.sql("select count(*) from ledger") == 0


def test_what_fails_is_told_to_the_hub(served, two, hub):
    two.standbys[0].kill()
    hub.expect("observed 1 1 0 ")    # epoch, node, doubtful
    hub.expect("observed 1 1 1 2 ")  # gone, refused
    time.sleep(2)
    told = int(state(served)["observations"])
    assert told < 20, "probes come every 100 ms, and every 20 ms for a while"
    assert int(state(served)["suppressed"]) > 0


def test_a_hub_that_is_not_trusted_is_not_believed(two, make_unstarted_proxy):
    if os.geteuid() != 0:
        pytest.skip("needs root: the hub runs as another user")
    stranger = FakeHub(f"s{os.getpid()}", user=(65534, 65534)).start()
    try:
        decided(stranger, 1, PRIMARY, STANDBY)
        proxy = make_unstarted_proxy(two, {**settings(stranger), "health": {"period": "100ms", "failover_park_timeout": "1s"}})
        proxy.start(wait=False)
        wait_for(lambda: "watchdog_away" in proxy.log_text() and "uid 65534" in proxy.log_text(), 10, "who is there is told")
        with pytest.raises(wire.ServerError, match="57P03"):
            proxy.wire(timeout=15)
        assert proxy.stop() == 0
    finally:
        stranger.kill()


def test_a_group_that_does_not_exist_is_refused_at_the_start(two, hub, make_unstarted_proxy):
    proxy = make_unstarted_proxy(two, {**settings(hub), "watchdog": {**settings(hub)["watchdog"], "group": "no-such-group"}})
    assert proxy.check() == (2, f"{proxy.config_file}: watchdog.group: there is no group \"no-such-group\"\n")


def test_clients_of_a_virtual_address_are_listed(two, hub, make_unstarted_proxy):
    proxy = make_unstarted_proxy(two, {**settings(hub), "vip": {"addresses": [{"address": "127.0.0.1", "interface": "lo"}]}})
    hub.start()
    decided(hub, 1, PRIMARY, STANDBY)
    proxy.start()
    with proxy.wire() as connection:
        own = connection.socket.getsockname()[1]
        wait_for(lambda: f" {own}>{proxy.port}" in hub.expect("list"), 10, "the client is listed")
    wait_for(lambda: f" {own}>{proxy.port}" not in hub.expect("list"), 10, "it is gone")
    assert proxy.stop() == 0


def test_mode_replication_tells_its_membership(hub, shared_nodes):
    hub.start()
    with replicated.proxy_over(shared_nodes, {"watchdog": settings(hub)["watchdog"]}) as proxy:
        whole = hub.expect("membership")
        while "unknown" in whole:
            whole = hub.expect("membership")
        assert whole.split()[3:] == ["node1:primary:up", "node2:replica:up", "node3:replica:up"]
        proxy.admin("PGPOOL DETACH NODE node3")
        assert hub.expect("membership").split()[5] == "node3:unknown:detached"
        proxy.admin("PGPOOL ATTACH NODE node3 FORCE")
        assert state(proxy)["decided_by"] == "keeper"
