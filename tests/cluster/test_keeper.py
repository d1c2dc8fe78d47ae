# SPDX-License-Identifier: PostgreSQL
"""Mode replication: who is in, and that nodes are made equal before anybody uses them (proxy/keeper)."""
import contextlib
import os
import shutil
import tempfile
import threading

import psycopg2
import pytest

from support import markers, wire
from support.pgcluster import Independents, wait_for
from support.proxy import Proxy, merge, named_rows
from support.replicated import no_commit

SLOTS = 8


@pytest.fixture
def nodes():
    """Three servers with markers in database postgres."""
    with Independents(3) as servers:
        markers.prepare(servers.nodes, SLOTS)
        yield servers


@pytest.fixture
def state_directory():
    path = tempfile.mkdtemp(prefix="pgpool-state-", dir="/var/tmp")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def make(nodes, state_directory):
    """make(changes): a proxy that is not started."""
    made = []

    def make_proxy(changes=None, **health):
        config = {"mode": "replication", "replication": {"state_directory": state_directory},
                  "health": {"failover_park_timeout": "30s", **health}}
        made.append(Proxy.for_cluster(nodes, merge(config, changes)))
        return made[-1]
    yield make_proxy
    for proxy in made:
        proxy.discard()


def membership(state_directory):
    with open(f"{state_directory}/membership") as file:
        return file.read()


def shown(proxy):
    """"node1:up/main node2:down/unknown"."""
    rows = proxy.admin("show pool_nodes")
    names = [node["name"] for node in proxy.config["nodes"]]
    return " ".join(f"{name}:{row['status']}/{row['role']}" for name, row in zip(names, rows))


def is_shown(proxy, outline, timeout=20):
    wait_for(lambda: shown(proxy) == outline, timeout, f"nodes are {outline}")


def test_opening_raises_the_epoch_everywhere_before_anybody_is_up(nodes, make, state_directory):
    assert nodes.sql("select max(epoch) from pgpool_replication.slot") == [0, 0, 0]
    with make() as proxy:
        is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
        first = markers.epochs(nodes.nodes[0])
        assert len(first) == 1 and first[0] >= 1
        assert [markers.epochs(node) for node in nodes.nodes] == [first] * 3
        assert f"epoch: {first[0]}\n" in membership(state_directory)
    with make() as proxy:
        assert proxy.sql("select 1") == 1
        assert [markers.epochs(node) for node in nodes.nodes] == [[first[0] + 1]] * 3


@pytest.mark.parametrize("lost, outline", [
    (2, "node1:up/main node2:up/replica node3:down/unknown"),
    (0, "node1:down/unknown node2:up/main node3:up/replica")])
def test_a_node_that_dies_is_taken_out_durably(nodes, make, state_directory, lost, outline):
    with make() as proxy:
        before = markers.epochs(nodes.nodes[1])[0]
        nodes.nodes[lost].kill()
        is_shown(proxy, outline)
        assert markers.epochs(nodes.nodes[1]) == [before + 1]
        assert f"epoch: {before + 1}\n" in membership(state_directory)
        assert f"node_evicted node=node{lost + 1} " in proxy.log_text()
        assert proxy.sql("select 1") == 1
    nodes.nodes[lost].start()
    with make() as proxy:
        is_shown(proxy, outline)
        assert proxy.sql("select 1") == 1
        assert markers.epochs(nodes.nodes[lost]) == [before], "nobody has touched it"


def test_the_last_node_is_never_taken_out(nodes, make):
    with make() as proxy:
        for node, outline in ((2, "node1:up/main node2:up/replica node3:down/unknown"),
                              (0, "node1:down/unknown node2:up/main node3:down/unknown")):
            nodes.nodes[node].kill()
            is_shown(proxy, outline)
        nodes.nodes[1].kill()
        is_shown(proxy, "node1:down/unknown node2:down/unknown node3:down/unknown")
        assert "node_evicted node=node2" not in proxy.log_text()
        nodes.nodes[1].start()
        is_shown(proxy, "node1:down/unknown node2:up/main node3:down/unknown")
        assert proxy.sql("select 1") == 1


def commit_on(nodes, slot, seq, redo, statements, epoch=0):
    """One transaction on these nodes only, marked as a proxy does it; statements are (text, parameters)."""
    for node in nodes:
        with contextlib.closing(node.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("begin")
            for text, parameters in statements:
                cursor.execute(text, parameters)
            assert markers.mark(cursor, slot, seq, epoch, redo)
            cursor.execute("commit")


@contextlib.contextmanager
def no_settlement(node):
    """Its epoch is not raised meanwhile."""
    with contextlib.closing(node.connect()) as holder, holder.cursor() as cursor:
        cursor.execute("begin; select id from pgpool_replication.slot for update skip locked limit 1")
        assert cursor.rowcount == 1
        yield


def update(proxy):
    with contextlib.suppress(psycopg2.Error):
        proxy.sql("update t set v = v + 1 where id = 1")


def test_a_doubt_outlives_the_proxy(nodes, make, state_directory):
    """node2 lost its session before it committed; then the proxy dies, when another transaction may have passed there already."""
    main, second, third = nodes.nodes
    nodes.sql("create table t (id int primary key, v int); insert into t values (1, 0)")
    slots = {"replication": {"slots": SLOTS}}
    with make(slots) as proxy:
        is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
        client = threading.Thread(target=update, args=[proxy])
        with contextlib.ExitStack() as until_it_is_dead:
            with no_commit(main):
                client.start()
                wait_for(lambda: main.sql("select count(*) from pg_stat_activity where wait_event = 'SyncRep'"), 20, "main commits")
                until_it_is_dead.enter_context(no_settlement(main))
                assert second.sql("select count(pg_terminate_backend(pid)) from pg_stat_activity where state = 'idle in transaction'") == 1
            wait_for(lambda: 'name: "node2", attached: true, doubted: true' in membership(state_directory), 20, "node2 is doubted",
                     interval=0.005)
            wait_for(lambda: third.sql("select v from t") == 1, 20, "node3 has it", interval=0.005)
            proxy.kill()
        client.join()
    nodes.sql("update t set v = v * 10")  # of the other transaction
    with make(slots) as proxy:
        is_shown(proxy, "node1:up/main node2:down/unknown node3:up/replica")
        assert "may have committed there already" in proxy.log_text()
        assert [node.sql("select v from t") for node in (main, third)] == [10, 10]
        assert "doubted: true" not in membership(state_directory)


def test_what_a_node_has_missed_is_done_again_as_its_user_and_under_its_settings(nodes, make):
    nodes.sql("create role clerk login")
    nodes.sql("create table t (id int primary key, at timestamptz, raw bytea, who text default session_user, note text)")
    nodes.sql("grant insert, select on t to clerk")
    nodes.sql("create schema aside; create table aside.here (a int); grant usage on schema aside to clerk;"
              " grant insert on aside.here to clerk; alter role clerk set search_path = aside, public")
    redo = markers.encode_redo(
        "clerk",
        [("insert into t (id, at, raw, note) values ($1, $2, $3, $4)", [23, 0, 17],
          [b"\x00\x00\x00\x2a", "2026-01-01 12:00", b"\x00\xff", None]),
         "insert into here values (1); insert into here values (2)"],
        ["SET timezone TO 'Asia/Tokyo'"])
    done = [("set local search_path = aside, public", None), ("set local timezone = 'Asia/Tokyo'", None),
            ("insert into t values (42, '2026-01-01 12:00', '\\x00ff', 'clerk', null)", None),
            ("insert into here values (1), (2)", None)]
    commit_on([nodes.nodes[0]], 3, 77, redo, done)
    with make() as proxy:
        is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
        rows = [node.rows("select id, at, raw::text, who, note from t") for node in nodes.nodes]
        assert rows[0] == rows[1] == rows[2] and len(rows[0]) == 1
        assert nodes.sql("select count(*) from aside.here") == [2, 2, 2]
        assert nodes.sql("select seq from pgpool_replication.slot where id = 3") == [77, 77, 77]
        assert nodes.sql("select redo = %s from pgpool_replication.slot where id = 3", [redo]) == [True] * 3
        assert proxy.log_text().count("transaction_repaired") == 2


def test_each_node_gets_what_another_has(nodes, make):
    """Also the main node, and in other databases."""
    for node in nodes.nodes:
        node.sql("create database other")
    markers.prepare(nodes.nodes, SLOTS, "other")
    nodes.sql("create table t (id int primary key)", dbname="other")
    for number, node in enumerate(nodes.nodes):
        with contextlib.closing(node.connect("other")) as connection, connection.cursor() as cursor:
            cursor.execute(f"begin; insert into t values ({number})")
            assert markers.mark(cursor, number, 100 + number, 0,
                                markers.encode_redo("postgres", [f"insert into t values ({number})"]))
            cursor.execute("commit")
    with make() as proxy:
        is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
        assert nodes.sql("select array_agg(id order by id) from t", dbname="other") == [[0, 1, 2]] * 3
        assert proxy.log_text().count("transaction_repaired") == 6


@pytest.mark.parametrize("redo, words", [
    (markers.encode_redo("postgres", ["insert into missing values (1)"]), 'relation \\"missing\\" does not exist'),
    (markers.encode_redo("nobody_of_that_name", ["select 1"]), 'role \\"nobody_of_that_name\\" does not exist'),
    (markers.encode_redo("postgres", [("insert into t select 2 where false", [], [], 1)]), "changed 0 rows instead of 1"),
    (markers.encode_redo("postgres", [("insert into t values ($1), ($2)", [], ["2", "3"], 1)]), "changed 2 rows instead of 1"),
    (markers.encode_redo("postgres", [("delete from t", [], [], -2)]), "changed 0 rows instead of some"),
    (markers.encode_redo("postgres", [("insert into t values (2); insert into t values (3)", [], [], -3)]), "cannot be told"),
    (b"\x09rubbish", "redo of an unknown format"), (b"", "it has no redo")])
def test_a_node_that_cannot_be_repaired_is_taken_out(nodes, make, redo, words):
    nodes.sql("create table t (id int primary key)")
    commit_on(nodes.nodes[:2], 1, 5, redo, [("insert into t values (1)", None)])
    with make() as proxy:
        is_shown(proxy, "node1:up/main node2:up/replica node3:down/unknown")
        assert words in proxy.log_text()
        reason = proxy.admin("show pool_nodes")[2]["reason"]
        assert reason.startswith("taken out: transaction 5 of slot 1 in database postgres is on node1")
        assert nodes.nodes[2].sql("select seq from pgpool_replication.slot where id = 1") == 0


def test_sessions_of_a_dead_proxy_that_are_in_the_way_are_ended(nodes, make):
    nodes.sql("create table t (id int primary key, x int); insert into t values (1, 0)")
    redo = markers.encode_redo("postgres", ["update t set x = 5 where id = 1"])
    commit_on([nodes.nodes[0]], 2, 9, redo, [("update t set x = 5 where id = 1", None)])
    marked = nodes.nodes[0].connect()
    with marked.cursor() as cursor:
        cursor.execute("begin; update t set x = 6 where id = 1")
        assert markers.mark(cursor, 4, 10, 0, redo)
    writer = nodes.nodes[1].connect()
    with writer.cursor() as cursor:
        cursor.execute("begin; update t set x = 7 where id = 1")
    reader = nodes.nodes[2].connect()
    with reader.cursor() as cursor:
        cursor.execute("begin; lock table t in share mode")
    with make() as proxy:
        is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
        assert nodes.sql("select x from t") == [5, 5, 5]
        assert proxy.log_text().count("sessions_ended") >= 3
        assert nodes.sql("select max(seq) from pgpool_replication.slot") == [9, 9, 9]


def test_after_the_main_node_the_others_are_made_equal(nodes, make):
    nodes.sql("create table t (id int primary key)")
    with make() as proxy:
        is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
        redo = markers.encode_redo("postgres", ["insert into t values (1)"])
        commit_on([nodes.nodes[0], nodes.nodes[2]], 0, 50, redo, [("insert into t values (1)", None)],
                  markers.epochs(nodes.nodes[0])[0])
        nodes.nodes[0].kill()
        is_shown(proxy, "node1:down/unknown node2:up/main node3:up/replica")
        assert nodes.sql("select count(*) from t") == [1, 1]


def test_a_frozen_node_is_taken_out(nodes, make):
    with make() as proxy:
        nodes.nodes[1].freeze()
        is_shown(proxy, "node1:up/main node2:down/unknown node3:up/replica")
        assert proxy.sql("select 1") == 1


def test_a_mark_under_an_old_epoch_fails(nodes, make):
    with make() as proxy:
        epoch = markers.epochs(nodes.nodes[0])[0]
        commit_on(nodes.nodes, 0, 1, b"", [], epoch)
        with contextlib.closing(nodes.nodes[1].connect()) as connection, connection.cursor() as cursor:
            nodes.nodes[2].kill()
            is_shown(proxy, "node1:up/main node2:up/replica node3:down/unknown")
            assert not markers.mark(cursor, 0, 2, epoch)
            assert markers.mark(cursor, 0, 2, epoch + 1)


def test_a_node_that_is_away_at_the_start_is_waited_for(nodes, make):
    nodes.nodes[2].stop()
    proxy = make(failover_park_timeout="20s").start(wait=False)
    wait_for(lambda: "cluster_not_open" in proxy.log_text(), 10, "the proxy waits")
    assert shown(proxy) == "node1:waiting/unknown node2:waiting/unknown node3:waiting/unknown"
    for row in proxy.admin("show pool_nodes"):
        assert row["reason"].startswith("the cluster is not open: not all attached nodes can be used yet: node3: ")
    nodes.nodes[2].start()
    is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
    assert "node_up node=node1 role=main" in proxy.log_text() and "main_found node=node1" in proxy.log_text()


def test_a_node_that_stays_away_at_the_start_is_taken_out(nodes, make):
    nodes.nodes[0].stop()
    with make(failover_park_timeout="1s") as proxy:
        is_shown(proxy, "node1:down/unknown node2:up/main node3:up/replica")


def test_without_the_file_a_node_of_an_older_epoch_is_not_trusted(nodes, make, state_directory):
    with make() as proxy:
        nodes.nodes[2].kill()
        is_shown(proxy, "node1:up/main node2:up/replica node3:down/unknown")
    nodes.nodes[2].start()
    os.unlink(f"{state_directory}/membership")
    with make() as proxy:
        is_shown(proxy, "node1:up/main node2:up/replica node3:down/unknown")
        assert "the membership file is missing" in proxy.log_text()


def error_of(proxy, command, **options):
    with pytest.raises(wire.ServerError) as caught:
        with proxy.wire(**options) as connection:
            named_rows(connection.query(command))
    return caught.value.fields


def test_detach_and_attach_by_hand(nodes, make, state_directory):
    with make() as proxy:
        before = markers.epochs(nodes.nodes[0])[0]
        assert error_of(proxy, "pgpool attach node node2")["C"] == "55000"
        proxy.admin("pgpool detach node node1")
        is_shown(proxy, "node1:down/unknown node2:up/main node3:up/replica")
        assert proxy.admin("show pool_nodes")[0]["reason"] == "taken out: detached by postgres"
        assert [markers.epochs(node) for node in nodes.nodes] == [[before], [before + 1], [before + 1]]
        assert "detached by postgres" in membership(state_directory)
        refused = error_of(proxy, "pgpool attach node node1")
        assert refused["C"] == "55000" and "pgpool-ctl verify, then say PGPOOL ATTACH NODE node1 FORCE" in refused["M"]
        proxy.admin("PGPOOL ATTACH NODE node1 FORCE")
        is_shown(proxy, "node1:up/replica node2:up/main node3:up/replica")
        assert [markers.epochs(node) for node in nodes.nodes] == [[before + 2]] * 3


def test_a_node_whose_markers_differ_is_not_attached(nodes, make):
    with make() as proxy:
        proxy.admin("pgpool detach node node3")
        commit_on(nodes.nodes[:2], 0, 50, b"", [], markers.epochs(nodes.nodes[0])[0])
        refused = error_of(proxy, "pgpool attach node node3 force")
        assert refused["C"] == "55000" and "slot 0 of database postgres" in refused["M"]
        is_shown(proxy, "node1:up/main node2:up/replica node3:down/unknown")
        commit_on(nodes.nodes[2:], 0, 50, b"", [], markers.epochs(nodes.nodes[2])[0])
        proxy.admin("pgpool attach node node3 force")
        is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
        nodes.nodes[1].sql("create database more")
        markers.prepare(nodes.nodes[:2][1:], SLOTS, "more")
        proxy.admin("pgpool detach node node2")
        assert "databases postgres, this node in more, postgres" in error_of(proxy, "pgpool attach node node2 force")["M"]


@pytest.mark.parametrize("command, code, words", [
    ("pgpool detach node nobody", "42704", 'there is no node "nobody"'), ("pgpool detach node", "42601", "usage"),
    ("pgpool detach node node1 force", "42601", "usage"), ("pgpool attach node node1 by force", "42601", "usage"),
    ("pgpool attach node node1 now", "42601", "usage"), ("pgpool attach node node1 force", "55000", "is attached")])
def test_errors_of_attach_and_detach(nodes, make, command, code, words):
    with make() as proxy:
        error = error_of(proxy, command)
        assert error["C"] == code and words in error["M"]


def test_only_administrators_attach_and_detach(nodes, make):
    nodes.sql("create role alice login")
    with make() as proxy:
        assert error_of(proxy, "pgpool detach node node1", user="alice")["C"] == "42501"
        assert error_of(proxy, "pgpool attach node node1 force", user="alice")["C"] == "42501"


def test_the_last_node_cannot_be_detached(nodes, make):
    with make() as proxy:
        proxy.admin("pgpool detach node node1")
        proxy.admin("pgpool detach node node3")
        error = error_of(proxy, "pgpool detach node node2")
        assert error["C"] == "55000" and "the last one" in error["M"]
        is_shown(proxy, "node1:down/unknown node2:up/main node3:down/unknown")


def test_nodes_of_the_configuration_come_and_go(nodes, make):
    with make() as proxy:
        is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
        everybody = proxy.config["nodes"]
        proxy.reload({"nodes": everybody[1:]})
        is_shown(proxy, "node2:up/main node3:up/replica")
        proxy.reload({"nodes": everybody})
        wait_for(lambda: "taken out: new" in str(proxy.admin("show pool_nodes")), 10, "node1 is new")
        proxy.admin("pgpool attach node node1 force")


def test_a_start_without_a_place_for_its_state_is_refused(nodes, make, state_directory):
    missing = f"{state_directory}/missing"
    proxy = make({"replication": {"state_directory": missing}})
    proxy.start(wait=False)
    assert proxy.process.wait(10) == 2
    assert f"replication.state_directory: {missing}: No such file or directory" in proxy.log_text()
    assert f"to check before: install -d -m 700 -o USER {missing}" in proxy.log_text()
    proxy = make()
    with open(f"{state_directory}/membership", "w") as file:
        file.write("version: 1\nepoch: 5\n")
    proxy.start(wait=False)
    assert proxy.process.wait(10) == 1
    assert f"{state_directory}/membership: not a membership" in proxy.log_text()


def test_a_node_that_came_back_is_attached_once_probes_reach_it(nodes, make):
    with make() as proxy:
        nodes.nodes[1].kill()
        is_shown(proxy, "node1:up/main node2:down/unknown node3:up/replica")
        assert "last probe failed" in error_of(proxy, "pgpool attach node node2 force")["M"]
        nodes.nodes[1].start()

        def attached():
            with contextlib.suppress(wire.ServerError):
                return proxy.admin("pgpool attach node node2 force") == []
        wait_for(attached, 10, "node2 is attached")
        is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
        assert proxy.log_text().count("node_evicted node=node2") == 1


def test_a_node_that_is_waited_for_can_be_detached(nodes, make, state_directory):
    nodes.nodes[2].stop()
    proxy = make(failover_park_timeout="60s").start(wait=False)
    wait_for(lambda: "cluster_not_open" in proxy.log_text(), 10, "the proxy waits")
    proxy.admin("pgpool detach node node3")
    is_shown(proxy, "node1:up/main node2:up/replica node3:down/unknown")
    assert "detached by postgres" in membership(state_directory)


# --- a repair runs what users wrote, in a superuser's session ---
def superusers(nodes):
    return nodes.sql("select array_agg(rolname::text) from pg_roles where rolsuper")


def repair_on_others(nodes, make, redo, owner="clerk"):
    """As if node1 alone had committed it; returns who is a superuser where, and the log."""
    with contextlib.closing(nodes.nodes[0].connect()) as connection, connection.cursor() as cursor:
        assert markers.mark(cursor, 1, 5, 0, redo, owner)
    with make() as proxy:
        wait_for(lambda: "membership_published" in proxy.log_text(), 20, "the cluster is open")
        return superusers(nodes), proxy.log_text()


def test_a_redo_that_names_another_user_is_not_run(nodes, make):
    nodes.sql("create role clerk login")
    found, log = repair_on_others(nodes, make, markers.encode_redo("postgres", ["alter role clerk superuser"]))
    assert found == [["postgres"]] * 3 and 'is of user \\"postgres\\", but \\"clerk\\" has marked it' in log


CLIMB = ("perform set_config('session_authorization', 'postgres', true); execute 'alter role clerk superuser'; return new;"
         " exception when others then return new;")


@pytest.mark.parametrize("statements", [
    ["reset session authorization; alter role clerk superuser"], ["reset session authorization", "alter role clerk superuser"],
    ["insert into t values (1, climb())"],
    ["create or replace function pg_temp.pgpool_redo_1() returns void language sql as 'select'", "select climb()"],
    ["insert into late values (1)"], ["insert into again values (1)"],
    ["declare c cursor with hold for select climb()"]])
def test_what_a_redo_runs_does_not_become_a_superuser(nodes, make, statements):
    nodes.sql("create role clerk login; create table t (id int primary key, x int); create table late (id int);"
              " create table again (id int); grant all on t, late, again to clerk; grant create on schema public to clerk")
    for node in nodes.nodes:
        with contextlib.closing(node.connect(user="clerk")) as connection, connection.cursor() as cursor:
            cursor.execute("create function climb() returns int language plpgsql as $$ begin"
                           f" begin {CLIMB.replace('return new', 'return 1')} end; end $$")
            cursor.execute(f"create function fired() returns trigger language plpgsql as $$ begin begin {CLIMB} end; end $$")
            cursor.execute("create function fired_again() returns trigger language plpgsql as $$ begin"
                           " set constraints all deferred; insert into again values (new.id + 1); return new; end $$")
        node.sql("create constraint trigger late after insert on late deferrable initially deferred for each row"
                 " execute function fired(); create constraint trigger again after insert on again deferrable initially"
                 " deferred for each row execute function fired_again()")
    found, _ = repair_on_others(nodes, make, markers.encode_redo("clerk", statements))
    assert found == [["postgres"]] * 3


def test_operators_of_users_are_not_the_keepers(nodes, make):
    nodes.sql("create role clerk login; grant create on schema public to clerk; alter role clerk set work_mem = '5MB';"
              " create table t (id int primary key); grant all on t to clerk")
    for node in nodes.nodes:
        with contextlib.closing(node.connect(user="clerk")) as connection, connection.cursor() as cursor:
            cursor.execute("create function public.ne(oid, integer) returns boolean language plpgsql as $$ begin"
                           " if current_setting('is_superuser') = 'on' then execute 'alter role clerk superuser'; end if;"
                           " return $1::int8 operator(pg_catalog.<>) $2; end $$;"
                           " create operator public.<> (leftarg = oid, rightarg = integer, function = public.ne)")
    found, log = repair_on_others(nodes, make, markers.encode_redo("clerk", ["insert into t values (1)"]))
    assert found == [["postgres"]] * 3 and log.count("transaction_repaired") == 2


def test_savepoints_of_a_redo_are_followed(nodes, make):
    nodes.sql("create table t (id int primary key)")
    redo = markers.encode_redo("postgres", ["insert into t values (1)", "savepoint s", "insert into t values (2)",
                                            "rollback to s", "insert into t values (3)", "release s"])
    commit_on([nodes.nodes[0]], 1, 5, redo, [("insert into t values (1), (3)", None)])
    with make() as proxy:
        is_shown(proxy, "node1:up/main node2:up/replica node3:up/replica")
        assert nodes.sql("select array_agg(id order by id) from t") == [[1, 3]] * 3


def test_markers_of_an_older_version_are_told(nodes, make):
    nodes.nodes[1].sql("create or replace function pgpool_replication.version() returns integer language sql immutable as 'select 1'")
    proxy = make(failover_park_timeout="20s").start(wait=False)
    wait_for(lambda: "are of version 1, this proxy needs version 5: run pgpool-ctl prepare-nodes" in proxy.log_text(), 10, "told")
    proxy.stop()
