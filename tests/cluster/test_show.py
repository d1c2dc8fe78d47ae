# SPDX-License-Identifier: PostgreSQL
"""Commands of the proxy's own: by psql, by psycopg 3 with typed values, from all workers, for whom they are."""
import datetime
import os
import signal
import subprocess
import threading
import time

import psycopg
import pytest

from support import proxy as proxies
from support import wire
from support.pgcluster import BIN, wait_for

EVERYWHERE = ["POOL_NODES", "POOL_POOLS", "POOL_PROCESSES", "POOL_BACKEND_STATS", "POOL_HEALTH_CHECK_STATS", "POOL_WATCHDOG", "POOL_STATUS", "POOL_VERSION"]
CONSOLE = ["POOLS", "CLIENTS", "SERVERS", "STATS", "DATABASES", "USERS", "CONFIG", "VERSION", "HELP"]
ALL = [("postgres", f"SHOW {name}") for name in EVERYWHERE] + [("pgpool", f"SHOW {name}") for name in EVERYWHERE + CONSOLE] + [
    ("postgres", "SHOW ROUTE FOR select 1"), ("postgres", "PGPOOL SHOW ALL"), ("postgres", "PGPOOL SHOW pool.size"), ("pgpool", "PGPOOL SHOW nodes[0].host")]


@pytest.fixture
def shown(pair, make_proxy):
    """A proxy with something to show: a query ran, a client holds a transaction."""
    proxy = make_proxy(pair)
    with proxy.wire() as holder:
        holder.query("begin")
        holder.query("select 1")
        yield proxy


def psql(proxy, database, text):
    return subprocess.run([BIN / "psql", "-X", "-A", "-h", proxy.host, "-p", str(proxy.port), "-U", "postgres", "-d", database, "-c", text],
                          capture_output=True, text=True, timeout=30)


def psycopg3(proxy, database="postgres", user="postgres"):
    return psycopg.connect(host=proxy.host, port=proxy.port, dbname=database, user=user, autocommit=True, prepare_threshold=None)


def typed_rows(proxy, text, database="postgres", binary=False):
    with psycopg3(proxy, database) as connection:
        cursor = connection.cursor(binary=binary)
        cursor.execute(text)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


@pytest.mark.parametrize("database, command", ALL)
def test_every_command_by_psql(shown, database, command):
    done = psql(shown, database, command)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 3 and lines[-1].endswith(("row)", "rows)")), done.stdout


@pytest.mark.parametrize("database, command", ALL)
def test_text_and_binary_say_the_same(shown, database, command):
    volatile = {"average_duration", "average_retry_count", "client_idle_duration", "total_sent", "total_received", "pool_pid", "remote_pid", "ptr", "route"}
    for _ in range(5):  # a connection may be opened between the two
        text, binary = (typed_rows(shown, command, database, form) for form in (False, True))
        if len(text) == len(binary):
            break
    assert text and [list(row) for row in text] == [list(row) for row in binary]
    for left, right in zip(text, binary):
        for name in left.keys() - volatile:
            assert type(left[name]) is type(right[name]), name
            if isinstance(left[name], (str, bool)) and name not in ("status", "link"):
                assert left[name] == right[name], name


@pytest.mark.parametrize("binary", [False, True])
def test_values_are_typed(shown, pair, binary):
    nodes = typed_rows(shown, "SHOW POOL_NODES", binary=binary)
    assert [(n["node_id"], n["port"], n["role"], n["lb_weight"]) for n in nodes] == [
        (0, pair.primary.port, "primary", 0.5), (1, pair.standbys[0].port, "standby", 0.5)]
    assert all(type(n["load_balance_node"]) is bool and type(n["select_cnt"]) is int for n in nodes)
    now = datetime.datetime.now(datetime.timezone.utc)
    assert all(datetime.timedelta(0) <= now - n["last_status_change"] < datetime.timedelta(minutes=1) for n in nodes)
    servers = typed_rows(shown, "SHOW POOL_POOLS", binary=binary)
    held = [s for s in servers if s["pool_connected"]]
    assert [s["status"] for s in held] == ["Idle in transaction"]
    assert isinstance(held[0]["backend_connection_time"], datetime.datetime) and held[0]["client_disconnection_time"] is None
    assert held[0]["pool_backendpid"] in {row[0] for node in pair.nodes for row in node.client_backends()}


def test_prepared_statement_of_a_show(shown):
    with psycopg3(shown) as connection:
        for _ in range(3):
            rows = connection.execute("SHOW POOL_VERSION", prepare=True).fetchall()
        assert len(rows) == 1


def test_extended_protocol_in_pieces(shown):
    with shown.wire() as connection:
        connection.send(wire.parse("s", "SHOW POOL_NODES"), wire.SYNC)
        assert [f.type for f in connection.read_until("Z")] == ["1", "Z"]
        connection.send(wire.describe_message("S", "s"), wire.SYNC)
        assert [f.type for f in connection.read_until("Z")] == ["t", "T", "Z"]
        connection.send(wire.bind(statement="s"), wire.execute(), wire.SYNC)
        assert [f.type for f in connection.read_until("Z")] == ["2", "D", "D", "C", "Z"]


@pytest.mark.parametrize("formats, sqlstate", [([1, 0], "08P01"), ([7], "08P01")])
def test_impossible_formats_are_refused(shown, formats, sqlstate):
    with shown.wire() as connection:
        body = b"\0\0" + wire.struct.pack("!hhh", 0, 0, len(formats)) + b"".join(wire.struct.pack("!h", f) for f in formats)
        connection.send(wire.parse("", "SHOW POOL_NODES"), wire.message("B", body), wire.execute(), wire.SYNC)
        errors = [f.fields()["C"] for f in connection.read_until("Z") if f.type == "E"]
        assert errors == [sqlstate]
        assert connection.rows("select 1") == [["1"]]


def clients_on_both_workers(proxy, number=40):
    connections = [proxy.wire(application_name=f"client{i}") for i in range(number)]
    rows = [row for row in proxy.admin("SHOW CLIENTS") if row["application_name"].startswith("client")]
    assert {row["worker"] for row in rows} == {"0", "1"}, "all clients on one worker"
    return connections, rows


def test_clients_of_all_workers_are_listed(pair, make_proxy):
    proxy = make_proxy(pair)
    connections, rows = clients_on_both_workers(proxy)
    assert {row["application_name"] for row in rows} == {f"client{i}" for i in range(len(connections))}
    pids = {int(row["pool_pid"]) for row in typed_rows(proxy, "SHOW POOL_PROCESSES") if row["database"] == "postgres"}
    assert {int(row["ptr"].split("/")[1]) for row in rows} <= pids
    for connection in connections:
        connection.query("begin")
        connection.query("select 1")
        if len([r for r in proxy.admin("SHOW SERVERS") if r["state"] == "active"]) >= 4:
            break
    held = [row for row in proxy.admin("SHOW SERVERS") if row["state"] == "active"]
    links = {row["link"] for row in proxy.admin("SHOW CLIENTS") if row["link"]}
    assert {row["ptr"] for row in held} == links and len(links) >= 4
    for connection in connections:
        connection.close()
    wait_for(lambda: len(proxy.admin("SHOW CLIENTS")) == 1, 10, "only the asker is left")


def test_pools_count_clients_and_servers(pair, make_proxy):
    proxy = make_proxy(pair, {"pool": {"size": 1}, "workers": 1, "routing": {"read_write_split": False}})
    with proxy.wire() as holder, proxy.wire() as waiter, proxy.wire():
        holder.query("begin")
        holder.query("select 1")
        waiter.send(wire.query("select 2"))
        wait_for(lambda: pool_row(proxy)["cl_waiting"] == "1", 5, "a client waits")
        row = pool_row(proxy)
        assert (row["cl_active"], row["sv_active"], row["sv_idle"], row["pool_mode"]) == ("2", "1", "0", "auto")
        time.sleep(1.2)
        assert int(pool_row(proxy)["maxwait"]) >= 1
        waiting = [r for r in proxy.admin("SHOW CLIENTS") if r["state"] == "waiting"]
        assert len(waiting) == 1 and int(waiting[0]["wait"]) >= 1
        holder.query("commit")
        waiter.read_until("Z")
        stats = stats_row(proxy)
        assert int(stats["total_wait_time"]) >= 1_000_000


def pool_row(proxy):
    return next(row for row in proxy.admin("SHOW POOLS") if row["database"] == "postgres")


def stats_row(proxy):
    return next(row for row in proxy.admin("SHOW STATS") if row["database"] == "postgres")


def test_stats_count_transactions_queries_bytes_and_time(pair, make_proxy):
    proxy = make_proxy(pair)
    before = stats_row(proxy)
    with proxy.wire() as connection:
        for _ in range(10):
            connection.query("select 1")
        for text in ("begin", "select pg_sleep(0.3)", "commit"):
            connection.query(text)
        connection.query("select repeat('x', 100000)")
        after = stats_row(proxy)
    grown = {name: int(after[name]) - int(before[name]) for name in after if name.startswith("total_")}
    assert (grown["total_xact_count"], grown["total_query_count"]) == (12, 14)
    assert 100_000 < grown["total_sent"] < 110_000 and 200 < grown["total_received"] < 2_000
    assert 250_000 < grown["total_query_time"] < 2_000_000
    assert grown["total_query_time"] <= grown["total_xact_time"] + 50_000
    assert int(after["avg_query_count"]) >= 0


@pytest.mark.parametrize("prepared", [False, True])
def test_backend_stats_count_by_kind(pair, make_proxy, prepared):
    pair.primary.sql("create table if not exists counted(a int)")
    pair.wait_caught_up()
    proxy = make_proxy(pair, {"routing": {"primary_reads": False}})
    wait_for(lambda: proxy.sql("select current_setting('cluster_name')") == "node2", 10, "the standby serves reads")
    before = {r["node_id"]: r for r in typed_rows(proxy, "SHOW POOL_BACKEND_STATS")}
    with psycopg3(proxy) as connection:
        cursor = connection.cursor() if prepared else psycopg.ClientCursor(connection)
        for text, times in (("select 1", 5), ("insert into counted values (1)", 4), ("update counted set a = 2", 3),
                            ("delete from counted where a = 3", 2), ("create table if not exists counted(a int)", 1), ("set work_mem = '5MB'", 2)):
            for _ in range(times):
                cursor.execute(text)
        with pytest.raises(psycopg.errors.UndefinedTable):
            cursor.execute("insert into nowhere values (1)")
    after = {r["node_id"]: r for r in typed_rows(proxy, "SHOW POOL_BACKEND_STATS")}
    grown = [{k: after[n][k] - before[n][k] for k in after[n] if k.endswith("_cnt")} for n in (0, 1)]
    primary, standby = grown
    assert (standby["select_cnt"], standby["insert_cnt"], standby["error_cnt"]) == (5, 0, 0)
    assert [primary[f"{kind}_cnt"] for kind in ("select", "insert", "update", "delete", "ddl", "error", "fatal", "panic")] == [0, 5, 3, 2, 1, 1, 0, 0]
    assert primary["other_cnt"] + standby["other_cnt"] >= 2


def test_health_check_stats(pair, make_proxy):
    proxy = make_proxy(pair)
    wait_for(lambda: all(r["total_count"] >= 3 for r in typed_rows(proxy, "SHOW POOL_HEALTH_CHECK_STATS")), 10, "nodes are probed")
    for row in typed_rows(proxy, "SHOW POOL_HEALTH_CHECK_STATS"):
        assert row["success_count"] + row["fail_count"] == row["total_count"]
        assert 0 < row["min_duration"] <= row["average_duration"] <= row["max_duration"]
        assert row["last_successful_health_check"] <= row["last_health_check"]
        assert row["last_skip_health_check"] is None


def test_only_administrators_reach_the_console(pair, make_proxy):
    pair.primary.sql("do $$ begin create role plain login; exception when duplicate_object then null; end $$")
    pair.wait_caught_up()
    proxy = make_proxy(pair)
    with pytest.raises(psycopg.OperationalError, match="admin.users"):
        psycopg3(proxy, "pgpool", "plain")
    with proxy.wire(user="plain") as connection:
        with pytest.raises(wire.ServerError) as refused:
            proxies.named_rows(connection.query("PGPOOL RELOAD"))
        assert refused.value.sqlstate == "42501"
        with pytest.raises(wire.ServerError):
            proxies.named_rows(connection.query("SHOW CLIENTS"))
        with proxy.wire() as holder:
            holder.query("begin")
            holder.query("select 1")
            rows = [r for r in proxies.named_rows(connection.query("SHOW POOL_POOLS")) if r["pool_connected"] == "t"]
            assert [r["client_host"] for r in rows if r["username"] == "postgres"] == [None]


@pytest.mark.parametrize("command, sqlstate", [("SHOW POOL_CACHE", "0A000"), ("PGPOOL SET pool.size = 3", "0A000"), ("PGPOOL RESET pool.size", "0A000"),
                                               ("PGPOOL SHOW pool.syze", "42704"), ("PGPOOL DANCE", "42601"), ("SHOW NONSENSE", "42601"),
                                               ("SHOW POOLS; SHOW CLIENTS", "42601"), ("select 1", "0A000"), ("SHOW RELOAD", "42601")])
def test_refusals_on_the_console(pair, make_proxy, command, sqlstate):
    with make_proxy(pair).wire(database="pgpool") as connection:
        for _ in range(2):
            with pytest.raises(wire.ServerError) as refused:
                proxies.named_rows(connection.query(command))
            assert refused.value.sqlstate == sqlstate
        assert proxies.named_rows(connection.query("SHOW VERSION"))


def test_empty_query_on_the_console(pair, make_proxy):
    with make_proxy(pair).wire(database="pgpool") as connection:
        assert [f.type for f in connection.query(";")] == ["I", "Z"]


def test_reload_tells_what_came_of_it(pair, make_proxy):
    proxy = make_proxy(pair)
    proxy.config = proxies.merge(proxy.config, {"pool": {"size": 7}})
    proxy.write_config()
    with proxy.wire(database="pgpool") as connection:
        assert [f.type for f in connection.query("PGPOOL RELOAD")] == ["C", "Z"]
        wait_for(lambda: proxies.named_rows(connection.query("PGPOOL SHOW pool.size")) == [{"pool.size": "7"}], 5, "the new size is in force")
        proxy.write_config("pool: {size: many}\n")
        with pytest.raises(wire.ServerError) as refused:
            proxies.named_rows(connection.query("PGPOOL RELOAD"))
        assert refused.value.sqlstate == "F0000" and "many" in str(refused.value)
        assert proxies.named_rows(connection.query("PGPOOL SHOW pool.size")) == [{"pool.size": "7"}]
        connection.send(wire.parse("r", "PGPOOL RELOAD"), wire.describe_message("S", "r"), wire.SYNC)  # only asked about: nothing is reloaded
        assert [f.type for f in connection.read_until("Z")] == ["1", "t", "n", "Z"]


def test_many_ask_at_once(pair, make_proxy):
    proxy = make_proxy(pair)
    failures = []

    def ask():
        try:
            with proxy.wire(database="pgpool") as connection:
                for _ in range(50):
                    assert proxies.named_rows(connection.query("SHOW CLIENTS"))
        except Exception as error:  # told to the test's own thread
            failures.append(error)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_clients_that_leave_while_they_wait(pair, make_proxy):
    proxy = make_proxy(pair)
    for _ in range(100):
        connection = proxy.wire(database="pgpool")
        connection.send(wire.query("SHOW CLIENTS"))
        connection.close()
    wait_for(lambda: len(proxy.admin("SHOW CLIENTS")) == 1, 10, "nobody is left behind")


def test_pipelined_commands_are_answered_in_order(pair, make_proxy):
    with make_proxy(pair).wire() as connection:
        connection.send(wire.query("select 1"), wire.query("SHOW POOL_PROCESSES"), wire.query("select 2"), wire.query("SHOW POOL_VERSION"))
        seen = [[c[0] for c in f.columns()][0] for _ in range(4) for f in connection.read_until("Z") if f.type == "T"]
    assert seen == ["?column?", "pool_pid", "?column?", "pool_version"]


def test_a_stopped_process_is_asked_again_later(pair, make_proxy):
    """The proxy as a whole was away for longer than the patience of a command: it is answered, not lost."""
    proxy = make_proxy(pair)
    with proxy.wire(database="pgpool") as connection:
        with proxy.standing_still():
            connection.send(wire.query("SHOW CLIENTS"))
            time.sleep(1.5)
        assert proxies.named_rows(connection.read_until("Z"))


def test_a_stop_while_workers_are_asked(pair, make_proxy):
    """Stopped at any moment of a command, for longer than its patience: the answer is whole."""
    proxy = make_proxy(pair)
    with proxy.wire(database="pgpool") as connection:
        for delay in (0, 0.00005, 0.0001, 0.0002, 0.0005):
            connection.send(wire.query("SHOW CLIENTS"))
            time.sleep(delay)
            os.kill(proxy.process.pid, signal.SIGSTOP)
            time.sleep(1.1)
            os.kill(proxy.process.pid, signal.SIGCONT)
            frames = connection.read_until("Z")
            assert [f.type for f in frames if f.type == "N"] == [] and proxies.named_rows(frames)
