# SPDX-License-Identifier: PostgreSQL
"""Fixtures of the tests of pgpool-vip: three hosts on one Ethernet. Each test has 60 s at most."""
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.lan import Lan  # noqa: E402
from support.time_limit import time_limit  # noqa: E402
from support.vip import Vip, Watchdog, binary  # noqa: E402

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
    with time_limit(item.name, 60):
        yield


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


class Member:
    """A host with a watchdog and pgpool-vip as a service."""

    def __init__(self, host, program, directory, words=(), prefix=(), **options):
        self.host, self.directory = host, directory
        self.watchdog = Watchdog(host, directory)
        self.vip = program(host, **options)
        self.start(*words, prefix=prefix)

    def start(self, *words, prefix=()):
        self.daemon = self.vip.daemon(self.watchdog, *words, prefix=prefix)
        self.watchdog.wait("client")

    def new_watchdog(self):
        self.watchdog.close()
        self.watchdog = Watchdog(self.host, self.directory)
        self.watchdog.wait("client")

    def take(self, epoch, verb="take"):
        """The lease, and an order of the epoch's number, which is done when this returns."""
        self.watchdog.lease(epoch)
        before = self.watchdog.order(verb, epoch, epoch)
        return self.watchdog.wait("done", id=epoch, since=before)


@pytest.fixture
def member(program, tmp_path):
    """member(host, **options): a member of the appliance, but for its proxy."""
    made = []

    def make(host, **options):
        made.append(Member(host, program, tmp_path, **options))
        return made[-1]
    yield make
    for one in made:
        one.watchdog.close()
