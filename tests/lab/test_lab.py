# SPDX-License-Identifier: PostgreSQL
"""The lab itself: what is cut is cut, what is killed is dead, what is mended comes back, and nothing is left behind."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest
from support import proxy

from . import corosync, logs, nodes
from .host import parents_first, pids_in, wait_for
from .network import LabError, namespaces, run
from .rig import STATE, Lab

COMMAND = pathlib.Path(__file__).resolve().parent / "lab"


def traces(name):
    """Everything of a lab that the machine knows: namespaces, processes, mounts, files."""
    found = namespaces(f"lab-{name}-") + [str(path) for path in STATE.glob(name)]
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The machine's own mounts, and those of hosts that should be gone.
            if f"pgpool-lab/{name}" in (entry / "mountinfo").read_text() or f"pgpool-lab/{name}".encode() in (entry / "cmdline").read_bytes():
                found.append(f"process {entry.name}")
    return found


def leaked_rings():
    """Files in shared memory of processes that have ended: /dev/shm/qb-SERVER-CLIENT-…"""
    pids = {path: path.name.split("-")[1] for path in pathlib.Path("/dev/shm").glob("qb-*")}
    return {path.name for path, pid in pids.items() if pid.isdigit() and not os.path.exists(f"/proc/{pid}")}


@pytest.fixture(scope="module")
def lab():
    """Two members and two nodes. Tests leave it as they found it: healed, everything running."""
    name, rings = f"t{os.getpid()}", leaked_rings()  # conftest.py knows names of this form
    with Lab(name, members=2, nodes=2) as made:
        yield made
    assert traces(name) == []
    assert leaked_rings() <= rings, "each host has a /dev/shm of its own"


@pytest.fixture(autouse=True)
def leaves_it_whole(request):
    yield
    if "lab" in request.fixturenames:
        mend(request.getfixturevalue("lab"))


def mend(lab):
    """After a test that failed in the middle, too."""
    lab.heal()
    for host in lab.members + lab.nodes:
        if host.init() is None:
            lab.start(host.name)
        host.thaw()
        missing = {"corosync"} if host in lab.members else {"postgres"}
        for daemon in missing - set(host.daemons()):
            lab.start(f"{host.name}/{daemon}")
    for node in lab.nodes:
        wait_for(lambda n=node: nodes.answers(n), 30, f"{node.name} accepts connections")
    lab.wait_members(["m1", "m2"], *lab.members)


def hears(lab, receiver, sender, count=3, patience=0.3):
    """Whether one of so many datagrams gets from one host to the other."""
    with lab.network.inside(receiver):
        ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with lab.network.inside(sender):
        mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with ear, mouth:
        ear.bind((lab.host(receiver).address, 7000))
        ear.settimeout(patience)
        for _ in range(count):
            mouth.sendto(b"x", ear.getsockname())
        with contextlib.suppress(socket.timeout):
            return ear.recv(1) == b"x"
        return False


def test_members_see_each_other(lab):
    assert [corosync.members(member) for member in lab.members] == [["m1", "m2"]] * 2


def test_a_cut_is_seen_by_both_and_heals(lab):
    lab.cut("m1", "m2")
    begin = time.monotonic()
    lab.wait_members(["m1"], lab.host("m1"), timeout=5)
    lab.wait_members(["m2"], lab.host("m2"), timeout=5)
    assert time.monotonic() - begin < 3, "token and consensus are 400 ms"
    assert hears(lab, "n1", "m1"), "others are not concerned"
    lab.heal()
    lab.wait_members(["m1", "m2"], *lab.members, timeout=10)


def test_a_cut_may_be_of_one_direction(lab):
    # Both must know the other's hardware address: without an answer to ARP nothing is heard in either direction.
    assert hears(lab, "n2", "client") and hears(lab, "client", "n2")
    lab.cut("client", "n2", is_one_way=True)
    assert not hears(lab, "n2", "client")
    assert hears(lab, "client", "n2")
    lab.heal()
    assert hears(lab, "n2", "client")


def test_a_host_is_cut_off_from_everybody(lab):
    lab.cut("m2")
    assert not hears(lab, "client", "m2") and not hears(lab, "m2", "n1") and hears(lab, "m1", "n1")


def test_some_frames_are_lost(lab):
    assert hears(lab, "n2", "client")
    lab.lose("client", "n2", 50)
    heard = sum(hears(lab, "n2", "client", count=1, patience=0.05) for _ in range(40))
    assert 0 < heard < 40, "by chance once in 10^12"
    assert "cut: from client to n2 loses percent: 50" in lab.status()


def test_a_cable_is_out(lab):
    client = lab.host("client")
    lab.plug("client", False)
    try:
        assert "NO-CARRIER" in client.run(["ip", "link", "show", "dev", "eth0"])
        assert any(line.startswith("client ") and "cable out" in line for line in lab.status())
    finally:
        lab.plug("client", True)
    assert hears(lab, "n1", "client")


def test_corosync_is_killed_and_comes_back(lab):
    lab.kill("m2/corosync")
    assert corosync.members(lab.host("m2")) == []
    lab.wait_members(["m1"], lab.host("m1"), timeout=5)
    lab.start("m2/corosync")
    lab.wait_members(["m1", "m2"], *lab.members, timeout=10)


def test_a_host_loses_power_and_boots(lab):
    assert hears(lab, "m2", "client")
    lab.kill("m2")
    assert lab.host("m2").init() is None
    with lab.network.inside("client"), pytest.raises(socket.timeout):  # not even its kernel says no
        socket.create_connection((lab.host("m2").address, 7000), timeout=0.5)
    with pytest.raises(LabError, match="m2 is not up"):
        lab.host("m2").run(["true"])
    lab.wait_members(["m1"], lab.host("m1"), timeout=5)
    lab.start("m2")
    lab.wait_members(["m1", "m2"], *lab.members, timeout=10)


def test_a_frozen_host_is_lost_and_comes_back(lab):
    lab.freeze("m1")
    try:
        assert lab.host("m1").is_frozen()
        lab.wait_members(["m2"], lab.host("m2"), timeout=5)
    finally:
        lab.thaw("m1")
    lab.wait_members(["m1", "m2"], *lab.members, timeout=10)


def test_nodes_replicate(lab):
    first, second = lab.nodes
    nodes.sql(first, "create table t as select 7 as a")
    wait_for(lambda: nodes.sql(second, "select to_regclass('t') is not null"), 10, "the table is there")
    wait_for(lambda: nodes.sql(second, "select a from t") == 7, 10, "its row, too")
    assert nodes.sql(second, "select pg_is_in_recovery()")
    assert nodes.describe(first).endswith("followed by n2")


def test_parents_are_first_whatever_their_numbers(lab):
    pids = lab.host("n1").daemons()["postgres"]
    assert parents_first(pids[::-1])[0] == parents_first(pids)[0] == pids[0]
    assert "-D" in pathlib.Path(f"/proc/{pids[0]}/cmdline").read_text().split("\0"), "the postmaster's command line is its own"


def test_a_postmaster_dies_and_is_started(lab):
    first, second = lab.nodes
    lab.kill("n1/postmaster")
    wait_for(lambda: "postgres" not in first.daemons(), 20, "its children end, too")
    assert not nodes.answers(first)
    lab.start("n1/postgres")
    wait_for(lambda: nodes.describe(first).endswith("followed by n2"), 20, "n2 streams again")


@pytest.mark.skipif(not proxy.binary().exists(), reason="the proxy is not built")
def test_every_member_has_a_proxy(lab):
    for member in lab.members:
        assert "pgpool-proxy" in member.daemons()
        out = subprocess.run([COMMAND, "psql", "--name", lab.name, member.name, "-XAtc", "select pg_is_in_recovery()"],
                             capture_output=True, text=True, timeout=20, check=True).stdout
        assert out.strip() in ("t", "f")


def test_commands_for_people(lab):
    def command(*words):
        return subprocess.run([COMMAND, words[0], "--name", lab.name, *words[1:]], capture_output=True, text=True, timeout=60)
    status = command("status").stdout
    assert "sees m1 m2" in status and "primary" in status and "standby of 10.77.0.101" in status
    assert command("exec", "m1", "hostname").stdout == "m1\n"
    assert command("psql", "n2", "-XAtc", "select pg_is_in_recovery()").stdout == "t\n"
    assert command("cut", "m1", "n1", "--one-way").returncode == 0
    assert "cut: from m1 to n1\n" in command("status").stdout
    refused = command("cut", "m1", "m9")
    assert refused.returncode == 1 and refused.stderr == "lab: no host 'm9'; there are: m1 m2 n1 n2 client\n"
    assert "cannot be cut off from itself" in command("cut", "m1", "m1").stderr
    assert "1 to 100, not 500" in command("lose", "m1", "m2", "500").stderr
    assert "no program 'nosuch'" in command("kill", "m1/nosuch").stderr
    help_text = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, timeout=20, check=True).stdout
    for verb in ("up", "kill", "cut", "heal", "freeze", "thaw", "psql", "logs", "status", "down"):
        assert f"\n    {verb} " in help_text


def test_logs_are_merged_by_time(lab):
    lab.note("a mark")
    lines = lab.log_lines()
    times = [line[:12] for line in lines]
    assert times == sorted(times)
    sources = {line[13:].split()[0] for line in lines}
    assert {"lab", "m1/corosync", "m2/corosync", "n1/postgres", "n2/postgres"} <= sources
    mark = next(line for line in lines if line.endswith("a mark"))
    now = logs.stamp()[11:23]
    assert mark[:12] <= now and any(line[:12] > "00:00:00.000" for line in lines if "corosync" in line)


def test_a_second_lab_of_the_same_name_is_refused(lab):
    with pytest.raises(LabError, match="is there already"), Lab(lab.name):
        pass
    assert corosync.members(lab.host("m1")) == ["m1", "m2"], "and the first is not touched"


def test_two_labs_do_not_meet(lab):
    with Lab(f"u{os.getpid()}", members=1) as other:
        assert corosync.members(other.host("m1")) == ["m1"]
        assert corosync.members(lab.host("m1")) == ["m1", "m2"]
    assert traces(other.name) == []


@pytest.mark.parametrize("moment", ["client", "m2"])
def test_what_a_killed_command_leaves_is_removed(moment):
    """`up` is killed as soon as that host is there, or runs."""
    name = f"v{os.getpid()}{moment[0]}"
    process = subprocess.Popen([sys.executable, COMMAND, "up", "2", "--name", name], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    space = f"lab-{name}-{moment}"
    try:
        wait_for(lambda: space in namespaces(space) and (moment == "client" or pids_in(space)), 20, f"{space} is there", interval=0.002)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert traces(name) != []
        with pytest.raises(LabError, match="is there already"):
            Lab(name).up()
    finally:
        process.kill()
        process.wait(10)
        run(COMMAND, "down", "--name", name)
    assert traces(name) == []
