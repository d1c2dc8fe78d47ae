# SPDX-License-Identifier: PostgreSQL
"""A pair with all its programs, as clients see it: they connect to the virtual address and write all the time, and members, programs,
nodes and cables fail. Tests run in their order on one lab, and each leaves both members well. The figures are printed (pytest -s).

PGPOOL_LONG=N repeats each of the faults N times."""
import contextlib
import os
import time

import pytest
from support import wire

from . import appliance
from .load import Load
from .pair import acts_since, ctl, figure, log_of, other_of, primary_of, status, story, wait_primary, wait_served_by, wait_settled
from .rig import Lab
from .watch import has_address

pytestmark = [pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True)), pytest.mark.usefixtures("active")]
TIMES = range(int(os.environ.get("PGPOOL_LONG") or 1))
MOVES, WAITING = 6, 3


@pytest.fixture(scope="module")
def lab():
    with Lab(f"t{os.getpid()}", members=2, nodes=3, watchdog=True) as made:
        yield made


def test_the_virtual_address_serves(lab, active, watch):
    out = lab.host("client").run(["psql", "-X", "-h", appliance.VIRTUAL, "-p", str(appliance.PORT), "-U", "postgres", "-Atc",
                                  "create table first as select 7 as a; select a from first"])
    assert out.split()[-1] == "7"
    assert [m for m in lab.members if has_address(lab, m)] == [active]
    assert status(active)["lease"]["holder"] == active.name
    assert story(lab.members[0]) == story(lab.members[1])


@pytest.mark.parametrize("number", TIMES)
def test_the_address_is_moved_in_order(lab, active, watch, number):
    other = other_of(lab, active)
    with Load(lab) as load:
        begin = time.monotonic()
        ctl(lab.members[number % 2], "vip", "move")
        wait_served_by(lab, other, load)
    figure("the address moved in order", load.outage(begin))
    assert load.lost(primary_of(lab, other)) == set()
    assert load.outage(begin) < 2


def begin_to_wait(lab):
    """A client without keepalives: it has sent a statement that lasts, and nothing is on its way to it."""
    with lab.network.inside("client"):
        client = wire.Connection(appliance.VIRTUAL, appliance.PORT)
    client.start("postgres", "postgres")
    client.send(wire.query("select pg_sleep(20)"))
    return client


def test_clients_that_only_wait_hear_of_each_move(lab, active, watch):
    """They know nothing of the address: only the new holder can tell them, of whom the old one has told before it let go."""
    for number in range(MOVES):
        with contextlib.ExitStack() as clients:
            waiting = [clients.enter_context(begin_to_wait(lab)) for _ in range(WAITING)]
            with Load(lab) as load:
                ctl(active, "vip", "move")
                active = other_of(lab, active)
                wait_served_by(lab, active, load)
                assert [client.is_closed(5) for client in waiting] == [True] * WAITING, f"move {number}: to {active.name}"
        assert wait_settled(lab) is active


@pytest.mark.parametrize("number", TIMES)
def test_06_power_off_of_the_active_member(lab, active, watch, number):
    other = other_of(lab, active)
    with Load(lab) as load:
        begin = time.monotonic()
        lab.kill(active.name)
        wait_served_by(lab, other, load)
    figure("the active member lost power", load.outage(begin))
    assert load.lost(primary_of(lab, other)) == set()
    assert load.outage(begin) < 10
    lab.start(active.name)
    assert wait_settled(lab) is other, "who comes back takes nothing away"


@pytest.mark.parametrize("number", TIMES)
def test_12_the_whole_active_member_stands_still_for_five_seconds(lab, active, watch, number):
    other = other_of(lab, active)
    with Load(lab) as load:
        begin = time.monotonic()
        lab.freeze(active.name)
        try:
            wait_served_by(lab, other, load)
            mark = {program: len(log_of(active, program)) for program in ("pgpool-watchdog", "pgpool-vip")}
            time.sleep(max(0, begin + 5 - time.monotonic()))
        finally:
            lab.thaw(active.name)
        load.wait_served(10, count=100)
    figure("the active member stood still", load.outage(begin))
    assert load.lost(primary_of(lab, other)) == set()
    assert load.outage(begin) < 10
    assert wait_settled(lab) is other
    assert acts_since(active, mark) == []


@pytest.mark.parametrize("number", TIMES)
def test_two_sides_with_a_member_and_nodes_each(lab, active, watch, number):
    """The active member is on the side with less than half of the votes."""
    other = other_of(lab, active)
    assert primary_of(lab, active).name == "n1"
    few, many = [active.name, "n3"], [other.name, "n1", "n2"]
    with Load(lab) as load:
        begin = time.monotonic()
        for one in few:
            for another in many:
                lab.cut(one, another)
        wait_served_by(lab, other, load)
        figure("the active member and a node cut off", load.outage(begin))
        lab.heal()
        assert wait_settled(lab) is other
        load.wait_served(10)
    assert load.lost(primary_of(lab, other)) == set()
    assert load.outage(begin) < 10


def test_27_a_planned_switchover_is_seen_by_no_client(lab, active, watch):
    before = primary_of(lab, active)
    with Load(lab) as load:
        begin = time.monotonic()
        ctl(other_of(lab, active), "switchover", "n2")
        wait_primary(lab, active, lambda name: name == "n2")
        load.wait_served(10)
    figure("planned switchover", load.outage(begin))
    assert load.errors(begin) == []
    assert load.lost(lab.host("n2")) == set()
    assert before.name == "n1" and load.outage(begin) < 10


def test_17_the_postmaster_of_the_primary_is_killed(lab, active, watch):
    before = primary_of(lab, active)
    with Load(lab) as load:
        begin = time.monotonic()
        lab.kill(f"{before.name}/postmaster")
        wait_primary(lab, active, lambda name: name != before.name)
        load.wait_served(20)
    figure("the primary's postmaster was killed", load.outage(begin))
    assert load.lost(primary_of(lab, active)) == set()
    assert load.outage(begin) < 10
