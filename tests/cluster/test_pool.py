# SPDX-License-Identifier: PostgreSQL
"""Many clients over few server connections; limits, timeouts and the end of the proxy."""
import contextlib
import signal
import subprocess
import threading
import time

import pytest

from support import wire
from support.pgcluster import BIN, wait_for

MODES = ["auto", "transaction", "session"]
PROTOCOLS = ["simple", "extended", "prepared"]


class Watcher(threading.Thread):
    """Largest number of client connections that a node ever had, seen every 50 ms."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.largest, self.is_over = node, 0, threading.Event()

    def run(self):
        connection = self.node.connect()
        with connection.cursor() as cursor:
            while not self.is_over.wait(0.05):
                cursor.execute("select count(*) from pg_stat_activity where backend_type = 'client backend' and usename = 'bench'")
                self.largest = max(self.largest, cursor.fetchone()[0])
        connection.close()

    def finish(self):
        self.is_over.set()
        self.join(10)
        return self.largest


def pgbench(proxy, *arguments):
    command = [BIN / "pgbench", "-n", "-h", proxy.host, "-p", str(proxy.port), "-U", "bench", *arguments, "bench"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def bench(pair):
    primary = pair.primary
    primary.sql("create role bench login")
    primary.sql("create database bench owner bench")
    subprocess.run([BIN / "pgbench", "-i", "-q", "-h", primary.host, "-p", str(primary.port), "-U", "bench", "bench"], check=True, capture_output=True)
    pair.wait_caught_up()
    return pair


@pytest.mark.deadline(120)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("script", ["select-only", "tpcb-like"])
def test_200_clients_over_20_connections(bench, make_proxy, sized, mode, protocol, script):
    proxy = make_proxy(bench, {"pool": {"mode": mode, "size": 20, "wait_timeout": "120s"}})
    watchers = [Watcher(node) for node in bench.nodes]
    for watcher in watchers:
        watcher.start()
    transactions = str(sized(10, 300))
    # pgbench prepares with a call that blocks its thread, and with it the other clients of the thread that hold connections:
    # that call must not wait for one.
    done = pgbench(proxy, "-M", protocol, "-b", script, "-c", "200", "-j", "4", "-t", transactions)
    largest = [watcher.finish() for watcher in watchers]
    assert done.returncode == 0, done.stderr[-3000:]
    assert "number of failed transactions: 0 " in done.stdout, done.stdout
    assert max(largest) <= 20, f"server connections at most: {largest}"
    no_connection_is_stuck(bench, proxy)


def no_connection_is_stuck(cluster, proxy):
    for node in cluster.nodes:
        wait_for(lambda n=node: all(r[3] == "idle" for r in n.client_backends() if r[1] == "bench"), 10, f"connections to {node.name} are idle")
    wait_for(lambda: len(proxy.admin("SHOW CLIENTS")) <= 1, 10, "no client is left")
    assert all(row.get("cl_waiting", "0") == "0" for row in proxy.admin("SHOW POOLS"))


def wait_until_queued(proxy, count):
    wait_for(lambda: sum(int(row["cl_waiting"]) for row in proxy.admin("SHOW POOLS")) == count, 20, f"{count} wait for a connection")


def wait_until_refused(proxy):
    def knock():
        with contextlib.suppress(wire.ServerError):
            proxy.wire().close()
    with pytest.raises(ConnectionRefusedError):
        wait_for(knock, 20, "nobody is let in any more")


def test_wait_timeout_is_53300(pair, make_proxy):
    proxy = make_proxy(pair, {"pool": {"size": 1, "wait_timeout": "500ms", "mode": "transaction"}})
    with proxy.wire() as holder, proxy.wire() as waiter:
        holder.query("begin")
        holder.query("lock table pg_catalog.pg_class in access share mode")
        begin = time.monotonic()
        frames = waiter.query("create temp table x(a int)", timeout=10)
        assert [(f.fields()["S"], f.fields()["C"]) for f in frames if f.type == "E"] == [("ERROR", "53300")]
        assert 0.3 < time.monotonic() - begin < 5
        holder.query("commit")
        assert waiter.rows("select 1") == [["1"]], "the client that was refused goes on"


def test_queue_notice(pair, make_proxy):
    proxy = make_proxy(pair, {"pool": {"size": 1, "queue_notice": "200ms", "mode": "transaction"}})
    with proxy.wire() as holder, proxy.wire() as waiter:
        holder.query("begin")
        holder.query("lock table pg_catalog.pg_class in access share mode")
        waiter.send(wire.query("create temp table x(a int)"))
        assert "queue" in waiter.read_until("N", timeout=5)[-1].fields()["M"].lower()
        holder.query("rollback")
        assert waiter.read_until("Z")[-1].type == "Z"


def test_waiters_are_served_in_order(pair, make_proxy):
    proxy = make_proxy(pair, {"workers": 1, "pool": {"size": 1, "mode": "transaction"}, "routing": {"read_write_split": False}})
    holder, waiters = proxy.wire(), [proxy.wire() for _ in range(8)]
    holder.query("begin")
    holder.query("select pg_advisory_xact_lock(1)")
    pair.primary.sql("create table if not exists arrival(n serial, who int); truncate arrival restart identity")
    for number, waiter in enumerate(waiters):
        waiter.send(wire.query(f"insert into arrival(who) values ({number})"))
        wait_until_queued(proxy, number + 1)
    holder.query("commit")
    for waiter in waiters:
        waiter.read_until("Z")
        waiter.close()
    holder.close()
    assert [r[0] for r in pair.primary.rows("select who from arrival order by n")] == list(range(8))


def test_client_limit(pair, make_proxy):
    proxy = make_proxy(pair, {"limits": {"max_clients": 3}})
    held = [proxy.wire() for _ in range(3)]
    with pytest.raises(wire.ServerError) as refused:
        proxy.wire()
    assert refused.value.fields == {"S": "FATAL", "V": "FATAL", "C": "53300", "M": "sorry, too many clients already"}
    held.pop().close()
    wait_for(lambda: connects(proxy), 5, "a place is free again")
    for connection in held:
        connection.close()


def connects(proxy):
    try:
        proxy.wire().close()
        return True
    except wire.ServerError:
        return False


def test_idle_connections_of_one_worker_serve_clients_of_another(pair, make_proxy):
    """One connection for all: whichever worker a client came to, it gets its turn."""
    proxy = make_proxy(pair, {"workers": 2, "pool": {"size": 1, "wait_timeout": "3s"}, "routing": {"read_write_split": False}})
    clients = [proxy.wire() for _ in range(12)]
    for _ in range(2):
        for client in clients:
            assert client.rows("select 1") == [["1"]]
    for client in clients:
        client.close()


def test_idle_connections_of_one_pool_do_not_block_another(pair, make_proxy):
    for name in ("one", "two", "three"):
        pair.primary.sql(f"create role shares_{name} login")
    pair.wait_caught_up()
    proxy = make_proxy(pair, {"pool": {"size": 5, "max_server_connections": 2, "wait_timeout": "3s"}, "routing": {"read_write_split": False}})
    clients = [proxy.wire(user=f"shares_{name}") for name in ("one", "two", "three", "one")]
    for _ in range(3):
        for client in clients:
            assert client.rows("select 1") == [["1"]]
    for client in clients:
        client.close()


PINS = {"advisory lock": ("select pg_advisory_lock(4711)", "select pg_advisory_unlock(4711)"),
        "temporary table": ("create temp table pinned(a int)", "drop table pinned"),
        "temporary function": ("create function pg_temp.pinned() returns int language sql as 'select 1'", "drop function pg_temp.pinned()"),
        "channel": ("listen pinned", "unlisten pinned"),
        "held cursor": ("declare pinned cursor with hold for select 1", "close pinned")}


@pytest.mark.parametrize("state", PINS)
def test_pin_ends_with_the_state(pair, make_proxy, state):
    """While its state is there a client keeps its connection; once it is gone who waits gets it."""
    proxy = make_proxy(pair, {"workers": 1, "pool": {"size": 1, "wait_timeout": "1500ms"}, "routing": {"read_write_split": False}})
    make, end = PINS[state]
    with proxy.wire() as holder, proxy.wire() as waiter:
        assert holder.query(make)[-1].type == "Z"
        assert [f.fields()["C"] for f in waiter.query("select 1") if f.type == "E"] == ["53300"], "the state is there"
        assert [str(f) for f in holder.query(end) if f.type == "E"] == []
        assert waiter.rows("select 1") == [["1"]], "the state is gone"
        assert holder.rows("select 2") == [["2"]]


def test_pin_ends_while_others_wait(pair, make_proxy):
    proxy = make_proxy(pair, {"workers": 1, "pool": {"size": 1, "wait_timeout": "20s"}, "routing": {"read_write_split": False}})
    with proxy.wire() as holder, proxy.wire() as waiter:
        begin = time.monotonic()
        for _ in range(10):
            holder.query("select pg_advisory_lock(4712)")
            waiter.send(wire.query("select 1"))
            holder.query("select pg_advisory_unlock(4712)")
            assert [f.values() for f in waiter.read_until("Z") if f.type == "D"] == [[b"1"]]
        assert time.monotonic() - begin < 7, "at the end of the request, not at the next round of housekeeping"


def test_query_timeout(pair, make_proxy):
    with make_proxy(pair, {"limits": {"query_timeout": "300ms"}}).wire() as connection:
        frames = connection.query("select pg_sleep(20)", timeout=10)
        assert [f.fields()["C"] for f in frames if f.type == "E"] == ["57014"]
        assert connection.rows("select 1") == [["1"]]


def test_idle_transaction_timeout(pair, make_proxy):
    with make_proxy(pair, {"limits": {"idle_transaction_timeout": "1s"}}).wire() as connection:
        connection.query("begin")
        connection.query("create table never(a int)")
        frames = connection.drain(8)
        assert [f.fields()["C"] for f in frames] == ["25P03"] and frames[0].fields()["S"] == "FATAL" and connection.is_closed(2)
    assert pair.primary.sql("select to_regclass('never')") is None


def test_a_request_that_waits_is_not_idle(pair, make_proxy):
    proxy = make_proxy(pair, {"workers": 1, "pool": {"size": 1}, "limits": {"idle_transaction_timeout": "1s", "client_idle_timeout": "1s"},
                              "routing": {"read_write_split": False}})
    with proxy.wire() as holder, proxy.wire() as in_transaction, proxy.wire() as idle:
        holder.send(wire.query("select pg_sleep(3)"))
        in_transaction.query("begin")
        in_transaction.send(wire.query("select 1"))
        idle.send(wire.query("select 2"))
        assert [f.values() for f in in_transaction.read_until("Z") if f.type == "D"] == [[b"1"]]
        in_transaction.query("commit")
        assert [f.values() for f in idle.read_until("Z") if f.type == "D"] == [[b"2"]]


def test_client_that_leaves_in_the_middle_of_a_message(pair, make_proxy):
    """What it has not sent must not be taken from the next client."""
    pair.primary.sql("create table if not exists half(a int)")
    proxy = make_proxy(pair, {"workers": 1, "pool": {"size": 1}, "routing": {"read_write_split": False}})
    for text in ("copy half from stdin", "select pg_sleep(0.1)"):
        leaver = proxy.wire()
        leaver.send(wire.query(text))
        leaver.send(b"d\0\0\0\x0fnot a numb" if text.startswith("copy") else b"d\0\0\1\0abc")
        time.sleep(0.3)
        leaver.close()
        with proxy.wire() as other:
            assert other.rows("select 3") == [["3"]]
            assert other.rows("select 4") == [["4"]]


def test_client_idle_timeout(pair, make_proxy):
    with make_proxy(pair, {"limits": {"client_idle_timeout": "400ms"}}).wire() as connection:
        frames = connection.drain(3)
        assert [f.fields()["C"] for f in frames] == ["57P05"] and frames[0].fields()["S"] == "FATAL" and connection.is_closed(2)


def test_login_timeout(pair, make_proxy):
    proxy = make_proxy(pair, {"limits": {"login_timeout": "400ms"}})
    with wire.Connection(proxy.host, proxy.port) as connection:
        begin = time.monotonic()
        assert [f.fields() for f in connection.drain(4)] == [{"S": "FATAL", "V": "FATAL", "C": "57P03",
                                                              "M": "canceling authentication due to timeout (login_timeout)"}]
        assert connection.is_closed(4) and 0.3 < time.monotonic() - begin < 6


def test_idle_server_connections_are_closed(pair, make_proxy):
    proxy = make_proxy(pair, {"pool": {"server_idle_timeout": "500ms"}})
    pair.primary.sql("do $$ begin if not exists (select from pg_roles where rolname = 'idler') then create role idler login; end if; end $$")
    pair.wait_caught_up()
    with proxy.wire(user="idler") as connection:
        for _ in range(20):
            connection.rows("select 1")
    count = "select count(*) from pg_stat_activity where usename = 'idler'"
    assert sum(n.sql(count) for n in pair.nodes) > 0
    wait_for(lambda: sum(n.sql(count) for n in pair.nodes) == 0, 10, "idle server connections are closed")


def test_checks_do_not_keep_idle_server_connections(pair, make_proxy):
    proxy = make_proxy(pair, {"workers": 1, "pool": {"server_idle_timeout": "2500ms", "server_check_delay": "1s"}})
    pair.primary.sql("create role checked login")
    pair.wait_caught_up()
    with proxy.wire(user="checked") as connection:
        connection.rows("select 1")
    count = "select count(*) from pg_stat_activity where usename = 'checked'"
    assert sum(n.sql(count) for n in pair.nodes) > 0
    wait_for(lambda: sum(n.sql(count) for n in pair.nodes) == 0, 8, "idle server connections are closed")


def test_lifetime_ends_connections_that_are_never_idle(pair, make_proxy):
    proxy = make_proxy(pair, {"workers": 1, "pool": {"size": 1, "server_lifetime": "1s"}, "routing": {"read_write_split": False}})
    pids, errors, is_over = set(), [], threading.Event()

    def ask():
        try:
            with proxy.wire() as connection:
                while not is_over.is_set():
                    pids.add(connection.rows("select pg_backend_pid()")[0][0])
        except (wire.ServerError, wire.Closed, wire.Timeout) as error:
            errors.append(error)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(pids) >= 3 or errors, 20, "they have had several connections")
    is_over.set()
    for thread in threads:
        thread.join(20)
    assert errors == []


def test_server_side_disconnect_between_queries(pair, make_proxy):
    """A server connection that dies while nobody uses it is no client's business."""
    with make_proxy(pair).wire() as connection:
        connection.query("create table if not exists survive(a int)")
        for node in pair.nodes:
            node.sql("select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")
        time.sleep(0.2)
        assert connection.rows("select 1") == [["1"]]
        assert connection.rows("insert into survive values (1) returning a") == [["1"]]


def test_sigterm_lets_clients_finish(pair, make_proxy):
    proxy = make_proxy(pair, {"limits": {"drain_timeout": "10s"}})
    with proxy.wire() as busy:
        busy.query("begin")
        busy.query("create temp table drained(a int) on commit drop")
        proxy.process.terminate()
        wait_until_refused(proxy)
        assert busy.rows("select 5") == [["5"]]
        assert busy.query("commit")[-1].type == "Z"
    assert proxy.process.wait(15) == 0


def test_client_that_does_not_read_does_not_hold_up_the_end(pair, make_proxy, tmp_path):
    proxy = make_proxy(pair, {"workers": 1, "listen": {"unix_socket_directory": str(tmp_path)}})
    with wire.connect(str(tmp_path), proxy.port) as deaf:
        deaf.send(wire.query("select repeat('x', 1000) from generate_series(1, 100000)"))
        time.sleep(1)
        proxy.process.send_signal(signal.SIGINT)
        assert proxy.process.wait(15) == 0
    assert "forced_exit" not in proxy.log_text()


def test_sigterm_ends_who_waited_in_vain(pair, make_proxy):
    proxy = make_proxy(pair, {"workers": 1, "pool": {"size": 1, "wait_timeout": "1s"}, "limits": {"drain_timeout": "20s"},
                              "routing": {"read_write_split": False}})
    with proxy.wire() as holder, proxy.wire() as waiter:
        holder.query("begin")
        holder.query("select 1")
        waiter.send(wire.query("select 2"))
        wait_until_queued(proxy, 1)
        proxy.process.terminate()
        assert [f.fields()["C"] for f in waiter.drain(3) if f.type == "E"] == ["53300", "57P01"]
        assert waiter.is_closed(2)
        assert holder.query("commit")[-1].type == "Z"
    assert proxy.process.wait(5) == 0


def test_thousand_connections_leave_nothing_behind(pair, make_proxy, sized):
    proxy = make_proxy(pair)
    proxy.sql("select 1")
    before = proxy.open_descriptors()
    for _ in range(sized(300, 5000)):
        with proxy.wire() as connection:
            connection.send(wire.query("select 1"))
    wait_for(lambda: proxy.open_descriptors() <= before + 45, 10, "descriptors are closed")
