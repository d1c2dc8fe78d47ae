# SPDX-License-Identifier: PostgreSQL
"""Fixtures of the tests of pgpool-vip: three hosts on one Ethernet. Each test has 60 s at most."""
import os
import pathlib
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.lan import Lan  # noqa: E402
from support.vip import Vip, binary  # noqa: E402

SKIPPED = 77  # tests/support/runner.py


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("network namespaces need root", returncode=SKIPPED)
    if subprocess.run(["unshare", "--net", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.exit("no network namespaces here", returncode=SKIPPED)
    if not binary().exists():
        pytest.exit(f"{binary()} is not built", returncode=1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    def expired(*_):
        raise TimeoutError(f"{item.name} did not end within 60 s")
    previous = signal.signal(signal.SIGALRM, expired)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def lan():
    """Hosts `one`, `two` and `other`, the last of them a client or somebody who only listens."""
    with Lan() as made:
        made.one, made.two, made.other = made.host(), made.host(), made.host()
        yield made


@pytest.fixture
def program(lan, tmp_path):
    """program(host, **timing): pgpool-vip on a host."""
    made = []

    def make(host, **options):
        made.append(Vip(host, tmp_path, **options))
        return made[-1]
    yield make
    for vip in made:
        vip.close()
