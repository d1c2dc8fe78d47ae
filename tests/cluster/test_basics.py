# SPDX-License-Identifier: PostgreSQL
"""A query gets through, reads are shared, writes go to the primary, and the proxy can say why."""
import collections
import re
import subprocess

import psycopg2
import pytest

from support import ports
from support import proxy as proxies
from support import wire
from support.pgcluster import wait_for, wait_until_runs

WHICH = "select current_setting('cluster_name')"


def where(connection, text=WHICH):
    return connection.rows(text)[0][0]


def test_serializable_by_default_stays_on_the_primary(pair, make_proxy):
    with make_proxy(pair).wire() as connection:
        for setting in ("set default_transaction_isolation = 'serializable'", "set session characteristics as transaction isolation level serializable"):
            connection.query(setting)
            assert {connection.rows("select current_setting('cluster_name')")[0][0] for _ in range(30)} == {pair.primary.name}, setting
            connection.query("reset default_transaction_isolation")


def test_query_through_the_proxy(pair, make_proxy):
    assert make_proxy(pair).sql("select 40 + 2") == 42


def test_reads_use_both_nodes(pair, make_proxy):
    with make_proxy(pair).wire() as connection:
        seen = collections.Counter(where(connection) for _ in range(200))
    assert seen.keys() == {"node1", "node2"} and min(seen.values()) > 40, seen


@pytest.mark.parametrize("statement", ["insert into basics values (1) returning current_setting('cluster_name')",
                                       "select current_setting('cluster_name') from basics for update limit 1",
                                       "with w as (insert into basics values (2) returning 1) select current_setting('cluster_name') from w",
                                       "select current_setting('cluster_name') from (select pg_current_wal_insert_lsn()) x"])
def test_writes_go_to_the_primary(pair, make_proxy, statement):
    pair.primary.sql("create table if not exists basics(a int); insert into basics values (0)")
    with make_proxy(pair, {"routing": {"primary_reads": False}}).wire() as connection:
        for _ in range(20):
            assert where(connection, statement) == "node1"


def test_reads_leave_the_primary_alone(pair, make_proxy):
    with make_proxy(pair, {"routing": {"primary_reads": False}}).wire() as connection:
        assert {where(connection) for _ in range(30)} == {"node2"}


def test_weight_zero_gets_no_reads(pair, make_proxy):
    nodes = [proxies.node_entry(pair.primary, weight=1), proxies.node_entry(pair.standbys[0], weight=0)]
    with make_proxy(pair, {"nodes": nodes}).wire() as connection:
        assert {where(connection) for _ in range(30)} == {"node1"}


def test_transaction_stays_where_it_writes(pair, make_proxy):
    pair.primary.sql("create table if not exists basics(a int)")
    with make_proxy(pair).wire() as connection:
        for _ in range(20):
            connection.query("begin")
            connection.query("insert into basics values (7)")
            assert where(connection) == "node1"
            assert connection.rows("select count(*) from basics where a = 7") == [["1"]]
            connection.query("rollback")


def test_read_only_transaction_may_use_a_standby(pair, make_proxy):
    with make_proxy(pair, {"routing": {"primary_reads": False}}).wire() as connection:
        connection.query("begin read only")
        assert where(connection) == "node2"
        connection.query("commit")


def test_balance_per_session(pair, make_proxy):
    proxy = make_proxy(pair, {"routing": {"balance": "session"}})
    homes = []
    for _ in range(16):
        with proxy.wire() as connection:
            seen = {where(connection) for _ in range(10)}
            assert len(seen) == 1
            homes += seen
    assert set(homes) == {"node1", "node2"}


def test_rule_by_application_name(pair, make_proxy):
    proxy = make_proxy(pair, {"routing": {"rules": [{"application_name": "report", "target": "standby"}, {"target": "primary"}]}})
    with proxy.wire(application_name="report") as connection:
        assert {where(connection) for _ in range(20)} == {"node2"}
    with proxy.wire(application_name="other") as connection:
        assert {where(connection) for _ in range(20)} == {"node1"}


def test_cancel_reaches_the_right_query(pair, make_proxy):
    with make_proxy(pair).wire() as connection, make_proxy(pair).wire() as other:
        connection.send(wire.query("select pg_sleep(20)"))
        other.send(wire.query("select pg_sleep(2)"))
        wait_until_runs(pair.nodes, "select pg_sleep(20)")
        connection.cancel()
        assert [f.fields()["C"] for f in connection.read_until("Z") if f.type == "E"] == ["57014"]
        assert not [f for f in other.read_until("Z") if f.type == "E"]
        assert connection.rows("select 1") == [["1"]]


@pytest.mark.parametrize("command", ["SHOW POOL_NODES", "SHOW POOL_POOLS", "SHOW POOL_PROCESSES", "SHOW POOL_VERSION", "SHOW POOL_STATUS",
                                     "SHOW POOL_BACKEND_STATS", "SHOW ROUTE FOR select 1"])
def test_show_in_both_protocols(pair, make_proxy, command):
    with make_proxy(pair).wire() as connection:
        simple = connection.query(command)
        connection.send(wire.parse("", command), wire.bind(), wire.describe_message("P"), wire.execute(), wire.SYNC)
        extended = connection.read_until("Z")
    assert [f for f in simple if f.type == "E"] == [] == [f for f in extended if f.type == "E"]
    assert [f for f in simple if f.type == "T"] == [f for f in extended if f.type == "T"]
    assert [f for f in simple if f.type == "D"]
    assert all(c[3] != 0 for f in simple if f.type == "T" for c in f.columns()), "a column without a type"


def test_show_pool_nodes_tells_roles(pair, make_proxy):
    proxy = make_proxy(pair)
    with proxy.wire() as connection:
        rows = proxies.named_rows(connection.query("SHOW POOL_NODES"))
    assert [(r["port"], r["role"], r["status"]) for r in rows] == [(str(pair.primary.port), "primary", "up"), (str(pair.standbys[0].port), "standby", "up")]


@pytest.mark.parametrize("command", ["SHOW POOLS", "SHOW CLIENTS", "SHOW SERVERS", "SHOW STATS"])
def test_admin_database(pair, make_proxy, command):
    proxy = make_proxy(pair)
    proxy.sql("select 1")
    assert proxy.admin(command)


def test_admin_database_is_for_admins(pair, make_proxy):
    proxy = make_proxy(pair, {"admin": {"users": ["somebody_else"]}})
    with pytest.raises(wire.ServerError) as refused:
        proxy.wire(database="pgpool")
    assert refused.value.fields == {"S": "FATAL", "V": "FATAL", "C": "28000", "M": 'user "postgres" is not in admin.users'}


def test_route_names_statement_and_node(pair, make_proxy):
    with make_proxy(pair).wire() as connection:
        connection.query("prepare known as select 1")
        assert "verdict: read: reads only" in [row[0] for row in connection.rows("SHOW ROUTE FOR execute known")]
        lines = [row[0] for row in connection.rows("SHOW ROUTE FOR insert into basics values (1)")]
    assert lines[0].startswith("statement: insert ") and lines[-1] == "plan: forward to primary: needs the primary"
    assert [line.split(",")[:3] for line in lines if line.startswith("node: ")] == [["node: node1", " primary", " up"], ["node: node2", " standby", " up"]]


def test_replication_connection_passes_through(pair, make_proxy):
    proxy = make_proxy(pair)
    with proxy.wire(replication="database") as connection:
        assert connection.rows("IDENTIFY_SYSTEM")[0][3] == "postgres"
    with proxy.wire(replication="off") as connection:
        assert connection.rows("select 1") == [["1"]]


def test_gssenc_and_ssl_requests_are_answered_no(pair, make_proxy):
    proxy = make_proxy(pair)
    with wire.Connection(proxy.host, proxy.port) as connection:
        for code in (wire.GSSENC_REQUEST, wire.SSL_REQUEST):
            connection.send(wire.struct.pack("!II", 8, code))
            assert connection.read_bytes(1) == b"N"
        assert connection.start("postgres", "postgres")[-1].type == "Z"


def test_many_parallel_clients_see_their_own_answers(pair, make_proxy):
    proxy = make_proxy(pair, {"pool": {"size": 3}})
    connections = [proxy.wire() for _ in range(60)]
    for turn in range(20):
        for number, connection in enumerate(connections):
            connection.send(wire.query(f"select {number}, {turn}"))
        for number, connection in enumerate(connections):
            values = [f.values() for f in connection.read_until("Z") if f.type == "D"]
            assert values == [[str(number).encode(), str(turn).encode()]]
    for connection in connections:
        connection.close()


def test_help_config_and_check(pair):
    done = subprocess.run([proxies.binary(), "--help-config"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "pool" in done.stdout and "failover_park_timeout" in done.stdout
    proxy = proxies.Proxy.for_cluster(pair)
    proxy.write_config()
    assert proxy.check()[0] == 0


def test_pg_error_is_an_error_not_a_disconnect(pair, make_proxy):
    connection = make_proxy(pair).connect()
    with connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.DivisionByZero):
            cursor.execute("select 1/0")
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)
    connection.close()


def test_refused_logins_are_logged(pair, make_proxy, make_unstarted_proxy):
    """By the node, and because there is no primary."""
    proxy = make_proxy(pair)
    with pytest.raises(wire.ServerError):
        proxy.wire(database="no_such_database")
    wait_for(lambda: re.search(r"info client_refused peer=\S+ user=postgres database=no_such_database sqlstate=3D000 reason=\"database ", proxy.log_text()), 5, "it is logged")
    assert f"server_login_refused node={pair.primary.name} " in proxy.log_text()
    nobody = {"name": "dead", "host": "127.0.0.1", "port": ports.reserve()}
    lonely = make_unstarted_proxy(pair, {"nodes": [nobody], "health": {"failover_park_timeout": "200ms"}}).start(wait=False)
    wait_for(lambda: "node_down" in lonely.log_text(), 10, "its only node is down")
    with pytest.raises(wire.ServerError) as refused:
        lonely.wire()
    assert refused.value.sqlstate == "57P03"
    wait_for(lambda: re.search(r"info client_refused peer=\S+ user=postgres database=postgres sqlstate=57P03 reason=\"no primary within 200 ms", lonely.log_text()), 5, "it is logged")
    ports.release(nobody["port"])


def test_statements_are_logged(pair, make_proxy):
    proxy = make_proxy(pair, {"log": {"statements": True}})
    with proxy.wire() as connection:
        connection.query("begin read write")
        connection.query("select 'in the log'")
        connection.query("commit")
        connection.send(wire.parse("", "select $1::text"), wire.bind("", "", ["secret value"]), wire.execute(), wire.SYNC)
        connection.read_until("Z")
    text = proxy.log_text()
    where = f"user=postgres database=postgres node={pair.primary.name}"
    assert re.search(rf"info statement session=\d+ {where} sql=\"select 'in the log'\"", text)
    assert re.search(r"info statement session=\d+ user=postgres database=postgres node=- sql=\"begin read write\"", text)
    assert "select $1::text" in text and "secret value" not in text
    proxy.change({"log": {"statements": False}})
    wait_for(lambda: "log.statements: on -> off" in proxy.log_text(), 10, "it is off")
    proxy.sql("select 'not in the log'")
    assert "not in the log" not in proxy.log_text()
