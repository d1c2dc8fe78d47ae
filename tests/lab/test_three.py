# SPDX-License-Identifier: PostgreSQL
"""Three members with three nodes: six votes, of which four decide. Tests run in their order on one lab, and each leaves all members well."""
import itertools
import os
import time

import pytest

from . import appliance
from .host import wait_for
from .load import Load
from .network import LabError
from .rig import Lab
from .watch import has_address

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))
SIDES = [{"m1", "n1"}, {"m2", "n2"}, {"m3", "n3"}]


def story(member):
    told = appliance.status(member)
    return told and {"phase": told["phase"], "primary": told["primary"], "holder": told["lease"]["holder"], "epoch": told["epoch"],
                     "nodes": [(n["name"], n["standing"]) for n in told["nodes"]],
                     "members": [(m["name"], m["is_in"]) for m in told["members"]]}


def wait_well(lab, members=None, but=None, timeout=40):
    """All of these tell the same story, a good one, in which another than `but` is active; the active member."""
    members, stories = members or lab.members, []

    def look():
        stories[:] = [story(m) for m in members]
        return all(s and s == stories[0] for s in stories) and stories[0]["phase"] == "steady" and stories[0]["holder"] \
            and lab.host(stories[0]["holder"]) is not but \
            and {name for name, is_in in stories[0]["members"] if is_in} >= {m.name for m in members} \
            and has_address(lab, lab.host(stories[0]["holder"]))
    try:
        wait_for(look, timeout, f"{[m.name for m in members]} are well", interval=0.1)
    except LabError as error:
        raise AssertionError(f"{error}\n{stories}") from None
    return lab.host(stories[0]["holder"])


def cut_sides(lab, *sides):
    for one, other in itertools.combinations(sides, 2):
        for a, b in itertools.product(sorted(one), sorted(other)):
            lab.cut(a, b)


@pytest.fixture(scope="module")
def lab():
    with Lab(f"t{os.getpid()}", members=3, nodes=3, watchdog=True) as made:
        yield made


@pytest.fixture(autouse=True)
def active(lab):
    return wait_well(lab)


def test_any_of_three_members_is_lost_and_comes_back(lab, active, watch):
    others = [m for m in lab.members if m is not active]
    with Load(lab) as load:
        begin = time.monotonic()
        lab.kill(active.name)
        after = wait_well(lab, others, but=active)
        load.wait_served(20)
        print(f"\nthe active one of three was lost: {load.outage(begin) * 1000:.0f} ms")
        assert after in others
        lab.start(active.name)
        assert wait_well(lab) is after, "who comes back takes nothing away"
    assert load.lost(lab.host(story(after)["primary"])) == set()


def test_three_sides_of_which_none_has_the_majority(lab, active, watch):
    """Nobody decides, and the address goes; when two of them meet they do, and all are one again after the third has come."""
    primary, epoch = story(active)["primary"], story(active)["epoch"]
    cut_sides(lab, *SIDES)
    wait_for(lambda: not any(has_address(lab, m) for m in lab.members), 10, "nobody has the address")
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert not any(has_address(lab, m) for m in lab.members)
        time.sleep(0.05)
    lab.heal()
    after = wait_well(lab)
    assert story(after)["primary"] == primary and story(after)["epoch"] > epoch
    with Load(lab) as load:
        load.wait_served(20)
    assert load.lost(lab.host(primary)) == set()


def test_two_sides_of_which_the_bigger_goes_on(lab, active, watch):
    few = next(side for side in SIDES if active.name in side)
    many = set().union(*(side for side in SIDES if side is not few))
    others = [m for m in lab.members if m is not active]
    with Load(lab) as load:
        begin = time.monotonic()
        cut_sides(lab, few, many)
        after = wait_well(lab, others, but=active)
        load.wait_served(20)
        print(f"\nthe active member was on the smaller side: {load.outage(begin) * 1000:.0f} ms")
        assert after in others and not has_address(lab, active)
        lab.heal()
        primary = story(after)["primary"]
        load.wait_served(10)
    assert load.lost(lab.host(primary)) == set()
    for member in lab.members:
        wait_for(lambda m=member: (s := story(m)) and (s["primary"], s["holder"]) == (primary, after.name), 30, f"{member.name} knows it")
