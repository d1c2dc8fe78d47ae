# SPDX-License-Identifier: PostgreSQL
"""Markers against who has no business with them: the functions of setup.sql on one server, called by any user."""
import contextlib

import psycopg2
import psycopg2.errors
import pytest
from support import markers
from support.pgcluster import Independents

TOKEN, ANSWER = 4711, -17


@pytest.fixture(scope="module", name="server")
def server_fixture():
    with Independents(1) as servers:
        node = servers.nodes[0]
        node.sql("create role alice login; grant create on schema public to alice; create role bob login")
        yield node


@pytest.fixture(name="node")
def node_fixture(server):
    server.sql("drop schema if exists pgpool_replication cascade")
    server.sql(markers.setup_sql())
    server.sql("update pgpool_replication.slot set epoch = 3, token = %s, answer = %s", [TOKEN, ANSWER])
    yield server
    server.sql("drop owned by alice; grant create on schema public to alice")


@contextlib.contextmanager
def session(node, user="alice", **options):
    with contextlib.closing(node.connect(user=user, **options)) as connection, connection.cursor() as cursor:
        yield cursor


def is_superuser(node):
    return node.sql("select rolsuper from pg_roles where rolname = 'alice'")


def mark(cursor, seq, token=TOKEN, epoch=3):
    cursor.execute("select pgpool_replication.mark(1, %s, %s, %s, %s)", [seq, epoch, b"redo", token])
    return cursor.fetchone()[0]


def test_a_mark_needs_the_token_the_epoch_and_a_higher_number(node):
    with session(node) as alice:
        assert mark(alice, 5, token=TOKEN + 1) is None and mark(alice, 5, token=None) is None and mark(alice, 5, epoch=2) is None
        assert mark(alice, 5) == ANSWER
        assert mark(alice, 5) is None and mark(alice, 4) is None and mark(alice, 6) == ANSWER
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            alice.execute("select token from pgpool_replication.slot")
    assert node.rows("select seq, owner, redo = 'redo' from pgpool_replication.slot where id = 1") == [(6, "alice", True)]


def test_nobody_marks_before_the_epoch_is_raised(node):
    node.sql("update pgpool_replication.slot set epoch = 0, token = null, answer = null")
    with session(node) as alice:
        assert mark(alice, 5, None, 0) is None and mark(alice, 5, 0, 0) is None


def test_new_slots_have_the_fence_of_the_others(node):
    node.sql(markers.setup_sql(12))
    assert node.rows("select distinct epoch, token, answer from pgpool_replication.slot") == [(3, TOKEN, ANSWER)]
    assert node.sql("select count(*) from pgpool_replication.slot") == 12


def test_settle_without_the_token_holds_nobody_up(node):
    with session(node) as alice, session(node) as other:
        other.execute("set lock_timeout = '1s'")
        alice.execute("begin; select pgpool_replication.settle(0)")
        assert mark(other, 9) == ANSWER
        alice.execute("rollback; begin")
        alice.execute("select pgpool_replication.settle(%s)", [TOKEN])
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            mark(other, 10)


@pytest.mark.parametrize("call", ["move({}, 'own_id_seq', '2147483647 t', false)", "advance({}, 'own', 'id', 2147483647)",
                                  "lock_tables({}, '{{own}}', '{{}}')", "lock_tables({}, '{{}}', '{{own}}')"])
def test_what_has_an_effect_is_for_who_knows_the_token(node, call):
    with session(node) as alice, session(node, "postgres") as admin:
        alice.execute("create table own (id serial)")
        for token in ("null", "0", str(TOKEN + 1)):
            with pytest.raises(psycopg2.errors.SerializationFailure):
                alice.execute("select pgpool_replication." + call.format(token))
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                alice.execute("select pgpool_replication.demand(0)")
        assert node.sql("select last_value from own_id_seq") == 1
        alice.execute("select pgpool_replication." + call.format(TOKEN))
        admin.execute("select pgpool_replication." + call.format("null"))


def test_types_of_the_caller_are_not_taken_for_the_servers(node):
    with session(node) as alice:
        alice.execute("create function pg_temp.evil(oid) returns boolean language plpgsql as $$"
                      " begin execute 'alter role alice superuser'; return true; end $$")
        alice.execute("create domain pg_temp.text as pg_catalog.text check (pg_temp.evil(0))")
        alice.execute("create temp sequence mine")
        alice.execute("select pgpool_replication.position('mine'::regclass)")
    assert not is_superuser(node)


def test_tables_of_the_caller_are_not_taken_for_the_servers(node):
    node.sql("drop sequence if exists bobs; create sequence bobs")
    with session(node) as alice:
        alice.execute("create function pg_temp.evil() returns oid language plpgsql as $$"
                      " begin execute 'alter role alice superuser'; return 'pg_class'::regclass; end $$")
        alice.execute("create temp view pg_depend as select 'pg_class'::regclass::oid as classid, 'bobs'::regclass::oid as objid,"
                      " 'pg_class'::regclass::oid as refclassid, pg_temp.evil() as refobjid, 'i'::\"char\" as deptype, 0 as refobjsubid")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            alice.execute("select pgpool_replication.position('bobs')")
    assert not is_superuser(node)


def test_a_sequence_of_somebody_else_stays_where_it_is(node):
    node.sql("drop sequence if exists bobs; create sequence bobs")
    with session(node) as alice:
        alice.execute("create table at (id bigint default nextval('bobs'), own serial, always int generated always as identity)")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            alice.execute("select pgpool_replication.advance(4711, 'at', 'id', 9223372036854775807)")
        alice.execute("select pgpool_replication.advance(4711, 'at', 'own', 7), pgpool_replication.advance(4711, 'at', 'always', 8)")
        node.sql("grant usage on sequence bobs to alice")
        alice.execute("select pgpool_replication.advance(4711, 'at', 'id', 9)")
    assert node.rows("select last_value from bobs union all select last_value from at_own_seq union all select last_value from at_always_seq") == [
        (9,), (7,), (8,)]


@pytest.mark.parametrize("what, setting", [("lock table owned in access exclusive mode", "lock_timeout"),
                                           ("lock table owned in access exclusive mode", "statement_timeout")])
def test_a_failure_leaves_no_lock_on_the_sequence(node, what, setting):
    with session(node) as alice, session(node, "postgres") as admin:
        alice.execute("create table owned (id serial)")
        admin.execute("begin; alter sequence owned_id_seq increment by 1")
        alice.execute(f"set {setting} = '200ms'")
        with pytest.raises((psycopg2.errors.LockNotAvailable, psycopg2.errors.QueryCanceled)):
            alice.execute("select pgpool_replication.advance(4711, 'owned', 'id', 5)")
        admin.execute("rollback")
        assert node.sql("select count(*) from pg_locks where relation::regclass::text like 'pgpool_replication.turn%'") == 0, what


def test_nobody_else_holds_sequences_up(node):
    with session(node) as alice, session(node, "bob") as bob:
        alice.execute("create table own (id serial)")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            bob.execute("begin; lock table pgpool_replication.turn_0 in access share mode")
        bob.execute("rollback; select pg_advisory_lock('pgpool_replication.slot'::regclass::int, 'own_id_seq'::regclass::oid::int)")
        alice.execute("set lock_timeout = '1s'; begin; select pgpool_replication.advance(4711, 'own', 'id', 7)")
        assert node.sql("select last_value from own_id_seq") == 7
        assert node.sql("select count(*) from pg_locks where relation::regclass::text like 'pgpool_replication.turn%'") == 0
        alice.execute("rollback")
    assert node.sql("select last_value from own_id_seq") == 7


def test_a_mark_makes_its_commit_wait_for_the_disk(node):
    with session(node) as alice:
        alice.execute("set synchronous_commit = off; begin")
        assert mark(alice, 20) == ANSWER
        alice.execute("show synchronous_commit")
        assert alice.fetchone()[0] == "on"
        alice.execute("commit; show synchronous_commit")
        assert alice.fetchone()[0] == "off"
        alice.execute("set synchronous_commit = remote_apply; begin")
        assert mark(alice, 21) == ANSWER
        alice.execute("show synchronous_commit")
        assert alice.fetchone()[0] == "remote_apply"


@pytest.mark.parametrize("made", [
    "create schema pgpool_replication", "create schema pgpool_replication; create table pgpool_replication.slot (id int)"])
def test_what_others_have_made_first_is_not_used(server, made):
    server.sql("drop schema if exists pgpool_replication cascade; grant create on database postgres to alice")
    try:
        with session(server) as alice:
            alice.execute(made)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="belongs to somebody else"):
            server.sql(markers.setup_sql())
        server.sql("alter schema pgpool_replication owner to postgres")
        if "table" in made:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="belongs to somebody else"):
                server.sql(markers.setup_sql())
    finally:
        server.sql("drop schema if exists pgpool_replication cascade; revoke create on database postgres from alice")


def test_what_an_older_version_has_made_is_completed(server):
    server.sql("drop schema if exists pgpool_replication cascade; create schema pgpool_replication;"
               " create table pgpool_replication.slot (id integer primary key, seq bigint not null default 0,"
               " epoch bigint not null default 0, redo bytea not null default '');"
               " insert into pgpool_replication.slot values (0, 41, 7);"
               " create function pgpool_replication.mark(integer, bigint, bigint, bytea) returns boolean language sql as 'select true';"
               " create function pgpool_replication.settle() returns void language sql as '';"
               " create function pgpool_replication.move(regclass, text, boolean) returns void language sql as '';"
               " create function pgpool_replication.version() returns integer language sql immutable as 'select 1'")
    server.sql(markers.setup_sql())
    assert server.rows("select seq, epoch, owner, token from pgpool_replication.slot where id = 0") == [(41, 7, "", None)]
    assert server.sql("select count(*) from pg_proc where pronamespace = 'pgpool_replication'::regnamespace"
                      " and proname in ('mark', 'settle', 'move')") == 3
    assert server.sql("select pgpool_replication.version()") == 5
