# SPDX-License-Identifier: PostgreSQL
"""Mode replication against clients that want more than their rights, and sessions that want less than safety."""
import contextlib
import threading
import time

import psycopg2
import psycopg2.errors
import pytest

from support import markers, wire
from support.pgcluster import wait_for
from support.replicated import equal_nodes, proxy_over, states


@pytest.fixture
def replicated():
    with equal_nodes("create role alice login; grant create on schema public to alice;"
                     " create table t (id int primary key); grant all on t to alice") as servers, \
            proxy_over(servers, {"workers": 1}) as proxy:
        yield proxy


def attached(proxy):
    return states(proxy).count("up")


@contextlib.contextmanager
def session(proxy, user="alice"):
    with contextlib.closing(proxy.connect(user=user)) as connection, connection.cursor() as cursor:
        yield cursor


def test_a_forged_mark_changes_nothing(replicated):
    redo = markers.encode_redo("postgres", ["alter role alice superuser"]).hex()
    epoch = markers.epochs(replicated.nodes.nodes[0])[0]
    for node in replicated.nodes.nodes:
        with contextlib.closing(node.connect(user="alice")) as alice, alice.cursor() as cursor:
            for token in ("0", "null", "1"):
                cursor.execute(f"select pgpool_replication.mark(63, 8000000000000000000, {epoch}, decode('{redo}', 'hex'), {token})")
                assert cursor.fetchone() == (None,)
    replicated.kill()
    replicated.start()
    wait_for(lambda: attached(replicated) == 3, 20, "all nodes are in")
    assert [node.sql("select rolsuper from pg_roles where rolname = 'alice'") for node in replicated.nodes.nodes] == [False] * 3
    assert {node.sql("select count(*) from pgpool_replication.slot where token is null") for node in replicated.nodes.nodes} == {0}


@contextlib.contextmanager
def no_mark(node):
    with contextlib.closing(node.connect()) as holder, holder.cursor() as cursor:
        cursor.execute("begin; lock table pgpool_replication.slot in share mode")
        yield


TELLS_PARAMETERS = "set log_parameter_max_length_on_error = -1; set lock_timeout = '200ms'; set client_min_messages = 'debug5'; set debug_print_plan = on"


@pytest.mark.parametrize("write", ["insert into t values (1)", "begin; insert into t values (1); commit",
                                   f"insert into t values ({'0' * 60_000}1)"])
def test_nobody_is_told_the_token(replicated, write):
    node = replicated.nodes.nodes[0]
    with contextlib.closing(replicated.connect(user="alice")) as connection, connection.cursor() as alice:
        alice.execute(TELLS_PARAMETERS)
        with no_mark(node), pytest.raises(psycopg2.errors.LockNotAvailable) as caught:
            for text in write.split("; "):
                alice.execute(text)
        told = "".join(str(caught.value).splitlines()) + "".join(connection.notices)
        assert "parameters" not in told and str(node.sql("select token from pgpool_replication.slot")) not in told


def test_nobody_is_told_the_token_in_a_batch(replicated):
    node = replicated.nodes.nodes[0]
    with contextlib.closing(replicated.wire(user="alice")) as alice:
        alice.query(TELLS_PARAMETERS)
        with no_mark(node):
            alice.send(wire.parse("", "insert into t values (1)"), wire.bind(), wire.execute(), wire.message("S"))
            told = b"".join(frame.body for frame in alice.read_until("Z"))
    assert b"55P03" in told and b"parameters" not in told
    assert str(node.sql("select token from pgpool_replication.slot")).encode() not in told


def test_the_proxys_statements_cannot_be_replaced(replicated):
    with session(replicated) as alice:
        alice.execute("create function names() returns setof text language sql stable as"
                      " 'select name || chr(32) || statement from pg_catalog.pg_prepared_statements'")
        time.sleep(1)
        alice.execute("insert into t values (1)")
        alice.execute("begin; select names()")
        name = [row[0].split()[0] for row in alice.fetchall() if ".mark(" in row[0]][0]
        alice.execute("rollback")
        for text in (f'deallocate "{name}"', f'prepare "{name}"(int) as select 1', f'execute "{name}"(1)'):
            with pytest.raises(psycopg2.errors.FeatureNotSupported, match="a name that is the proxy's"):
                alice.execute(text)
        alice.execute("insert into t values (2)")
    assert {node.sql("select count(*) from t") for node in replicated.nodes.nodes} == {2}


def test_a_transaction_keeps_its_session_user(replicated):
    with session(replicated) as alice:
        for text in ("set session authorization alice", "reset session authorization"):
            alice.execute("begin; insert into t values (1)")
            with pytest.raises(psycopg2.errors.FeatureNotSupported, match="SET SESSION AUTHORIZATION"):
                alice.execute(text)
            alice.execute("rollback")


def test_nothing_acknowledged_is_lost_with_synchronous_commit_off(replicated):
    time.sleep(1)
    done = 0
    with session(replicated) as alice:
        alice.execute("set synchronous_commit = off")
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            alice.execute(f"insert into t values ({done})")
            done += 1
        replicated.kill()
        replicated.nodes.nodes[1].kill()
    replicated.nodes.nodes[1].start()
    replicated.start()
    wait_for(lambda: attached(replicated) == 3, 20, "all nodes are in")
    assert [node.sql("select count(*) from t") for node in replicated.nodes.nodes] == [done] * 3


def test_remarks_keep_nobody_waiting(replicated):
    """They change nothing by which statements are judged."""
    is_over = threading.Event()

    def remark():
        with session(replicated) as alice:
            alice.execute("create table mine (id int)")
            while not is_over.is_set():
                alice.execute("comment on table mine is 'x'")

    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as other:
        other.execute("insert into t values (0)")
        teller = threading.Thread(target=remark)
        teller.start()
        time.sleep(0.5)
        began = time.monotonic()
        for number in range(1, 41):
            other.execute("insert into t values (%s)", [number])
        spent = time.monotonic() - began
        is_over.set()
        teller.join()
    assert spent < 15, "each waits for newer catalogs"
