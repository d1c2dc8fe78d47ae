# SPDX-License-Identifier: PostgreSQL
"""pgpool-ctl and a real watchdog: they understand each other."""
import json
import subprocess

import pytest
from support import ctl as ctls
from support.pgcluster import wait_for

pytestmark = pytest.mark.skipif(not ctls.binary().exists(), reason="pgpool-ctl is not built")


def ctl(watchdog, *words):
    return ctls.run(watchdog.config_file, *words)


def test_status_why_and_a_refusal(cluster, watchdog):
    status = ctl(watchdog, "status")
    assert status.code == 0, status.err
    assert "; this member: decides\n" in status.out and "primary      node1\n" in status.out and "phase        steady: " in status.out
    document = ctl(watchdog, "status", "--json").json()
    assert document["primary"] == "node1" and {node["name"] for node in document["nodes"]} == {"node1", "node2"}
    assert all(entry["row"] for entry in ctl(watchdog, "why", "--json").json()["decisions"])
    refused = ctl(watchdog, "lease", "release")
    assert refused.code == 1 and refused.err.startswith("pgpool-ctl: ")
    assert ctl(watchdog, "vip", "move", "nosuch").code == 1


def test_maintenance_and_detach(cluster, watchdog):
    done = ctl(watchdog, "maintenance", "on", "--for", "30min", "--reason", "new kernel")
    assert done.code == 0, done.err
    assert "maintenance  until " in ctl(watchdog, "status").out
    assert ctl(watchdog, "status", "--json").json()["maintenance"]["reason"] == "new kernel"
    assert ctl(watchdog, "maintenance", "off").code == 0
    assert ctl(watchdog, "status", "--json").json()["maintenance"] is None
    assert ctl(watchdog, "detach", "node2", "--reason", "new disk").code == 0


def test_switchover_wait(cluster, watchdog):
    done = ctl(watchdog, "switchover", "--wait", "--json")
    assert (done.code, done.json()) == (0, {"primary": "node2"}), done.err
    assert cluster.standbys[0].sql("select not pg_is_in_recovery()")
    refused = ctl(watchdog, "switchover", "nosuch", "--wait")
    assert refused.code == 2 and 'there is no node "nosuch"' in refused.err and "node1, node2" in refused.err
    assert ctl(watchdog, "promote", "nosuch").code == 2
    refused = ctl(watchdog, "switchover", "node2", "--wait")
    assert refused.code == 1 and refused.out == "", "refused, as without --wait"


def test_reload_tells_what_needs_a_restart(cluster, watchdog):
    watchdog.config["watchdog"].update(auto_failback=False, profile="wan")
    watchdog.write_config()
    done = ctl(watchdog, "reload", "--json")
    assert done.code == 0, done.err
    assert done.json() == {"changed": ["watchdog.auto_failback: on -> off (live)"], "programs": ["pgpool-watchdog"], "not_asked": [],
                           "needs_restart": ["watchdog.profile: default -> wan (needs a restart; the old value stays in force)"]}
    assert "parameter_needs_restart" in watchdog.log_text()
    again = ctl(watchdog, "reload")
    assert (again.code, again.out.splitlines()[0]) == (0, "reloads        pgpool-watchdog")
    assert "needs restart  watchdog.profile: " in again.out and "changed" not in again.out
    watchdog.config_file.write_text(watchdog.config_file.read_text().replace("wan", "moon"))
    assert ctl(watchdog, "reload").code == 2, "pgpool-ctl itself goes by that file"
    before = len(watchdog.log_text())
    code, answer = watchdog.ask("reload")
    assert code == 1 and answer["error"].startswith("nothing was changed: ") and "moon" in answer["error"]
    assert "reload_refused" in watchdog.log_text()[before:]


def test_log_of_a_failover(cluster, watchdog):
    log = subprocess.Popen([ctls.binary(), "--config", watchdog.config_file, "log", "--json"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: log.pid in [p["pid"] for p in ctl(watchdog, "status", "--json").json()["programs"]], 20, "it listens")
        cluster.primary.kill()
        line = json.loads(log.stdout.readline())
        assert line["program"] == "pgpool-watchdog" and line["line"]
    finally:
        log.kill()
        log.communicate()


def test_doctor_reaches_it(cluster, watchdog):
    found = ctl(watchdog, "doctor", "--json").json()["findings"]
    by_topic = {one["topic"]: one for one in found}
    assert by_topic["watchdog"]["level"] == "OK" and by_topic["lease"]["level"] == "OK", found
    assert by_topic["bus"]["level"] == "FAIL" and "pgpool-proxy" in by_topic["bus"]["text"], "there is none"
    assert by_topic["nodes"]["level"] == "OK"
