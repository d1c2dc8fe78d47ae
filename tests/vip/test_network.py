# SPDX-License-Identifier: PostgreSQL
"""What the network is told and asked: probes, announcements, defence, a new hardware address."""
import socket
import time

import pytest

from support.sniffer import Sniffer, advertisement, arp_reply, send_frame
from support.vip import V4, V6

SCHEDULE = (0.0, 0.05, 0.15, 0.4, 1.0)  # the first second of it
RIVAL = "02:00:00:00:00:66"


def is_near(times, expected, late=0.08):
    """Timers are never early; how late they are is up to the machine."""
    return len(times) == len(expected) and all(-0.01 < a - e < late for a, e in zip(times, expected))


def rhythm(sniffer, host, address, probe, form):
    """When probes and announcements were sent: each from its first, and the first announcement from the last probe."""
    made = sniffer.wait_claims(address, form, count=len(SCHEDULE), timeout=8)
    assert {c.mac for c in made} == {host.mac}
    probes = [c for c in sniffer.claims(address, probe) if c.at < made[0].at]
    return [c.at - probes[0].at for c in probes], made[0].at - probes[-1].at, [c.at - made[0].at for c in made]


def test_probes_then_announcements_in_their_rhythm(lan, program):
    seen = []
    for _ in range(3):  # a machine that does not run us for 50 ms spoils an attempt
        with Sniffer(lan.other) as sniffer:
            hold = program(lan.one).hold("--for", 30)
            seen = [rhythm(sniffer, lan.one, *what) for what in (
                (V4, "arp_probe", "arp_request"), (V4, "arp_probe", "arp_reply"), (V6, "solicitation", "advertisement"))]
            hold.stop()
        if all(is_near(probes, (0.0, 0.05, 0.1)) and 0.04 < pause < 0.13 and is_near(made, SCHEDULE)
               for probes, pause, made in seen):
            return
    assert not seen, seen


def test_an_advertisement_overrides_and_comes_from_this_link(lan, program):
    with Sniffer(lan.other) as sniffer:
        program(lan.one).hold("--for", 30)
        frame = sniffer.wait_claims(V6, "advertisement")[0].frame
        assert frame[:6].hex() == "333300000001"
        assert frame[21] == 255          # hop limit
        assert frame[58] == 0x20         # override; not solicited, no router


def test_a_router_says_that_it_is_one(lan, program):
    lan.one.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/eth0/forwarding")
    with Sniffer(lan.other) as sniffer:
        program(lan.one).hold("--for", 30)
        assert sniffer.wait_claims(V6, "advertisement")[0].frame[58] == 0xa0


def test_hosts_believe_the_new_holder_at_once(lan, program):
    """The neighbour entries of a host that talked to the first holder, after a move."""
    first = program(lan.one).hold("--for", 30)
    for address in (V4, V6):
        first.wait("taken", address)
        with pytest.raises(ConnectionRefusedError):
            lan.other.call(lambda a=address: socket.create_connection((a, 1), timeout=5))
        assert lan.one.mac in lan.other.run("ip", "neighbour", "show", address)
    first.stop()
    second = program(lan.two).hold("--for", 30)
    for address in (V4, V6):
        second.wait("taken", address)
    end = time.monotonic() + 2
    while not all(lan.two.mac in lan.other.run("ip", "neighbour", "show", a) for a in (V4, V6)):
        assert time.monotonic() < end


def test_a_claim_is_answered_at_once_and_once_a_second(lan, program):
    hold = program(lan.one).hold("--for", 30)
    for address in (V4, V6):
        hold.wait("taken", address)
    time.sleep(1.1)  # the next announcement of the schedule is at 5 s
    with Sniffer(lan.other) as sniffer:
        for address, kind, frame in ((V4, "arp_reply", arp_reply(RIVAL, V4)), (V6, "advertisement", advertisement(RIVAL, V6))):
            claimed = time.monotonic()
            for _ in range(3):
                send_frame(lan.two, frame)
            ours = sniffer.wait(lambda found, a=address, k=kind: len(
                these := [c for c in found if c.address == a and c.kind == k and c.mac == lan.one.mac]) >= 2 and these, 5)
            assert ours[0].at - claimed < 0.3
            assert 0.99 < ours[1].at - ours[0].at < 1.3
            assert hold.wait("conflict", address)["mac"] == RIVAL
    assert hold.process.poll() is None


def test_two_that_hold_at_once_tell_so_and_start_no_storm(lan, program):
    """What must not be: each believes that the other has let go."""
    with Sniffer(lan.other) as sniffer:
        holds = []
        for host, address in ((lan.one, V4), (lan.two, V4)):
            holds.append(program(host, addresses=[address]).hold("--for", 30, "--graceful"))
            holds[-1].wait("taken", address)
        for hold, other in zip(holds, (lan.two, lan.one)):
            assert hold.wait("conflict", V4, count=2)["mac"] == other.mac
        began = min(c.at for c in sniffer.claims(V4))
        elapsed = time.monotonic() - began
        for host in (lan.one, lan.two):
            made = [c for c in sniffer.claims(V4, "arp_reply") if c.mac == host.mac]
            assert len(made) <= len(SCHEDULE) + elapsed + 1


def test_a_new_hardware_address_is_announced(lan, program):
    hold = program(lan.one).hold("--for", 30)
    for address in (V4, V6):
        hold.wait("taken", address)
    new = "02:00:00:00:00:77"
    with Sniffer(lan.other) as sniffer:
        changed = time.monotonic()
        lan.one.run("ip", "link", "set", "eth0", "address", new)
        for address, kind in ((V4, "arp_request"), (V6, "advertisement")):
            announced = sniffer.wait(lambda found, a=address, k=kind: [
                c for c in found if (c.address, c.kind, c.mac) == (a, k, new)], 5)
            assert announced[0].at - changed < 0.5
            assert hold.wait("mac_changed", address)["mac"] == new
        assert not [c for c in sniffer.claims(V4) if c.mac == lan.one.mac and c.at > changed + 0.5]
