# SPDX-License-Identifier: PostgreSQL
"""Fault scenarios of a pair in strict mode, each under its number in docs/testing.md. Clients write all the time; whatever happens,
what was acknowledged to them is there, and nobody has the address, or decides, beside another."""
import contextlib
import os
import time

import pytest

from . import appliance, comeback
from .host import wait_for
from .load import Load
from .pair import acts_since, ctl, figure, log_of, other_of, primary_of, status, wait_primary, wait_served_by, wait_settled
from .rig import Lab
from .watch import has_address

pytestmark = [pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True)), pytest.mark.usefixtures("active")]
OUTAGE = 10  # seconds; strict mode needs 2.5, and labs run beside others
LONG = pytest.mark.long


@pytest.fixture(scope="module")
def lab():
    with Lab(f"t{os.getpid()}s", members=2, nodes=3, watchdog=True) as made:
        yield made


@contextlib.contextmanager
def faults(lab, what):
    """Clients write while these happen, and afterwards; then no write is missing."""
    try:
        with Load(lab) as load:
            begin = time.monotonic()
            yield load
            load.wait_served(20)
            figure(what, load.outage(begin))
    except BaseException:
        lab.mend()  # or the tests that come later would fail, too
        raise
    assert load.outage(begin) < OUTAGE
    assert load.lost(primary_of(lab, wait_settled(lab))) == set()


def holder(lab):
    """Who has the address; nobody: None."""
    return next((m for m in lab.members if has_address(lab, m)), None)


@pytest.mark.parametrize("programs", [
    pytest.param(["pgpool-proxy"], id="01_proxy"), pytest.param(["pgpool-watchdog"], id="02_watchdog"),
    pytest.param(["pgpool-proxy", "pgpool-watchdog", "pgpool-vip"], id="04_all_three")])
def test_kill_9_on_the_active_member(lab, active, watch, programs):
    """Nobody starts them again: the other member takes over."""
    other = other_of(lab, active)
    with faults(lab, f"kill -9 of {' '.join(programs)}") as load:
        for program in programs:
            lab.kill(f"{active.name}/{program}")
        wait_served_by(lab, other, load)
        for program in programs:
            lab.start(f"{active.name}/{program}")
    assert wait_settled(lab) is other, "who comes back takes nothing away"


def test_03_kill_9_of_the_active_pgpool_vip(lab, active, watch):
    """The kernel takes the address away; the one that is started anew has it again."""
    with faults(lab, "kill -9 of pgpool-vip"):
        lab.kill(f"{active.name}/pgpool-vip")
        wait_for(lambda: not has_address(lab, active), 5, "the address is gone by itself", interval=0.005)
        lab.start(f"{active.name}/pgpool-vip")
    wait_settled(lab)


def test_05_kill_9_of_corosync_on_the_active_member(lab, active, watch):
    """The nodes confirm the lease, not Corosync: the address stays."""
    other = other_of(lab, active)
    with faults(lab, "kill -9 of corosync") as load:
        lab.kill(f"{active.name}/corosync")
        lab.wait_members([other.name], other)
        load.wait_served(20, count=100)
        assert holder(lab) is active
        assert not next(m for m in status(active)["members"] if m["name"] == other.name)["is_in"]
        lab.start(f"{active.name}/corosync")
    assert wait_settled(lab) is active


def test_07_the_cable_of_the_active_member_is_out(lab, active, watch):
    other = other_of(lab, active)
    with faults(lab, "the cable is out") as load:
        lab.plug(active.name, False)
        wait_served_by(lab, other, load)
        lab.plug(active.name, True)
    assert wait_settled(lab) is other


def test_08_corosync_alone_is_cut(lab, active, watch):
    """The other member does not hear the active one, but sees that its address is answered for, and its lease confirmed."""
    other = other_of(lab, active)
    with faults(lab, "corosync cut") as load:
        lab.cut_corosync("m1", "m2")
        for member in lab.members:
            lab.wait_members([member.name], member)
        load.wait_served(20, count=500)
        assert holder(lab) is active and not has_address(lab, other)
        told = ctl(other, "status")
        assert "this member hears no other" in told and "as last known" in told, told
        lab.heal()
    assert wait_settled(lab) is active


def test_09_the_active_member_is_cut_from_all_nodes(lab, active, watch):
    other = other_of(lab, active)
    with faults(lab, "cut from all nodes") as load:
        for node in lab.nodes:
            lab.cut(active.name, node.name)
        wait_served_by(lab, other, load)
        wait_for(lambda: "; missing: n1 n2 n3\n" in ctl(active, "status"), 10, "it tells which votes are missing")
        assert "this member: in reserve" in ctl(active, "status")
        lab.heal()
    assert wait_settled(lab) is other


@pytest.mark.parametrize("seconds", [0.2, pytest.param(1, marks=LONG), 5, pytest.param(30, marks=LONG)])
def test_10_the_active_watchdog_stands_still(lab, active, watch, seconds):
    stand_still(lab, active, ["pgpool-watchdog"], seconds, is_moved={0.2: False}.get(seconds, None if seconds == 1 else True))


@pytest.mark.parametrize("seconds", [pytest.param(0.2, marks=LONG), pytest.param(1, marks=LONG), 5])
def test_11_the_active_proxy_stands_still(lab, active, watch, seconds):
    stand_still(lab, active, ["pgpool-proxy"], seconds, is_moved=None)


@pytest.mark.parametrize("program", ["pgpool-vip", "corosync"])
@pytest.mark.parametrize("seconds", [0.2, 1, 5])
@LONG
def test_another_program_of_the_active_member_stands_still(lab, active, watch, program, seconds):
    stand_still(lab, active, [program], seconds, is_moved=None)


@pytest.mark.parametrize("seconds", [0.2, 1, 5, 30])
@LONG
def test_12_all_programs_of_the_active_member_stand_still(lab, active, watch, seconds):
    stand_still(lab, active, ["corosync", *appliance.PROGRAMS], seconds, is_moved=None if seconds < 5 else True)


def stand_still(lab, active, programs, seconds, is_moved):
    """For so long. is_moved None: the address may go to the other member or stay. If it is gone, who stood still does nothing more."""
    other = other_of(lab, active)
    with faults(lab, f"{' '.join(programs)} stood still for {seconds} s") as load:
        mark = {program: len(log_of(active, program)) for program in ("pgpool-watchdog", "pgpool-vip")}
        begin = time.monotonic()
        for program in programs:
            lab.freeze(f"{active.name}/{program}")
        try:
            time.sleep(max(0, begin + seconds - time.monotonic()))  # the fault itself
            mover = holder(lab)
        finally:
            for program in programs:
                lab.thaw(f"{active.name}/{program}")
        load.wait_served(20, count=100)
    settled = wait_settled(lab)
    if is_moved is not None:
        assert (settled is other) == is_moved
    if mover is other:
        assert acts_since(active, mark) == []


@LONG
def test_14_a_third_of_the_frames_between_the_members_is_lost(lab, active, watch):
    """Corosync may lose the other member; the nodes confirm the lease."""
    with faults(lab, "30 % of the frames lost") as load:
        lab.lose("m1", "m2", 30), lab.lose("m2", "m1", 30)
        load.wait_served(60, count=1500)
        assert holder(lab) is active
        lab.heal()
    assert wait_settled(lab) is active


def test_15_one_direction_between_the_members_is_cut(lab, active, watch):
    other = other_of(lab, active)
    with faults(lab, "one direction cut") as load:
        lab.cut(active.name, other.name, is_one_way=True)
        load.wait_served(20, count=500)
        lab.heal()


def test_18_the_host_of_the_primary_loses_power(lab, active, watch):
    before = primary_of(lab, active)
    with faults(lab, "the primary lost power"):
        lab.kill(before.name)
        wait_primary(lab, active, lambda name: name != before.name)
    lab.start(before.name)
    comeback.bring_back(lab)


def test_28_both_members_start_cold_and_one_alone(lab, active, watch):
    with contextlib.closing(Load(lab, clients=1).connect()) as connection, connection.cursor() as cursor:
        cursor.execute("create table if not exists cold (a int)")
        cursor.execute("insert into cold values (7)")
    for member in lab.members:
        lab.kill(member.name)
    alone, later = lab.members
    lab.start(alone.name)
    wait_for(lambda: has_address(lab, alone), 30, "a member alone has the address: most of the votes are there")
    lab.start(later.name)
    assert wait_settled(lab) is alone
    lab.kill(alone.name), lab.kill(later.name)
    lab.start(alone.name), lab.start(later.name)
    wait_settled(lab)
    ask = ["psql", "-X", "-h", appliance.VIRTUAL, "-p", str(appliance.PORT), "-U", "postgres", "-Atc", "select a from cold limit 1"]
    assert lab.host("client").run(ask).strip() == "7"
