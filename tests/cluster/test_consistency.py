# SPDX-License-Identifier: PostgreSQL
"""Reads after writes while the standby stands still, and while it replays late."""
import random
import threading
import time

import pytest

from support import wire
from support.pgcluster import wait_for


@pytest.fixture
def paused(make_cluster):
    """A cluster whose standby does not replay, with a table that it knows."""
    cluster = make_cluster(standbys=1)
    cluster.primary.sql("create table counter(id int primary key, n int); insert into counter select g, 0 from generate_series(1, 50) g")
    cluster.wait_caught_up()
    cluster.standbys[0].pause_replay()
    yield cluster
    cluster.standbys[0].resume_replay()


def settings(level, **routing):
    return {"routing": {"consistency": level, "consistency_wait": "0ms", "max_lag_bytes": 0, "max_lag_time": "0s", **routing}}


@pytest.mark.deadline(120)
def test_session_reads_own_writes(paused, make_proxy, sized):
    proxy, count, stale = make_proxy(paused, settings("session")), sized(3000, 100000) // 10, []

    def client(number):
        with proxy.wire(timeout=30) as connection:
            for value in range(1, count + 1):
                connection.query(f"update counter set n = {value} where id = {number}")
                found = int(connection.rows(f"select n from counter where id = {number}")[0][0])
                if found != value:
                    stale.append((number, value, found))
    threads = [threading.Thread(target=client, args=(n,)) for n in range(1, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stale == [], f"{len(stale)} stale reads, e.g. {stale[:3]}"


@pytest.mark.deadline(120)
def test_session_reads_own_writes_of_transactions_and_pipelines(paused, make_proxy, sized):
    with make_proxy(paused, settings("session")).wire(timeout=30) as connection:
        for value in range(1, sized(200, 5000)):
            connection.query("begin")
            connection.query(f"update counter set n = {value} where id = 1")
            connection.query("commit")
            assert connection.rows("select n from counter where id = 1") == [[str(value)]]
            connection.send(wire.query(f"update counter set n = {value} where id = 2"), wire.query("select n from counter where id = 2"))
            assert [f.values() for f in connection.read_until("Z", 2) if f.type == "D"] == [[str(value).encode()]]
            connection.send(wire.parse("", "update counter set n = $1::int where id = 3"), wire.bind("", "", [value]), wire.execute(), wire.SYNC,
                            wire.parse("", "select n from counter where id = 3"), wire.bind(), wire.execute(), wire.SYNC)
            assert [f.values() for f in connection.read_until("Z", 2) if f.type == "D"] == [[str(value).encode()]]


@pytest.mark.deadline(120)
def test_global_reads_what_anybody_wrote(paused, make_proxy, sized):
    proxy = make_proxy(paused, settings("global"))
    with proxy.wire(timeout=30) as writer, proxy.wire(timeout=30) as reader:
        for value in range(1, sized(1000, 100000)):
            writer.query(f"update counter set n = {value} where id = 5")
            assert reader.rows("select n from counter where id = 5") == [[str(value)]]


def test_eventual_may_read_the_past(paused, make_proxy):
    """Proves that the standby is really behind: without a level the old value is seen."""
    with make_proxy(paused, settings("eventual", primary_reads=False)).wire() as connection:
        connection.query("update counter set n = 77 where id = 9")
        assert connection.rows("select n from counter where id = 9") == [["0"]]


@pytest.mark.deadline(120)
@pytest.mark.parametrize("wait", ["0ms", "200ms"])
@pytest.mark.parametrize("level", ["session", "eventual"])
def test_reads_own_writes_while_the_standby_replays_late(make_cluster, make_proxy, sized, level, wait):
    """The standby has some of the writes and lacks others; without a level old values are seen."""
    cluster = make_cluster(standbys=1)
    cluster.primary.sql("create table counter(id int primary key, n int); insert into counter select g, 0 from generate_series(1, 50) g")
    cluster.wait_caught_up()
    cluster.standbys[0].configure({"recovery_min_apply_delay": "40ms"})
    proxy = make_proxy(cluster, {**settings(level, consistency_wait=wait), "health": {"period": "50ms"}})
    stale, nodes, rng = [], set(), random.Random(1)

    def client(number, pauses):
        with proxy.wire(timeout=30) as connection:
            for value, pause in enumerate(pauses, 1):
                connection.query(f"update counter set n = {value} where id = {number}")
                for _ in range(2):
                    found, node = connection.rows(f"select n, current_setting('cluster_name') from counter where id = {number}")[0]
                    nodes.add(node)
                    if int(found) != value:
                        stale.append((number, value, found))
                    time.sleep(pause)
    pauses = [[rng.random() * 0.2 for _ in range(sized(20, 1000))] for _ in range(10)]
    threads = [threading.Thread(target=client, args=(number, own)) for number, own in enumerate(pauses, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert nodes == {"node1", "node2"}, "both serve reads"
    if level == "session":
        assert stale == [], f"{len(stale)} stale reads, e.g. {stale[:3]}"
    else:
        assert stale != [], "the standby is never behind: the test proves nothing"


def test_standby_serves_again_when_it_has_caught_up(paused, make_proxy):
    proxy = make_proxy(paused, settings("session", primary_reads=False))
    text = "select current_setting('cluster_name'), n from counter where id = 9"
    with proxy.wire(timeout=20) as connection:
        connection.query("update counter set n = 78 where id = 9")
        assert connection.rows(text) == [["node1", "78"]]
        paused.standbys[0].resume_replay()
        wait_for(lambda: connection.rows(text) == [["node2", "78"]], 15, "the standby serves reads again")


def test_lagging_standby_is_skipped(make_cluster, make_proxy):
    cluster = make_cluster(standbys=1)
    proxy = make_proxy(cluster, {"routing": {"consistency": "eventual", "max_lag_bytes": 10000, "primary_reads": False}})
    cluster.standbys[0].pause_replay()
    with proxy.wire() as connection:
        assert connection.rows("select current_setting('cluster_name')") == [["node2"]]
        connection.query("create table bulk as select repeat('x', 100) from generate_series(1, 10000)")
        wait_for(lambda: connection.rows("select current_setting('cluster_name')") == [["node1"]], 10, "the lagging standby gets no reads")
    cluster.standbys[0].resume_replay()
