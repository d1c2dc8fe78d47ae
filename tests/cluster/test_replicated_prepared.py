# SPDX-License-Identifier: PostgreSQL
"""Mode replication with replication.commit: prepared. Whoever dies in the middle, what was prepared ends as main's marker says."""
import contextlib
import io
import pathlib
import shutil
import socket
import struct
import tempfile
import threading
import time

import psycopg2
import psycopg2.errors
import pytest

from support import markers, wire
from support.pgcluster import Independents, wait_for
from support.proxy import Proxy, merge
from support.replicated import no_commit

SLOTS = 16


@pytest.fixture
def nodes():
    with Independents(3) as servers:
        markers.prepare(servers.nodes, SLOTS)
        servers.sql("create table t(id int primary key, v text not null); insert into t values (0, '')")
        yield servers


@pytest.fixture
def make(nodes):
    """make(changes): a proxy that is started, and all nodes are in."""
    made, state = [], tempfile.mkdtemp(prefix="pgpool-state-", dir="/var/tmp")

    def make_proxy(changes=None, is_open=True, knows_the_past=True):
        if not knows_the_past:
            shutil.rmtree(state)
            pathlib.Path(state).mkdir(mode=0o700)
        replication = {"state_directory": state, "slots": SLOTS, "commit": "prepared", "stall_timeout": "20s"}
        made.append(Proxy.for_cluster(nodes, merge({"mode": "replication", "replication": replication}, changes)))
        made[-1].start(wait=is_open)
        if is_open:
            all_are_in(made[-1])
        return made[-1]
    yield make_proxy
    for proxy in made:
        proxy.discard()
    shutil.rmtree(state, ignore_errors=True)


def states(proxy):
    return [row["status"] for row in proxy.admin("show pool_nodes")]


def all_are_in(proxy):
    wait_for(lambda: states(proxy) == ["up"] * 3, 30, "all nodes are in")


def prepared(node):
    return [row[0] for row in node.rows("select gid from pg_prepared_xacts order by 1")]


def nothing_is_prepared(nodes, timeout=20):
    wait_for(lambda: not any(prepared(node) for node in nodes.nodes), timeout, "nothing is prepared any more")


def contents(nodes):
    """The same on all nodes, once."""
    found = nodes.sql("select coalesce(string_agg(id || '=' || length(v), ' ' order by id), '') from t")
    assert len(set(found)) == 1, found
    return found[0]


class Writer(threading.Thread):
    """Runs something that hangs; `error` is what came of it."""

    def __init__(self, proxy, work):
        super().__init__()
        self.proxy, self.work, self.error = proxy, work, None
        self.start()

    def run(self):
        try:
            with contextlib.closing(self.proxy.connect()) as connection, connection.cursor() as cursor:
                self.work(cursor)
        except psycopg2.Error as error:
            self.error = error

    def outcome(self):
        """The SQLSTATE; None: it has committed."""
        self.join(60)
        assert not self.is_alive(), "it hangs"
        return self.error and (self.error.pgcode or "lost")


def insert(cursor):
    cursor.execute("insert into t values (1, 'x')")


def insert_in_block(cursor):
    cursor.execute("begin; insert into t values (1, 'x')")
    cursor.execute("commit")


def copy_much(cursor):
    cursor.copy_expert("copy t from stdin", io.StringIO("".join(f"{i}\t{'x' * 1000}\n" for i in range(1, 1025))))


def insert_much(cursor):
    cursor.execute("insert into t select i, repeat('x', 1000) from generate_series(1, 100) i")


def copy_as_another(cursor):
    """As pg_restore --single-transaction, and with a role that ends before the transaction is known to have."""
    cursor.execute("begin; set search_path = public; set local role clerk")
    copy_much(cursor)
    cursor.execute("commit")


ROWS = {insert: 1, insert_in_block: 1, insert_much: 100, copy_much: 1024, copy_as_another: 1024}


@contextlib.contextmanager
def no_mark(node):
    """Main has not marked, so it cannot commit."""
    with contextlib.closing(node.connect()) as holder, holder.cursor() as cursor:
        cursor.execute("begin; lock table pgpool_replication.slot in share mode")
        yield


def others_have_prepared(nodes):
    wait_for(lambda: all(len(prepared(node)) == 1 for node in nodes.nodes[1:]), 20, "the others have prepared")
    assert prepared(nodes.nodes[0]) == []


@pytest.mark.parametrize("work", [insert, insert_in_block, insert_much, copy_much])
def test_writes_come_to_all_nodes(nodes, make, work):
    proxy = make()
    assert Writer(proxy, work).outcome() is None
    assert len(contents(nodes).split()) == 1 + ROWS[work]
    nothing_is_prepared(nodes, 0.1)


@pytest.mark.parametrize("mode, work, is_prepared", [
    ("prepared", insert, True), ("auto", insert, False), ("auto", copy_much, True), ("auto", insert_much, True), ("ordered", copy_much, False)])
def test_which_transactions_are_prepared(nodes, make, mode, work, is_prepared):
    proxy = make({"replication": {"commit": mode}})
    with no_mark(nodes.nodes[0]):
        writer = Writer(proxy, work)
        wait_for(lambda: nodes.nodes[1].sql("select count(*) from pg_locks where relation = 'pgpool_replication.slot'::regclass") > 0,
                 20, "node2 has marked")
        wait_for(lambda: not nodes.nodes[1].sql("select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"
                                                " and application_name not like 'pgpool-%%' and backend_type = 'client backend'"),
                 20, "node2 has answered")
        assert len(prepared(nodes.nodes[1])) == is_prepared
    assert writer.outcome() is None
    nothing_is_prepared(nodes, 0.1)
    contents(nodes)


@pytest.mark.parametrize("work", [insert, copy_much])
def test_the_proxy_dies_before_main_has_committed(nodes, make, work):
    proxy = make()
    with no_mark(nodes.nodes[0]):
        writer = Writer(proxy, work)
        others_have_prepared(nodes)
        proxy.kill()
        assert writer.outcome() == "lost"
    proxy.start()
    all_are_in(proxy)
    assert contents(nodes) == "0=0"
    nothing_is_prepared(nodes, 0.1)
    assert proxy.log_text().count("prepared_transaction_ended") == 2
    proxy.sql("insert into t values (1, 'y')")


@pytest.mark.parametrize("work", [insert, copy_much])
def test_the_proxy_and_a_node_die_after_main_has_committed(nodes, make, work):
    """The node completes by itself, also what is too large to be done again."""
    proxy = make()
    dies_between_commits(nodes, proxy, work, nodes.nodes[2])
    proxy.start()
    all_are_in(proxy)
    assert len(contents(nodes).split()) == 1 + ROWS[work]
    nothing_is_prepared(nodes, 0.1)
    assert "node_evicted" not in proxy.log_text() and "transaction_repaired" not in proxy.log_text()


def dies_between_commits(nodes, proxy, work, node=None):
    with no_commit(nodes.nodes[0]):
        writer = Writer(proxy, work)
        others_have_prepared(nodes)
        wait_for(lambda: nodes.nodes[0].sql("select count(*) from pg_stat_activity where wait_event = 'SyncRep'") == 1, 20, "main commits")
        proxy.kill()
        assert writer.outcome() == "lost"
        if node:
            node.kill()
    if node:
        node.start()


@pytest.mark.parametrize("mode, work", [("prepared", insert), ("prepared", copy_as_another), ("auto", insert_much), ("auto", copy_much),
                                        ("auto", copy_as_another)])
def test_another_proxy_ends_what_is_prepared(nodes, make, mode, work):
    """It knows the nodes and nothing else."""
    nodes.sql("create role clerk; grant insert on t to clerk")
    proxy = make({"replication": {"commit": mode}})
    dies_between_commits(nodes, proxy, work)
    other = make({"replication": {"commit": "ordered"}}, knows_the_past=False)
    assert len(contents(nodes).split()) == 1 + ROWS[work]
    nothing_is_prepared(nodes, 0.1)
    assert "node_evicted" not in other.log_text()


def test_what_was_set_for_the_transaction_has_ended_with_it(nodes, make):
    nodes.sql("create role clerk; grant insert on t to clerk; create role boss login in role clerk; grant create on schema public to boss")
    proxy = make()
    for i in range(3):  # the second and third by connections of the first
        with contextlib.closing(proxy.connect(user="boss")) as connection, connection.cursor() as cursor:
            cursor.execute("begin; set local role clerk; set application_name = 'mine'")
            cursor.execute(f"insert into t values ({i + 1}, 'x')")
            cursor.execute("commit" if i != 1 else "rollback")
            cursor.execute("select current_user, current_setting('application_name')")
            assert cursor.fetchone() == ("boss", "mine" if i != 1 else "")
            cursor.execute(f"create table made{i} ()")
    owners = "select string_agg(distinct tableowner, ',') from pg_tables where tablename like 'made%%'"
    assert nodes.sql(owners) == ["boss"] * 3
    assert contents(nodes) == "0=0 1=1 3=1" and states(proxy) == ["up"] * 3
    nothing_is_prepared(nodes, 0.1)


def test_a_session_that_is_ended_leaves_nothing_prepared(nodes, make):
    proxy = make()
    with no_mark(nodes.nodes[0]):
        writer = Writer(proxy, insert)
        others_have_prepared(nodes)
        sessions = ("from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
                    " and application_name not like 'pgpool-%%'")
        assert nodes.nodes[1].sql("select count(pg_terminate_backend(pid)) " + sessions) > 0
        wait_for(lambda: nodes.nodes[1].sql("select count(*) " + sessions) == 0, 10, "the sessions have ended")
        time.sleep(0.3)  # until the proxy has seen it
    assert writer.outcome() == "40001"
    nothing_is_prepared(nodes)
    assert states(proxy) == ["up"] * 3
    assert contents(nodes) == "0=0"
    proxy.sql("insert into t values (1, 'y')")


def test_a_node_that_crashes_and_is_there_again(nodes, make):
    proxy = make({"health": {"failures_to_down": 50, "period": "500ms"}})
    with no_mark(nodes.nodes[0]):
        writer = Writer(proxy, insert)
        others_have_prepared(nodes)
        nodes.nodes[1].kill()
        nodes.nodes[1].start()
    assert writer.outcome() == "40001"
    wait_for(lambda: states(proxy)[1] == "down" or not prepared(nodes.nodes[1]), 20, "it is out, or nothing is prepared there")
    assert prepared(nodes.nodes[2]) == []
    proxy.sql("insert into t values (1, 'y')")


def test_a_client_that_disconnects_leaves_nothing_prepared(nodes, make):
    proxy = make()
    with no_mark(nodes.nodes[0]):
        client = proxy.wire()
        client.send(wire.query("insert into t values (1, 'x')"))
        others_have_prepared(nodes)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset: no half-closed client
        client.close()
        nothing_is_prepared(nodes)
    assert contents(nodes) == "0=0"
    assert "prepared_transaction_ended" not in proxy.log_text(), "the session itself has ended it"


def test_main_dies(nodes, make):
    """Whatever the outcome was, it is the same on those that are left."""
    proxy = make()
    with no_mark(nodes.nodes[0]):
        writer = Writer(proxy, insert)
        others_have_prepared(nodes)
        nodes.nodes[0].kill()
        wait_for(lambda: states(proxy)[0] == "down", 20, "main is out")
    assert writer.outcome() == "40001"
    wait_for(lambda: not any(prepared(node) for node in nodes.nodes[1:]), 20, "nothing is prepared any more")
    assert contents(nodes) == "0=0"
    proxy.sql("insert into t values (1, 'y')")
    assert contents(nodes) == "0=0 1=1"


def test_a_deadlock_with_what_is_prepared_is_found(nodes, make):
    """quick is prepared at node2 and waits for slow at node3; slow waits for what is prepared at node2."""
    main = nodes.nodes[0]
    nodes.sql("create function port() returns int immutable language internal as 'inet_server_port';"  # believed to be so
              "create function elsewhere(main int, others int) returns int immutable language plpgsql as "
              f"$$ begin return case when port() = {main.port} then main else others end; end $$;"
              "create table a(id int primary key, v int not null); insert into a values (1, 0), (2, 0), (3, 0)")
    proxy = make()
    row_1_elsewhere = "insert into a values (elsewhere(3, 1), 0) on conflict (id) do update set v = a.v"
    followed = f"select count(*) from pg_stat_activity where state = 'idle in transaction' and query = $${row_1_elsewhere}$$"
    with contextlib.closing(nodes.nodes[1].connect()) as holder, contextlib.closing(proxy.connect()) as connection:
        holder.cursor().execute("begin; select from a where id = 2 for update")
        slow = connection.cursor()
        for text in "begin", "update a set v = v + 1 where id = 2", row_1_elsewhere:
            slow.execute(text)
        wait_for(lambda: nodes.nodes[2].sql(followed) == 1, 10, "node3 has followed")
        quick = Writer(proxy, lambda cursor: cursor.execute("update a set v = v + 1 where id = 1"))
        wait_for(lambda: len(prepared(nodes.nodes[1])) == 1, 10, "quick is prepared at node2")
        began = time.monotonic()
        holder.cursor().execute("rollback")
        assert quick.outcome() == "40P01"
        slow.execute("commit")
        assert time.monotonic() - began < 15, "that was found by replication.stall_timeout"
    nothing_is_prepared(nodes, 0.1)
    assert nodes.sql("select string_agg(v::text, ' ' order by id) from a") == ["0 1 0"] * 3 and states(proxy) == ["up"] * 3


def test_what_cannot_be_prepared_is_told(nodes, make):
    nodes.sql("create table aside (a int)")
    proxy = make()
    with contextlib.closing(nodes.nodes[1].connect()) as connection, connection.cursor() as cursor:
        for i in range(20):
            cursor.execute(f"begin; insert into aside values (1); prepare transaction 'other{i}'")
    with pytest.raises(psycopg2.Error) as caught:
        proxy.sql("insert into t values (1, 'x')")
    assert caught.value.pgcode == "53200" and "cannot be prepared on node" in str(caught.value)
    assert contents(nodes) == "0=0" and states(proxy) == ["up"] * 3
    nodes.nodes[1].sql("rollback prepared 'other7'")
    proxy.sql("insert into t values (1, 'x')")
    assert contents(nodes) == "0=0 1=1"


def test_temporary_objects_are_on_main_alone(nodes, make):
    proxy = make({"replication": {"unsafe_statements": "allow"}})
    with contextlib.closing(proxy.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("create temp table mine (a int); insert into mine values (7)")
        cursor.execute("begin")
        cursor.execute("select pg_export_snapshot()")
        cursor.execute("insert into t select a, 'x' from mine")
        cursor.execute("commit")
    assert contents(nodes) == "0=0 7=1"
    nothing_is_prepared(nodes, 0.1)


def test_a_server_that_prepares_too_little(nodes, make):
    nodes.nodes[1].configure({"max_prepared_transactions": "3"})
    nodes.nodes[1].restart()
    proxy = make(is_open=False)
    wait_for(lambda: "cluster_not_open" in proxy.log_text(), 20, "the proxy does not open")
    assert 'node \\"node2\\": max_prepared_transactions is 3, replication.commit: prepared needs at least 16' in proxy.log_text()
    nodes.nodes[1].configure({"max_prepared_transactions": "20"})
    nodes.nodes[1].restart()
    all_are_in(proxy)


def test_large_transactions_commit_in_order_where_a_server_prepares_too_little(nodes, make):
    nodes.nodes[1].configure({"max_prepared_transactions": "0"})
    nodes.nodes[1].restart()
    proxy = make({"replication": {"commit": "auto"}})
    assert 'node \\"node2\\": max_prepared_transactions is 0, replication.commit: auto needs at least 16' in proxy.log_text()
    assert Writer(proxy, copy_much).outcome() is None
    assert len(contents(nodes).split()) == 1025 and states(proxy) == ["up"] * 3


def hand_prepare(node, gid, slot, sequence, epoch, row):
    with contextlib.closing(node.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"begin; insert into t values ({row}, 'x')")
        assert markers.mark(cursor, slot, sequence, epoch)
        cursor.execute(f"prepare transaction '{gid}'")


def test_what_is_left_on_a_node_ends_when_it_is_attached(nodes, make):
    proxy = make()
    proxy.admin("pgpool detach node node3")
    old, now = markers.epochs(nodes.nodes[2])[0], markers.epochs(nodes.nodes[0])[0]
    sequence = 9_000_000_000_000_000
    hand_prepare(nodes.nodes[2], f"pgpool_3_{sequence}", 3, sequence, old, 1)  # nobody has it
    hand_prepare(nodes.nodes[2], f"pgpool_4_{sequence}", 4, sequence, old, 2)  # the others have it
    for node in nodes.nodes[:2]:
        with contextlib.closing(node.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("begin; insert into t values (2, 'x')")
            assert markers.mark(cursor, 4, sequence, now)
            cursor.execute("commit")
    proxy.admin("pgpool attach node node3 force")
    nothing_is_prepared(nodes, 0.1)
    assert states(proxy) == ["up"] * 3 and contents(nodes) == "0=0 2=1"


def test_what_is_left_on_a_node_since_too_long_is_named(nodes, make):
    proxy = make()
    proxy.admin("pgpool detach node node3")
    old, now = markers.epochs(nodes.nodes[2])[0], markers.epochs(nodes.nodes[0])[0]
    sequence = 9_000_000_000_000_000
    hand_prepare(nodes.nodes[2], f"pgpool_3_{sequence}", 3, sequence, old, 1)
    for node in nodes.nodes[:2]:
        with contextlib.closing(node.connect()) as connection, connection.cursor() as cursor:
            assert markers.mark(cursor, 3, sequence + 1, now)
            connection.commit()
    with pytest.raises(wire.ServerError) as caught:
        proxy.admin("pgpool attach node node3 force")
    assert f"transaction {sequence} of slot 3 in database postgres is prepared there" in str(caught.value)
    assert states(proxy) == ["up", "up", "down"]


def test_what_others_have_prepared_is_left_alone(nodes, make):
    nodes.sql("create table aside (a int)")
    for node in nodes.nodes:
        with contextlib.closing(node.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("begin; insert into aside values (1)")
            cursor.execute("prepare transaction 'pgpool_mine'")
    proxy = make()
    proxy.sql("insert into t values (1, 'x')")
    assert [prepared(node) for node in nodes.nodes] == [["pgpool_mine"]] * 3
