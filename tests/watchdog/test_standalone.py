# SPDX-License-Identifier: PostgreSQL
"""A member alone decides about its nodes: failover, restart, and what it must not do when its lease is over."""
import signal

from support.pgcluster import wait_for
from support.watchdog import Watchdog, now, standing_of


def sync_names(node):
    return node.sql("show synchronous_standby_names")


def node_of(watchdog, name):
    return next(node for node in watchdog.ask("status")[1]["nodes"] if node["name"] == name)


def test_the_primary_is_found_and_commits_wait_for_the_standby(cluster, watchdog):
    state = watchdog.state()
    assert state["sync"] == {"needed": 1, "names": ["node2"]}
    wait_for(lambda: sync_names(cluster.primary) == 'ANY 1 ("node2")', 10, "the rule is set on the primary")
    assert cluster.primary.sql("select sync_state from pg_stat_replication") == "quorum"


def test_a_dead_primary_is_replaced_and_kept_out_when_it_comes_back(cluster, watchdog):
    old, (new,) = cluster.primary, cluster.standbys
    old.sql("create table t as select 7 as a")
    epoch = watchdog.state()["epoch"]
    begin = now()
    old.kill()
    wait_for(lambda: not new.is_standby(), 30, "the standby is promoted")
    took = now() - begin
    state = watchdog.wait_until_settled("node2", promised=0)
    print(f"promoted after {took:.2f} s")
    assert took < 10, "a busy machine, and yet"
    assert state["epoch"] > epoch
    assert standing_of(state, "node1") == "quarantined"
    assert {"C1", "X1", "M1", "P1", "R1"} <= {entry["row"] for entry in state["history"]}
    assert new.sql("select a from t") == 7
    new.sql("insert into t values (8)")
    old.start()
    wait_for(lambda: node_of(watchdog, "node1")["seen_by"], 20, "node1 is seen again")
    status = watchdog.ask("status")[1]
    assert status["primary"] == "node2" and node_of(watchdog, "node1")["standing"] == "quarantined"


def test_one_that_was_rewound_comes_in_again(cluster, watchdog):
    old, (new,) = cluster.primary, cluster.standbys
    old.kill()
    watchdog.wait_until_settled("node2", promised=0)
    old.come_back_behind(new)
    state = watchdog.wait_until_settled("node2")
    assert standing_of(state, "node1") == "in service"
    assert state["sync"]["names"] == ["node1"]


def test_a_restart_finds_its_state(cluster, watchdog):
    before = watchdog.state()
    assert watchdog.stop() == 0
    watchdog.start()
    watchdog.wait_for_log("lease_taken", after=0)
    after = watchdog.wait_until_settled("node1")
    assert after["nodes"] == before["nodes"] and after["history"][:len(before["history"])] == before["history"]


def test_a_dead_watchdog_decides_nothing_until_it_is_back(cluster, watchdog):
    watchdog.kill()
    cluster.primary.kill()
    assert cluster.standbys[0].is_standby()
    watchdog.start()
    watchdog.wait_until_settled("node2", promised=0)


def test_what_it_has_promised_is_not_forgotten(cluster, watchdog):
    assert watchdog.stop() == 0
    text = watchdog.record_file.read_text()
    watchdog.record_file.write_text(text[:-20])
    status, output = watchdog.run()
    assert status == 2
    assert "cannot be read" in output and "Remove it if another member is up" in output


def test_after_a_sleep_longer_than_the_lease_nothing_is_done_by_the_old_one(cluster, watchdog):
    watchdog.signal(signal.SIGSTOP)
    cluster.primary.kill()
    wait_for(lambda: watchdog.lease_left() < 0, 20, "its lease is over")
    assert not cluster.standbys[0].sql("select count(*) from pg_stat_activity where application_name = 'pgpool-lease'")
    before = len(watchdog.log_text())
    watchdog.signal(signal.SIGCONT)
    wait_for(lambda: not cluster.standbys[0].is_standby(), 60, "the standby is promoted under a new lease")
    log = watchdog.log_text()[before:]
    ended, taken, first_order = log.find("lease_ended"), log.find("lease_taken"), log.find(" order ")
    assert -1 < ended < taken, log
    assert taken < first_order, "no order before the new lease\n" + log


def test_what_operators_ask(cluster, watchdog):
    status = watchdog.ask("status")[1]
    assert status["lease"]["holder"] == status["member"] and status["lease"]["remaining_ms"] > 0
    assert [(n["name"], n["role"], n["standing"]) for n in status["nodes"]] == [
        ("node1", "primary", "in service"), ("node2", "standby", "in service")]
    assert status["nodes"][1]["seen_by"] == [status["member"]]
    assert [p["program"] for p in status["programs"]] == ["pgpool-ctl"]
    assert watchdog.ask("reboot") == (1, {"error": 'no command "reboot"', "hint": "there are: status, why, log, promote, "
                                          "switchover, attach, detach, maintenance, pause, lease, vip, reload"})
    code, answer = watchdog.ask("promote", "node2")
    assert code == 1 and "the primary is not gone" in answer["error"]
    assert watchdog.ask("lease", "release")[1]["error"] == "there is no other member"
    assert watchdog.ask("detach", "node2", "its disk is slow")[0] == 0
    watchdog.wait_for_state(lambda s: standing_of(s, "node2") == "detached" and s["sync"]["needed"] == 0)
    assert watchdog.ask("attach", "node2")[0] == 0
    watchdog.wait_until_settled("node1")
    code, answer = watchdog.ask("why")
    assert code == 0 and answer["decisions"][0]["row"] == "S5"


def test_maintenance_holds_a_failover_back(cluster, watchdog):
    assert watchdog.ask("maintenance", "on", "600", "kernel")[0] == 0
    watchdog.wait_for_state(lambda s: s["maintenance"]["reason"] == "kernel")
    cluster.primary.kill()
    watchdog.wait_for_state(lambda s: s["phase"] == "condemned")
    assert "maintenance" in watchdog.ask("status")[1]["waiting_for"]
    assert watchdog.ask("maintenance", "off")[0] == 0
    watchdog.wait_until_settled("node2", promised=0)


def test_a_switchover_loses_nothing(cluster, watchdog):
    old, (new,) = cluster.primary, cluster.standbys
    old.sql("create table t as select 7 as a")
    code, answer = watchdog.ask("switchover", "node2")
    assert code == 0, answer
    watchdog.wait_until_settled("node2", promised=0)
    assert new.sql("select a from t") == 7
    assert old.sql("show default_transaction_read_only") == "on"
    assert old.sql("show synchronous_standby_names") == 'ANY 1 ("no such standby")'


def test_what_is_wrong_is_told_before_it_starts(cluster):
    watchdog = Watchdog(cluster, {"watchdog": {"enabled": False}})
    try:
        assert watchdog.run("--check") == (2, f"pgpool-watchdog: {watchdog.config_file}: watchdog.enabled is off\n"
                                           "with it on, the watchdog decides about the roles of nodes instead of pgpool-proxy\n")
        watchdog.config["watchdog"].update(enabled=True, group="nosuchgroup")
        status, output = watchdog.run("--check")
        assert status == 2 and 'there is no group "nosuchgroup"' in output
        watchdog.config["watchdog"]["group"] = "root"
        assert watchdog.run("--check") == (0, f"{watchdog.config_file}: no errors\n")
        status, output = watchdog.run("--witness", "--check")
        assert status == 2 and "is not the witness" in output
        assert watchdog.run("--version")[1].startswith("pgpool-watchdog ")
    finally:
        watchdog.discard()
