# SPDX-License-Identifier: PostgreSQL
"""Mode replication: sequences. What was committed is never given out twice; what main alone has drawn the others get soon."""
import contextlib
import threading
import time

import psycopg2
import psycopg2.errors
import pytest

from support.pgcluster import wait_for, wait_for_lock
from support.replicated import assert_equal


@pytest.fixture
def replicated(all_in):
    all_in.sql("drop table if exists t")
    all_in.sql("drop sequence if exists s")
    return all_in


def last(replicated, sequence):
    return replicated.nodes.sql(f"select last_value from {sequence}")


def same_soon(replicated, sequence, value):
    wait_for(lambda: last(replicated, sequence) == [value] * 3, 5, f"{sequence} is at {value}: {last(replicated, sequence)}")


def test_rows_that_were_not_inserted_move_it_everywhere(replicated, cursor):
    cursor.execute("create table t(id serial primary key, v int unique)")
    for _ in range(3):
        cursor.execute("insert into t(v) values (1) on conflict do nothing")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        cursor.execute("insert into t(v) values (1)")
    assert_equal(replicated.nodes)  # which looks again for a while
    assert last(replicated, "t_id_seq") == [4] * 3


def test_a_rollback_moves_it_everywhere(replicated, cursor):
    cursor.execute("create table t(id int generated always as identity primary key, v int)")
    cursor.execute("create sequence s increment by -2")
    cursor.execute("begin")
    cursor.execute("insert into t(v) values (1), (2)")
    cursor.execute("select nextval('s'), nextval('s')")
    cursor.execute("rollback")
    same_soon(replicated, "t_id_seq", 2)
    same_soon(replicated, "s", -3)


def test_what_a_session_keeps_for_itself_is_passed_everywhere(replicated, cursor):
    cursor.execute("create sequence s cache 20")
    cursor.execute("select nextval('s')")
    same_soon(replicated, "s", 20)


def test_one_that_was_set_back_stays_there(replicated, cursor):
    cursor.execute("create sequence s")
    for _ in range(5):
        cursor.execute("begin")
        cursor.execute("select nextval('s') from generate_series(1, 50)")
        cursor.execute("rollback")
        cursor.execute("select setval('s', 3)")
        assert last(replicated, "s") == [3] * 3
        time.sleep(0.3)
    time.sleep(1)
    assert last(replicated, "s") == [3] * 3


def turn_of(node, sequence):
    return "pgpool_replication.turn_" + node.sql("select (%s::regclass::oid::bigint %% 16)::text", [sequence])


def test_one_that_is_set_takes_no_other_back(replicated, cursor):
    """One transaction sets `s` and draws from `other`; before it comes to the second node another has drawn from `other` and committed."""
    second = replicated.nodes.nodes[1]
    cursor.execute("drop sequence if exists other")
    cursor.execute("create sequence s")
    cursor.execute("create sequence other")
    while turn_of(second, "other") == turn_of(second, "s"):
        cursor.execute("drop sequence other")
        cursor.execute("create sequence other")
    cursor.execute("begin")
    cursor.execute("select setval('s', 5), nextval('other')")
    with contextlib.closing(second.connect()) as turn, turn.cursor() as holder:
        holder.execute("begin")
        holder.execute(f"lock table {turn_of(second, 's')} in exclusive mode")
        commit = threading.Thread(target=cursor.execute, args=["commit"])
        commit.start()
        wait_for_lock(second, "select pgpool_replication.move")
        assert replicated.sql("select nextval('other')") == 2
        holder.execute("commit")
        commit.join()
    assert last(replicated, "other") == [2] * 3 and last(replicated, "s") == [5] * 3


PLACE = "pgpool_replication.place(regclass,bigint,boolean,boolean)"


@contextlib.contextmanager
def slow_follower(node):
    """What brings sequences forward takes a second there, at the end."""
    usual = node.sql(f"select pg_get_functiondef('{PLACE}'::regprocedure)")
    wait = "BEGIN\n    PERFORM pg_sleep(1) WHERE current_setting('application_name') ~ 'sequences';\n"
    node.sql(usual.replace("BEGIN\n", wait, 1))
    try:
        yield
    finally:
        node.sql(usual)


def test_one_that_is_set_back_while_it_is_brought_forward_stays_there(replicated, cursor):
    second = replicated.nodes.nodes[1]
    cursor.execute("create sequence s")
    running = "select count(*) from pg_stat_activity where state = 'active' and query ~* '^select pgpool_replication.place'"
    with slow_follower(second):
        cursor.execute("begin")
        cursor.execute("select nextval('s') from generate_series(1, 50)")
        cursor.execute("rollback")
        wait_for(lambda: second.sql(running), 10, "the second node's is brought forward")
        cursor.execute("select setval('s', 7)")
        wait_for(lambda: not second.sql(running), 10, "it has ended")
    assert last(replicated, "s") == [7] * 3
