# SPDX-License-Identifier: PostgreSQL
"""The pair with profile fast: the address of a lost member moves before its lease is over, and of one that is not lost it does not."""
import os
import time

import pytest

from . import appliance
from .load import Load
from .pair import log_of, other_of, primary_of, wait_served_by, wait_settled
from .rig import Lab
from .watch import Watch, has_address

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))
EARLY = "verb=take lease=awaited"


@pytest.fixture(scope="module")
def lab():
    with Lab(f"t{os.getpid()}f", members=2, nodes=3, watchdog=True, profile="fast") as made:
        yield made


def test_the_address_stays_where_only_the_members_do_not_see_each_other(lab):
    active = wait_settled(lab)
    other = other_of(lab, active)
    with Watch(lab):
        lab.cut(active.name, other.name)
        lab.wait_members([other.name], other)
        time.sleep(3)  # nothing may happen: longer than the lease of who would be lost
        assert has_address(lab, active) and not has_address(lab, other)
        lab.heal()
        assert wait_settled(lab) is active


def test_the_address_of_who_lost_power_comes_before_the_lease(lab):
    active = wait_settled(lab)
    other = other_of(lab, active)
    with Watch(lab), Load(lab) as load:
        begin = time.monotonic()
        lab.kill(active.name)
        wait_served_by(lab, other, load)
    print(f"\nthe active member lost power, fast: {load.outage(begin) * 1000:.0f} ms")
    assert EARLY in log_of(other, "pgpool-watchdog")
    assert load.lost(primary_of(lab, other)) == set()
    lab.start(active.name)
    assert wait_settled(lab) is other
