# SPDX-License-Identifier: PostgreSQL
"""Faults of PostgreSQL nodes, 20 to 26 of the list of thirty: what is decided, and what clients keep. Each has a lab of its own: three
failovers in ten minutes hold the next one back. Always looked at: nobody has the address or decides beside another, no epoch was held
by two members, none saw two promotions."""
import contextlib
import os
import re
import time

import psycopg2
import pytest

from support import pgcluster

from . import appliance, nodes
from .host import wait_for
from .load import Load
from .network import LabError
from .pair import check_epochs, ctl, epochs_of_leases, log_of, other_of, primary_of, promotions, status, wait_primary, wait_settled
from .rig import Lab
from .watch import Watch, has_address

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))
MEGABYTE = 2 ** 20


@pytest.fixture
def make_lab():
    """A pair that is well, and looked at all the time; what it must never do is checked at the end."""
    with contextlib.ExitStack() as stack:
        made = []

        def make(count, **options):
            lab = stack.enter_context(Lab(f"t{os.getpid()}d", members=2, nodes=count, watchdog=True, **options))
            wait_settled(lab)
            wait_promise(lab)
            stack.enter_context(Watch(lab))
            made.append(lab)
            return lab
        yield make
        for lab in made:
            check_epochs(epochs_of_leases(lab), promotions(lab))


def primary_and_standbys(lab):
    primary = primary_of(lab, lab.members[0])
    return primary, [node for node in lab.nodes if node is not primary]


def wait_promise(lab):
    """Every standby in service is one of those that confirm commits."""
    primary, standbys = primary_and_standbys(lab)
    wait_for(lambda: all(s.name in nodes.sql(primary, "show synchronous_standby_names") for s in standbys), 30, "commits wait for them")


def node_of(member, name):
    return next(node for node in status(member)["nodes"] if node["name"] == name)


def wait_standing(member, name, standing, *words):
    """And all of the words are in the reason."""
    def look():
        node = node_of(member, name)
        return node["standing"] == standing and all(word in node["reason"] for word in words)
    try:
        wait_for(look, 30, f"{name} is {standing}", interval=0.1)
    except LabError as error:
        raise AssertionError(f"{error}: {node_of(member, name)}") from None


def wait_blocked(member, *words):
    def look():
        now = status(member)
        return now["phase"] == "blocked" and all(word in now["reason"] for word in words)
    try:
        wait_for(look, 30, "the failover is blocked", interval=0.1)
    except LabError as error:
        raise AssertionError(f"{error}: {status(member)['reason']}\n{ctl(member, 'why')}") from None


def never(is_so, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert not is_so()
        time.sleep(0.1)


def deciding(lab):
    return lab.host(status(lab.members[0])["lease"]["holder"])


def stop(node):
    node.run([pgcluster.BIN / "pg_ctl", "-D", nodes.data_of(node), "-m", "fast", "-w", "stop"], user="postgres")


def start_as_standby(node, primary):
    """As it is: whether it can follow is its own affair."""
    stop(node)
    (nodes.data_of(node) / "standby.signal").touch()
    nodes.configure(node, {"primary_conninfo": f"'host={primary.address} user=postgres application_name={node.name}'"})
    nodes.start(node)
    wait_for(lambda: nodes.answers(node), 30, f"{node.name} accepts connections")


def attach(member, node):
    return ctl(member, "attach", node.name, check=False)


# --- 20 ---
def put_on_a_small_disk(lab, node, spare):
    """Its data folder becomes a file system of its own, with so many bytes to spare. Nothing happens by itself meanwhile."""
    ctl(deciding(lab), "maintenance", "on", "--for", "5min", "--reason", "its disk is full")
    stop(node)
    data, disk = nodes.data_of(node), node.folder / "disk"
    size = int(node.run(["du", "-sb", data]).split()[0]) + spare
    node.run(["mkdir", disk])
    node.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "disk", disk])
    node.run(["cp", "-a", f"{data}/.", disk])
    node.run(["mount", "--bind", disk, data])
    node.run(["chown", "postgres:", data])
    node.run(["chmod", "700", data])
    nodes.start(node)
    wait_for(lambda: nodes.answers(node), 30, f"{node.name} accepts connections")
    ctl(deciding(lab), "maintenance", "off")
    wait_settled(lab)
    wait_promise(lab)


def fill(node):
    node.run(["dd", "if=/dev/zero", f"of={nodes.data_of(node)}/filling", "bs=64k", "status=none"], check=False)


def takes_more_wal(node):
    try:
        nodes.sql(node, "select pg_logical_emit_message(false, 'x', repeat('x', 1000000)), pg_switch_wal()")
        return True
    except psycopg2.Error:
        return False


def test_20_the_disk_of_the_primary_is_full(make_lab):
    lab = make_lab(3)
    primary, _ = primary_and_standbys(lab)
    put_on_a_small_disk(lab, primary, 64 * MEGABYTE)
    with Load(lab) as load:
        fill(primary)
        wait_for(lambda: not takes_more_wal(primary), 30, "the server has no place for its WAL")
        wait_primary(lab, lab.members[0], lambda name: name != primary.name)
        load.wait_served(20)
        successor = primary_of(lab, lab.members[0])
        never(lambda: status(lab.members[0])["primary"] != successor.name, 3)
    assert load.lost(successor) == set()
    assert len(promotions(lab)) == 1
    wait_standing(lab.members[0], primary.name, "quarantined", "pg_rewind")


# --- 21 ---
def test_21_primary_and_synchronous_standby_die(make_lab):
    lab = make_lab(3)
    primary, (standby, last) = primary_and_standbys(lab)
    lab.kill(primary.name)
    lab.kill(standby.name)
    member = lab.members[0]
    wait_blocked(member, "1 of 2 synchronous standbys count, 2 must", "pgpool-ctl promote --force")
    never(lambda: status(member)["phase"] != "blocked", 2)
    assert nodes.sql(last, "select pg_is_in_recovery()")
    ctl(deciding(lab), "promote", "--force")
    wait_primary(lab, member, lambda name: name == last.name)
    with Load(lab) as load:
        load.wait_served(10)


# --- 22 ---
def test_22_one_of_two_synchronous_standbys_dies(make_lab):
    lab = make_lab(3)
    primary, standbys = primary_and_standbys(lab)
    with Load(lab) as load:
        begin = time.monotonic()
        lab.kill(standbys[0].name)
        load.wait_served(20, count=100)
    print(f"\none of two synchronous standbys died: {load.outage(begin) * 1000:.0f} ms")
    assert load.errors(begin) == [] and load.outage(begin) < 3
    assert primary_of(lab, lab.members[0]) is primary
    assert load.lost(primary) == set()


def test_22_the_only_synchronous_standby_dies_strict(make_lab):
    lab = make_lab(2)
    primary, (standby,) = primary_and_standbys(lab)
    with Load(lab) as load:
        lab.kill(standby.name)
        wait_for(lambda: any("commits wait: 1 of 1 standbys must confirm and 0 stream" in log_of(m) for m in lab.members), 30,
                 "it says that commits wait")
        before = [len(c.acknowledged) for c in load.clients]
        never(lambda: [len(c.acknowledged) for c in load.clients] != before, 2)
        lab.start(standby.name)
        load.wait_served(30)
    assert primary_of(lab, lab.members[0]) is primary
    assert load.lost(primary) == set()


def test_22_the_only_synchronous_standby_dies_available(make_lab):
    lab = make_lab(2, durability="available")
    primary, (standby,) = primary_and_standbys(lab)
    with Load(lab) as load:
        begin = time.monotonic()
        lab.kill(standby.name)
        load.wait_served(30, count=100)
        print(f"\nthe only synchronous standby died: {load.outage(begin) * 1000:.0f} ms")
        assert load.outage(begin) < 5, "long before the primary takes note"
        assert nodes.sql(primary, "show synchronous_standby_names") == ""
        lab.start(standby.name)
        wait_promise(lab)
        load.wait_served(10)
    assert primary_of(lab, lab.members[0]) is primary
    assert load.lost(primary) == set()


# --- 23 ---
def test_23_the_primary_dies_and_the_standby_is_too_far_behind(make_lab):
    lab = make_lab(2, durability="available", maximum_lag="1MB")
    primary, (standby,) = primary_and_standbys(lab)
    nodes.sql(primary, "alter system set wal_sender_timeout = '3s'")
    nodes.sql(primary, "select pg_reload_conf()")
    lab.cut(primary.name, standby.name)
    wait_for(lambda: nodes.sql(primary, "show synchronous_standby_names") == "", 60, "commits wait for nobody")
    nodes.sql(primary, "create table much as select repeat('x', 1000) from generate_series(1, 8000)")
    written = nodes.sql(primary, "select pg_current_wal_flush_lsn() - '0/0'")
    member = lab.members[0]
    wait_for(lambda: (node_of(member, standby.name)["lag_bytes"] or 0) > 4 * MEGABYTE, 20, "members know how far the primary is")
    lab.kill(primary.name)
    wait_blocked(member, "behind the last known position of the primary, maximum_lag is 1048576", "pgpool-ctl promote --force")
    assert nodes.sql(standby, "select pg_last_wal_receive_lsn() - '0/0'") < written
    ctl(deciding(lab), "promote", "--force")
    wait_primary(lab, member, lambda name: name == standby.name)


# --- 24 ---
def test_24_an_old_primary_comes_back_with_wal_of_its_own(make_lab):
    lab = make_lab(3)
    old, _ = primary_and_standbys(lab)
    member = lab.members[0]
    with Load(lab) as load:
        lab.kill(old.name)
        wait_primary(lab, member, lambda name: name != old.name)
        load.wait_served(20)
        primary, _ = primary_and_standbys(lab)
        lab.start(old.name)
        wait_for(lambda: nodes.answers(old), 30, "the old primary accepts connections")
        nodes.sql(old, "set synchronous_commit = local; create table lone (a int)")
        wait_standing(member, old.name, "quarantined", "it was the primary until", "pg_rewind")
        wait_for(lambda: "is no standby" in attach(deciding(lab), old), 20, "it is not attached", interval=0.2)
        start_as_standby(old, primary)
        wait_for(lambda: "it needs pg_rewind" in attach(deciding(lab), old), 20, "it is not attached", interval=0.2)
        load.wait_served(10)
    assert load.lost(primary) == set()
    nodes.copy_anew(old, primary)
    wait_standing(member, old.name, "in service")
    assert nodes.sql(old, "select to_regclass('lone')") is None
    assert primary_of(lab, member) is primary


def test_the_only_node_that_is_left_is_out_of_service(make_lab):
    """After a switchover of two; the operator names it, and gives up what the other one had."""
    lab = make_lab(2)
    old, (new,) = primary_and_standbys(lab)
    member = lab.members[0]
    ctl(member, "switchover", new.name, "--wait")
    wait_standing(member, old.name, "quarantined", "it was the primary until")
    lab.kill(f"{new.name}/postgres")
    wait_for(lambda: status(member)["phase"] == "blocked", 30, "nobody is promoted")
    assert "pgpool-ctl promote NODE --force" in status(member)["reason"]
    start_as_standby(old, new)

    def promote():
        ctl(member, "promote", old.name, "--force", check=False)
        return status(member)["primary"] == old.name
    wait_for(promote, 60, "it is promoted", interval=1)
    with Load(lab) as load:
        pass
    assert load.errors() == []


# --- 25 ---
def test_25_a_standby_is_promoted_by_hand(make_lab):
    lab = make_lab(3)
    primary, (rogue, _) = primary_and_standbys(lab)
    member = lab.members[0]
    with Load(lab) as load:
        nodes.sql(rogue, "select pg_promote()")
        wait_standing(member, rogue.name, "quarantined", f"it takes writes although \"{primary.name}\" is the primary")
        load.wait_served(10)
        read = ["psql", "-X", "-h", appliance.VIRTUAL, "-p", str(appliance.PORT), "-U", "postgres", "-Atc", "select inet_server_addr()"]
        assert rogue.address not in {lab.host("client").run(read).strip() for _ in range(10)}
        start_as_standby(rogue, primary)
        wait_for(lambda: "it was promoted to timeline 2 by somebody else" in attach(deciding(lab), rogue), 20, "it is not attached",
                 interval=0.2)
        load.wait_served(10)
    assert primary_of(lab, member) is primary
    assert load.lost(primary) == set()
    assert promotions(lab) == set()


# --- 26 ---
def test_26_the_decider_is_killed_between_the_steps_of_a_failover(make_lab):
    """At the log line of each decision: it is recorded then, and its orders may be given or not."""
    lab = make_lab(3)
    for row in ("C1", "X1", "M1"):
        before, _ = primary_and_standbys(lab)
        timeline = node_of(lab.members[0], before.name)["timeline"]
        decider = deciding(lab)
        seen = len(log_of(decider))
        with Load(lab) as load:
            lab.kill(f"{before.name}/postmaster")
            wait_for(lambda d=decider, s=seen, r=row: re.search(rf"decision .*{r} ", log_of(d)[s:]), 20, f"decision {row}", interval=0.001)
            lab.kill(f"{decider.name}/pgpool-watchdog")
            wait_primary(lab, other_of(lab, decider), lambda name, b=before: name != b.name)
            load.wait_served(20)
        after = primary_of(lab, other_of(lab, decider))
        assert load.lost(after) == set(), row
        assert node_of(other_of(lab, decider), after.name)["timeline"] == timeline + 1, "one promotion, whoever ordered it"
        lab.mend()
        wait_settled(lab)
        wait_promise(lab)


def test_26_the_decider_has_lost_corosync(make_lab):
    """Who is in no group decides nothing: it gives the lease up, with the address, and the member that has a group decides."""
    lab = make_lab(3)
    old, _ = primary_and_standbys(lab)
    decider = deciding(lab)
    other = other_of(lab, decider)
    with Load(lab) as load:
        lab.kill(f"{decider.name}/corosync")
        wait_for(lambda: "group_lost" in log_of(decider), 10, "it knows that it has no group", interval=0.01)
        lab.kill(old.name)
        begin = time.monotonic()
        wait_primary(lab, other, lambda name: name != old.name)
        load.wait_served(20, count=100)
        assert time.monotonic() - begin < 25, "5 s of patience, a lease, a failover"
        assert status(other)["lease"]["holder"] == other.name
        assert has_address(lab, other) and not has_address(lab, decider)
        told = ctl(decider, "status")
        assert "Corosync does not answer here since " in told and "as last known" in told, told
        lab.start(f"{decider.name}/corosync")
        assert wait_settled(lab) is other, "who comes back takes nothing away"
    assert "here" not in ctl(decider, "status").split()
    assert load.lost(primary_of(lab, other)) == set()


@pytest.mark.parametrize("is_planned", [False, True])
def test_26_the_decider_is_lost_with_its_record(make_lab, is_planned):
    """It was cut off from the other member, and alone knew of the promotion. The old primary runs again before anybody looks."""
    lab = make_lab(3)
    old, _ = primary_and_standbys(lab)
    decider = deciding(lab)
    other = other_of(lab, decider)
    with Load(lab) as load:
        lab.cut("m1", "m2")
        lab.wait_members([decider.name], decider)
        if is_planned:
            ctl(decider, "switchover", "--wait")
        else:
            lab.kill(f"{old.name}/postgres")
        wait_primary(lab, decider, lambda name: name != old.name)
        load.wait_served(20, count=100)
        assert status(other)["primary"] == old.name, "it was not told"
        lab.kill(decider.name)
        if not is_planned:
            lab.start(f"{old.name}/postgres")
        wait_primary(lab, other, lambda name: name != old.name)
        load.wait_served(20, count=100)
    successor = primary_of(lab, other)
    assert load.lost(successor) == set()
    wait_standing(other, old.name, "quarantined", f'until another decider promoted "{successor.name}"')
    assert nodes.sql(successor, "select count(*) from pg_stat_replication where state = 'streaming'") >= 1
    lab.start(decider.name)
    lab.heal()
    wait_settled(lab)
    assert primary_of(lab, decider) is successor, "who comes back takes over what was decided meanwhile"
