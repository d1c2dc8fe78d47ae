# SPDX-License-Identifier: PostgreSQL
"""TCP connections at an address that moves: clients that only wait learn it at once, and no connection stays behind."""
import contextlib
import errno
import select
import socket
import time

import pytest

from support.vip import V4, V6

PORT = 5432
BOTH = pytest.mark.parametrize("address", [V4, V6])


class Served:
    """A client on `other` that is connected to a server on a host, at a virtual address, and waits."""

    def __init__(self, lan, host, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.server = host.call(lambda: socket.create_server((address, PORT), family=family))
        self.client = lan.other.call(lambda: socket.create_connection((address, PORT), timeout=5))
        self.accepted, _ = self.server.accept()
        self.client.sendall(b"hello")
        assert self.accepted.recv(5) == b"hello"

    def close(self):
        for one in (self.client, self.accepted, self.server):
            one.close()


@pytest.fixture
def served(lan):
    with contextlib.ExitStack() as stack:
        yield lambda host, address: stack.enter_context(contextlib.closing(Served(lan, host, address)))


def wait_error(one, timeout):
    """(errno, time) of a socket that gets an error by itself."""
    if not select.select([one], [], [], timeout)[0]:
        raise TimeoutError(f"nothing within {timeout} s")
    now = time.monotonic()
    return one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), now


# IPv6 several times: what the kernel drops in the first moments would hit some of them only.
@pytest.mark.parametrize("address", [V4, V6, V6, V6, V6])
def test_an_idle_client_learns_that_its_server_died(lan, program, served, tmp_path, address):
    first = program(lan.one, addresses=[address])
    hold = first.hold("--for", 30)
    hold.wait("taken", address)
    connection = served(lan.one, address)
    listed = first.run("clients")[1]
    assert listed.split()[1].endswith(f":{connection.client.getsockname()[1]}")
    clients = tmp_path / "clients"
    clients.write_text(listed)
    lan.unplug(lan.one)  # its kernel is alive, but nobody hears of it
    hold.process.kill()
    second = program(lan.two, addresses=[address]).hold("--for", 30, "--clients", clients)
    taken = second.wait("taken", address)["at"]
    code, at = wait_error(connection.client, 5)
    assert code == errno.ECONNRESET
    assert at - taken < 0.3
    assert second.wait("clients_told", address)["count"] == 1


@BOTH
def test_without_being_told_it_would_wait_for_long(lan, program, served, address):
    """What the test before would look like if nothing was sent: the proof that it measures something."""
    hold = program(lan.one, addresses=[address]).hold("--for", 30)
    hold.wait("taken", address)
    connection = served(lan.one, address)
    lan.unplug(lan.one)
    hold.process.kill()
    program(lan.two, addresses=[address]).hold("--for", 30).wait("taken", address)
    with pytest.raises(TimeoutError):
        wait_error(connection.client, 1.5)


@BOTH
def test_a_server_s_connections_end_with_the_address(lan, program, served, address):
    vip = program(lan.one, addresses=[address])
    hold = vip.hold("--for", 30)
    hold.wait("taken", address)
    connection = served(lan.one, address)
    hold.stop()
    assert hold.wait("connections_closed", address)["count"] == 1
    assert wait_error(connection.accepted, 1)[0] == errno.ECONNABORTED
    assert vip.run("clients")[1] == ""


def test_connections_at_other_addresses_go_on(lan, program, served):
    hold = program(lan.one).hold("--for", 30)
    hold.wait("taken", V4)
    connection = served(lan.one, lan.one.v4)
    hold.stop()
    assert hold.wait("connections_closed", V4)["count"] == 0
    connection.client.sendall(b"still")
    assert connection.accepted.recv(5) == b"still"


def test_ipv4_clients_of_a_socket_for_both_families_count(lan, program):
    hold = program(lan.one, addresses=[V4]).hold("--for", 30)
    hold.wait("taken", V4)
    server = lan.one.call(lambda: socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True))
    client = lan.other.call(lambda: socket.create_connection((V4, PORT), timeout=5))
    accepted, _ = server.accept()
    with server, client, accepted:
        hold.stop()
        assert hold.wait("connections_closed", V4)["count"] == 1
        assert wait_error(accepted, 1)[0] == errno.ECONNABORTED


@BOTH
def test_a_client_that_could_not_be_reached_is_told_again(lan, program, served, tmp_path, address):
    first = program(lan.one, addresses=[address])
    hold = first.hold("--for", 30)
    hold.wait("taken", address)
    connection = served(lan.one, address)
    clients = tmp_path / "clients"
    clients.write_text(first.run("clients")[1])
    peer = lan.other.v6 if ":" in address else lan.other.v4
    with pytest.raises(ConnectionRefusedError):  # so that its hardware address is known, and packets do not wait for it
        lan.two.call(lambda: socket.create_connection((peer, 1), timeout=5))
    lan.unplug(lan.one)
    hold.process.kill()
    lan.unplug(lan.other)
    second = program(lan.two, addresses=[address]).hold("--for", 30, "--clients", clients)
    second.wait("clients_told", address)
    lan.plug(lan.other)
    assert wait_error(connection.client, 5)[0] == errno.ECONNRESET


@BOTH
def test_hundreds_of_clients_behind_one_neighbour(lan, program, tmp_path, address):
    count, family = 600, socket.AF_INET6 if ":" in address else socket.AF_INET
    first = program(lan.one, addresses=[address])
    hold = first.hold("--for", 30)
    hold.wait("taken", address)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(lan.one.call(lambda: socket.create_server((address, PORT), family=family, backlog=count)))
        clients = lan.other.call(lambda: [stack.enter_context(socket.create_connection((address, PORT), timeout=5))
                                          for _ in range(count)])
        for _ in range(count):
            stack.enter_context(server.accept()[0])
        listed = tmp_path / "clients"
        listed.write_text(first.run("clients")[1])
        lan.unplug(lan.one)
        hold.process.kill()
        second = program(lan.two, addresses=[address]).hold("--for", 30, "--clients", listed)
        assert second.wait("clients_told", address)["count"] == count
        end = time.monotonic() + 1
        codes = [wait_error(client, max(0.0, end - time.monotonic()))[0] for client in clients]
        assert codes == [errno.ECONNRESET] * count
