# SPDX-License-Identifier: PostgreSQL
"""pgpool-ctl and the watchdog: what it asks, what it makes of the answers, and what it says when there is none."""
import itertools
import json
import os
import signal
import subprocess
import time

import pytest

from support import answering_hub as hubs
from support import ctl as ctls
from support import proxy as proxies
from support.answering_hub import AnsweringHub

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3
NUMBERS = itertools.count(1)

STATUS = {
    "member": "m1", "epoch": 7, "lease": {"holder": "m1", "state": "Holder", "remaining_ms": 1420},
    "members": [{"name": "m1", "is_in": True, "is_self": True, "protocol": "1.0"},
                {"name": "m2", "is_in": False, "is_self": False, "protocol": None}],
    "quorum": {"is_quorate": True, "votes": 1, "expected": 2},
    "phase": "steady", "reason": "the primary is well", "waiting_for": None, "maintenance": None, "primary": "n1",
    "nodes": [{"name": "n1", "host": "10.0.0.101", "port": 5432, "role": "primary", "standing": "attached", "reason": "",
               "lag_bytes": 0, "timeline": 3, "seen_by": ["m1", "m2"]},
              {"name": "n2", "host": "10.0.0.102", "port": 5432, "role": "standby", "standing": "quarantined",
               "reason": "it has another history", "lag_bytes": None, "timeline": 2, "seen_by": []}],
    "vips": [{"address": "10.0.0.100", "device": "eth0", "phase": "held", "member": "m1"}],
    "programs": [{"program": "pgpool-proxy", "pid": 4711, "since": "2026-01-31T12:00:00Z"}]}


class Member:
    """A configuration with a watchdog of a name of its own, and the fake one."""

    def __init__(self, folder, mode="streaming"):
        self.name, self.folder, self.started = f"t{os.getpid()}.{next(NUMBERS)}", folder, []
        self.config = folder / "appliance.yaml"
        self.config.write_text(proxies.to_yaml({
            "mode": mode, "nodes": [{"name": "n1", "host": "127.0.0.1", "port": 1}, {"name": "n2", "host": "127.0.0.1", "port": 2}],
            "watchdog": {"enabled": True, "name": self.name, "group": "root"}, "auth": {"access": [{"method": "trust"}]}}) + "\n")

    def hub(self):
        return AnsweringHub(self.name, self.folder)

    def run(self, *arguments, timeout=60):
        return ctls.run(self.config, *arguments, timeout=timeout)

    def start(self, *arguments):
        """One that is ended with the test, whatever happens."""
        process = subprocess.Popen([ctls.binary(), "--config", self.config, *arguments], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.started.append(process)
        return process

    def close(self):
        for process in self.started:
            process.kill()
            process.communicate()


@pytest.fixture
def member(tmp_path):
    made = Member(tmp_path)
    yield made
    made.close()


@pytest.fixture
def hub(member):
    with member.hub() as made:
        yield made


# --- looks ---
def test_status_on_one_screen(member, hub):
    hub.answers("status", STATUS)
    done = member.run("status")
    assert (done.code, done.err) == (DONE, "")
    assert done.out == """\
virtual      10.0.0.100 on eth0: held by m1
decides      m1, 1.4 s left, epoch 7; this member: decides
here         this member hears no other: look at its network, and whether the others run
phase        steady: the primary is well
waits for    -
primary      n1
members      m1 (this), m2 (not heard)
quorum       1 of 2 votes in Corosync, quorate; it decides nothing
programs     pgpool-proxy (pid 4711, since 2026-01-31T12:00:00Z)

node  role     standing     lag  timeline  seen by  address          reason
n1    primary  attached       0         3  m1 m2    10.0.0.101:5432  -
n2    standby  quarantined    -         2  -        10.0.0.102:5432  it has another history
"""
    assert member.run("status", "--json").json() == STATUS
    assert [hub.asked(), hub.asked()] == ["status", "status"]


def test_status_of_a_hub_that_tells_less_or_more(member, hub):
    hub.answers("status", {"member": "m1", "new": [1], "nodes": [{"name": "n1", "seen_by": None}], "lease": None, "vips": 7})
    done = member.run("status")
    assert done.code == DONE and "decides      nobody is heard that decides; this member: -\n" in done.out and "n1" in done.out


def test_status_in_many_pages(member, hub):
    """An answer that is longer than one message."""
    many = dict(STATUS, nodes=[dict(STATUS["nodes"][0], name=f"n{i}", reason="ä" * 500) for i in range(400)])
    hub.answers("status", many)
    assert member.run("status", "--json").json() == many
    assert member.run("status").out.count("10.0.0.101:5432") == 400


def test_status_is_watched(member, hub):
    """Also while the hub is away."""
    hub.answers("status", STATUS)
    process = member.start("status", "--watch", "0.1", "--json")
    assert json.loads(process.stdout.readline())["epoch"] == 7
    hub.answers("status", dict(STATUS, epoch=8))
    while (epoch := json.loads(process.stdout.readline())["epoch"]) == 7:
        pass
    assert epoch == 8
    hub.kill()
    while "error" not in (line := json.loads(process.stdout.readline())):
        pass
    assert "watchdog" in line["error"]
    with member.hub():
        while "error" in (line := json.loads(process.stdout.readline())):
            pass
    assert line["epoch"] == 8
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == -signal.SIGTERM


def test_why(member, hub):
    hub.answers("why", {"decisions": [{"at": "2026-01-31T12:00:00Z", "epoch": 7, "row": "C1", "event": "look", "from": "steady",
                                       "to": "condemned", "facts": ["primary gone", "lease"], "reason": "m1 and m2 say so"}]})
    done = member.run("why", "3")
    assert done.code == DONE and hub.asked() == "why [3]"
    assert done.out == ("2026-01-31T12:00:00Z  epoch 7  steady -> condemned  on look  [C1]\n    m1 and m2 say so\n"
                        "    facts: primary gone, lease\n")
    assert member.run("why", "--json").json()["decisions"][0]["row"] == "C1" and hub.asked() == "why [20]"
    hub.answers("why", {"decisions": []})
    assert member.run("why").out == "nothing was decided yet\n"


def test_log_until_the_end(member, hub):
    (member.folder / "events").write_text("node_down node=n1\nlease_lost\x1b[2J\n")
    for form, expected in ((), "2026-01-01T00:00:00.123Z pgpool-watchdog warning node_down node=n1\n"), (("--json",), None):
        process = member.start("log", *form)
        first, second = process.stdout.readline(), process.stdout.readline()
        if expected:
            assert first == expected and second.endswith("lease_lost?[2J\n")
        else:
            assert json.loads(first) == {"at": "2026-01-01T00:00:00.123Z", "severity": "warning", "program": "pgpool-watchdog",
                                         "line": "node_down node=n1"}
    hub.kill()
    assert process.wait(timeout=20) == UNREACHABLE and "the watchdog was lost" in process.stderr.read()


def test_log_refused(member, hub):
    hub.answers("log", {"error": "no command \"log\"", "hint": ""}, code=1)
    done = member.run("log")
    assert done.code == REFUSED and 'no command "log"' in done.err


def test_the_table_needs_nobody(tmp_path):
    done = ctls.run(tmp_path / "nosuch.yaml", "fsm")
    assert done.code == DONE and "steady: " in done.out
    table = ctls.run(tmp_path / "nosuch.yaml", "fsm", "--json").json()
    assert {row["from"] for row in table["transitions"]} <= {phase["phase"] for phase in table["phases"]}
    assert ctls.run(tmp_path / "nosuch.yaml", "fsm", "--dot").out.startswith("digraph ")
    assert ctls.run(tmp_path / "nosuch.yaml", "fsm", "--mermaid").out.startswith("stateDiagram-v2\n")


# --- changes ---
@pytest.mark.parametrize("words,command", [
    (["switchover"], "switchover"), (["switchover", "n2"], "switchover [n2]"),
    (["promote", "n2"], "promote [n2]"), (["promote", "n2", "--force"], "promote [n2] [force]"), (["promote"], "promote []"),
    (["maintenance", "on", "--for", "30min", "--reason", "new kernel"], "maintenance [on] [1800] [new kernel]"),
    (["maintenance", "off"], "maintenance [off]"),
    (["vip", "move"], "vip [move]"), (["vip", "move", "m2"], "vip [move] [m2]"),
    (["lease", "release"], "lease [release]"), (["lease", "force", "--yes"], "lease [force]"),
    (["attach", "n2"], "attach [n2]"), (["detach", "n2"], "detach [n2]"),
    (["detach", "n2", "--reason", "its disk's old"], "detach [n2] [its disk's old]")])
def test_what_is_asked(member, hub, words, command):
    verb = command.split()[0]
    hub.answers(verb, {"reason": "as asked"})
    done = member.run(*words)
    assert done.code == DONE and ": as asked\n" in done.out and hub.asked() == command
    assert ("pgpool-ctl status --watch" in done.out) == (verb in ("switchover", "promote", "vip"))
    assert member.run(*words, "--json").json() == {"reason": "as asked"}
    hub.answers(verb, {"error": "m2 decides", "hint": "ask there"}, code=1)
    done = member.run(*words, "--json")
    assert done.code == REFUSED and done.json() == {"error": "m2 decides", "hint": "ask there"}
    assert done.err.endswith("pgpool-ctl: m2 decides\nask there\n")


def test_until_when(member, hub):
    hub.answers("maintenance", {"until": "2026-01-31T12:30:00Z", "reason": "new kernel"})
    assert member.run("maintenance", "on", "--for", "1h", "--reason", "x").out == "done until 2026-01-31T12:30:00Z: new kernel\n"


@pytest.mark.parametrize("words,says", [
    (["lease", "force"], "two primaries"), (["maintenance", "on"], "needs an end"),
    (["maintenance", "on", "--for", "1h"], "needs a reason"), (["maintenance", "on", "--for", "soon"], "is not a duration"),
    (["maintenance", "perhaps"], "perhaps"), (["vip", "eat"], "eat"), (["attach", "n7"], 'no node "n7"'),
    (["attach", "n2", "--force"], "mode replication"), (["status", "--watch", "0"], "0")])
def test_what_is_not_even_asked(member, hub, words, says):
    done = member.run(*words)
    assert done.code == USAGE and says in done.err, done.err


# --- no answer ---
def test_the_hub_is_away(member):
    begin = time.monotonic()
    done = member.run("status", "--json")
    assert done.code == UNREACHABLE and time.monotonic() - begin < 10
    assert done.json()["error"].startswith("the watchdog of this member does not answer: ")
    assert "systemctl status pgpool-watchdog" in done.json()["hint"]


def test_the_hub_does_not_answer(member, hub):
    done = member.run("status")
    assert done.code == UNREACHABLE and 'the watchdog has not answered "status" for 5000 ms' in done.err


def test_the_hub_dies_before_it_answers(member, hub):
    process = member.start("switchover")
    assert hub.asked() == "switchover"
    hub.kill()
    assert process.wait(timeout=20) == UNREACHABLE
    err = process.stderr.read()
    assert 'lost before it answered "switchover"' in err and "pgpool-ctl status tells whether it was done" in err


@pytest.mark.parametrize("text", ["", "no json", '{"member": '])
def test_an_answer_that_is_none(member, hub, text):
    hub.answers("status", text)
    done = member.run("status")
    assert done.code == UNREACHABLE and "no JSON" in done.err


def test_a_refusal_without_words(member, hub):
    hub.answers("status", {}, code=77)
    done = member.run("status")
    assert done.code == REFUSED and "gave no reason" in done.err


def test_without_a_watchdog(tmp_path):
    member = Member(tmp_path)
    member.config.write_text(member.config.read_text().replace("enabled: true", "enabled: false"))
    for words in ["status"], ["status", "--watch"], ["switchover"], ["log"]:
        done = member.run(*words)
        assert done.code == USAGE and "watchdog.enabled is off" in done.err
    assert member.run("attach", "n2").code in (USAGE, UNREACHABLE), "the proxy's console"


def test_in_mode_replication_the_proxy_attaches(tmp_path):
    member = Member(tmp_path, mode="replication")
    with member.hub() as hub:
        hub.answers("attach", {})
        done = member.run("attach", "n2")
        assert "admin.users" in done.err
