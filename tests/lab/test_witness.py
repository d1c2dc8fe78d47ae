# SPDX-License-Identifier: PostgreSQL
"""Two machines, each with a member and a node. The loss of one takes half of the votes; a witness on a third machine is what decides then.
Here m1 and n1 are one machine, m2 and n2 the other: what happens to one of them happens to both at once."""
import os
import time

import pytest

from . import appliance, nodes
from .host import wait_for
from .load import Load
from .pair import log_of, state_of
from .rig import Lab
from .watch import Watch, has_address

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))
MACHINES = {"m1": "n1", "m2": "n2"}


def is_well(lab, members, primary):
    """They tell the same, nothing is going on, and one has the address: who has the lease; its name."""
    told = [appliance.status(m) for m in members]
    return all(told) and told[0]["lease"]["holder"] and len({(t["epoch"], t["lease"]["holder"]) for t in told}) == 1 \
        and all(t["phase"] == "steady" and t["primary"] == primary for t in told) \
        and has_address(lab, lab.host(told[0]["lease"]["holder"])) and told[0]["lease"]["holder"]


def wait_well(lab, members, primary, timeout=40):
    holder = wait_for(lambda: is_well(lab, members, primary), timeout, f"{[m.name for m in members]} are well, {primary} is the primary", interval=0.1)
    return lab.host(holder)


def wait_promised(lab, primary, needed):
    wait_for(lambda: (nodes.sql(primary, "show synchronous_standby_names") != "") == bool(needed), 20, "the rule of commits is set", interval=0.1)


def lose_machine(lab, member):
    for name in (member, MACHINES[member]):
        lab.plug(name, False)
    for name in (member, MACHINES[member]):
        lab.kill(name)


def address_goes_to(lab, member, timeout=20):
    wait_for(lambda: has_address(lab, member), timeout, f"{member.name} has the address")


def stamp_of(member):
    return state_of(member)["stamp"]


def test_with_a_witness_the_loss_of_either_half_is_survived():
    """The machine that is lost has the primary and, moved there before, the address."""
    with Lab(f"t{os.getpid()}", members=2, nodes=2, watchdog=True, witness=True) as lab:
        m1, m2 = lab.members
        active = wait_well(lab, lab.members, "n1")
        wait_promised(lab, lab.host("n1"), 1)
        if active is not m1:
            m1.run(appliance.ctl_command(m1, "vip", "move"))
            address_goes_to(lab, m1)
        with Watch(lab), Load(lab) as load:
            begin = time.monotonic()
            lose_machine(lab, "m1")
            address_goes_to(lab, m2)
            wait_for(lambda: not nodes.sql(lab.host("n2"), "select pg_is_in_recovery()"), 30, "n2 is promoted")
            load.wait_served(20)
        print(f"\na machine with the active member and the primary was lost: {load.outage(begin) * 1000:.0f} ms")
        assert load.lost(lab.host("n2")) == set()
        wait_well(lab, [m2], "n2")
        # The witness has one vote and does nothing else.
        witness = lab.host("w1")
        assert set(witness.daemons()) == {"corosync", "pgpool-watchdog"}
        assert "lease_taken" not in log_of(witness) and "decision" not in log_of(witness)


def test_without_a_witness_half_of_the_votes_decides_nothing():
    with Lab(f"u{os.getpid()}", members=2, nodes=2, watchdog=True) as lab:
        m1, m2 = lab.members
        wait_well(lab, lab.members, "n1")
        stamp = stamp_of(m2)
        lose_machine(lab, "m1")
        wait_for(lambda: not has_address(lab, m2), 10, "who has half of the votes gives up the address, if it had it")
        end = time.monotonic() + 6  # a lease and a half, and what a takeover with a witness takes
        while time.monotonic() < end:
            assert not has_address(lab, m2) and nodes.sql(lab.host("n2"), "select pg_is_in_recovery()")
            time.sleep(0.1)
        assert stamp_of(m2) == stamp, "nothing was recorded"
        for name in ("n1", "m1"):
            lab.start(name)
        wait_well(lab, lab.members, "n1")


def test_the_witness_may_be_away_as_long_as_both_machines_are_there():
    with Lab(f"v{os.getpid()}", members=2, nodes=2, watchdog=True, witness=True) as lab:
        m1, m2 = lab.members
        active = wait_well(lab, lab.members, "n1")
        with Watch(lab), Load(lab) as load:
            begin = time.monotonic()
            lab.kill("w1")
            lab.wait_members(["m1", "m2"], m1, m2)
            load.wait_served(20, count=100)
            lab.start("w1")
            lab.wait_members(["m1", "m2", "w1"], m1, m2, lab.host("w1"))
            load.wait_served(20, count=100)
        assert load.errors(begin) == []
        assert wait_well(lab, lab.members, "n1") is active
