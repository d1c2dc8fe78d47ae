# SPDX-License-Identifier: PostgreSQL
"""Two members that decide together: one has the lease, both have the record; when it is lost the other goes on."""
import contextlib
import json
import os
import re
import signal
import time

import pytest
from support import watchdog

from . import appliance, nodes
from .host import send, wait_for
from .load import Load
from .pair import (
    acts_since,
    ctl,
    figure,
    holder_of,
    log_of,
    other_of,
    primary_of,
    state_of,
    wait_primary,
    wait_served_by,
    wait_settled,
    wait_until_settled,
)
from .rig import Lab
from .watch import Watch

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))


def lease_left(member):
    """How long, in ms, a member knows the lease to last; 0 or None: it does not know."""
    return json.loads(member.run(watchdog.ask_command(member.name, "status"), user=appliance.USER))["lease"]["remaining_ms"]


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
    assert 0 < answer["lease"]["remaining_ms"] <= 1500, "what the holder has promised this member"
    other.run(watchdog.ask_command(other.name, "detach", "n2"), user=appliance.USER)
    wait_until_settled(lab, "n1", 0, lab.members)


def test_a_member_without_the_others_confirms_nothing_and_learns_later(lab):
    active = holder_of(lab)
    other, = [m for m in lab.members if m is not active]
    lab.cut(active.name, other.name)
    wait_for(lambda: not lease_left(other), 5, "nothing is promised to whom the holder does not hear")
    lab.kill("n1/postgres")
    first, second = lab.nodes
    wait_for(lambda: not nodes.sql(second, "select pg_is_in_recovery()"), 30, "the holder goes on alone, by the votes of the nodes")
    lab.heal()
    wait_until_settled(lab, "n2", 0, lab.members)


def has_address(member):
    return appliance.VIRTUAL in member.run(["ip", "-4", "address", "show", "dev", "eth0"])


def test_the_virtual_address_goes_with_a_hand_over_and_nobody_is_asked_for_it():
    with Lab(f"v{os.getpid()}", members=2, nodes=2, watchdog=True) as lab:
        wait_until_settled(lab, "n1", 1, lab.members)
        active = holder_of(lab)
        other, = [m for m in lab.members if m is not active]
        wait_for(lambda: has_address(active), 10, "the holder has the address")
        active.run(watchdog.ask_command(active.name, "vip", "move", other.name), user=appliance.USER)
        wait_for(lambda: "vip_taken" in log_of(other), 10, "the other one has it")
        assert has_address(other) and not has_address(active)
        assert "verb=take_released" in log_of(other) and "verb=take_released" not in log_of(active)
        told = {"released": re.search(r"vip_released .*ms=(\d+)", log_of(active)), "taken": re.search(r"vip_taken .*ms=(\d+)", log_of(other))}
        print({name: f"{found[1]} ms after the order" for name, found in told.items()})
        assert int(told["taken"][1]) < 150, "three probes alone take 150 ms"
        lab.kill(f"{other.name}/pgpool-vip")
        lab.start(f"{other.name}/pgpool-vip")
        wait_for(lambda: re.search(r"verb=take\b", log_of(other)), 10, "whoever takes it anew asks the network")
        lab.kill(f"{other.name}/pgpool-watchdog")
        wait_for(lambda: has_address(active), 10, "it comes back to the first one")
        assert "verb=take_released" not in log_of(active), "nobody has said that it is off"


def test_a_switchover_waits_for_the_clients_of_each_member():
    """They come by the own address of the member that does not decide, and one is in the middle of a transaction."""
    with Lab(f"u{os.getpid()}", members=2, nodes=3, watchdog=True) as lab:
        active = wait_settled(lab)
        other = other_of(lab, active)
        with Load(lab, address=other.address) as load, contextlib.closing(load.connect()) as connection, connection.cursor() as cursor:
            begin = time.monotonic()
            cursor.execute("begin")
            cursor.execute("insert into load values (-1, 1)")
            ctl(active, "switchover", "n2")
            cursor.execute("select pg_sleep(1.5)")
            cursor.execute("insert into load values (-1, 2)")
            cursor.execute("commit")
            wait_primary(lab, active, lambda name: name == "n2")
            load.wait_served(10)
        assert load.errors(begin) == []
        assert load.lost(lab.host("n2")) == set()


@pytest.mark.parametrize("program", ["pgpool-proxy", "pgpool-vip"])
def test_the_virtual_address_leaves_a_member_whose_program_is_dead(program):
    with Lab(f"t{os.getpid()}p", members=2, nodes=2, watchdog=True) as lab:
        wait_until_settled(lab, "n1", 1, lab.members)
        active = holder_of(lab)
        other, = [m for m in lab.members if m is not active]
        wait_for(lambda: has_address(active), 10, "the holder has the address")
        lab.kill(f"{active.name}/{program}")
        wait_for(lambda: has_address(other) and not has_address(active), 30, "the address goes to the other member")
        assert "service_gone" in log_of(active)
        answer = lab.host("client").run(["psql", "-X", "-h", appliance.VIRTUAL, "-U", "postgres", "-Atc", "select 1"])
        assert answer.strip() == "1"


@pytest.mark.parametrize("program", ["pgpool-proxy", "pgpool-vip"])
def test_11_the_virtual_address_leaves_a_member_whose_program_stands_still(program):
    """Longer than anybody wants to wait; once it goes on it does nothing more."""
    with Lab(f"t{os.getpid()}p", members=2, nodes=2, watchdog=True) as lab:
        active = wait_settled(lab)
        other = other_of(lab, active)
        time.sleep(10)  # so long the other one must have been well
        with Watch(lab), Load(lab) as load:
            begin = time.monotonic()
            lab.freeze(f"{active.name}/{program}")
            wait_served_by(lab, other, load)
            figure(f"{program} stands still", load.outage(begin))
            assert load.outage(begin) < 8, "1 s until it counts, 2 s in which it may come back, and the hand-over"
            mark = {name: len(log_of(active, name)) for name in ("pgpool-watchdog", "pgpool-vip")}
            lab.thaw(f"{active.name}/{program}")
            load.wait_served(10, count=300)
            assert acts_since(active, mark) == []
        assert wait_settled(lab) is other, "nothing moves back by itself"
        assert load.lost(primary_of(lab, other)) == set()


def test_a_host_without_power_is_known_sooner_than_a_server_that_hangs(lab):
    active = holder_of(lab)
    begun = time.monotonic()
    lab.kill("n1")
    wait_for(lambda: state_of(active)["phase"] not in ("steady", "suspected"), 15, "n1 is gone")
    took = time.monotonic() - begun
    print(f"the failover began after {took:.2f} s")
    assert took < 2.5, "3 s are for a server that hangs"
    wait_until_settled(lab, "n2", 0, lab.members)
    assert "silent" in (active.folder / "state" / "cluster").read_text()


def test_a_server_that_hangs_gets_its_three_seconds(lab):
    active = holder_of(lab)
    begun = time.monotonic()
    lab.freeze("n1/postgres")
    wait_for(lambda: state_of(active)["phase"] not in ("steady", "suspected"), 15, "n1 is gone")
    assert time.monotonic() - begun > 2.9


def test_with_available_each_proxy_writes_as_long_as_the_holder_hears_its_member():
    with Lab(f"t{os.getpid()}a", members=2, nodes=2, watchdog=True, durability="available") as lab:
        wait_until_settled(lab, "n1", 1, lab.members)
        active = holder_of(lab)
        other, = [m for m in lab.members if m is not active]

        def writes():
            """Whether the other member's proxy does it, in a second: what is parked waits longer."""
            ask = ["env", "PGCONNECT_TIMEOUT=2", "timeout", "1", "psql", "-X", "-h", other.address, "-U", "postgres", "-Atc",
                   "insert into t values (1) returning a"]
            return other.run(ask, check=False).startswith("1")
        nodes.sql(lab.nodes[0], "create table t (a int)")
        wait_for(writes, 10, "the proxy of the member without the lease writes")
        lab.cut(active.name, other.name)
        wait_for(lambda: not writes(), 5, "it does not write when the holder does not hear its member")
        assert holder_of(lab) is active
        lab.heal()
        wait_for(writes, 20, "it writes again")
