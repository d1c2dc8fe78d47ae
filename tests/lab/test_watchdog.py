# SPDX-License-Identifier: PostgreSQL
"""Two members that decide together: one has the lease, both have the record; when it is lost the other goes on."""
import json
import os
import signal

import pytest
from support import watchdog
from support.watchdog import read_state

from . import appliance, nodes
from .host import send, wait_for
from .rig import Lab

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))


def state_of(member):
    return read_state(member.folder / "state" / "cluster")


def log_of(member):
    return (member.folder / "pgpool-watchdog.log").read_text(errors="replace")


def holder_of(lab):
    """The member that has taken the lease and has not lost it since; None: nobody."""
    for member in lab.members:
        log = log_of(member)
        over = max(log.rfind("lease_ended"), log.rfind(" started version="))
        if "pgpool-watchdog" in member.daemons() and log.rfind("lease_taken") > over:
            return member
    return None


def wait_until_settled(lab, primary, promised, members):
    def is_settled():
        states = [state_of(m) for m in members]
        return all(s and s["phase"] == "steady" and s["primary"] == primary and s["sync"]["needed"] == promised for s in states) \
            and len({tuple(s["stamp"]) for s in states}) == 1
    wait_for(is_settled, 40, f"{primary} is the primary, and all of {[m.name for m in members]} know it")


@pytest.fixture
def lab():
    with Lab(f"t{os.getpid()}", members=2, nodes=2, watchdog=True) as made:
        wait_until_settled(made, "n1", 1, made.members)
        yield made


def test_the_other_member_takes_over_under_a_higher_epoch_and_promotes(lab):
    active = holder_of(lab)
    other, = [m for m in lab.members if m is not active]
    epoch = state_of(active)["stamp"][0]
    assert state_of(other)["stamp"] == state_of(active)["stamp"], "the record is on both"
    lab.kill(f"{active.name}/pgpool-watchdog")
    wait_for(lambda: holder_of(lab) is other, 20, "the other one has the lease")
    lab.kill("n1/postgres")
    first, second = lab.nodes
    wait_for(lambda: not nodes.sql(second, "select pg_is_in_recovery()"), 30, "n2 is promoted")
    wait_until_settled(lab, "n2", 0, [other])
    assert state_of(other)["stamp"][0] > epoch
    # The one that comes back gets what was decided meanwhile.
    lab.start(f"{active.name}/pgpool-watchdog")
    wait_until_settled(lab, "n2", 0, lab.members)
    assert holder_of(lab) is other, "who comes back takes nothing away"


def test_a_member_that_ends_hands_the_lease_over(lab):
    active = holder_of(lab)
    other, = [m for m in lab.members if m is not active]
    send(active.daemons()["pgpool-watchdog"], signal.SIGTERM)
    wait_for(lambda: "pgpool-watchdog" not in active.daemons(), 10, "it ends")
    wait_for(lambda: holder_of(lab) is other, 10, "the other one has the lease")
    assert "hand_over" in log_of(active)


def test_any_member_passes_on_what_only_the_holder_can_do(lab):
    active = holder_of(lab)
    other, = [m for m in lab.members if m is not active]
    answer = json.loads(other.run(watchdog.ask_command(other.name, "status"), user=appliance.USER))
    assert answer["member"] == other.name and answer["lease"]["holder"] == active.name
    assert [m["is_in"] for m in answer["members"]] == [True, True] and answer["quorum"]["is_quorate"]
    other.run(watchdog.ask_command(other.name, "detach", "n2"), user=appliance.USER)
    wait_until_settled(lab, "n1", 0, lab.members)


def test_a_member_without_the_others_confirms_nothing_and_learns_later(lab):
    active = holder_of(lab)
    other, = [m for m in lab.members if m is not active]
    lab.cut(active.name, other.name)
    lab.kill("n1/postgres")
    first, second = lab.nodes
    wait_for(lambda: not nodes.sql(second, "select pg_is_in_recovery()"), 30, "the holder goes on alone, by the votes of the nodes")
    lab.heal()
    wait_until_settled(lab, "n2", 0, lab.members)
