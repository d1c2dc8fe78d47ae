# SPDX-License-Identifier: PostgreSQL
"""Loss of a node as clients see it (docs/failover.md). Clients of every kind, and each kind is counted."""
import collections
import contextlib
import itertools
import threading
import time

import pytest

from support import wire
from support.pgcluster import wait_for, wait_until_runs

NUMBERS = itertools.count(1)
SETTINGS = {"health": {"period": "100ms", "failover_park_timeout": "30s"}, "pool": {"size": 10}}


class Load(threading.Thread):
    """Autocommit writes one after the other; remembers what was acknowledged and every kind of error."""

    def __init__(self, proxy, number):
        super().__init__(daemon=True)
        self.connection, self.number = proxy.wire(timeout=40), number
        self.acknowledged, self.outcomes, self.is_over = [], collections.Counter(), threading.Event()
        self.failure = None

    def run(self):
        try:
            key = 0
            while not self.is_over.is_set():
                key += 1
                frames = self.connection.query(f"insert into ledger values ({self.number}, {key})")
                errors = [f.fields()["C"] for f in frames if f.type == "E"]
                self.outcomes[errors[0] if errors else "ok"] += 1
                if not errors:
                    self.acknowledged.append((self.number, key))
        except (wire.Closed, wire.Timeout, OSError) as error:
            self.failure = f"{type(error).__name__} after {dict(self.outcomes)}"

    def finish(self):
        self.is_over.set()
        self.join(45)
        return self


class Reader(threading.Thread):
    """Short reads one after the other; none may fail."""

    def __init__(self, proxy, text="select count(*) from ledger"):
        super().__init__(daemon=True)
        self.connection, self.text, self.reads, self.failure = proxy.wire(timeout=40), text, 0, None
        self.is_over = threading.Event()

    def run(self):
        try:
            while not self.is_over.is_set():
                self.connection.rows(self.text)
                self.reads += 1
        except (wire.ServerError, wire.Closed, wire.Timeout, OSError) as error:
            self.failure = f"{type(error).__name__}: {error} after {self.reads} reads"

    def finish(self):
        self.is_over.set()
        self.join(45)
        return self


@pytest.fixture
def trio(make_cluster):
    cluster = make_cluster(standbys=1, synchronous=True)
    cluster.primary.sql("create table ledger(client int, key int, primary key (client, key))")
    cluster.wait_caught_up()
    return cluster


def promote(successor):
    successor.sql("alter system set synchronous_standby_names = ''")
    successor.reload()
    successor.promote()


def fail_over(cluster, pause=0.5):
    cluster.primary.kill()
    time.sleep(pause)
    promote(cluster.standbys[0])
    return cluster.standbys[0]


def errors_of(frames):
    return [f.fields()["C"] for f in frames if f.type == "E"]


def start_idle(connection):
    connection.query("set datestyle = 'German'")
    connection.send(wire.parse("mine", "select $1::int * 2, current_setting('datestyle')"), wire.SYNC)
    connection.read_until("Z")


def check_idle(connection):
    assert connection.drain(0.02) == [], "an idle client heard something"
    connection.send(wire.bind("", "mine", [21]), wire.execute(), wire.SYNC)
    assert [f.values() for f in connection.read_until("Z") if f.type == "D"] == [[b"42", b"German, DMY"]]


def start_transaction(connection):
    connection.query("begin")
    assert connection.query(f"insert into ledger values (1000, {next(NUMBERS)})")[-1].body == b"T"


def check_transaction(connection):
    assert connection.drain(0.02) == [], "an idle client in a transaction heard something unsolicited"
    check_lost_transaction(connection, connection.query("select 1"))


def check_lost_transaction(connection, first):
    second = connection.query("select 1")
    assert errors_of(first) == ["40001"] and first[-1].body == b"E"
    assert errors_of(second) == ["25P02"] and second[-1].body == b"E"
    assert connection.query("rollback")[-1].body == b"I"
    assert connection.rows("select 1") == [["1"]]


def start_statement(connection):
    start_transaction(connection)
    connection.send(wire.query("select pg_sleep(60)"))


def check_statement(connection):
    check_lost_transaction(connection, connection.read_until("Z"))


def start_read_without_row(connection):
    connection.send(wire.query("select 'read', pg_sleep(4)"))


def check_read_without_row(connection):
    assert [f.values()[0] for f in connection.read_until("Z") if f.type == "D"] == [b"read"], "it is repeated"


def start_read_with_rows(connection):
    connection.send(wire.query("select repeat('x', 20000), pg_sleep(0.05) from generate_series(1, 1000)"))
    connection.read_until("D")


def check_read_with_rows(connection):
    frames = connection.read_until("Z")
    assert errors_of(frames) == ["40001"] and frames[-1].body == b"I"
    assert connection.rows("select 1") == [["1"]]


def start_pinned(connection):
    connection.query("create temp table pinned(a int)")


def check_pinned(connection):
    frames = connection.drain(5)
    assert errors_of(frames) == ["08006"] and frames[-1].fields()["S"] == "FATAL" and connection.is_closed(2)


def start_nothing(_):
    """What it writes is sent when the standby stands still."""


def check_outcome_unknown(connection):
    frames = connection.read_until("Z")
    assert errors_of(frames) == ["08007"] and frames[-1].body == b"I"
    assert connection.rows("select 1") == [["1"]]


KINDS = {"idle": (10, start_idle, check_idle), "in transaction": (5, start_transaction, check_transaction),
         "statement in transaction": (3, start_statement, check_statement), "write": (3, start_nothing, check_outcome_unknown),
         "commit": (3, start_transaction, check_outcome_unknown),
         "read without row": (3, start_read_without_row, check_read_without_row), "read with rows": (3, start_read_with_rows, check_read_with_rows),
         "pinned": (3, start_pinned, check_pinned)}


@pytest.mark.deadline(150)
def test_kill_primary_under_load(trio, make_proxy):
    """The synchronous standby stands still when the primary is killed: each write and commit is in flight then."""
    routing = {"read_only_functions": ["pg_sleep"], "rules": [{"application_name": "at_primary", "target": "primary"}]}
    proxy = make_proxy(trio, {**SETTINGS, "pool": {"size": 60}, "routing": routing})
    writers, readers, parked = [Load(proxy, n) for n in range(12)], [Reader(proxy) for _ in range(6)], proxy.wire(timeout=40)
    clients = {kind: [proxy.wire(timeout=40, application_name="at_primary") for _ in range(count)] for kind, (count, _, _) in KINDS.items()}
    for kind, (_, start, _) in KINDS.items():
        for connection in clients[kind]:
            start(connection)
    for thread in writers + readers:
        thread.start()
    wait_for(lambda: all(w.outcomes["ok"] for w in writers) and all(r.reads for r in readers), 20, "every writer and reader is at work")

    successor = trio.standbys[0]
    successor.freeze()
    for number, (write, commit) in enumerate(zip(clients["write"], clients["commit"])):
        write.send(wire.query(f"insert into ledger values (3000, {number})"))
        commit.send(wire.query("commit"))
    time.sleep(0.5)
    trio.primary.kill()
    successor.thaw()
    before, reads = [w.outcomes["ok"] for w in writers], [r.reads for r in readers]
    parked.send(wire.query("insert into ledger values (2000, 1) returning key"))
    assert parked.drain(0.5) == [], "there is no primary"
    promote(successor)
    assert [f.values() for f in parked.read_until("Z") if f.type == "D"] == [[b"1"]], "a request during the change is parked"
    wait_for(lambda: all(w.outcomes["ok"] > n for w, n in zip(writers, before)) and all(r.reads > n for r, n in zip(readers, reads)), 20,
             "every writer and reader goes on")
    for thread in writers + readers:
        thread.finish()

    assert [t.failure for t in writers + readers if t.failure] == []
    # Who is told early that its write was lost may lose the next one too, on a connection that is about to die.
    assert [set(w.outcomes) for w in writers] == [{"ok", "08007"}] * len(writers)
    stored = set(successor.rows("select client, key from ledger"))
    lost = [key for w in writers for key in w.acknowledged if key not in stored]
    assert lost == [], f"{len(lost)} acknowledged commits are lost"
    for kind, (_, _, check) in KINDS.items():
        for connection in clients[kind]:
            check(connection)


@pytest.mark.deadline(60)
def test_commit_in_flight_is_08007(trio, make_proxy):
    proxy = make_proxy(trio, SETTINGS)
    trio.standbys[0].freeze()  # the commit waits for its synchronous standby
    with proxy.wire(timeout=40) as connection:
        connection.query("begin")
        connection.query("insert into ledger values (1, 1)")
        connection.send(wire.query("commit"))
        wait_until_runs([trio.primary], "commit")
        trio.primary.kill()
        trio.standbys[0].thaw()
        trio.standbys[0].sql("alter system set synchronous_standby_names = ''")
        trio.standbys[0].promote()
        frames = connection.read_until("Z")
        assert [f.fields()["C"] for f in frames if f.type == "E"] == ["08007"] and frames[-1].body == b"I"
        assert connection.rows("select 1") == [["1"]]


@pytest.mark.deadline(60)
def test_park_timeout(make_cluster, make_proxy):
    cluster = make_cluster(standbys=0)
    proxy = make_proxy(cluster, {"health": {"failover_park_timeout": "1s", "period": "100ms"}})
    with proxy.wire() as connection:
        cluster.primary.kill()
        time.sleep(0.5)
        begin = time.monotonic()
        frames = connection.query("create table t(a int)", timeout=20)
        assert [(f.fields()["S"], f.fields()["C"], f.fields()["M"]) for f in frames if f.type == "E"] == [
            ("ERROR", "57P03", "no primary within 1000 ms (health.failover_park_timeout)")]
        assert frames[-1].body == b"I" and 0.9 < time.monotonic() - begin < 6
        cluster.primary.start()
        wait_for(lambda: not [f for f in connection.query("select 1") if f.type == "E"], 10, "the client goes on when the node is back")


@pytest.mark.deadline(60)
def test_reads_and_logins_go_on_without_a_primary(make_cluster, make_proxy):
    cluster = make_cluster(standbys=1)
    cluster.primary.sql("create table t(a int)")
    proxy = make_proxy(cluster, {"health": {"failover_park_timeout": "30s", "period": "100ms"}, "routing": {"primary_reads": False}})
    with proxy.wire(timeout=10) as connection:
        connection.query("insert into t values (1)")
        at_standby = [["1", str(cluster.standbys[0].port)]]
        read = "select a, inet_server_port() from t"
        wait_for(lambda: connection.rows(read) == at_standby, 10, "the standby has the row")
        cluster.primary.kill()
        wait_for(lambda: connection.rows("show pool_nodes")[0][3] == "down", 10, "the primary is known to be down")
        assert connection.rows(read) == at_standby, "what was written is known to be there"
        with proxy.wire(timeout=10) as newcomer:
            assert newcomer.rows(read) == at_standby
            assert newcomer.rows("show pool_nodes")[0][3] == "down"


@pytest.mark.deadline(60)
def test_loss_of_a_standby_disturbs_no_read(make_cluster, make_proxy):
    cluster = make_cluster(standbys=2)
    cluster.primary.sql("create table ledger(a int)")
    cluster.wait_caught_up()
    proxy = make_proxy(cluster, SETTINGS)
    readers = [Reader(proxy) for _ in range(6)]
    for reader in readers:
        reader.start()
    wait_for(lambda: all(r.reads > 10 for r in readers), 20, "every reader is at work")
    cluster.standbys[0].kill()
    before = [r.reads for r in readers]
    wait_for(lambda: all(r.failure or r.reads > n + 10 for r, n in zip(readers, before)), 20, "every reader goes on")
    assert [r.failure for r in [r.finish() for r in readers] if r.failure] == []


@pytest.mark.deadline(60)
def test_a_frozen_standby_holds_no_read_up(make_cluster, make_proxy):
    """Its kernel takes what is sent. Reads that wait for it are repeated as soon as probes hold it for down."""
    cluster = make_cluster(standbys=2)
    proxy = make_proxy(cluster, {"health": {"period": "100ms", "timeout": "500ms"},
                                 "routing": {"primary_reads": False, "read_only_functions": ["pg_sleep"]}})
    frozen, read = cluster.standbys[0], "select pg_sleep(1), current_setting('cluster_name')"
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(proxy.wire(timeout=30)) for _ in range(8)]
        for client in clients:
            client.send(wire.query(read))
        wait_until_runs([frozen], read)
        begin = time.monotonic()
        frozen.freeze()
        try:
            served_by = [[f.values()[1] for f in client.read_until("Z") if f.type == "D"] for client in clients]
            elapsed = time.monotonic() - begin
        finally:
            frozen.thaw()
    assert served_by == [[b"node3"]] * len(clients)
    assert elapsed < 3 * 0.5 + 1 + 5, "three probes, the read again, and what a busy machine takes"


@pytest.mark.deadline(60)
def test_standby_comes_back_and_gets_reads(make_cluster, make_proxy):
    cluster = make_cluster(standbys=1)
    proxy = make_proxy(cluster, {**SETTINGS, "routing": {"primary_reads": False}})
    cluster.standbys[0].kill()
    with proxy.wire(timeout=20) as connection:
        assert connection.rows("select current_setting('cluster_name')") == [["node1"]]
        cluster.standbys[0].start()
        wait_for(lambda: connection.rows("select current_setting('cluster_name')") == [["node2"]], 15, "the standby serves reads again")


@pytest.mark.deadline(60)
def test_frozen_primary_is_noticed(trio, make_proxy):
    """A node whose kernel answers and whose server does not."""
    proxy = make_proxy(trio, {**SETTINGS, "health": {"period": "100ms", "timeout": "500ms", "failover_park_timeout": "30s"}})
    with proxy.wire(timeout=40) as connection:
        trio.primary.freeze()
        wait_for(lambda: nodes(proxy)[0]["status"] != "up", 15, "the frozen node is not up")
        successor = trio.standbys[0]
        successor.sql("alter system set synchronous_standby_names = ''")
        successor.promote()
        wait_for(lambda: nodes(proxy)[1]["role"] == "primary", 15, "the successor is the primary")
        assert connection.rows("insert into ledger values (9, 9) returning key") == [["9"]]
        trio.primary.kill()


def nodes(proxy):
    return proxy.admin("SHOW POOL_NODES")


@pytest.mark.deadline(60)
def test_old_primary_that_returns_gets_no_writes(trio, make_proxy):
    proxy = make_proxy(trio, SETTINGS)
    old, successor = trio.primary, fail_over(trio)
    with proxy.wire(timeout=40) as connection:
        assert connection.rows("insert into ledger values (1, 1) returning key") == [["1"]]
        old.start()
        time.sleep(1)
        for key in range(2, 30):
            assert connection.rows(f"insert into ledger values (1, {key}) returning key") == [[str(key)]]
    assert successor.sql("select count(*) from ledger where client = 1") == 29
    assert old.sql("select count(*) from ledger where client = 1") == 0


@pytest.mark.deadline(60)
def test_read_in_flight_without_rows_is_retried(make_cluster, make_proxy):
    cluster = make_cluster(standbys=1)
    proxy = make_proxy(cluster, {**SETTINGS, "routing": {"primary_reads": False, "read_only_functions": ["pg_sleep"]}})
    with proxy.wire(timeout=30) as connection:
        connection.send(wire.query("select pg_sleep(2), current_setting('cluster_name')"))
        time.sleep(0.5)
        cluster.standbys[0].kill()
        frames = connection.read_until("Z")
        assert [f.values()[1] for f in frames if f.type == "D"] == [b"node1"], [str(f) for f in frames]
