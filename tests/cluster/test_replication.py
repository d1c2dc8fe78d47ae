# SPDX-License-Identifier: PostgreSQL
"""Replication connections through the proxy: backups, WAL, standbys, logical changes, and how they end."""
import contextlib
import re
import subprocess
import time

import psycopg2
import pytest

from support import ports
from support import proxy as proxies
from support import wire
from support.pgcluster import BIN, Cluster, Node, make_owned_directory, run, run_as, wait_for, wait_until_runs

ALL_AND_REPLICATION = {"auth": {"access": [{"databases": ["replication"], "method": "trust"}, {"method": "trust"}]}}
IDENTIFY = "IDENTIFY_SYSTEM"


@pytest.fixture(scope="module")
def logical():
    """A primary that decodes; a standby of the test's own may join it."""
    with Cluster(standbys=0, settings={"wal_level": "logical"}) as cluster:
        yield cluster


@pytest.fixture
def scratch():
    directory = make_owned_directory("pgpool-replication-")
    yield directory
    subprocess.run(["rm", "-rf", directory], check=True)


@contextlib.contextmanager
def running(command):
    """A program of PostgreSQL's in the background, ended with SIGTERM."""
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/",
                          **run_as()) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            print(process.communicate(timeout=20)[0])


def replicating(proxy, **options):
    return proxy.wire(replication="true", **options)


def walsenders(node):
    return node.sql("select count(*) from pg_stat_activity where backend_type = 'walsender'")


def start_of_stream(connection):
    """The client of a physical stream that has begun."""
    position = connection.rows(IDENTIFY)[0][2]
    connection.send(wire.query(f"START_REPLICATION PHYSICAL {position}"))
    assert connection.read_frame().type == "W"
    return connection


@pytest.mark.parametrize("kind,database", [("database", "postgres"), ("true", None), ("on", None), ("1", None)])
def test_identify_system(pair, make_proxy, kind, database):
    proxy = make_proxy(pair, ALL_AND_REPLICATION)
    with proxy.wire(replication=kind) as connection:
        row = connection.rows(IDENTIFY)[0]
    with wire.connect(pair.primary.host, pair.primary.port, replication=kind) as direct:
        expected = direct.rows(IDENTIFY)[0]
    assert row[:2] == expected[:2] and row[3] == expected[3] == database


def test_login_is_that_of_the_node(pair, make_proxy):
    """The parameters are the node's, settings of the startup packet are in force, the key is ours."""
    startup = {"replication": "database", "application_name": "walker", "options": "-c work_mem=3MB -c extra_float_digits=2"}
    with make_proxy(pair).wire(**startup) as connection, wire.connect(pair.primary.host, pair.primary.port, **startup) as direct:
        assert connection.parameters == direct.parameters
        assert connection.rows("SHOW work_mem") == [["3MB"]]
        pids = [r[0] for r in pair.primary.rows("select pid from pg_stat_activity where application_name = 'walker'")]
        assert len(pids) == 2 and connection.pid not in pids


def test_plain_queries_run_on_the_primary(pair, make_proxy):
    with make_proxy(pair).wire(replication="database") as connection:
        for _ in range(10):
            assert connection.rows("select current_setting('cluster_name')") == [["node1"]]
        connection.query("create temp table only_here(a int)")
        connection.query("insert into only_here values (1)")
        assert connection.rows("select a from only_here") == [["1"]]


def test_errors_of_the_node_are_passed_on(pair, make_proxy):
    proxy = make_proxy(pair)
    with pytest.raises(wire.ServerError) as refused:
        proxy.wire(database="nowhere", replication="database")
    assert refused.value.sqlstate == "3D000"
    assert "replication_connected" not in proxy.log_text() and f"server_login_refused node={pair.primary.name} " in proxy.log_text()
    with proxy.wire(replication="database") as connection:
        assert f"replication_connected peer=127.0.0.1 user=postgres database=postgres node={pair.primary.name}" in re.sub(r"(127\.0\.0\.1):\d+", r"\1", proxy.log_text())
        with pytest.raises(wire.ServerError) as refused:
            connection.rows("DROP_REPLICATION_SLOT nothing")
        assert refused.value.sqlstate == "42704"
        assert connection.rows(IDENTIFY)


@pytest.mark.parametrize("access,startup", [
    ([{"method": "trust"}], {"replication": "true"}),
    ([{"databases": ["postgres"], "method": "trust"}], {"replication": "true"}),
    ([{"databases": ["replication"], "method": "reject"}, {"method": "trust"}], {"replication": "true"}),
    ([{"databases": ["replication"], "method": "trust"}, {"databases": ["postgres"], "users": ["postgres"], "method": "trust"}],
     {"replication": "database", "database": "template1"}),
])
def test_access_list_refuses(pair, make_proxy, access, startup):
    proxy = make_proxy(pair, {"auth": {"access": access}})
    with pytest.raises(wire.ServerError) as refused:
        proxy.wire(**startup)
    assert refused.value.sqlstate == "28000"
    assert refused.value.fields["S"] == "FATAL"
    assert ("replication connection" in str(refused.value)) == (startup["replication"] == "true")


def test_password_of_the_client_logs_in_at_the_node(make_cluster, make_proxy):
    """SCRAM at both ends: the proxy knows verifiers only."""
    cluster = make_cluster(standbys=0)
    cluster.primary.sql("create role walker replication login password 'pencil'")
    cluster.primary.set_hba(["host all postgres 127.0.0.1/32 trust", "host all,replication all 127.0.0.1/32 scram-sha-256"])
    access = [{"users": ["postgres"], "method": "trust"}, {"databases": ["replication"], "method": "scram-sha-256"}, {"method": "scram-sha-256"}]
    proxy = make_proxy(cluster, {"auth": {"access": access, "auth_user": "postgres"}})
    for startup in {"replication": "true"}, {"replication": "database"}:
        with proxy.wire(user="walker", password="pencil", **startup) as connection:
            assert connection.rows(IDENTIFY)
        with pytest.raises(wire.ServerError) as refused:
            proxy.wire(user="walker", password="wrong", **startup)
        assert refused.value.sqlstate == "28P01"


@pytest.mark.parametrize("wal", ["fetch", "stream"])
def test_base_backup(pair, make_proxy, scratch, wal):
    proxy = make_proxy(pair, ALL_AND_REPLICATION)
    run([BIN / "pg_basebackup", "-D", scratch / "copy", "-h", proxy.host, "-p", proxy.port, "-U", "postgres", "-X", wal,
         "-c", "fast", "--no-sync"])
    run([BIN / "pg_verifybackup", scratch / "copy"])


def test_receive_wal_while_it_is_written(pair, make_proxy, scratch):
    proxy = make_proxy(pair, ALL_AND_REPLICATION)
    pair.primary.sql("create table if not exists walked(a text)")
    first = pair.primary.sql("select pg_walfile_name(pg_current_wal_lsn())")
    with running([BIN / "pg_receivewal", "-D", scratch, "-h", proxy.host, "-p", proxy.port, "-U", "postgres", "--no-loop", "-v"]) as receiver:
        wait_for(lambda: walsenders(pair.primary) == 2, 20, "pg_receivewal streams")
        until = time.monotonic() + 3
        while time.monotonic() < until:
            pair.primary.sql("insert into walked select repeat('x', 1000) from generate_series(1, 2000)")
        pair.primary.sql("select pg_switch_wal()")
        wait_for(lambda: (scratch / first).exists(), 20, f"{first} is received")
        assert receiver.poll() is None
    assert "Heap" in run([BIN / "pg_waldump", "-n", "2000", "-r", "Heap", scratch / first])


@pytest.mark.deadline(150)
def test_standby_streams_through_the_proxy(make_cluster, make_proxy):
    cluster = make_cluster(standbys=0)
    primary = cluster.primary
    proxy = make_proxy(cluster, ALL_AND_REPLICATION)
    standby = Node(cluster, "node2", ports.reserve())
    cluster.standbys.append(standby)
    primary.make_slot(standby.name)
    conninfo = f"host={proxy.host} port={proxy.port} user=postgres application_name={standby.name}"
    run([BIN / "pg_basebackup", "-D", standby.data, "-d", conninfo, "-R", "-S", standby.name, "-X", "stream", "-c", "fast", "--no-sync"])
    standby.append_config({"port": str(standby.port), "cluster_name": f"'{standby.name}'"})
    standby.start()
    primary.sql("create table streamed as select i, repeat('y', 500) as filler from generate_series(1, 200000) i")
    cluster.wait_caught_up(60)
    assert standby.sql("select count(*) from streamed") == 200000
    assert primary.sql("select state from pg_stat_replication where application_name = 'node2'") == "streaming"
    primary.restart()
    primary.sql("insert into streamed values (0, 'after')")
    cluster.wait_caught_up(60)


@pytest.mark.deadline(150)
def test_standby_follows_the_new_primary(make_cluster, make_proxy):
    """Nobody tells it: its primary_conninfo names the proxy."""
    cluster = make_cluster(standbys=1)
    proxy = make_proxy(cluster, ALL_AND_REPLICATION)
    follower = Node(cluster, "node3", ports.reserve())
    conninfo = f"host={proxy.host} port={proxy.port} user=postgres application_name={follower.name}"
    run([BIN / "pg_basebackup", "-D", follower.data, "-d", conninfo, "-R", "-X", "stream", "-c", "fast", "--no-sync"])
    follower.append_config({"port": str(follower.port), "cluster_name": f"'{follower.name}'"})
    follower.start()
    successor = cluster.standbys[0]
    cluster.standbys.append(follower)
    cluster.wait_caught_up(30)
    cluster.primary.stop()
    successor.promote()
    proxy.sql("create table followed as select 42 as answer")
    target = successor.sql("select pg_current_wal_lsn()")
    wait_for(lambda: follower.sql("select pg_last_wal_replay_lsn() >= %s", [target]), 60, "the follower replays the new timeline")
    assert follower.sql("select answer from followed") == 42


def test_logical_decoding(logical, make_proxy, scratch):
    proxy = make_proxy(logical)
    place = ["-h", proxy.host, "-p", proxy.port, "-U", "postgres", "-d", "postgres", "-S", "decoded"]
    run([BIN / "pg_recvlogical", *place, "--create-slot", "-P", "test_decoding"])
    logical.primary.sql("create table decoded(a text)")
    out = scratch / "changes"
    with running([BIN / "pg_recvlogical", *place, "--start", "-f", out, "--no-loop", "-F", "1", "-s", "1"]) as receiver:
        proxy.sql("insert into decoded values ('it came through')")
        wait_for(lambda: out.exists() and "it came through" in out.read_text(), 20, "the insert is decoded")
        assert receiver.poll() is None
    wait_for(lambda: walsenders(logical.primary) == 0, 10, "the walsender is gone")
    run([BIN / "pg_recvlogical", *place, "--drop-slot"])


def test_logical_changes_of_any_size(logical, make_proxy, scratch):
    """More than all buffers hold, to a client that reads late: nothing is lost, and the proxy does not hold it."""
    proxy = make_proxy(logical)
    logical.primary.sql("create table big(a text)")
    with proxy.wire(replication="database", timeout=60) as connection:
        connection.rows("CREATE_REPLICATION_SLOT big TEMPORARY LOGICAL test_decoding")
        for _ in range(4):
            logical.primary.sql("insert into big select repeat('z', 1000000) from generate_series(1, 10)")
        connection.send(wire.query("START_REPLICATION SLOT big LOGICAL 0/0"))
        assert connection.read_until("W")
        time.sleep(1)
        with open(f"/proc/{proxy.process.pid}/status") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        assert resident < 200_000, f"{resident} kB"
        seen = 0
        while seen < 40:
            frame = connection.read_frame()
            seen += frame.type == "d" and b"zzzz" in frame.body
        assert seen == 40


def test_cancel_reaches_the_walsender(pair, make_proxy):
    with make_proxy(pair).wire(replication="database") as connection:
        connection.send(wire.query("select pg_sleep(20)"))
        wait_until_runs(pair.nodes, "select pg_sleep(20)")
        connection.cancel()
        assert [f.fields()["C"] for f in connection.read_until("Z") if f.type == "E"] == ["57014"]
        assert connection.rows(IDENTIFY)


def test_a_client_that_leaves_takes_its_walsender_along(pair, make_proxy):
    proxy = make_proxy(pair, ALL_AND_REPLICATION)
    before = walsenders(pair.primary)
    with start_of_stream(replicating(proxy)), replicating(proxy) as polite:
        wait_for(lambda: walsenders(pair.primary) == before + 2, 10, "both have their walsenders")
        polite.send(wire.TERMINATE)
        assert polite.is_closed()
    wait_for(lambda: walsenders(pair.primary) == before, 10, "the walsenders are gone")
    assert proxy.admin("SHOW CLIENTS") and not [c for c in proxy.admin("SHOW CLIENTS") if c["state"] == "replication"]


def test_show(pair, make_proxy):
    proxy = make_proxy(pair, ALL_AND_REPLICATION)
    with start_of_stream(replicating(proxy, application_name="walker")) as connection:
        (client,) = [c for c in proxy.admin("SHOW CLIENTS") if c["state"] == "replication"]
        (server,) = [s for s in proxy.admin("SHOW SERVERS") if s["state"] == "replication"]
        assert (client["user"], client["database"], client["application_name"]) == ("postgres", "replication", "walker")
        assert client["ptr"] == server["link"] == f"client/{connection.pid}" and client["link"] == server["ptr"]
        assert server["node"] == "node1"
        assert int(server["remote_pid"]) == pair.primary.sql("select pid from pg_stat_replication where application_name = 'walker'")
        with proxy.wire() as other:
            processes = proxies.named_rows(other.query("SHOW POOL_PROCESSES"))
            assert [p["pool_pid"] for p in processes if p["status"] == "Replication"] == [str(connection.pid)]


def has_room(proxy):
    try:
        return proxy.sql("select 1") == 1
    except psycopg2.OperationalError:
        return False


def test_limits_count_it(pair, make_proxy):
    proxy = make_proxy(pair, {**ALL_AND_REPLICATION, "limits": {"max_clients": 2}})
    with replicating(proxy), replicating(proxy):
        for options in {"replication": "true"}, {}:
            with pytest.raises(wire.ServerError) as refused:
                proxy.wire(**options)
            assert refused.value.sqlstate == "53300"
    wait_for(lambda: has_room(proxy), 10, "there is room again")


def test_server_connections_are_limited(pair, make_proxy):
    proxy = make_proxy(pair, {**ALL_AND_REPLICATION, "pool": {"max_user_connections": 2, "wait_timeout": "500ms"}})
    with replicating(proxy), replicating(proxy):  # the pooled connection that is idle by now gives way
        with pytest.raises(wire.ServerError) as refused:
            replicating(proxy)
    assert refused.value.sqlstate == "53300" and "pool.wait_timeout" in str(refused.value)


def expect_end(connection, sqlstate):
    """What is left of the stream, then that error, then the end."""
    frames = connection.drain(quiet=10)
    assert connection.is_closed(0.1)
    assert frames and frames[-1].type == "E", [str(f) for f in frames[-3:]]
    assert (frames[-1].fields()["S"], frames[-1].fields()["C"]) == ("FATAL", sqlstate)


def test_loss_of_the_node_ends_the_client(make_cluster, make_proxy):
    cluster = make_cluster(standbys=0)
    proxy = make_proxy(cluster, ALL_AND_REPLICATION)
    with start_of_stream(replicating(proxy)) as streaming, replicating(proxy) as idle:
        cluster.primary.kill()
        expect_end(streaming, "08006")
        expect_end(idle, "08006")


def test_frozen_node_ends_the_client(make_cluster, make_proxy):
    cluster = make_cluster(standbys=0)
    proxy = make_proxy(cluster, ALL_AND_REPLICATION)
    with replicating(proxy) as connection:
        cluster.primary.freeze()
        expect_end(connection, "08006")
        cluster.primary.thaw()


def test_end_of_the_walsender_is_told_in_its_own_words(pair, make_proxy):
    proxy = make_proxy(pair, ALL_AND_REPLICATION)
    with replicating(proxy, application_name="victim") as connection:
        pair.primary.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'")
        frames = connection.drain(quiet=10)
        assert connection.is_closed(0.1)
    assert [f.fields()["C"] for f in frames if f.type == "E"] == ["57P01"]


def test_waits_for_a_primary(make_cluster, make_proxy):
    cluster = make_cluster(standbys=0)
    proxy = make_proxy(cluster, {**ALL_AND_REPLICATION, "health": {"failover_park_timeout": "2s"}})
    cluster.primary.stop("immediate")
    wait_for(lambda: proxy.admin("SHOW POOL_NODES")[0]["status"] == "down", 10, "the node is down")
    began = time.monotonic()
    with pytest.raises(wire.ServerError) as refused:
        replicating(proxy)
    assert refused.value.sqlstate == "57P03" and 1.5 < time.monotonic() - began < 8
    with wire.Connection(proxy.host, proxy.port, timeout=30) as connection:
        connection.send(wire.startup({"user": "postgres", "replication": "true"}))
        cluster.primary.start()
        assert connection.finish_start("postgres")[-1].type == "Z"
        assert connection.rows(IDENTIFY)


def test_promotion_ends_what_came_from_the_old_primary(make_cluster, make_proxy):
    cluster = make_cluster(standbys=1)
    proxy = make_proxy(cluster, ALL_AND_REPLICATION)
    with start_of_stream(replicating(proxy)) as connection:
        cluster.primary.stop()
        cluster.standbys[0].promote()
        connection.drain(quiet=10)
        assert connection.is_closed(0.1)
    with replicating(proxy) as connection:
        assert connection.rows("SHOW cluster_name") == [["node2"]]


def test_drain_ends_it_between_two_messages(pair, make_proxy):
    proxy = make_proxy(pair, {**ALL_AND_REPLICATION, "limits": {"drain_timeout": "30s"}})
    with start_of_stream(replicating(proxy)) as streaming, replicating(proxy) as idle:
        began = time.monotonic()
        proxy.process.terminate()
        expect_end(streaming, "57P01")
        expect_end(idle, "57P01")
        proxy.process.wait(20)
    assert time.monotonic() - began < 10


def test_drain_does_not_wait_for_a_client_that_does_not_read(pair, make_proxy):
    proxy = make_proxy(pair, {**ALL_AND_REPLICATION, "limits": {"drain_timeout": "1s"}})
    with replicating(proxy) as connection:
        connection.send(wire.query("BASE_BACKUP (LABEL 'unread', CHECKPOINT 'fast')"))
        time.sleep(2)
        began = time.monotonic()
        proxy.process.terminate()
        assert proxy.process.wait(20) == 0
    assert time.monotonic() - began < 15
