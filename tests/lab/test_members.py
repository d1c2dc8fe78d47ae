# SPDX-License-Identifier: PostgreSQL
"""Mode replication with two members: who has the lease writes and decides which nodes are in; the other takes over. What the epoch in the
databases keeps out is a member that was cut off or stood still in the middle of commits."""
import contextlib
import os
import time

import pytest
from support.replicated import TABLES

from . import appliance, nodes
from .host import wait_for
from .load import Load
from .pair import log_of, other_of
from .rig import Lab
from .watch import Watch, has_address

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))


def active_of(lab):
    """The member that has the address and serves there."""
    def look():
        found = [m for m in lab.members if has_address(lab, m)]
        ask = ["env", "PGCONNECT_TIMEOUT=2", "timeout", "3", "psql", "-X", "-h", appliance.VIRTUAL, "-U", "postgres", "-Atc", "select 1"]
        return found[0] if len(found) == 1 and lab.host("client").run(ask, check=False).strip() == "1" else None
    return wait_for(look, 40, "one member has the address and serves", interval=0.1)


def digests(node):
    with contextlib.closing(nodes.connect(node)) as connection, connection.cursor() as cursor:
        cursor.execute(TABLES)
        found = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"select count(*), md5(string_agg(t::text, chr(10) order by t::text collate \"C\")) from {table} t")
            found[table] = cursor.fetchone()
    return found


def epoch_of(node):
    return nodes.sql(node, "select max(epoch) from pgpool_replication.slot")


def assert_equal(lab, load):
    """All nodes that are in, that is, which have the highest epoch, hold the same, and all that was acknowledged; their names."""
    epochs = {n.name: epoch_of(n) for n in lab.nodes}
    those = [n for n in lab.nodes if epochs[n.name] == max(epochs.values())]
    first = digests(those[0])
    for node in those:
        assert digests(node) == first, f"{node.name} differs from {those[0].name}"
        assert load.lost(node) == set()
    return [n.name for n in those]


@pytest.fixture
def lab():
    with Lab(f"t{os.getpid()}", members=2, nodes=3, watchdog=True, mode="replication") as made:
        yield made


@contextlib.contextmanager
def standing_still(lab, member):
    lab.freeze(member.name)
    try:
        yield
    finally:
        lab.thaw(member.name)


@contextlib.contextmanager
def cut_off(lab, member):
    """From everybody, nodes and clients too: what it has sent may have been done."""
    lab.cut(member.name)
    try:
        yield
    finally:
        lab.heal()


@pytest.mark.parametrize("fault", [standing_still, cut_off])
def test_the_other_member_takes_over_from_one_that_fails_in_the_middle_of_commits(lab, fault):
    """It has decided by then that a node is out; the one that takes over finds that out from the nodes. When it is back it can write nothing."""
    active = active_of(lab)
    other = other_of(lab, active)
    with Watch(lab), Load(lab) as load:
        lab.kill("n3/postgres")
        load.wait_served(20)
        wait_for(lambda: 'node_evicted node=n3' in log_of(active, "pgpool-proxy"), 20, "n3 is taken out")
        lab.start("n3/postgres")
        wait_for(lambda: nodes.answers(lab.host("n3")), 20, "n3 answers again; it lacks what was written meanwhile")
        load.wait_served(20, count=50)
        begin = time.monotonic()
        with fault(lab, active):
            wait_for(lambda: has_address(lab, other), 20, "the other one has the address")
            load.wait_served(30)
        print(f"\nthe writing member was {fault.__name__}: {load.outage(begin) * 1000:.0f} ms")
        load.wait_served(20, count=50)
    names = assert_equal(lab, load)
    assert "n3" not in names and len(names) >= 1
    assert 'taking_over' in log_of(other, "pgpool-proxy")


def test_who_writes_goes_with_the_lease_there_and_back(lab):
    with Watch(lab), Load(lab) as load:
        for _ in range(2):
            active = active_of(lab)
            other = other_of(lab, active)
            active.run(appliance.ctl_command(active, "vip", "move"))
            wait_for(lambda m=other: has_address(lab, m), 20, "the other one has the address")
            load.wait_served(30)
    assert sorted(assert_equal(lab, load)) == ["n1", "n2", "n3"], "nobody is taken out for that"
