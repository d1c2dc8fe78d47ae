# SPDX-License-Identifier: PostgreSQL
"""Mode replication: single sessions on nodes end or stall at chosen steps of a commit while the servers live on."""
import contextlib
import os
import signal
import threading
import time

import psycopg
import psycopg2
import psycopg2.errors
import pytest

from support import wire
from support.pgcluster import wait_for
from support.replicated import T, equal_nodes, no_commit, proxy_over, states

OURS = ("from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() and xact_start is not null"
        " and application_name !~ '^(pgpool-|holder$)'")


@pytest.fixture
def nodes():
    with equal_nodes("create table t(id int primary key, v int not null); insert into t values (1, 1)") as servers:
        yield servers.nodes


@pytest.fixture
def replicated(nodes):
    with proxy_over(nodes[0].cluster, {"replication": {"unsafe_statements": "allow", "stall_timeout": "8s"}}) as proxy:
        proxy.nodes = nodes
        yield proxy


def attached(proxy):
    return [node for node, state in zip(proxy.nodes, states(proxy)) if state == "up"]


def contents(proxy):
    """Of the nodes that are in, each once."""
    return {node.sql(T) for node in attached(proxy)}


class Statement:
    """Runs in a thread; its SQLSTATE, None if it succeeded."""

    def __init__(self, proxy, cursor, text):
        self.proxy, self.error, self.thread = proxy, None, threading.Thread(target=self._run, args=(cursor, text))
        self.thread.start()

    def _run(self, cursor, text):
        try:
            cursor.execute(text)
        except psycopg2.Error as error:
            self.error = error

    def sqlstate(self, timeout=20):
        self.thread.join(timeout)
        if self.thread.is_alive():
            self.proxy.kill()  # so that the client ends
            self.thread.join(timeout)
            pytest.fail("the client waits for ever")
        return self.error.pgcode if self.error else None


@contextlib.contextmanager
def no_mark(node):
    """Nobody can mark on this node."""
    with contextlib.closing(node.connect(application_name="holder")) as holder, holder.cursor() as cursor:
        cursor.execute("begin; lock table pgpool_replication.slot in share mode")
        yield


def waits(node, event):
    return node.sql(f"select count(*) {OURS} and wait_event_type = %s", [event]) > 0


def lose(proxy, node, which):
    """Ends sessions of that node, and waits until the proxy knows."""
    ended = {str(pid) for pid, _ in node.rows(f"select pid, pg_terminate_backend(pid) {OURS} and {which}")}
    assert ended, "there is one"
    wait_for(lambda: not ended & {server["remote_pid"] for server in proxy.admin("show servers")}, 10, "the proxy has noticed")


def check_equal(proxy, sqlstate):
    """Acknowledged: on all nodes that are in; refused: on none."""
    found = contents(proxy)
    assert found == ({"1=1 5=5"} if sqlstate is None else {"1=1"}), (sqlstate, found, [n.name for n in attached(proxy)])


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_follower_loses_its_session_before_it_has_marked(replicated, is_alone):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        node = replicated.nodes[1]
        with no_mark(node):
            if not is_alone:
                cursor.execute("begin")
                cursor.execute("insert into t values (5, 5)")
            statement = Statement(replicated, cursor, "insert into t values (5, 5)" if is_alone else "commit")
            wait_for(lambda: waits(node, "Lock"), 10, "the follower waits for its mark")
            node.sql(f"select pg_terminate_backend(pid) {OURS}")
            sqlstate = statement.sqlstate()
        check_equal(replicated, sqlstate)


def test_a_follower_loses_its_session_while_main_commits(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        main, node = replicated.nodes[:2]
        with no_commit(main):
            statement = Statement(replicated, cursor, "insert into t values (5, 5)")
            wait_for(lambda: waits(main, "IPC"), 10, "main commits")
            node.sql(f"select pg_terminate_backend(pid) {OURS}")
            time.sleep(0.2)
        check_equal(replicated, statement.sqlstate())


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_main_node_that_is_well_may_take_long_to_commit(nodes, is_alone):
    with proxy_over(nodes[0].cluster, {"replication": {"stall_timeout": "1s"}}) as proxy, \
            contextlib.closing(proxy.connect()) as connection, connection.cursor() as cursor:
        proxy.nodes = nodes
        if not is_alone:
            cursor.execute("begin")
            cursor.execute("insert into t values (5, 5)")
        with no_commit(nodes[0]):
            statement = Statement(proxy, cursor, "insert into t values (5, 5)" if is_alone else "commit")
            wait_for(lambda: waits(nodes[0], "IPC"), 10, "main commits")
            time.sleep(3)
        assert statement.sqlstate() is None
        assert attached(proxy) == nodes and contents(proxy) == {"1=1 5=5"}


def test_a_main_node_that_does_not_commit_is_taken_out_though_it_is_well(nodes):
    with proxy_over(nodes[0].cluster, {"replication": {"stall_timeout": "500ms"}}) as proxy, \
            contextlib.closing(proxy.connect()) as connection, connection.cursor() as cursor:
        proxy.nodes = nodes
        with no_commit(nodes[0]):
            assert Statement(proxy, cursor, "insert into t values (5, 5)").sqlstate() == "40001"
            assert attached(proxy) == nodes[1:] and contents(proxy) == {"1=1"}


def test_the_last_node_goes_on_with_the_extended_protocol(nodes):
    """There is nobody else to wait for behind main's marker, which has come with the statement."""
    main, *others = nodes
    with proxy_over(main.cluster) as proxy:
        for node in others:
            node.kill()
        wait_for(lambda: states(proxy) == ["up", "down", "down"], 20, "one is left")
        with psycopg.connect(host=proxy.host, port=proxy.port, dbname="postgres", user="postgres", autocommit=True) as connection:
            for i in range(5, 8):
                connection.execute("insert into t values (%s, %s)", (i, i))
            with connection.pipeline():
                connection.execute("insert into t values (%s, 8)", (8,))
                connection.execute("update t set v = v + 1 where id = %s", (8,))
        assert main.rows("select id, v from t where id >= 5 order by id") == [(5, 5), (6, 6), (7, 7), (8, 9)]


def test_a_commit_that_the_last_node_sleeps_over_is_unknown(nodes):
    """It goes on with it when it wakes: nobody may be told that nothing remains."""
    main, *others = nodes
    with proxy_over(main.cluster) as proxy, contextlib.closing(proxy.connect()) as connection, connection.cursor() as cursor:
        for node in others:
            node.kill()
        wait_for(lambda: states(proxy) == ["up", "down", "down"], 20, "one is left")
        with no_commit(main):
            statement = Statement(proxy, cursor, "insert into t values (5, 5)")
            wait_for(lambda: waits(main, "IPC"), 10, "main commits")
            main.freeze()
            try:
                wait_for(lambda: states(proxy)[0] == "down", 20, "main sleeps")
                assert statement.sqlstate() == "08007"
            finally:
                main.thaw()
        wait_for(lambda: main.sql("select count(*) from t where id = 5") == 1, 10, "it has committed")


def test_the_keeper_ends_the_session_of_a_follower_that_commits(replicated):
    """It does so when it takes another node out meanwhile, and repairs this one: the client must hear of it."""
    main, stopped, lost = replicated.nodes
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        with no_commit(main):
            statement = Statement(replicated, cursor, "insert into t values (5, 5)")
            wait_for(lambda: waits(main, "IPC"), 10, "main commits")
            pid = stopped.sql(f"select pid {OURS}")
            os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: lost.sql("select count(*) from t where id = 5"), 10, "the third node has committed")
        lost.kill()
        try:
            wait_for(lambda: "sessions_ended node=node2" in replicated.log_text(), 10, "the keeper ends the session")
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for(lambda: attached(replicated) == [main, stopped], 10, "the third node is out")
        check_equal(replicated, statement.sqlstate())


@pytest.mark.parametrize("form", ["query", "batch"])
def test_rollback_to_a_savepoint_in_company(replicated, form):
    """In a failed transaction, with another statement behind it in the same Query or batch."""
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        for text in ("begin", "savepoint a", "update t set v = 9 where id = 1", "insert into t values (1, 1)"):
            connection.query(text)
        if form == "query":
            connection.query("rollback to a; insert into t values (5, 5)")
        else:
            connection.send(wire.parse("", "rollback to a"), wire.bind(), wire.execute(),
                            wire.parse("", "insert into t values (5, 5)"), wire.bind(), wire.execute(), wire.SYNC)
            connection.read_until("Z")
        errors = [f.fields()["C"] for f in connection.query("commit") if f.type == "E"]
    check_equal(replicated, errors[0] if errors else None)


def test_rollback_while_a_difference_is_on_its_way(replicated):
    other = replicated.nodes[1]
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor, \
            contextlib.closing(other.connect(application_name="holder")) as holder, holder.cursor() as direct:
        direct.execute("begin; insert into t values (5, 5)")
        cursor.execute("begin")
        cursor.execute("insert into t values (5, 5)")
        wait_for(lambda: waits(other, "Lock"), 10, "the follower waits")
        statement = Statement(replicated, cursor, "rollback")
        time.sleep(0.3)
        direct.execute("commit")
        assert statement.sqlstate() is None
        cursor.execute("select 1")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_the_end_of_a_transaction_is_prepared_first(replicated, end):
    """Parse and Sync, then Bind, Execute and Sync, as libpq does it: the Parse must end nothing."""
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        connection.query("begin")
        connection.query("insert into t values (5, 5)")
        connection.send(wire.parse("the_end", end), wire.SYNC)
        assert [f.name for f in connection.read_until("Z")] == ["ParseComplete", "ReadyForQuery"]
        connection.send(wire.bind("", "the_end"), wire.execute(), wire.SYNC)
        frames = connection.read_until("Z")
        errors = [f.fields() for f in frames if f.type == "E"]
    assert (errors, contents(replicated)) == ([], {"1=1 5=5"} if end == "commit" else {"1=1"})


def test_repeatable_read_commits_beside_others(replicated):
    """Its marker must not fail because another transaction has used the slot since its snapshot."""
    with contextlib.ExitStack() as stack:
        first, *others = [stack.enter_context(contextlib.closing(replicated.connect())).cursor() for _ in range(5)]
        first.execute("begin isolation level repeatable read")
        first.execute("update t set v = 2 where id = 1")
        for number, other in enumerate(others):
            other.execute(f"insert into t values ({number + 5}, 0)")
        first.execute("commit")
    assert contents(replicated) == {"1=2 5=0 6=0 7=0 8=0"}


@pytest.mark.parametrize("before, failing, left", [
    (["savepoint a", "insert into t values (5, 5)"], "savepoint a; insert into t values (6, 6); insert into t values (1, 1)", "1=1 5=5"),
    (["savepoint a", "insert into t values (5, 5)", "savepoint a"], "release a; insert into t values (1, 1)", "1=1")])
def test_savepoints_of_a_query_that_fails(replicated, before, failing, left):
    """They are there, or gone, all the same: a ROLLBACK TO means another one than without them."""
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        for text in ["begin", *before]:
            cursor.execute(text)
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.execute(failing)
        try:
            cursor.execute("rollback to a")
            cursor.execute("commit")
        except psycopg2.errors.SerializationFailure:
            left = "1=1"
    assert contents(replicated) == {left}


def test_a_refusal_is_the_first_answer_of_a_transaction(replicated):
    """Nothing of it was sent anywhere yet."""
    replicated.reload({"replication": {"unsafe_statements": "refuse"}})
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("begin")
        assert Statement(replicated, cursor, "do $$begin end$$").sqlstate() == "0A000"
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            cursor.execute("insert into t values (5, 5)")
        cursor.execute("commit")
        assert cursor.statusmessage == "ROLLBACK"
    assert contents(replicated) == {"1=1"}


class Inserter:
    """Inserts rows of its own, every second one in a block, until told to stop."""

    def __init__(self, proxy, number):
        self.proxy, self.number, self.acknowledged, self.refused, self.stopping = proxy, number, set(), set(), False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with contextlib.closing(self.proxy.connect()) as connection, connection.cursor() as cursor:
            for i in range(10**6):
                if self.stopping:
                    return
                self._insert(cursor, (self.number + 1) * 10**7 + i, i % 2)

    def _insert(self, cursor, key, in_block):
        try:
            for text in ["begin"] * in_block + [f"insert into t values ({key}, 1)"] + ["commit"] * in_block:
                cursor.execute(text)
            self.acknowledged.add(key)
        except psycopg2.Error:
            self.refused.add(key)
            with contextlib.suppress(psycopg2.Error):
                cursor.execute("rollback")


@pytest.mark.parametrize("victim", [0, 1])
def test_cancels_at_any_moment(replicated, victim):
    """Also one that hits a BEGIN of the proxy: what follows it must not run outside of a transaction."""
    clients = [Inserter(replicated, number) for number in range(6)]
    with contextlib.closing(replicated.nodes[victim].connect(application_name="holder")) as connection, connection.cursor() as cursor:
        until = time.monotonic() + 15
        while time.monotonic() < until or (sum(len(c.acknowledged) for c in clients) <= 100 and time.monotonic() < until + 40):
            cursor.execute("select count(pg_cancel_backend(pid)) from pg_stat_activity where backend_type = 'client backend'"
                           " and pid <> pg_backend_pid() and application_name not like 'pgpool-%'")
            time.sleep(0.002)
    for client in clients:
        client.stopping = True
        client.thread.join(20)
        assert not client.thread.is_alive(), "a client hangs"
    acknowledged, refused = ({key for client in clients for key in getattr(client, which)} for which in ("acknowledged", "refused"))
    assert len(acknowledged) > 100
    for node in replicated.nodes:  # one that was taken out may lack something; it must not have more
        found = {row[0] for row in node.rows("select id from t")} - {1}
        assert not refused & found, (node.name, len(refused & found))
        assert node not in attached(replicated) or found == acknowledged


@contextlib.contextmanager
def late_epoch(node):
    """The next one cannot be raised on this node, until the keeper ends this session."""
    with contextlib.closing(node.connect(application_name="holder")) as holder, holder.cursor() as cursor:
        cursor.execute("begin; update pgpool_replication.slot set seq = seq where id = (select min(id) from pgpool_replication.slot)")
        yield


@pytest.mark.parametrize("lost", [1, 0])
def test_nobody_builds_on_what_a_node_has_lost(replicated, lost):
    """Its locks are gone there: who comes behind it on the same row finds it as it was before, and comes to the same tags."""
    main, node = replicated.nodes[0], replicated.nodes[lost]
    replicated.sql("update t set v = v where id = 1")  # so that the catalogs are known
    with contextlib.closing(replicated.connect()) as one, contextlib.closing(replicated.connect()) as two, \
            one.cursor() as first, two.cursor() as second, late_epoch(main):
        with no_commit(main):
            adding = Statement(replicated, first, "update t set v = v + 100 where id = 1")
            wait_for(lambda: waits(main, "IPC"), 10, "main commits")
            second.execute("begin")
            doubling = Statement(replicated, second, "update t set v = v * 2 where id = 1")
            wait_for(lambda: waits(main, "Lock"), 10, "the other waits for it")
            lose(replicated, node, "wait_event_type is distinct from 'Lock'")  # before main has committed
        assert doubling.sqlstate() is None
        assert Statement(replicated, second, "commit").sqlstate() == "40001"
    sqlstate, found = adding.sqlstate(), contents(replicated)
    assert sqlstate in ([None] if lost else ["40001", "08007"]), "whose main is lost does not hear how it ended"
    assert found == ({"1=1"} if sqlstate == "40001" else {"1=101"})
    assert len(attached(replicated)) == 3
