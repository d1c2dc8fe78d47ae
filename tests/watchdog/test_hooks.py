# SPDX-License-Identifier: PostgreSQL
"""Commands of the operator: each event once, and nothing waits for them."""
import json
import signal
import socket
import subprocess
import threading

import pytest
from support.pgcluster import wait_for
from support.proxy import ROOT
from support.watchdog import Watchdog, now, standing_of

MAIL = ROOT / "deploy" / "hooks" / "mail"


class Hook:
    """A command that notes what it gets, or does something else."""

    def __init__(self, folder, script="cat"):
        self.notes, self.file = folder / "notes", folder / "hook"
        self.file.write_text(f"#!/bin/sh\nexec >> {self.notes}\n{script}\n")
        self.file.chmod(0o755)

    def events(self):
        return [json.loads(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []

    def names(self):
        return [event["event"] for event in self.events()]


def hooked(cluster, **hooks):
    return Watchdog(cluster, {"hooks": {kind: [str(hook.file)] if isinstance(hook, Hook) else hook for kind, hook in hooks.items()}})


def test_each_event_once_and_nothing_again_after_a_restart(cluster, tmp_path):
    for kind in ("all", "failover", "failback"):
        (tmp_path / kind).mkdir()
    everything, failover, failback = Hook(tmp_path / "all"), Hook(tmp_path / "failover"), Hook(tmp_path / "failback")
    old, (new,) = cluster.primary, cluster.standbys
    with hooked(cluster, notify=everything, failover=failover, failback=failback) as watchdog:
        watchdog.wait_until_settled("node1")
        old.kill()
        watchdog.wait_until_settled("node2", promised=0)
        wait_for(lambda: everything.names() == ["lease_taken", "primary_gone", "failover"], 20, "three events are told")
        wait_for(lambda: failover.names() == ["failover"], 20, "the failover is told")
        event, = failover.events()
        assert (event["old_primary"], event["primary"], event["node"]) == ("node1", "node2", "node2")
        assert event["primary_port"] == str(new.port) and event["member"] == watchdog.config["watchdog"]["name"]
        assert event == everything.events()[2]
        assert watchdog.stop() == 0
        watchdog.start()
        wait_for(lambda: everything.names()[3:] == ["lease_taken"], 20, "after a restart only the lease is told")
        old.come_back_behind(new)
        state = watchdog.wait_until_settled("node2")
        assert standing_of(state, "node1") == "in service"
        wait_for(lambda: failback.names() == ["failback"], 20, "the failback is told")
        wait_for(lambda: everything.names()[3:] == ["lease_taken", "failback"], 20, "the other hook is told, too")
        assert failback.events()[0]["node"] == "node1"
        assert failover.names() == ["failover"]


@pytest.mark.parametrize("script", ["trap '' TERM; echo begun >&2; sleep 600", "echo no mail >&2; exit 3", None], ids=["hangs", "fails", "is_not_there"])
def test_a_bad_hook_delays_nothing(cluster, tmp_path, script):
    """Scenario 30 of the pair: within the bound that a failover without hooks has in test_standalone.py."""
    hook = Hook(tmp_path, script) if script else ["/no/such/hook"]
    with hooked(cluster, notify=hook, failover=hook, timeout="1h") as watchdog:
        watchdog.wait_until_settled("node1")
        begin = now()
        cluster.primary.kill()
        wait_for(lambda: not cluster.standbys[0].is_standby(), 30, "the standby is promoted")
        took = now() - begin
        print(f"promoted after {took:.2f} s")
        assert took < 10, "a busy machine, and yet"
        watchdog.wait_until_settled("node2", promised=0)
        log = watchdog.log_text()
        assert "lease_ended" not in log, "the lease was kept throughout"
        if not script or "exit" in script:
            watchdog.wait_for_log("hook_failed event=failover")
            assert "not started" in watchdog.log_text() if not script else "no mail" in watchdog.log_text()
        begin = now()
        assert watchdog.stop() == 0
        assert now() - begin < 8, "whatever the hook does"


def test_a_hook_that_hangs_is_killed_after_its_timeout(cluster, tmp_path):
    with hooked(cluster, notify=Hook(tmp_path, "trap '' TERM; sleep 600"), timeout="300ms") as watchdog:
        watchdog.wait_for_log("hook_failed event=lease_taken")
        assert 'how="killed after hooks.timeout"' in watchdog.log_text()


def test_hooks_are_taken_over_by_a_reload(cluster, tmp_path):
    hook = Hook(tmp_path)
    with Watchdog(cluster) as watchdog:
        watchdog.wait_until_settled("node1")
        watchdog.config["hooks"] = {"notify": [str(hook.file)]}
        watchdog.write_config()
        watchdog.signal(signal.SIGHUP)
        watchdog.wait_for_log(" reloaded")
        assert watchdog.ask("maintenance", "on", "600", "kernel")[0] == 0
        assert watchdog.ask("maintenance", "off")[0] == 0
        wait_for(lambda: hook.names() == ["maintenance_on", "maintenance_off"], 20, "both are told, in their order")
        assert hook.events()[0]["reason"] == "kernel"


def serve_mail(listener, lines):
    """A relay for one mail."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rw", newline="\r\n") as talk:
        def say(text):
            talk.write(text + "\n")
            talk.flush()
        say("220 relay")
        in_text = False
        for line in talk:
            lines.append(line.strip())
            if in_text:
                in_text = line.strip() != "."
                if not in_text:
                    say("250 taken")
            elif line.upper().startswith("DATA"):
                in_text = True
                say("354 go on")
            elif line.upper().startswith("QUIT"):
                return say("221 bye")
            else:
                say("250 well")


def test_check_tells_what_cannot_be_started(cluster):
    watchdog = hooked(cluster, failover=["/no/such/hook"])
    code, output = watchdog.run("--check")
    assert code == 2 and "hooks.failover: /no/such/hook: No such file or directory" in output
    watchdog.config["hooks"] = {"failover": ["true"]}
    assert watchdog.run("--check")[0] == 0, "found in PATH"


def test_the_example_tells_in_one_line_that_it_cannot_mail():
    done = subprocess.run([MAIL, "--to", "dba@example.org", "--server", "127.0.0.1:1"], input='{"event": "blocked", "node": "", "primary": "n1"}',
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and done.stderr.startswith("mail: 127.0.0.1:1: ") and done.stderr.count("\n") == 1


def test_the_example_mails():
    lines = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        relay = threading.Thread(target=serve_mail, args=(listener, lines))
        relay.start()
        event = {"event": "failover", "member": "m1", "node": "n2", "primary": "n2", "old_primary": "n1", "reason": "it is dead"}
        done = subprocess.run([MAIL, "--to", "dba@example.org", "--server", f"127.0.0.1:{listener.getsockname()[1]}"],
                              input=json.dumps(event), capture_output=True, text=True, timeout=30)
        relay.join(30)
    assert done.returncode == 0, done.stderr
    assert "Subject: [pgpool] failover: n2" in lines and "To: dba@example.org" in lines
    assert any(line.split() == ["reason", "it", "is", "dead"] for line in lines), lines
