# SPDX-License-Identifier: PostgreSQL
"""Fixtures of the tests of pgpool-watchdog alone, with PostgreSQL servers on the loopback. Each test has 90 s at most."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.pgcluster import Cluster  # noqa: E402
from support.time_limit import time_limit  # noqa: E402
from support.watchdog import Watchdog, binary  # noqa: E402


def pytest_sessionstart(session):
    if not binary().exists():
        pytest.exit(f"{binary()} is not built", returncode=1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    with time_limit(item.name, 90):
        yield


@pytest.fixture
def cluster():
    with Cluster(standbys=1) as made:
        yield made


@pytest.fixture
def watchdog(cluster):
    """It has the lease, knows the primary, and commits wait for the standby."""
    with Watchdog(cluster) as started:
        started.wait_until_settled("node1")
        yield started
