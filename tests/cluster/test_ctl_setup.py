# SPDX-License-Identifier: PostgreSQL
"""pgpool-ctl setup and doctor: the files that are written or left alone, and what is found of a real node."""
import stat

import pytest

from support import ctl as ctls
from support import proxy as proxies
from support.pgcluster import Independents

DONE, REFUSED, USAGE = 0, 1, 2


class Member:
    def __init__(self, folder, **changes):
        self.folder, self.config, self.etc = folder, folder / "appliance.yaml", folder / "corosync"
        self.etc.mkdir()
        self.configure(**changes)

    def configure(self, nodes=(("n1", "192.0.2.3"), ("n2", "192.0.2.4")), mode="streaming", health=None, **watchdog):
        base = {"mode": mode, "nodes": [{"name": n, "host": h, "port": p[0] if p else 5432} for n, h, *p in nodes],
                "watchdog": {"enabled": True, "name": "m1", "group": "daemon", "runtime_directory": str(self.folder),
                             "members": [{"name": "m1", "address": "192.0.2.1"}, {"name": "m2", "address": "192.0.2.2"}], **watchdog},
                "auth": {"access": [{"method": "trust"}]}, "health": health or {}}
        self.config.write_text(proxies.to_yaml(base) + "\n")
        self.config.chmod(0o640)

    def setup(self, *words):
        return ctls.run(self.config, "setup", "--directory", self.etc, *words)

    def doctor(self, *words):
        return ctls.run(self.config, "doctor", "--directory", self.etc, *words)

    @property
    def conf(self):
        return self.etc / "corosync.conf"


@pytest.fixture
def member(tmp_path):
    return Member(tmp_path)


# --- setup ---
def test_files_are_written_once(member):
    assert member.setup("--check").code == REFUSED and not list(member.etc.iterdir())
    done = member.setup()
    assert (done.code, done.err) == (DONE, ""), done.err
    assert "corosync.conf: written" in done.out and "What this set-up survives: 5 votes" in done.out
    assert "ring0_addr: 192.0.2.2" in member.conf.read_text()
    assert (member.etc / "uidgid.d/pgpool").read_text().endswith("uidgid {\n  gid: daemon\n}\n")
    assert stat.S_IMODE(member.conf.stat().st_mode) == 0o644
    assert sorted(p.name for p in member.etc.iterdir()) == ["corosync.conf", "uidgid.d"]
    assert "corosync.conf: was so already" in member.setup().out


def test_the_own_file_follows_the_configuration(member):
    member.setup()
    member.configure(profile="fast")
    checked = member.setup("--check")
    assert checked.code == REFUSED and "corosync.conf: outdated\n    lacks: token: 300\n" in checked.out
    assert member.setup().code == DONE and "token: 300\n" in member.conf.read_text()
    assert not (member.etc / "corosync.conf.before").exists()


@pytest.mark.parametrize("text,says", [("totem {\n}\n", "was not written by pgpool-ctl setup"), (None, "was changed by somebody")])
def test_files_of_others_are_left_alone(member, text, says):
    member.setup()
    text = text or member.conf.read_text() + "quorum {\n  expected_votes: 1\n}\n"
    member.conf.write_text(text)
    member.conf.chmod(0o600)
    done = member.setup()
    assert done.code == REFUSED and says in done.err and "nothing was written" in done.err
    assert member.conf.read_text() == text
    assert member.setup("--force").code == DONE and "token: 600\n" in member.conf.read_text()
    before = member.etc / "corosync.conf.before"
    assert before.read_text() == text and before.stat().st_mode & 0o777 == 0o600


def test_what_says_the_same_is_equal_whoever_wrote_it(member):
    member.setup()
    member.conf.write_text("\n".join(line.strip() for line in member.conf.read_text().splitlines() if line[0] != "#") + "\n")
    checked = member.setup("--check", "--json").json()
    assert [file["state"] for file in checked["files"]] == ["equal", "equal"]


def test_a_key_is_made_once(member):
    done = member.setup("--keygen")
    key = member.etc / "authkey"
    assert done.code == DONE and stat.S_IMODE(key.stat().st_mode) == 0o400 and "scp -p" in done.out
    made = key.read_bytes()
    assert member.setup("--keygen").code == DONE and key.read_bytes() == made
    assert member.setup("--check").code == DONE


def test_dry_run_prints(member):
    done = member.setup("--dry-run")
    assert done.code == DONE and "two_node: 1" in done.out and "gid: daemon" in done.out and not list(member.etc.iterdir())
    assert {"files", "survives"} <= member.setup("--dry-run", "--json").json().keys()


def test_what_is_unsafe_is_said(member):
    member.configure(nodes=[("n1", "192.0.2.1"), ("n2", "192.0.2.2")])
    done = member.setup("--json")
    assert done.code == DONE and "warning: m1 and n1 are on one host, which has 3 of 5 votes" in done.err
    lost = {loss["lost"]: loss["survived"] for loss in done.json()["survives"]["losses"]}
    assert lost["m1 and n1"] is False and lost["m2 and n2"] is True


def test_what_cannot_be(member):
    member.configure(group="nosuchgroup")
    done = member.setup()
    assert done.code == USAGE and 'no group "nosuchgroup"' in done.err and not list(member.etc.iterdir())
    member.configure(members=[])
    assert "one member alone needs no Corosync" in member.setup().err
    member.configure()
    member.etc.rmdir()
    done = member.setup()
    assert done.code == USAGE and f"there is no directory {member.etc}" in done.err and not member.etc.exists(), "it may be a slip"
    member.etc.write_text("a file")
    assert member.setup().code == USAGE


# --- doctor ---
@pytest.fixture(scope="module")
def servers():
    with Independents(1) as independents:
        yield independents


def found(done):
    return [(one["level"], one["topic"], one["text"]) for one in done.json()["findings"]]


def test_doctor_of_what_is_not_there(member):
    member.config.chmod(0o644)
    done = member.doctor("--json")
    list_ = found(done)
    assert done.code == REFUSED and not done.json()["well"]
    assert ("WARN", "configuration") in [f[:2] for f in list_]
    for topic in "watchdog", "lease", "corosync.conf", "key":
        assert ("FAIL", topic) in [f[:2] for f in list_], topic
    assert sum(f[:2] == ("FAIL", "node") for f in list_) == 2
    text = member.doctor().out
    assert "is it running? " in text, "the first thing to ask of a node that does not answer"
    assert "FAIL  key " in text and " -> " in text and text.splitlines()[-1].endswith(" FAIL")


def test_hooks_that_cannot_be_started(member):
    present = member.folder / "hook"
    present.write_text("#!/bin/sh\n")
    present.chmod(0o755)
    member.config.write_text(member.config.read_text() + proxies.to_yaml(
        {"hooks": {"failover": ["/no/such/hook", "--all"], "failback": [str(member.config)], "notify": [str(present)]}}) + "\n")
    list_ = [(level, text) for level, topic, text in found(member.doctor("--json")) if topic == "hooks"]
    assert list_ == [("FAIL", "hooks.failover: /no/such/hook: No such file or directory"),
                     ("FAIL", f"hooks.failback: {member.config}: it is not executable"), ("OK", f"hooks.notify: {present}")]


def test_doctor_of_a_node(member, servers):
    node = servers.nodes[0]
    servers.sql("create role lacking login; create role granted login replication; grant pg_monitor, pg_signal_backend, pg_checkpoint to granted; "
                "grant alter system on parameter pgpool.epoch, primary_conninfo, synchronous_standby_names, default_transaction_read_only to granted; "
                "grant select on pg_catalog.pg_file_settings to granted; "
                "grant execute on function pg_catalog.pg_show_all_file_settings(), pg_catalog.pg_promote(boolean, integer), "
                "pg_catalog.pg_reload_conf(), pg_catalog.pg_read_file(text, bigint, bigint, boolean) to granted; alter role granted set idle_session_timeout = '1h'")
    entry = proxies.node_entry(node)

    def look(user):
        member.configure(nodes=[("n1", entry["host"], entry["port"])], health={"user": user})
        done = member.doctor("--json")
        return [f for f in done.json()["findings"] if f["topic"] in ("node", "nodes", "clock")]
    assert look("postgres")[0]["text"] == "n1 is reached, as a superuser"
    lacking = look("lacking")[0]
    assert lacking["level"] == "FAIL" and 'GRANT ALTER SYSTEM ON PARAMETER pgpool.epoch TO "lacking"' in lacking["remedy"]
    servers.sql(lacking["remedy"])
    orders = look("lacking")[0]
    assert "what a failover needs" in orders["text"]
    servers.sql(orders["remedy"])
    assert look("lacking")[0]["level"] == "OK", "the remedies are what it takes"
    granted = look("granted")
    assert granted[0]["level"] == "OK"
    assert granted[1]["level"] == "WARN" and "idle_session_timeout is 1h:" in granted[1]["text"]
    assert {"PostgreSQL", "n1 is the primary"} <= {f["text"].split(" 1")[0] for f in granted}
