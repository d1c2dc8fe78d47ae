# SPDX-License-Identifier: PostgreSQL
"""The auditor of all labs sees what it is for, and does not pass for one that has seen nothing when it did not look."""
import os
import struct
import time

import pytest

from . import appliance, watch
from .host import wait_for
from .rig import Lab


@pytest.fixture(scope="module")
def bare():
    """Two hosts without any program."""
    lab = Lab(f"t{os.getpid()}w", members=2)
    try:
        lab.switch_on()
        yield lab
    finally:
        if lab.is_ours:
            lab.down()


@pytest.fixture
def auditor(bare):
    made = watch.Watch(bare)
    yield made
    made.is_over.set()


def address(lab, verb, *members):
    for member in members:
        member.run(["ip", "address", verb, f"{appliance.VIRTUAL}/32", "dev", "eth0"])


def page(seconds):
    """Of a lease that is held for so long from now."""
    return bytes(56) + struct.pack("=QQq", watch.HELD, 7, time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(seconds * 1e9)) + bytes(40)


def write_page(member, data):
    folder = f"/proc/{member.init()}/root/run/pgpool"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/lease", "wb") as file:
        file.write(data)


def looks_on(auditor):
    seen = auditor.looks
    wait_for(lambda: auditor.looks > seen + 2, 10, "it looks")


def test_an_address_of_two_members_is_seen_and_of_one_is_not(bare, auditor):
    m1, m2 = bare.members
    with pytest.raises(AssertionError, match="address.*m1.*m2"), auditor:
        address(bare, "add", m1)
        looks_on(auditor)
        auditor.check()
        address(bare, "add", m2)
        looks_on(auditor)
    bare.plug("m2", False)
    assert watch.has_address(bare, m1) and not watch.has_address(bare, m2), "a cable that is out"
    bare.plug("m2", True)
    address(bare, "del", m1, m2)


def test_two_that_decide_are_seen_also_after_one_has_booted(bare, auditor):
    m1, m2 = bare.members
    with pytest.raises(AssertionError, match="decides.*m1.*m2"), auditor:
        write_page(m1, page(60))
        bare.kill("m2")
        m2.boot()
        write_page(m2, page(-1))
        looks_on(auditor)
        auditor.check()
        write_page(m2, page(60))
        looks_on(auditor)
    write_page(m2, page(-1))


def test_who_cannot_look_has_not_seen_that_all_is_well(auditor, monkeypatch):
    def fail(*_):
        raise OSError("no look")
    monkeypatch.setattr(watch, "has_address", fail)
    with pytest.raises(AssertionError, match="nobody looks any more"), auditor:
        auditor.thread.join()


def test_who_does_not_look_for_a_while_has_not_seen_that_all_is_well(auditor, monkeypatch):
    monkeypatch.setattr(watch, "has_address", lambda *_: time.sleep(watch.LONGEST_GAP / 2))
    with pytest.raises(AssertionError, match="nobody looked for"), auditor:
        looks_on(auditor)
