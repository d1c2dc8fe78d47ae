# SPDX-License-Identifier: PostgreSQL
"""What pgpool-ctl setup writes, with a real Corosync on two hosts: it is taken, the members find each other, timers are as
set, and the group of the appliance is let in."""
import grp
import os
import re

import pytest
from support import ctl as ctls
from support import proxy

from . import corosync
from .host import wait_for
from .rig import Lab

pytestmark = pytest.mark.skipif(not ctls.binary().exists(), reason="pgpool-ctl is not built")
GROUP = "daemon"  # every Debian has it


def configuration(lab, self_name, profile):
    return proxy.to_yaml({
        "nodes": [{"name": "n1", "host": "10.77.0.101", "port": 5432}, {"name": "n2", "host": "10.77.0.102", "port": 5432}],
        "watchdog": {"enabled": True, "name": self_name, "group": GROUP, "profile": profile,
                     "members": [{"name": m.name, "address": m.address} for m in lab.members]},
        "auth": {"access": [{"method": "trust"}]}}) + "\n"


def ctl(host, *words, check=True):
    return host.run([ctls.binary(), "--config", host.folder / "setup.yaml", *words], check=check)


def set_up(lab, profile):
    """As an operator does it: setup on both, the key copied."""
    first, second = lab.members
    for member in lab.members:
        (member.folder / "setup.yaml").write_text(configuration(lab, member.name, profile))
        ctl(member, "setup", "--force")
        assert "corosync.conf: equal\n" in ctl(member, "setup", "--check")
        member.run(["corosync", "-t"])
    assert (first.folder / "etc/corosync.conf").read_text().splitlines()[2:] == \
        (second.folder / "etc/corosync.conf").read_text().splitlines()[2:]


def start(lab):
    for member in lab.members:
        corosync.start(member)
    lab.wait_members(["m1", "m2"], *lab.members, timeout=20)


def stop(lab):
    for member in lab.members:
        if "corosync" in member.daemons():
            member.kill("corosync")


def in_force(host, key):
    return int(re.search(r"= (\d+)$", host.run(["corosync-cmapctl", "-g", f"runtime.config.totem.{key}"]).strip())[1])


@pytest.fixture(scope="module")
def lab():
    with Lab(f"t{os.getpid()}s", members=2) as made:
        stop(made)
        for member in made.members:  # the real one is the machine's
            member.run(["mount", "-t", "tmpfs", "lab", "/var/lib/corosync"])
        yield made


@pytest.fixture(autouse=True)
def stopped(lab):
    yield
    stop(lab)


@pytest.mark.parametrize("profile,token,consensus", [("fast", 300, 100), ("default", 600, 150), ("wan", 3000, 3600)])
def test_members_form_with_the_timers_of_the_profile(lab, profile, token, consensus):
    set_up(lab, profile)
    start(lab)
    for member in lab.members:
        assert (in_force(member, "token"), in_force(member, "consensus")) == (token, consensus)
        assert "Quorate:          Yes" in member.run(["corosync-quorumtool", "-s"], check=False)


def test_the_group_is_let_in_and_nobody_else(lab):
    set_up(lab, "fast")
    start(lab)

    def ask(gid):
        return lab.members[0].run(["setpriv", "--reuid=65534", f"--regid={gid}", "--clear-groups", "corosync-quorumtool", "-s"],
                                  check=False)
    assert "Quorate:" in ask(grp.getgrnam(GROUP).gr_gid)
    assert "Quorate:" not in ask(65534)


def test_a_lost_member_is_noticed_in_the_time_of_the_profile(lab):
    set_up(lab, "fast")
    start(lab)
    lab.members[1].freeze("corosync")
    try:
        wait_for(lambda: corosync.members(lab.members[0]) == ["m1"], 5, "m2 is lost")
    finally:
        lab.members[1].thaw("corosync")
    lab.wait_members(["m1", "m2"], *lab.members, timeout=20)


def test_a_key_of_its_own(lab):
    """Who has another key is not heard; who has the same is."""
    set_up(lab, "fast")
    first, second = lab.members
    for member in lab.members:
        (member.folder / "etc/authkey").unlink()
    assert "copy the key to the other members (10.77.0.12)" in ctl(first, "setup", "--keygen")
    key = first.folder / "etc/authkey"
    assert key.stat().st_size >= 128 and key.stat().st_mode & 0o777 == 0o400
    assert "the key that members encrypt with is missing" in ctl(second, "setup")
    ctl(second, "setup", "--keygen")
    for member in lab.members:
        corosync.start(member)
    for member in lab.members:
        lab.wait_members([member.name], member, timeout=20)
    second.kill("corosync")
    (second.folder / "etc/authkey").unlink()
    (second.folder / "etc/authkey").write_bytes(key.read_bytes())
    corosync.start(second)
    lab.wait_members(["m1", "m2"], *lab.members, timeout=20)


def test_doctor_looks_at_corosync(lab):
    set_up(lab, "fast")
    start(lab)
    found = ctl(lab.members[0], "doctor", check=False)
    assert "corosync       runs and is quorate" in found and "has the members of watchdog.members" in found
    assert f"lets group {GROUP} in" in found
    stop(lab)
    assert re.search(r"FAIL +corosync +does not answer", ctl(lab.members[0], "doctor", check=False))
