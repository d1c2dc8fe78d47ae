# SPDX-License-Identifier: PostgreSQL
"""A pair with all its programs, as clients see it: they connect to the virtual address and write all the time, and members, programs,
nodes and cables fail. Tests run in their order on one lab, and each leaves both members well. The figures are printed (pytest -s).

PGPOOL_LONG=N repeats each of the faults N times."""
import json
import os
import re
import time

import pytest

from . import appliance, nodes
from .host import wait_for
from .load import Load
from .network import LabError
from .rig import Lab
from .watch import Watch, has_address

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))
TIMES = range(int(os.environ.get("PGPOOL_LONG") or 1))


def ctl(member, *words, check=True):
    return member.run(appliance.ctl_command(member, *words), check=check)


def status(member):
    return json.loads(ctl(member, "status", "--json"))


def story(member):
    """What must be the same, whichever member tells it."""
    told = status(member)
    return {"phase": told["phase"], "primary": told["primary"], "holder": told["lease"]["holder"], "epoch": told["epoch"],
            "nodes": [(n["name"], n["role"], n["standing"]) for n in told["nodes"]],
            "vips": [(v["address"], v["member"]) for v in told["vips"] if v["phase"] == "held"],
            "members": [(m["name"], m["is_in"]) for m in told["members"]]}


def wait_settled(lab, timeout=30):
    """Both tell the same story, a good one; the active member."""
    stories = []

    def look():
        stories[:] = [story(m) for m in lab.members]
        first, second = stories
        return first == second and first["phase"] == "steady" and first["vips"] == [(appliance.VIRTUAL, first["holder"])] \
            and all(is_in for _, is_in in first["members"])
    try:
        wait_for(look, timeout, "both members are well", interval=0.1)
    except LabError as error:
        raise AssertionError(f"{error}\n{stories}") from None
    return lab.host(stories[0]["holder"])


def other_of(lab, member):
    other, = [m for m in lab.members if m is not member]
    return other


def primary_of(lab, member):
    return lab.host(status(member)["primary"])


def wait_primary(lab, member, is_wanted):
    """Until nothing goes on any more and that is so of its name; a failure tells the decisions."""
    def look():
        told = status(member)
        return told["phase"] == "steady" and is_wanted(told["primary"])
    try:
        wait_for(look, 30, "the primary is another one", interval=0.05)
    except LabError as error:
        raise AssertionError(f"{error}\n{ctl(member, 'why')}") from None


def figure(what, seconds):
    print(f"\n{what}: {seconds * 1000:.0f} ms")


@pytest.fixture(scope="module")
def lab():
    with Lab(f"t{os.getpid()}", members=2, nodes=3, watchdog=True) as made:
        yield made


@pytest.fixture(autouse=True)
def active(lab):
    return wait_settled(lab)


@pytest.fixture
def watch(lab, active):
    """Nobody has the address, or decides, beside another, in any of these tests."""
    with Watch(lab) as made:
        yield made
    assert made.doubles == [] and made.looks > 0


def test_the_virtual_address_serves(lab, active, watch):
    out = lab.host("client").run(["psql", "-X", "-h", appliance.VIRTUAL, "-p", str(appliance.PORT), "-U", "postgres", "-Atc",
                                  "create table first as select 7 as a; select a from first"])
    assert out.split()[-1] == "7"
    assert [m for m in lab.members if has_address(lab, m)] == [active]
    assert story(lab.members[0]) == story(lab.members[1])


def wait_served_by(lab, member, load):
    wait_for(lambda: has_address(lab, member), 20, f"{member.name} has the address", interval=0.005)
    load.wait_served(20)


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


@pytest.mark.parametrize("number", TIMES)
def test_the_active_member_loses_power(lab, active, watch, number):
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


def acts_since(member, mark):
    """Lines of its logs, past those places, by which it did something to a node or took an address."""
    text = "".join(log_of(member, program)[mark[program]:] for program in mark)
    return re.findall(r"^.* info (?:order node=|lease_taken|decision |vip_state .*phase=held).*$", text, re.MULTILINE)


def log_of(member, program):
    return (member.folder / f"{program}.log").read_text(errors="replace")


@pytest.mark.parametrize("number", TIMES)
def test_the_active_member_stands_still_for_five_seconds(lab, active, watch, number):
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


def test_a_planned_switchover_is_seen_by_no_client(lab, active, watch):
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


def test_the_postmaster_of_the_primary_is_killed(lab, active, watch):
    before = primary_of(lab, active)
    with Load(lab) as load:
        begin = time.monotonic()
        lab.kill(f"{before.name}/postmaster")
        wait_primary(lab, active, lambda name: name != before.name)
        load.wait_served(20)
    figure("the primary's postmaster was killed", load.outage(begin))
    assert load.lost(primary_of(lab, active)) == set()
    assert load.outage(begin) < 10
