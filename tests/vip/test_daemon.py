# SPDX-License-Identifier: PostgreSQL
"""pgpool-vip as a member runs it: a fake watchdog orders over the bus and writes the page of the lease."""
import collections
import errno
import re
import signal
import socket
import time

import pytest

from support.sniffer import AddressLog, Sniffer, arp_reply, send_frame
from support.vip import V4, V6
from test_clients import BOTH as EACH, PORT, served, wait_error  # noqa: F401
from test_commands import DONE, HOLDER_CALLS, NOBODY, REFUSED, assert_has_only_network_privileges
from test_network import RIVAL

BOTH = (V4, V6)
LEASE = 1.584  # of fake_watchdog, from a renewal on
ATTEMPTS = 5   # a machine that does not run us for a while spoils one


def test_what_is_ordered_is_taken_held_and_let_go(lan, member):
    one = member(lan.one)
    watchdog = one.watchdog
    assert [watchdog.wait("absent", a)["epoch"] for a in BOTH] == [0, 0]
    with AddressLog(lan.one) as log:
        one.take(7)
        assert set(one.vip.addresses()) == set(BOTH)
        for address in BOTH:
            assert watchdog.wait("probing", address)["epoch"] == watchdog.wait("held", address)["epoch"] == 7
        began = time.monotonic()
        log.wait(lambda found: len([f for f in found if f[2] == V6 and f[0] > began]) >= 10, 6)
        assert [log.times("gone", a) for a in BOTH] == [[], []]
        watchdog.page("releasing", 7, 1500)
        before = watchdog.order("release", 8, 7)
        done = watchdog.wait("done", id=8, since=before)
        for address in BOTH:
            assert watchdog.wait("absent", address, since=before)["epoch"] == 7
            assert log.wait_gone(address, 1) < done["at"] + 0.05  # that is when we read of it
        assert one.vip.addresses() == {}


def test_orders_are_done_within_milliseconds(lan, member):
    """A hand-over: the gates close, the addresses go, the other member takes them without asking anybody."""
    one = member(lan.one)
    watchdog, taken, released = one.watchdog, [], []
    for epoch in range(1, 2 * ATTEMPTS, 2):
        taken.append(one.take(epoch, "take-released")["after_ms"])
        watchdog.page("releasing", epoch, 1500)
        watchdog.order("release", epoch + 1, epoch)
        released.append(watchdog.wait("done", id=epoch + 1)["after_ms"])
    print(f"taken after {sorted(taken)} ms, released after {sorted(released)} ms")
    assert min(taken) < 50 and min(released) < 50
    assert watchdog.find("failed") == []


def test_from_the_order_to_the_first_answer(lan, member):
    """Until a client that asks for the address all the time has its hardware address."""
    one = member(lan.one, addresses=[V4])
    one.take(1)
    one.watchdog.order("release", 2, 1)
    one.watchdog.wait("done", id=2)
    seen = []
    for epoch in range(3, 3 + 2 * ATTEMPTS, 2):
        with Sniffer(lan.other) as sniffer:
            one.watchdog.lease(epoch)
            began = time.monotonic()
            one.watchdog.order("take-released", epoch, epoch)
            seen.append((sniffer.wait_claims(V4, "arp_request")[0].at - began) * 1000)
            one.watchdog.wait("done", id=epoch)
            one.watchdog.order("release", epoch + 1, epoch)
            one.watchdog.wait("done", id=epoch + 1)
    print(f"announced after {[round(s, 1) for s in sorted(seen)]} ms")
    assert min(seen) < 50


def test_without_the_lease_of_its_epoch_an_order_waits(lan, member):
    one = member(lan.one)
    one.watchdog.lease(7)
    one.watchdog.order("take", 1, 8)
    failed = one.watchdog.wait("failed", id=1)
    assert 1900 < failed["after_ms"] < 4000 and "the time to hold it is too short" in failed["reason"]
    assert one.vip.addresses() == {}
    one.watchdog.lease(8)
    for address in BOTH:
        assert one.watchdog.wait("held", address)["epoch"] == 8


@pytest.mark.parametrize("state, epoch", [("none", 0), ("releasing", 7), ("held", 8)])
def test_a_lease_that_ends_takes_the_addresses_along(lan, member, state, epoch):
    one = member(lan.one)
    one.take(7)
    ended = time.monotonic()
    with AddressLog(lan.one) as log:
        one.watchdog.page(state, epoch, 10_000)
        for address in BOTH:
            assert log.wait_gone(address, 3) - ended < 0.8  # a refresh later; half a second for a slow machine
            assert one.watchdog.wait("absent", address, reason="its time is over")


def test_when_the_watchdog_dies_the_addresses_stay_until_its_deadline(lan, member):
    one = member(lan.one)
    one.take(7)
    with AddressLog(lan.one) as log:
        killed = time.monotonic()
        one.watchdog.process.kill()
        for address in BOTH:
            assert 0.7 < log.wait_gone(address, 3, since=killed) - killed < LEASE
        one.daemon.wait_log("watchdog_lost")
        one.daemon.wait_log("its time is over")
        assert one.daemon.process.poll() is None
        one.new_watchdog()
        assert [one.watchdog.wait("absent", a)["epoch"] for a in BOTH] == [7, 7]
        one.take(8)
        assert set(one.vip.addresses()) == set(BOTH)


def test_a_watchdog_that_is_back_in_time_orders_anew(lan, member):
    one = member(lan.one)
    one.take(7)
    one.watchdog.process.kill()
    one.new_watchdog()
    one.watchdog.lease(8)
    before = one.watchdog.order("take", 1, 8)
    one.watchdog.wait("done", id=1, since=before)
    assert set(one.vip.addresses()) == set(BOTH)


def test_stopped_it_loses_the_addresses_and_takes_them_again(lan, member):
    one = member(lan.one)
    one.take(7)
    with AddressLog(lan.one) as log:
        for address in BOTH:
            log.wait(lambda found, a=address: [f for f in found if f[2] == a], 4)
        began = time.monotonic()
        one.daemon.send(signal.SIGSTOP)
        for address in BOTH:
            gone = log.wait_gone(address, 4, since=began)
            assert 0.95 < gone - log.times("new", address)[-1] < 1.6
        before = len(one.watchdog.events)
        one.daemon.send(signal.SIGCONT)
        for address in BOTH:
            one.watchdog.wait("held", address, since=before)
    one.daemon.wait_log("did not run for too long")


def test_killed_and_started_anew_it_removes_what_is_left(lan, member):
    one = member(lan.one, lifetime="5s")
    one.watchdog.page("held", 7, 600_000)
    one.watchdog.order("take", 1, 7)
    one.watchdog.wait("done", id=1)
    foreign = "10.77.0.200"
    lan.one.run("ip", "address", "add", f"{foreign}/32", "dev", "eth0")
    one.daemon.send(signal.SIGKILL)
    one.daemon.process.wait()
    one.watchdog.wait("gone")
    assert set(one.vip.addresses()) == set(BOTH)
    one.start()
    one.daemon.wait_log("started")
    assert one.vip.addresses() == {}
    assert len([line for line in one.daemon.lines if "stale_removed" in line]) == 2
    assert foreign in lan.one.run("ip", "address", "show", "dev", "eth0")


def test_a_reload_adds_and_removes_addresses_while_some_are_held(lan, member):
    one = member(lan.one, addresses=[V4])
    one.take(7)
    one.watchdog.page("held", 7, 600_000)  # long enough for any lifetime
    with AddressLog(lan.one) as log:
        one.vip.configure([V4, V6], one.watchdog, lifetime="2s")
        one.daemon.send(signal.SIGHUP)
        one.watchdog.wait("held", V6)
        one.daemon.wait_log("reloaded addresses=2")
        log.wait(lambda _: one.vip.addresses()[V4]["valid_life_time"] == 2, 3)
        one.vip.config.write_text("vip: nonsense\n")
        one.daemon.send(signal.SIGHUP)
        one.daemon.wait_log("reload_refused")
        assert [log.times("gone", a) for a in BOTH] == [[], []]
        one.vip.configure([V6], one.watchdog)
        before = len(one.watchdog.events)
        one.daemon.send(signal.SIGHUP)
        one.watchdog.wait("absent", V4, since=before)
        assert set(one.vip.addresses()) == {V6} and log.times("gone", V6) == []


def test_asked_to_end_it_lets_go_and_says_so(lan, member):
    one = member(lan.one)
    one.take(7)
    before = len(one.watchdog.events)
    code, log = one.daemon.stop()
    assert (code, "stopped" in log[-1]) == (DONE, True)
    assert one.vip.addresses() == {}
    for address in BOTH:
        one.watchdog.wait("absent", address, since=before, reason="as asked")
    one.watchdog.wait("gone", since=before)


def test_a_move_between_members_and_its_client(lan, member, served):
    one, two = member(lan.one), member(lan.two)
    one.take(7)
    connection = served(lan.one, V4)
    two.watchdog.clients([(f"{V4}:{PORT}", "{}:{}".format(*connection.client.getsockname()))])
    with AddressLog(lan.one) as first, AddressLog(lan.two) as second:
        one.watchdog.page("releasing", 7, 1500)
        one.watchdog.order("release", 8, 7)
        one.watchdog.wait("done", id=8)
        two.take(9, "take-released")
        for address in BOTH:
            assert first.wait_gone(address, 1) < second.times("new", address)[0]
    assert wait_error(connection.client, 1)[0] == errno.ECONNRESET
    two.daemon.wait_log("clients_told")
    one.daemon.wait_log("connections_closed")


@EACH
def test_waiting_clients_of_a_dead_member_are_told_at_once(lan, member, served, address):
    one, two = member(lan.one, addresses=[address]), member(lan.two, addresses=[address])
    one.take(7)
    connection = served(lan.one, address)
    two.watchdog.clients([(f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}",
                           ("[{}]:{}" if ":" in address else "{}:{}").format(*connection.client.getsockname()[:2]))])
    lan.unplug(lan.one)
    two.take(8)
    held = two.watchdog.wait("held", address)["at"]
    code, at = wait_error(connection.client, 5)
    assert code == errno.ECONNRESET and at - held < 0.3


def test_our_own_clients_are_told_when_the_address_comes_back(lan, member, served):
    one = member(lan.one, addresses=[V4])
    one.take(7)
    connection = served(lan.one, V4)
    lan.unplug(lan.one)
    one.watchdog.wait("absent", V4, reason="no link")
    lan.plug(lan.one)
    one.watchdog.wait("held", V4, count=2)
    assert wait_error(connection.client, 2)[0] == errno.ECONNRESET


def test_a_dead_holder_s_kernel_is_waited_for(lan, member):
    one, two = member(lan.one), member(lan.two)
    one.take(7)
    one.daemon.send(signal.SIGSTOP)
    done = two.take(8)
    assert 300 < done["after_ms"] < 2000 and two.watchdog.find("failed") == []
    assert one.vip.addresses() == {}


def test_who_really_has_it_is_reported_and_left_alone(lan, member):
    one, two = member(lan.one), member(lan.two)
    one.take(7)
    two.watchdog.lease(8)
    two.watchdog.order("take", 1, 8)
    failed = two.watchdog.wait("failed", id=1)
    assert f"answered by {lan.one.mac}" in failed["reason"]
    assert two.vip.addresses() == {} and set(one.vip.addresses()) == set(BOTH)


def test_a_conflict_is_told_and_its_end(lan, member):
    one = member(lan.one, addresses=[V4])
    one.take(7)
    send_frame(lan.two, arp_reply(RIVAL, V4))
    assert one.watchdog.wait("conflict", V4)["reason"] == f"claimed by {RIVAL}"
    one.watchdog.wait("held", V4, count=2)


def test_a_dry_run_changes_nothing_and_claims_nothing(lan, member):
    one = member(lan.one, words=["--dry-run"])
    with AddressLog(lan.one) as log:
        one.watchdog.lease(7)
        one.watchdog.order("take", 1, 7)
        assert one.watchdog.wait("failed", id=1)["reason"] == "dry run: nothing is changed"
        one.daemon.wait_log("what=announce")
        assert one.watchdog.find("held") == [] and [log.times("new", a) for a in BOTH] == [[], []]


def test_started_by_root_it_becomes_another_user(lan, member):
    one = member(lan.one)
    assert one.watchdog.wait("client")["uid"] == NOBODY
    one.take(7)
    status = assert_has_only_network_privileges(one.daemon.process.pid, count=3)
    assert status["Uid"].split() == [str(NOBODY)] * 4 and status["Groups"].strip() == ""
    assert int(status["CapBnd"], 16) == 0


def test_a_user_that_does_not_exist(lan, member):
    one = member(lan.one)
    one.daemon.stop()
    code, log = one.vip.daemon(one.watchdog, user="no-such-user").end()
    assert code == REFUSED and log[0] == 'pgpool-vip: there is no user "no-such-user"'


def test_the_service_manager_is_told(lan, member, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        (tmp_path / "notify").chmod(0o777)
        manager.settimeout(10)
        one = member(lan.one, prefix=["env", f"NOTIFY_SOCKET={tmp_path}/notify"])
        assert manager.recv(100) == b"READY=1"
        assert manager.recv(100) == b"WATCHDOG=1"
        one.daemon.send(signal.SIGHUP)
        told = [manager.recv(100) for _ in range(2)]
        while told[-1] != b"READY=1":
            told.append(manager.recv(100))
        assert b"RELOADING=1" in told
        one.daemon.send(signal.SIGTERM)
        while told[-1] != b"STOPPING=1":
            told.append(manager.recv(100))


def test_the_thread_that_holds_waits_for_nobody(lan, member, tmp_path):
    trace = tmp_path / "trace"
    one = member(lan.one, prefix=["strace", "-D", "-f", "-qq", "-o", trace])  # -D: ours is the process that we know
    one.take(7)
    with AddressLog(lan.one) as log:
        log.wait(lambda found: len([f for f in found if f[2] == V4]) >= 4, 8)
    one.watchdog.process.kill()
    one.daemon.wait_log("its time is over")
    one.daemon.stop()
    calls = collections.defaultdict(list)
    for line in trace.read_text().splitlines():
        if call := re.match(r"(\d+)\s+(\w+)\((.*)", line):
            calls[int(call[1])].append((call[2], call[3]))
    holder, = [pid for pid, made in calls.items() if "timerfd_settime" in dict(made)]
    assert {name for name, _ in calls[holder]} <= HOLDER_CALLS
    waited = [a for name, a in calls[holder] if name == "futex" and "WAIT" in a]
    assert waited == []
    for made in calls.values():
        assert not {name for name, _ in made} & {"fork", "vfork"}
        assert all("CLONE_THREAD" in a for name, a in made if name in ("clone", "clone3"))
        assert sum(name == "execve" for name, _ in made) <= 1
