# SPDX-License-Identifier: PostgreSQL
"""health.user is no superuser: doctor tells the grants that it needs, and with exactly those all goes as it should."""
import contextlib

import pytest
from support import ctl as ctls
from support.pgcluster import wait_for
from support.watchdog import Watchdog, standing_of

pytestmark = pytest.mark.skipif(not ctls.binary().exists(), reason="pgpool-ctl is not built")
ROLE = "the watch"  # must be quoted


def findings(watchdog, topic):
    return [one for one in ctls.run(watchdog.config_file, "doctor", "--json").json()["findings"] if one["topic"] == topic]


def grant_what_doctor_says(cluster, watchdog):
    """The statements; none of them is asked for twice."""
    done = []
    while missing := [one["remedy"] for one in findings(watchdog, "node") if one["level"] == "FAIL"]:
        statements = missing[0].split("; ")
        assert not set(statements) & set(done), missing
        for statement in statements:
            cluster.primary.sql(statement)
        done += statements
        wait_for(lambda: cluster.standbys[0].lsn() >= cluster.primary.lsn(), 20, "the standby knows of them")
    return done


@pytest.fixture
def limited(cluster):
    cluster.primary.sql(f'create role "{ROLE}" login')
    wait_for(lambda: cluster.standbys[0].sql(f"select count(*) from pg_roles where rolname = '{ROLE}'"), 20, "the standby knows the role")
    watchdog = Watchdog(cluster, {"health": {"user": ROLE}})
    try:
        watchdog.write_config()
        grants = grant_what_doctor_says(cluster, watchdog)
        with watchdog:
            watchdog.wait_until_settled("node1")
            yield grants, watchdog
    finally:
        watchdog.discard()


def test_a_failover_and_the_way_back(cluster, limited):
    grants, watchdog = limited
    print("\n".join(grants))
    assert len(grants) == 13 and all(f'"{ROLE}"' in grant for grant in grants)
    assert {one["text"] for one in findings(watchdog, "node")} == {f"{n} is reached, with the rights that are needed" for n in ("node1", "node2")}
    wait_for(lambda: findings(watchdog, "durability")[0]["level"] == "OK", 20, "commits wait for the standby")
    old, (new,) = cluster.primary, cluster.standbys
    old.sql("create table t as select 7 as a")
    old.kill()
    watchdog.wait_until_settled("node2", promised=0)
    assert new.sql("select a from t") == 7
    old.come_back_behind(new)
    state = watchdog.wait_until_settled("node2")
    assert standing_of(state, "node1") == "in service"
    assert "order_failed" not in watchdog.log_text()


def test_a_switchover(cluster, limited):
    _, watchdog = limited
    cluster.primary.sql("create table t as select 7 as a")
    done = ctls.run(watchdog.config_file, "switchover", "node2", "--wait")
    assert (done.code, done.out) == (0, "done: node2 is the primary\n"), done.err
    assert cluster.standbys[0].sql("select a from t") == 7
    assert "order_failed" not in watchdog.log_text()


def test_it_cannot_end_the_session_of_a_superuser(cluster, limited):
    _, watchdog = limited
    with contextlib.closing(cluster.primary.connect()) as session:
        done = ctls.run(watchdog.config_file, "switchover", "node2", "--wait", timeout=90)
        assert done.code == 1 and "node1 is the primary as before" in done.err, done
        session.cursor().execute("create table t (a int)")  # it goes on where it was
    assert "must be a superuser to terminate superuser process" in watchdog.log_text()
