# SPDX-License-Identifier: PostgreSQL
"""Tests in labs: skipped as a whole where none can run."""
import os
import re
import signal

import pytest

from . import pair, rig
from .network import why_not
from .watch import Watch


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only in tests/run long")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name != "test_soak.py")  # what lasts longest begins first
    if not os.environ.get("PGPOOL_LONG"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="long form; PGPOOL_LONG=1 runs it"))


def pytest_sessionstart(session):
    reason = why_not()
    if reason:
        pytest.exit(reason, returncode=77)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # labs are taken down, as after Ctrl-C
    for name in rig.labs():
        owner = re.fullmatch(r"[stuv](\d+)[a-z]?", name)
        if owner and not os.path.exists(f"/proc/{owner[1]}"):  # a run that was killed
            rig.Lab(name).down()


@pytest.fixture
def lab():
    """Two members that decide about two nodes, in files that have no other one."""
    with rig.Lab(f"t{os.getpid()}", members=2, nodes=2, watchdog=True) as made:
        pair.wait_until_settled(made, "n1", 1, made.members)
        yield made


@pytest.fixture
def active(lab):
    """The active member of a pair that is well."""
    return pair.wait_settled(lab)


@pytest.fixture
def watch(lab, active):
    """Nobody has the address, or decides, beside another, in any test that has it."""
    with Watch(lab):
        yield
