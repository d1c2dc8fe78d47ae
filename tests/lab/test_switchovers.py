# SPDX-License-Identifier: PostgreSQL
"""Planned switchovers there and back, under load all the time. The figures are printed (pytest -s)."""
import os
import time

import pytest

from . import appliance, comeback
from .host import wait_for
from .load import Load
from .pair import figure, primary_of, wait_settled
from .rig import Lab
from .watch import Watch

LOOPS = 50


def switch_over(member):
    """When it began; None: it was dropped."""
    begin = time.monotonic()
    is_dropped = "is the primary as before" in member.run(appliance.ctl_command(member, "switchover", "--wait"), check=False)
    return None if is_dropped else begin


@pytest.mark.long
@pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))
def test_27_fifty_planned_switchovers_are_seen_by_no_client():
    pauses = []
    with Lab(f"t{os.getpid()}w", members=2, nodes=2, watchdog=True) as lab:
        active = wait_settled(lab)
        with Watch(lab), Load(lab, clients=8) as load:
            for _ in range(LOOPS):
                before = primary_of(lab, active)
                # Where the node has just come back it may say that it cannot be ordered to do anything yet.
                begin = wait_for(lambda: switch_over(active), 10, "the switchover is done", interval=0.5)
                load.wait_served(10)
                pauses.append(load.outage(begin))
                assert primary_of(lab, active) is not before
                comeback.bring_back(lab)
                wait_settled(lab)
                assert load.errors() == []
        assert load.lost(primary_of(lab, active)) == set()
    pauses.sort()
    figure(f"{LOOPS} planned switchovers, longest pause of a client, median", pauses[LOOPS // 2])
    figure(f"{LOOPS} planned switchovers, longest pause of a client, worst", pauses[-1])
