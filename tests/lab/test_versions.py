# SPDX-License-Identifier: PostgreSQL
"""Scenario 29 of docs/testing.md: members, and the programs of one, of different releases. Clients write all the time; what was acknowledged
to them is there, and nobody has the address, or decides, beside another."""
import os
import signal

import pytest

from . import appliance, comeback
from .host import send, wait_for
from .pair import ctl, log_of, other_of, primary_of, status, wait_primary, wait_served_by, wait_settled
from .rig import Lab
from .test_scenarios import LONG, faults, holder

NEXT_MINOR, NEXT_MAJOR, OLD = "next_minor", "next_major", None
NOT_BUILT = [release for release in (NEXT_MINOR, NEXT_MAJOR) if not (appliance.releases() / release / "pgpool-watchdog").exists()]
pytestmark = [pytest.mark.skipif(bool(appliance.why_not(True) or NOT_BUILT), reason=f"not built: {appliance.why_not(True)} {NOT_BUILT}"),
              pytest.mark.usefixtures("active")]


@pytest.fixture(scope="module")
def lab():
    with Lab(f"t{os.getpid()}r", members=2, nodes=3, watchdog=True) as made:
        yield made


def restart(lab, member, program, release):
    """As its unit does it after an update."""
    appliance.set_release(member, program, release)
    send(member.daemons()[program], signal.SIGTERM)
    wait_for(lambda: program not in member.daemons(), 20, f"{program} ends")
    lab.start(f"{member.name}/{program}")


def update(lab, member, release):
    """One program after the other; all is well in between."""
    for program in appliance.PROGRAMS:
        restart(lab, member, program, release)
        wait_settled(lab)


def use(lab, load, release):
    """The address is moved to the member of that release, and it moves the role of the primary; the old one comes back."""
    member, other = release
    ctl(other, "vip", "move", member.name)
    wait_served_by(lab, member, load)
    before = primary_of(lab, member)
    ctl(other, "switchover")
    wait_primary(lab, member, lambda name: name != before.name)
    load.wait_served(20, count=50)
    comeback.bring_back(lab)


@pytest.mark.parametrize("is_back", [pytest.param(False, id="there"), pytest.param(True, id="and_back", marks=LONG)])
def test_29_a_pair_is_updated_member_by_member(lab, active, watch, is_back):
    """The one that is not active first, and back the active one first. Whoever has the address hands it over and switches over, of either
    release."""
    other = other_of(lab, active)
    with faults(lab, "updated to the next release") as load:
        update(lab, other, NEXT_MINOR)
        assert holder(lab) is active
        for member in lab.members:
            assert {m["name"]: m["protocol"] for m in status(member)["members"]} == {active.name: 1, other.name: 2}
        use(lab, load, (other, active))
        if is_back:
            use(lab, load, (active, other))
        update(lab, active, NEXT_MINOR)
        deciding = wait_settled(lab)
        update(lab, deciding, OLD)
        if is_back:
            last = wait_settled(lab)
            use(lab, load, (other_of(lab, last), last))
        update(lab, other_of(lab, deciding), OLD)


def test_29_a_release_that_does_not_understand_ours_is_refused_by_name(lab, active, watch):
    """By the other member, and by the programs of its own; the service stays where it is."""
    other = other_of(lab, active)
    with faults(lab, "a member of a release that does not go together with ours") as load:
        marks = {(member, program): len(log_of(member, program)) for member in lab.members for program in appliance.PROGRAMS}

        def wait_said(member, program, text):
            wait_for(lambda: text in log_of(member, program)[marks[member, program]:], 20, f"{program} on {member.name} says: {text}")
        restart(lab, other, "pgpool-watchdog", NEXT_MAJOR)
        for member in lab.members:
            wait_said(member, "pgpool-watchdog", f'member_refused member={other.name} reason="its protocol is 3, that of')
            wait_said(member, "pgpool-watchdog", "is 1: update one of them")
        for program in ("pgpool-vip", "pgpool-proxy"):
            wait_said(other, program, "they must be equal in the first number")
            wait_said(other, "pgpool-watchdog", f"{program} speaks version ")
        load.wait_served(20, count=200)
        assert holder(lab) is active
        restart(lab, other, "pgpool-watchdog", OLD)
        assert wait_settled(lab) is active
