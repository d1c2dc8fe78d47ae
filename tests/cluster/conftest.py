# SPDX-License-Identifier: PostgreSQL
"""Fixtures of the cluster tests. Every test has a hard deadline: @pytest.mark.deadline(seconds), 90 by default.

PGPOOL_LONG=1 runs the long forms; `sized(short, long)` picks a number. What tests measure they `tell`; it stands at the end.
"""
import contextlib
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support import replicated as replication  # noqa: E402
from support.pgcluster import Cluster  # noqa: E402
from support.proxy import Proxy, binary  # noqa: E402
from support.time_limit import time_limit  # noqa: E402

IS_LONG = os.environ.get("PGPOOL_LONG") == "1"


def pytest_configure(config):
    config.told = []
    config.addinivalue_line("markers", "deadline(seconds): hard limit of one test")
    config.addinivalue_line("markers", "long: only in tests/run long")


def pytest_collection_modifyitems(items):
    if not IS_LONG:
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="long form; PGPOOL_LONG=1 runs it"))


def pytest_sessionstart(session):
    if not binary().exists():
        pytest.exit(f"{binary()} is not built", returncode=1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("deadline")
    with time_limit(item.name, (marker.args[0] if marker else 90) * (20 if IS_LONG else 1)):
        yield


@pytest.fixture
def sized():
    return lambda short, long: long if IS_LONG else short


@pytest.fixture
def tell(request):
    return lambda text: request.config.told.append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter, config):
    for line in config.told:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def pair():
    """A primary and a standby that tests share: no test may kill or promote them."""
    with Cluster(standbys=1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def shared_nodes():
    """Three nodes for mode replication that the tests of a file share."""
    with replication.equal_nodes() as servers:
        yield servers


@pytest.fixture(scope="module")
def shared_proxy(shared_nodes):
    """Mode replication over them; it knows them as `nodes`."""
    with replication.proxy_over(shared_nodes) as proxy:
        yield proxy


@pytest.fixture
def all_in(shared_proxy):
    """That proxy, all of whose nodes are in after the test, too."""
    yield shared_proxy
    assert replication.states(shared_proxy) == ["up"] * 3


@pytest.fixture
def all_equal(all_in):
    """And hold the same."""
    yield all_in
    replication.assert_equal(all_in.nodes)


@pytest.fixture
def cursor(replicated):
    """Of a client of the proxy that a file calls so."""
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as one:
        yield one


@pytest.fixture
def make_cluster():
    """make_cluster(standbys=1, synchronous=False): one of the test's own."""
    made = []

    def make(**options):
        made.append(Cluster(**options))
        return made[-1].start()
    yield make
    for cluster in made:
        cluster.stop()


@pytest.fixture
def make_proxy(request):
    """make_proxy(cluster, changes): started, and checked for a clean end after the test."""
    made = []

    def make(cluster, changes=None):
        proxy = Proxy.for_cluster(cluster, changes)
        made.append(proxy)
        return proxy.__enter__()
    yield make
    failed = getattr(request.node, "failed_call", False)
    for proxy in made:
        proxy.__exit__(AssertionError if failed else None, None, None)


@pytest.fixture
def make_unstarted_proxy():
    """make_unstarted_proxy(cluster, changes): for start(wait=False) and check(); nobody looks at how it ends."""
    made = []

    def make(cluster, changes=None):
        made.append(Proxy.for_cluster(cluster, changes))
        made[-1].write_config()
        return made[-1]
    yield make
    for proxy in made:
        proxy.discard()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed_call = outcome.get_result().failed
