# SPDX-License-Identifier: PostgreSQL
"""Mode replication: who is in, and that nodes are made equal before anybody uses them (proxy/keeper)."""
import shutil
import tempfile

import pytest

from support import markers
from support.pgcluster import Independents, wait_for
from support.proxy import Proxy

SLOTS = 8


@pytest.fixture
def nodes():
    """Three servers with markers in database postgres."""
    with Independents(3) as servers:
        markers.prepare(servers.nodes, SLOTS)
        yield servers


@pytest.fixture
def state_directory():
    path = tempfile.mkdtemp(prefix="pgpool-state-", dir="/var/tmp")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def make(nodes, state_directory):
    """make(changes): a proxy that is not started."""
    made = []

    def make_proxy(changes=None, **health):
        config = {"mode": "replication", "replication": {"state_directory": state_directory},
                  "health": {"failover_park_timeout": "30s", **health}}
        made.append(Proxy.for_cluster(nodes, {**config, **(changes or {})}))
        return made[-1]
    yield make_proxy
    for proxy in made:
        proxy.discard()


def membership(state_directory):
    with open(f"{state_directory}/membership") as file:
        return file.read()


def shown(proxy):
    """"node1:up/primary node2:down/unknown"."""
    rows = proxy.admin("show pool_nodes")
    names = [node["name"] for node in proxy.config["nodes"]]
    return " ".join(f"{name}:{row['status']}/{row['role']}" for name, row in zip(names, rows))


def is_shown(proxy, outline, timeout=20):
    wait_for(lambda: shown(proxy) == outline, timeout, f"nodes are {outline}")


def test_opening_raises_the_epoch_everywhere_before_anybody_is_up(nodes, make, state_directory):
    assert nodes.sql("select max(epoch) from pgpool_replication.slot") == [0, 0, 0]
    with make() as proxy:
        is_shown(proxy, "node1:up/primary node2:up/replica node3:up/replica")
        first = markers.epochs(nodes.nodes[0])
        assert len(first) == 1 and first[0] >= 1
        assert [markers.epochs(node) for node in nodes.nodes] == [first] * 3
        assert f"epoch: {first[0]}\n" in membership(state_directory)
    with make() as proxy:
        assert proxy.sql("select 1") == 1
        assert [markers.epochs(node) for node in nodes.nodes] == [[first[0] + 1]] * 3


@pytest.mark.parametrize("lost, outline", [
    (2, "node1:up/primary node2:up/replica node3:down/unknown"),
    (0, "node1:down/unknown node2:up/primary node3:up/replica")])
def test_a_node_that_dies_is_taken_out_durably(nodes, make, state_directory, lost, outline):
    with make() as proxy:
        before = markers.epochs(nodes.nodes[1])[0]
        nodes.nodes[lost].kill()
        is_shown(proxy, outline)
        assert markers.epochs(nodes.nodes[1]) == [before + 1]
        assert f"epoch: {before + 1}\n" in membership(state_directory)
        assert f"node_evicted node=node{lost + 1} " in proxy.log_text()
        assert proxy.sql("select 1") == 1
    nodes.nodes[lost].start()
    with make() as proxy:
        is_shown(proxy, outline)
        assert proxy.sql("select 1") == 1
        assert markers.epochs(nodes.nodes[lost]) == [before], "nobody has touched it"


def test_the_last_node_is_never_taken_out(nodes, make):
    with make() as proxy:
        for node, outline in ((2, "node1:up/primary node2:up/replica node3:down/unknown"),
                              (0, "node1:down/unknown node2:up/primary node3:down/unknown")):
            nodes.nodes[node].kill()
            is_shown(proxy, outline)
        nodes.nodes[1].kill()
        is_shown(proxy, "node1:down/unknown node2:down/unknown node3:down/unknown")
        assert "node_evicted node=node2" not in proxy.log_text()
        nodes.nodes[1].start()
        is_shown(proxy, "node1:down/unknown node2:up/primary node3:down/unknown")
        assert proxy.sql("select 1") == 1
