# SPDX-License-Identifier: PostgreSQL
"""Mode replication: batches of the extended protocol whose Sync comes late, or not where it should, and commits that fail at
once. Compared with a server of its own: the same replies, and no node is ever taken out for it."""
import contextlib
import time

import psycopg2.errors
import pytest

from support import replicated as replication
from support import wire
from support.pgcluster import wait_for

LATE = 0.15  # the proxy waits 20 ms for the rest of a batch elsewhere


@pytest.fixture
def replicated(all_in):
    all_in.sql("drop table if exists t")
    all_in.sql("create table t(id int primary key, v int)")
    return all_in


@contextlib.contextmanager
def client(proxy):
    with wire.Connection("127.0.0.1", proxy.port, 20) as connection:
        connection.start("postgres", "postgres")
        yield connection


def batch(text):
    return [wire.parse("", text), wire.bind(), wire.execute()]


def told(frames):
    """Types, with tag, SQLSTATE or status."""
    def of(frame):
        if frame.type == "C":
            return frame.body.rstrip(b"\0").decode()
        return frame.fields()["C"] if frame.type == "E" else "Z" + frame.body.decode() if frame.type == "Z" else frame.type
    return [of(frame) for frame in frames if frame.type not in "SN12DTn"]


def ask(connection, *messages, ready=1):
    connection.send(*messages)
    return told(connection.read_until("Z", ready))


def ask_late(connection, text):
    connection.send(*batch(text))
    time.sleep(LATE)
    return ask(connection, wire.SYNC)


def contents(proxy):
    return replication.contents(proxy.nodes)


def test_a_write_alone(replicated):
    with client(replicated) as connection:
        assert ask_late(connection, "insert into t values (1, 1)") == ["INSERT 0 1", "ZI"]
        assert ask_late(connection, "insert into t values (1, 1)") == ["23505", "ZI"]
    assert contents(replicated) == "1=1"


def test_all_of_a_transaction(replicated):
    with client(replicated) as connection:
        assert ask_late(connection, "begin") == ["BEGIN", "ZT"]
        assert ask_late(connection, "insert into t values (1, 1)") == ["INSERT 0 1", "ZT"]
        assert ask_late(connection, "savepoint a") == ["SAVEPOINT", "ZT"]
        assert ask_late(connection, "set local timezone = 'Asia/Tokyo'") == ["SET", "ZT"]
        assert ask_late(connection, "insert into t values (2, 2)") == ["INSERT 0 1", "ZT"]
        assert ask_late(connection, "rollback to a") == ["ROLLBACK", "ZT"]
        assert ask_late(connection, "insert into t values (3, 3)") == ["INSERT 0 1", "ZT"]
        assert ask_late(connection, "commit") == ["COMMIT", "ZI"]
        assert ask_late(connection, "select 1") == ["SELECT 1", "ZI"]
    assert contents(replicated) == "1=1 3=3"


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_the_end_of_one_that_only_read(replicated, end):
    with client(replicated) as connection:
        assert ask(connection, wire.query("begin")) == ["BEGIN", "ZT"]
        assert ask(connection, wire.query("select count(*) from t")) == ["SELECT 1", "ZT"]
        assert ask_late(connection, "savepoint a") == ["SAVEPOINT", "ZT"]
        assert ask_late(connection, end) == [end.upper(), "ZI"]
        assert ask(connection, wire.query("select 1")) == ["SELECT 1", "ZI"]


def test_a_rollback(replicated):
    with client(replicated) as connection:
        ask(connection, wire.query("begin"))
        ask(connection, wire.query("insert into t values (1, 1)"))
        assert ask_late(connection, "rollback") == ["ROLLBACK", "ZI"]
        assert ask(connection, wire.query("insert into t values (2, 2)")) == ["INSERT 0 1", "ZI"]
    assert contents(replicated) == "2=2"


@pytest.mark.parametrize("text", ["commit", "insert into t values (2, 2)", "savepoint a", "set local timezone = 'UTC'"])
def test_a_flush_in_its_place_is_refused(replicated, text):
    """Each node gets whole requests. The transaction is over then, as with any error."""
    with client(replicated) as connection:
        ask(connection, wire.query("begin"))
        ask(connection, wire.query("insert into t values (1, 1)"))
        connection.send(*batch(text), wire.FLUSH)
        assert told(connection.read_until("E")) == ["0A000"]
        assert ask(connection, wire.SYNC) == ["ZI" if text == "commit" else "ZE"]
        ask(connection, wire.query("rollback"))
        assert ask(connection, wire.query("insert into t values (3, 3)")) == ["INSERT 0 1", "ZI"]
    assert contents(replicated) == "3=3"


def test_a_rollback_with_a_flush(replicated):
    with client(replicated) as connection:
        ask(connection, wire.query("begin"))
        ask(connection, wire.query("insert into t values (1, 1)"))
        connection.send(*batch("rollback"), wire.FLUSH)
        assert told(connection.read_until("C")) == ["ROLLBACK"]
        assert ask(connection, wire.SYNC) == ["ZI"]
        assert ask(connection, wire.query("insert into t values (2, 2)")) == ["INSERT 0 1", "ZI"]
    assert contents(replicated) == "2=2"


@pytest.mark.parametrize("messages, sqlstate", [
    ([wire.parse("taken", "commit"), wire.bind("", "taken")], "42P05"),
    ([wire.parse("", "commit"), wire.bind("", "", [1])], "08P01"),
], ids=["statement_exists", "too_many_parameters"])
def test_a_commit_that_does_not_run_leaves_a_failed_transaction(replicated, messages, sqlstate):
    with client(replicated) as connection:
        ask(connection, wire.parse("taken", "select 1"), wire.SYNC)
        ask(connection, wire.query("begin"))
        ask(connection, wire.query("insert into t values (1, 1)"))
        assert ask(connection, *messages, wire.execute(), wire.SYNC) == [sqlstate, "ZE"]
        assert ask(connection, wire.query("insert into t values (2, 2)")) == ["25P02", "ZE"]
        assert ask(connection, wire.query("commit")) == ["ROLLBACK", "ZI"]
        assert ask(connection, wire.query("insert into t values (3, 3)")) == ["INSERT 0 1", "ZI"]
    for number in range(4, 12):  # whoever gets the connections next
        with client(replicated) as connection:
            assert ask(connection, *batch(f"insert into t values ({number}, 0)"), wire.SYNC) == ["INSERT 0 1", "ZI"]
    assert contents(replicated).startswith("3=3 4=0") and contents(replicated).endswith("11=0")


# --- sessions that rest

@pytest.mark.parametrize("setting", ["set idle_in_transaction_session_timeout = '1s'",
                                     "alter role postgres set idle_in_transaction_session_timeout = '1s'"],
                         ids=["session", "role"])
def test_nodes_that_rest_while_main_works_are_not_ended(replicated, setting):
    try:
        with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(setting)
        with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
            if setting.startswith("set"):
                cursor.execute(setting)
            cursor.execute("insert into t values (0, 0)")
            cursor.execute("begin; insert into t values (1, 1)")
            cursor.execute("select pg_sleep(2)")
            cursor.execute("insert into t values (2, 2)")
            cursor.execute("commit")
        assert contents(replicated) == "0=0 1=1 2=2"
    finally:
        replicated.sql("alter role postgres reset idle_in_transaction_session_timeout")


def test_a_follower_that_is_lost_ends_the_transaction_at_once(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("begin; insert into t values (1, 1)")
        end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where state = 'idle in transaction' and datname = 'postgres'"
        wait_for(lambda: replicated.nodes.nodes[1].sql(end) == 1, 10, "the other node rests in the transaction, and is ended")
        began = time.monotonic()
        with pytest.raises(psycopg2.errors.SerializationFailure, match="node \"node2\" was lost"):
            while time.monotonic() - began < 10:
                cursor.execute("select pg_sleep(0.01)")
        cursor.execute("rollback")
        cursor.execute("insert into t values (4, 4)")
    assert contents(replicated) == "4=4"


# --- messages that are too large to be held

@pytest.mark.parametrize("megabytes", [17, 40])
def test_a_bind_that_is_too_large_is_refused(replicated, megabytes):
    large = [wire.parse("", "insert into t values (length($1), 0)", [25]), wire.bind("", "", ["x" * (megabytes << 20)]),
             wire.execute(), wire.SYNC]
    with client(replicated) as connection:
        assert ask(connection, *large) == ["0A000", "ZI"]
        ask(connection, wire.query("begin"))
        ask(connection, wire.query("insert into t values (1, 1)"))
        assert ask(connection, *large) == ["0A000", "ZE"]
        assert ask(connection, wire.query("rollback")) == ["ROLLBACK", "ZI"]
        assert ask(connection, wire.query("insert into t values (2, 2)")) == ["INSERT 0 1", "ZI"]
    assert contents(replicated) == "2=2"


def test_a_read_with_a_large_bind_within_a_transaction_that_has_written(replicated):
    with client(replicated) as connection:
        ask(connection, wire.query("begin"))
        ask(connection, wire.query("insert into t values (1, 1)"))
        large = [wire.parse("", "select length($1)", [25]), wire.bind("", "", ["x" * (17 << 20)]), wire.execute(), wire.SYNC]
        assert ask(connection, *large) in (["SELECT 1", "ZT"], ["0A000", "ZE"])
        ask(connection, wire.query("rollback"))
        assert ask(connection, wire.query("insert into t values (2, 2)")) == ["INSERT 0 1", "ZI"]
    assert contents(replicated) == "2=2"


def test_a_begin_with_a_flush_is_refused(replicated):
    """Else what follows could be taken for transactions of their own."""
    with client(replicated) as connection:
        connection.send(*batch("begin"), wire.FLUSH)
        assert told(connection.read_until("EC")) == ["0A000"]
        assert ask(connection, wire.SYNC) == ["ZI"]
        connection.send(*batch("begin"))
        time.sleep(LATE)
        assert ask(connection, *batch("insert into t values (1, 1)"), wire.SYNC) == ["BEGIN", "INSERT 0 1", "ZT"]
        assert ask(connection, wire.query("rollback")) == ["ROLLBACK", "ZI"]
    assert contents(replicated) == ""
