# SPDX-License-Identifier: PostgreSQL
"""Scenarios 13 and 30 of docs/testing.md: what the programs of a pair lean on fails them, or lies. Nodes are configured by name. Clients write
all the time; what was acknowledged to them is there, and nobody has the address, or decides, beside another."""
import contextlib
import datetime
import os
import re
import time

import pytest

from . import appliance, comeback, logs, nodes
from .host import wait_for
from .load import Load
from .pair import acts_since, ctl, figure, log_of, other_of, primary_of, state_of, story, wait_primary, wait_served_by, wait_settled
from .rig import Lab
from .surroundings import NameServer, WallClock, fill, full_shared_memory, log_that_nobody_reads
from .test_scenarios import LONG, faults, holder

pytestmark = [pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True)), pytest.mark.usefixtures("active")]
HOUR = 3600


@pytest.fixture(scope="module")
def lab():
    with Lab(f"t{os.getpid()}n", members=2, nodes=3, watchdog=True, by_name=True) as made:
        yield made


def move(lab, load, member):
    """The address goes there in order."""
    ctl(member, "vip", "move", member.name)
    wait_served_by(lab, member, load)


def test_13_wall_clocks_of_the_active_member_are_set(lab, active, watch):
    """Those of its programs, one after the other and all at once, by an hour there and back, also in maintenance, whose
    end is by that clock. Lines of logs are an hour off, and nothing else happens."""
    with faults(lab, "wall clocks of a member are set") as load:
        clocks = {program: start_with_clock(lab, active, program) for program in appliance.PROGRAMS}
        if wait_settled(lab) is not active:
            move(lab, load, active)
        with nothing_happens(lab):
            for programs in [*([p] for p in clocks), list(clocks)]:
                for offset in (HOUR, -HOUR, 0):
                    for program in programs:
                        clocks[program].set(offset)
                    load.wait_served(20, count=50)
                    wait_written(active, programs, offset)
        ctl(active, "maintenance", "on", "--for", "30min", "--reason", "clocks")
        with nothing_happens(lab):
            for offset in (HOUR, -HOUR, 0):
                clocks["pgpool-watchdog"].set(offset)
                load.wait_served(20, count=50)
        ctl(active, "maintenance", "off")
        for program in appliance.PROGRAMS:
            lab.kill(f"{active.name}/{program}")
        lab.mend()


@LONG
def test_13_the_wall_clock_of_the_primary_is_set(lab, active, watch):
    primary, chosen = primary_of(lab, active), lab.nodes[-1]
    assert primary is not chosen
    with faults(lab, "the wall clock of the primary is set") as load:
        lab.kill(f"{chosen.name}/postgres")
        clock = WallClock(chosen, "postgres")
        nodes.start(chosen, environment=clock.environment())
        wait_for(lambda: nodes.answers(chosen) and nodes.follows(chosen, primary), 20, f"{chosen.name} follows")
        wait_for(lambda: "done" in ctl(active, "switchover", chosen.name, check=False), 20, "it is the primary", interval=0.2)
        wait_settled(lab)
        with nothing_happens(lab):
            for offset in (HOUR, -HOUR, 0):
                clock.set(offset)
                load.wait_served(20, count=300)
                there = nodes.sql(chosen, "select extract(epoch from clock_timestamp())")
                assert abs(float(there) - time.time() - offset) < 60


@contextlib.contextmanager
def nothing_happens(lab):
    """No lease, no address and no node changes, and nobody decides."""
    before, marks = story(lab.members[0]), {m: marks_of(m) for m in lab.members}
    yield
    assert [story(member) for member in lab.members] == [before, before]
    assert [acts_since(member, mark) for member, mark in marks.items()] == [[], []]


def marks_of(member):
    return {program: len(log_of(member, program)) for program in ("pgpool-watchdog", "pgpool-vip")}


def start_with_clock(lab, member, program):
    lab.kill(f"{member.name}/{program}")
    clock = WallClock(member, program)
    appliance.start(member, program, environment=clock.environment())
    return clock


def wait_written(member, programs, offset):
    """By those clocks: when they say that they have read their configuration anew."""
    marks = {program: len(log_of(member, program)) for program in programs}
    now = datetime.datetime.now(datetime.timezone.utc)
    ctl(member, "reload")
    for program, mark in marks.items():
        line = wait_for(lambda: re.search(r"^.* reloaded", log_of(member, program)[mark:], re.MULTILINE), 10, f"{program} reloads")  # noqa: B023
        written, _ = logs.split_time(line[0], now.year)
        assert abs((written - now).total_seconds() - offset) < 60, f"{program}: {line[0]}"


@pytest.mark.parametrize("is_silent, seconds", [
    pytest.param(True, 0, id="it_says_nothing"), pytest.param(True, 35, id="it_says_nothing_for_long", marks=LONG),
    pytest.param(False, 35, id="it_has_failed_for_long", marks=LONG)])
def test_30_the_name_server_fails(lab, active, watch, is_silent, seconds):
    """Nobody stands still who asks it, and everybody goes on with the addresses that were known; also once every program has asked again, which
    takes half a minute."""
    before, other = primary_of(lab, active), other_of(lab, active)
    with faults(lab, "no name server, the address is moved, the primary's postmaster killed") as load, NameServer(lab, is_silent) as server:
        time.sleep(seconds)  # the fault itself
        move(lab, load, other)
        lab.kill(f"{before.name}/postmaster")
        wait_primary(lab, other, lambda name: name != before.name)
        load.wait_served(20, count=100)
        wait_for(lambda: server.askers == {m.address for m in lab.members}, 40, "both members have asked")
        load.wait_served(20, count=100)
        assert holder(lab) is other
    lab.mend()


def test_30_nobody_reads_the_logs(lab, active, watch):
    """Of the programs of both members, which have room for no line from their start on: pipes on one member, streams as that of the
    journal on the other. All goes on as ever; what was lost is told once somebody reads."""
    other, before = other_of(lab, active), primary_of(lab, active)
    with faults(lab, "nobody reads logs, the address is moved, the primary's postmaster killed") as load, contextlib.ExitStack() as pipes:
        takers = {}
        for member in (other, active):
            for program in appliance.PROGRAMS:
                writer, takers[member, program] = pipes.enter_context(log_that_nobody_reads(is_stream=member is active))
                lab.kill(f"{member.name}/{program}")
                appliance.start(member, program, output=writer)
            deciding = wait_settled(lab)
        last = other_of(lab, deciding)
        move(lab, load, last)
        lab.kill(f"{before.name}/postmaster")
        wait_primary(lab, last, lambda name: name != before.name)
        load.wait_served(20, count=100)
        assert holder(lab) is last
        assert all(" started " not in take() for take in takers.values()), "nothing found room"
        for member in lab.members:
            ctl(member, "reload")
        for (member, program), take in takers.items():
            text = []
            wait_for(lambda: "log_lost lines=" in (text.append(take()) or "".join(text)), 10, f"{program} on {member.name} tells it")  # noqa: B023
    for member in lab.members:
        for program in appliance.PROGRAMS:
            lab.kill(f"{member.name}/{program}")
    lab.mend()


def test_30_shared_memory_is_full(lab, active, watch):
    """What runs does not need more of it. What is started then says what is wrong, and serves once there is room."""
    before, other = primary_of(lab, active), other_of(lab, active)
    with faults(lab, "/dev/shm is full, the primary's postmaster and all programs of a member killed") as load:
        with full_shared_memory(active), full_shared_memory(other):
            lab.kill(f"{before.name}/postmaster")
            wait_for(lambda: state_of(other)["primary"] != before.name, 20, "another primary")
            load.wait_served(20, count=100)
            assert holder(lab) is active
            assert "No space left on device: /dev/shm is full" in ctl(active, "status", check=False)
            marks = {program: len(log_of(active, program)) for program in appliance.PROGRAMS}
            start_without_room(lab, active)
            for program, event in [("pgpool-watchdog", "group_lost"), ("pgpool-vip", "watchdog_lost"), ("pgpool-proxy", "watchdog_away")]:
                said = re.compile(f"{event} reason=.*: /dev/shm is full")
                wait_for(lambda: said.search(log_of(active, program)[marks[program]:]), 20, f"{program} says that")  # noqa: B023
            wait_served_by(lab, other, load)
        lab.mend()
        assert wait_settled(lab) is other


def start_without_room(lab, member):
    """All its programs anew; the place of those that were is taken before others come."""
    for program in ("corosync", *appliance.PROGRAMS):
        lab.kill(f"{member.name}/{program}")
    fill(member)
    for program in ("corosync", *appliance.PROGRAMS):
        lab.start(f"{member.name}/{program}")
        fill(member)
