# SPDX-License-Identifier: PostgreSQL
"""Input that no honest peer sends, with the exact error it must get; and the proxy goes on afterwards."""
import resource
import socket
import struct
import threading
import time

import pytest

from support import ports, wire
from support.pgcluster import wait_for
from support.proxy import Proxy


@pytest.fixture(scope="module")
def front(pair):
    with Proxy.for_cluster(pair, {"limits": {"login_timeout": "2s"}}) as proxy:
        yield proxy
        assert proxy.sql("select 'alive'") == "alive"


def sqlstates(frames):
    return [f.fields()["C"] for f in frames if f.type == "E"]


@pytest.mark.parametrize("data", [wire.message("y", b"x"), wire.message(b"\0", b"x"), wire.message(b"\xff", b"x"), wire.message("Z", b"I")],
                         ids=["unknown", "zero", "ff", "of_a_server"])
def test_unknown_message_ends_the_session(front, data):
    with front.wire() as connection:
        connection.send(data)
        frames = connection.drain(2)
        assert sqlstates(frames) == ["08P01"] and frames[-1].fields()["S"] == "FATAL" and connection.is_closed(2)
        assert frames[-1].fields()["M"] == f"invalid frontend message type {data[0]}"


@pytest.mark.parametrize("data", [wire.message("Q", b"", length=0), wire.message("Q", b"", length=3), wire.message("Q", b"", length=2**31 - 1),
                                  wire.message("S", b"", length=2**31 - 1), wire.message("Q", b"", length=-1)],
                         ids=["0", "3", "2_31", "sync_2_31", "minus_1"])
def test_broken_length_closes_without_a_word(front, data):
    """As PostgreSQL does: where the next message begins is lost (pqcomm.c, pq_getmessage)."""
    with front.wire() as connection:
        connection.send(data)
        assert connection.drain(2) == [] and connection.is_closed(2)


@pytest.mark.parametrize("data", [wire.message("P", b""), wire.message("P", b"abc"), wire.message("B", b"\0"),
                                  wire.message("E", b"\0\0"), wire.message("D", b""), wire.message("D", b"Q\0"), wire.message("C", b"S"),
                                  wire.message("P", b"\0select 1\0\xff\xff")])
def test_broken_body_is_an_error_until_sync(front, data):
    with front.wire() as connection:
        connection.send(data, wire.SYNC)
        frames = connection.read_until("Z")
        assert sqlstates(frames) == ["08P01"], [str(f) for f in frames]
        assert connection.rows("select 1") == [["1"]]


@pytest.mark.parametrize("data", [struct.pack("!i", 0), struct.pack("!i", 7), struct.pack("!i", -1), struct.pack("!i", 2**31 - 1), struct.pack("!i", 1 << 20) + b"x" * (1 << 20),
                                  b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600, b"\0" * 64],
                         ids=["0", "7", "minus_1", "2_31", "1_mib", "http", "tls", "zeros"])
def test_broken_startup_is_closed(front, data):
    with wire.Connection(front.host, front.port) as connection:
        connection.send(data)
        connection.drain(1)
        assert connection.is_closed(3)


@pytest.mark.parametrize("parameters, state", [({"database": "postgres"}, "28000"), ({"user": "postgres", "database": "no_such_database"}, "3D000"),
                                               ({"user": "no_such_user", "database": "postgres"}, "28000"),
                                               ({"user": "postgres", "database": "postgres", "no_such_setting": "1"}, "42704"),
                                               ({"user": "postgres", "database": "postgres", "datestyle": "nonsense"}, "22023")])
def test_refused_startup(front, parameters, state):
    with wire.Connection(front.host, front.port) as connection:
        connection.send(wire.startup(parameters))
        frames = connection.drain(3)
        assert sqlstates(frames) == [state] and frames[-1].fields()["S"] == "FATAL"


def test_slow_login_is_ended(front):
    with wire.Connection(front.host, front.port) as connection:
        begin = time.monotonic()
        frames = []
        for byte in wire.startup({"user": "postgres", "database": "postgres"}):
            connection.send(bytes([byte]))
            frames = connection.drain(0.5)
            if frames:
                break
        assert [f.fields()["C"] for f in frames] == ["57P03"]
        assert time.monotonic() - begin < 15, "one byte every half second outlived login_timeout"


TOO_MANY_LOGINS = {"S": "FATAL", "V": "FATAL", "C": "53300", "M": "sorry, too many connections have not logged in yet (limits.max_logins)"}


def test_connections_that_do_not_log_in_are_counted(pair, make_proxy):
    proxy = make_proxy(pair, {"limits": {"max_logins": 3}})
    clients = [proxy.wire() for _ in range(5)]  # who has logged in does not count
    silent = [wait_for(lambda: taken_in(proxy), 20, "who has logged in is not counted any more") for _ in range(3)]
    assert not connects(proxy)
    for _ in range(4):
        with wire.Connection(proxy.host, proxy.port) as refused:
            assert [f.fields() for f in refused.drain(2)] == [TOO_MANY_LOGINS]
            assert refused.is_closed(2)
    silent.pop().close()
    wait_for(lambda: connects(proxy), 5, "a place is free again")
    for connection in clients:
        assert connection.rows("select 1") == [["1"]]
    for connection in clients + silent:
        connection.close()


def taken_in(proxy):
    connection = wire.Connection(proxy.host, proxy.port)
    if not connection.drain(0.2):
        return connection
    connection.close()


def connects(proxy):
    try:
        proxy.wire().close()
        return True
    except wire.ServerError as error:
        assert error.fields == TOO_MANY_LOGINS
        return False


def test_names_that_clients_invent_are_forgotten(pair, make_proxy):
    proxy = make_proxy(pair)
    with proxy.wire() as client:
        for number in range(300):
            for user, database, state in (("postgres", f"invented{number}", "3D000"), (f"invented{number}", "postgres", "28000")):
                with pytest.raises(wire.ServerError) as refused:
                    proxy.wire(user=user, database=database)
                assert refused.value.sqlstate == state
        wait_for(lambda: {(r["user"], r["database"]) for r in proxy.admin("SHOW POOLS")} == {("postgres", "postgres"), ("postgres", "pgpool")}, 5,
                 "only the pools that are in use are left")
        assert client.rows("select 1") == [["1"]]


def test_without_descriptors_connections_wait(pair, make_proxy):
    """The proxy neither spins nor forgets who waits; no further connection must come for them to be served."""
    proxy = make_proxy(pair, {"workers": 1})
    clients = [proxy.wire() for _ in range(8)]
    for client in clients:
        assert client.rows("select 1") == [["1"]]
    limits = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (proxy.highest_descriptor() + 1, limits[1]))

    def knock():
        connection = wire.Connection(proxy.host, proxy.port)
        connection.send(wire.startup({"user": "postgres", "database": "postgres"}))
        return connection
    last = knock()
    while last.drain(2):  # a number below the highest was free
        clients.append(last)
        last = knock()
    waiting = [last] + [knock() for _ in range(5)]
    before = proxy.cpu_seconds()
    assert [connection.drain(0.2) for connection in waiting] == [[]] * 6
    assert proxy.cpu_seconds() - before < 0.4, "it spins"
    assert proxy.log_text().count("accept_failed") == 1
    for client in clients:
        assert client.rows("select 2") == [["2"]]
        client.close()
    for connection in waiting:
        assert connection.finish_start("postgres")[-1].type == "Z"
        assert connection.rows("select 3") == [["3"]]
        connection.close()
    proxy.wire().close()
    wait_for(lambda: proxy.log_text().count("accept_resumed") == 1, 5, "the log tells that it accepts again")
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, limits)


def test_slow_query_bytes_are_accepted(front):
    with front.wire() as connection:
        connection.send_split(wire.query("select 5"), 1, pause=0.1)
        assert [f.values() for f in connection.read_until("Z") if f.type == "D"] == [[b"5"]]


def test_client_that_reads_nothing_harms_nobody(front):
    with front.wire() as lazy, front.wire() as other:
        lazy.send(wire.query("select repeat('x', 1000) from generate_series(1, 200000)"))
        time.sleep(0.5)
        begin = time.monotonic()
        for _ in range(50):
            assert other.rows("select 1") == [["1"]]
        assert time.monotonic() - begin < 20
        with open(f"/proc/{front.process.pid}/status") as status:
            resident = next(int(l.split()[1]) for l in status if l.startswith("VmRSS"))
        assert resident < 100_000, f"{resident} KiB: a reply of 200 MB is buffered"


class SilentServer(threading.Thread):
    """Accepts and says nothing."""

    def __init__(self):
        super().__init__(daemon=True)
        self.port = ports.reserve()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.held = []

    def run(self):
        while True:
            try:
                self.held.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self):
        self.listener.close()
        for connection in self.held:
            connection.close()
        ports.release(self.port)


def test_node_that_accepts_and_says_nothing(pair, make_proxy):
    silent = SilentServer()
    silent.start()
    nodes = [{"name": n.name, "host": n.host, "port": n.port} for n in pair.nodes] + [{"name": "silent", "host": "127.0.0.1", "port": silent.port}]
    proxy = make_proxy(pair, {"nodes": nodes, "health": {"timeout": "500ms"}, "pool": {"connect_timeout": "500ms"}})
    with proxy.wire() as connection:
        for _ in range(100):
            assert connection.rows("select 1") == [["1"]]
    silent.close()


GOOD = "listen: {port: 9}\nnodes:\n  - {name: a, host: 127.0.0.1, port: 5432}\n"


@pytest.mark.parametrize("text, words", [
    ("", ["nodes"]), ("nodes: []\n", ["nodes"]), ("nodes: [\n", ["1"]), (GOOD + "poool: {size: 3}\n", ["4:1", "poool", "pool"]),
    (GOOD + "pool: {siz: 3}\n", ["4:8", "siz", "size"]), (GOOD + "pool: {size: many}\n", ["4:14", "many"]), (GOOD + "pool: {size: -1}\n", ["4:14", "-1"]),
    (GOOD + "pool: {mode: fast}\n", ["4:14", "fast", "auto", "session", "transaction"]), (GOOD + "pool: [1]\n", ["4:7"]),
    (GOOD + "pool: {wait_timeout: 5 parsecs}\n", ["4:22", "parsecs"]), (GOOD + "pool: {size: 3, size: 4}\n", ["size"]),
    (GOOD.replace("port: 5432", "port: 70000"), ["3:", "70000"]), (GOOD + "  - {name: a, host: other}\n", ["4:", "a"]),
    (GOOD.replace("name: a, ", ""), ["3:", "name"]), (GOOD + "auth: {access: [{method: magic}]}\n", ["4:", "magic", "scram-sha-256"]),
    (GOOD + "auth: {access: [{address: 1.2.3.4/99, method: trust}]}\n", ["4:", "1.2.3.4/99"]), (GOOD + "log: {level: loud}\n", ["4:", "loud", "debug"]),
    (GOOD + "routing: {rules: [{target: nowhere}]}\n", ["4:", "nowhere"]), (GOOD + "\tpool: {}\n", ["4:"]),
])
def test_configuration_mistakes(pair, text, words):
    """--check names file, line and column, what was found and what is allowed."""
    proxy = Proxy.for_cluster(pair)
    proxy.write_config(text)
    status, output = proxy.check()
    assert status != 0 and "appliance.yaml" in output, output
    missing = [w for w in words if w not in output]
    assert not missing, f"{missing} not in: {output}"


def test_configuration_file_missing(pair):
    proxy = Proxy.for_cluster(pair)
    status, output = proxy.check()
    assert status != 0 and "appliance.yaml" in output
