# SPDX-License-Identifier: PostgreSQL
"""An address is there while it may be, and gone soon after, whatever becomes of the program."""
import signal
import time

import pytest

from support.sniffer import AddressLog, Sniffer
from support.vip import V4, V6

DONE, NO = 0, 1
BOTH = (V4, V6)


def wait_taken(hold):
    for address in BOTH:
        hold.wait("taken", address)


def test_addresses_have_a_lifetime_and_our_mark(lan, program):
    vip = program(lan.one)
    hold = vip.hold("--for", 30)
    wait_taken(hold)
    found = vip.addresses()
    assert set(found) == {V4, V6}
    assert (found[V4]["prefixlen"], found[V6]["prefixlen"]) == (32, 128)
    assert found[V4]["label"] == "eth0:vip"
    for address in BOTH:
        assert found[address]["valid_life_time"] <= 1
        assert found[address]["noprefixroute"] and found[address]["dynamic"]
    assert found[V6]["preferred_life_time"] == 0 and found[V6]["nodad"]
    assert "tentative" not in found[V6]
    assert hold.stop() == (DONE, "")
    assert [hold.wait("released", a)["reason"] for a in BOTH] == ["asked", "asked"]
    assert vip.addresses() == {}


def test_refreshing_never_blinks(lan, program):
    vip = program(lan.one)
    with AddressLog(lan.one) as log:
        hold = vip.hold("--for", 30)
        wait_taken(hold)
        began = time.monotonic()
        log.wait(lambda found: len([f for f in found if f[2] == V4]) >= 16, 8)
        for address in BOTH:
            assert log.times("gone", address, since=began) == []
            refreshed = log.times("new", address)
            assert max(b - a for a, b in zip(refreshed, refreshed[1:])) < 0.9
        assert hold.process.poll() is None


@pytest.mark.parametrize("fatal", [signal.SIGKILL, signal.SIGSTOP])
def test_the_kernel_drops_what_nobody_refreshes(lan, program, fatal):
    vip = program(lan.one)
    with AddressLog(lan.one) as log:
        hold = vip.hold("--for", 30)
        wait_taken(hold)
        began = time.monotonic()
        hold.process.send_signal(fatal)
        for address in BOTH:
            gone = log.wait_gone(address, 4, since=began)
            last = log.times("new", address)[-1]
            assert 0.95 < gone - last < 1.6  # 1.0 to 1.2 where nothing else runs
        assert vip.addresses() == {}
        if fatal == signal.SIGSTOP:
            resumed = time.monotonic()
            hold.process.send_signal(signal.SIGCONT)
            assert [hold.wait("lost", a)["reason"] for a in BOTH] == ["stalled", "stalled"]
            assert hold.end() == (NO, "")
            assert [log.times("new", a, since=resumed) for a in BOTH] == [[], []]


def test_nothing_outlives_the_deadline(lan, program):
    vip = program(lan.one)
    with AddressLog(lan.one) as log:
        began = time.monotonic()
        hold = vip.hold("--for", 2, "--graceful")
        assert hold.end() == (DONE, "")
        for address in BOTH:
            assert hold.wait("released", address)["reason"] == "mandate_ended"
            assert 1.0 < log.wait_gone(address, 1) - began < 2.0 + 0.5  # half a second to start the program


def test_too_short_a_time_is_refused(lan, program):
    vip = program(lan.one)
    hold = vip.hold("--for", 1)
    assert hold.end() == (NO, "")
    assert [e["reason"] for e in hold.find("refused")] == ["no_mandate", "no_mandate"]


def test_what_somebody_else_has_put_on_this_host_is_left_alone(lan, program):
    for address in (f"{V4}/24", f"{V6}/64"):
        lan.one.run("ip", "address", "add", address, "dev", "eth0")
    vip = program(lan.one)
    hold = vip.hold("--for", 5, "--graceful")
    assert hold.end() == (NO, "")
    for address in BOTH:
        refused = hold.wait("refused", address)
        assert (refused["reason"], refused["detail"]) == (
            "configured", f"{address} is on eth0 already, put there by somebody else")
        assert "dynamic" not in vip.addresses()[address]


def test_a_second_holder_hears_the_first(lan, program):
    first = program(lan.one).hold("--for", 30)
    wait_taken(first)
    with AddressLog(lan.two) as log:
        second = program(lan.two).hold("--for", 30)
        assert second.end() == (NO, "")
        for address in BOTH:
            refused = second.wait("refused", address)
            assert (refused["reason"], refused["mac"]) == ("answered", lan.one.mac)
            assert log.times("new", address) == []
    assert first.find("lost") == [] and first.process.poll() is None


def test_a_stopped_holder_still_answers_until_its_lifetime_is_over(lan, program):
    first = program(lan.one).hold("--for", 30)
    wait_taken(first)
    first.process.send_signal(signal.SIGSTOP)
    second = program(lan.two)
    assert second.run("probe")[0] == NO
    with AddressLog(lan.one) as log:
        for address in BOTH:
            log.wait_gone(address, 4)
    wait_taken(second.hold("--for", 30))


def test_a_graceful_move_asks_nobody(lan, program):
    first = program(lan.one).hold("--for", 30)
    wait_taken(first)
    with Sniffer(lan.other) as sniffer:
        first.stop()
        second = program(lan.two).hold("--for", 30, "--graceful")
        wait_taken(second)
        sniffer.wait_claims(V4, "arp_reply")
        sniffer.wait_claims(V6, "advertisement")
        assert sniffer.claims(V4, "arp_probe") == []
        assert sniffer.claims(V6, "solicitation") == []


def test_without_a_carrier_nothing_is_held_or_taken(lan, program):
    vip = program(lan.one)
    hold = vip.hold("--for", 30)
    wait_taken(hold)
    unplugged = time.monotonic()
    lan.unplug(lan.one)
    for address in BOTH:
        lost = hold.wait("lost", address)
        assert lost["reason"] == "link_down" and lost["at"] - unplugged < 1.0
    assert hold.end() == (NO, "")
    assert vip.addresses() == {}
    again = vip.hold("--for", 30)
    assert again.end() == (NO, "")
    assert [e["reason"] for e in again.find("refused")] == ["link_down", "link_down"]


def test_a_dry_run_changes_nothing(lan, program):
    vip = program(lan.one)
    with AddressLog(lan.one) as log, Sniffer(lan.other) as sniffer:
        hold = vip.hold("--for", 3, "--dry-run")
        assert hold.end() == (DONE, "")
        for address in BOTH:
            planned = [e["detail"] for e in hold.find("planned", address)]
            assert planned[0] == "put on for 1 s, and refresh" and planned[-1] == "take off"
            assert planned.count("announce") >= 4
            assert log.times("new", address) == []
        assert len(sniffer.claims(V4, "arp_probe")) == 3
        assert sniffer.claims(V4, "arp_request", "arp_reply") == [] == sniffer.claims(V6, "advertisement")
