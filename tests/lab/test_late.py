# SPDX-License-Identifier: PostgreSQL
"""What was on its way to a node when the cable was cut: once its client was told that it is lost, it never arrives."""
import contextlib
import os
import time

import psycopg2
import pytest

from . import appliance, nodes, rig


@pytest.fixture
def lab():
    """One proxy by itself, and one node."""
    with rig.Lab(f"t{os.getpid()}", members=1, nodes=1) as made:
        yield made


@pytest.fixture
def connection(lab):
    """A client's."""
    nodes.sql(lab.nodes[0], "create table t (a int)")
    with lab.network.inside("client"):
        made = psycopg2.connect(host=lab.members[0].address, port=appliance.PORT, user="postgres", dbname="postgres")
    made.autocommit = True
    with contextlib.closing(made):
        yield made


def told(cursor, sql):
    """The SQLSTATE of what cannot be done."""
    with pytest.raises(psycopg2.Error) as error:
        cursor.execute(sql)
    return error.value.pgcode


def held_back(lab):
    """Connections to the node on which the member's kernel holds what was not acknowledged: more than a farewell, which is
    Terminate and FIN."""
    out = lab.members[0].run(["ss", "--tcp", "--numeric", "--no-header", "state", "synchronized", "dst", lab.nodes[0].address])
    return [line for line in out.splitlines() if int(line.split()[2]) > 6]


def test_a_write_that_was_reported_as_lost_does_not_come_later(lab, connection):
    cursor = connection.cursor()
    cursor.execute("insert into t values (1)")
    begin = time.monotonic()
    lab.cut("n1")
    assert told(cursor, "insert into t values (2)") == "08007"
    assert held_back(lab) == []
    lab.heal()
    cursor.execute("insert into t values (3)")  # parked until the node is well
    time.sleep(time.monotonic() - begin)  # a kernel doubles the time between repetitions: the next one has come
    assert nodes.sql(lab.nodes[0], "select array_agg(a order by a) from t") == [1, 3]


def test_what_a_session_had_locked_is_free_soon(lab, connection):
    """The server is not told that the session is over: the word for that is lost, too."""
    cursor = connection.cursor()
    cursor.execute("insert into t values (1)")
    cursor.execute("begin")
    cursor.execute("update t set a = 2")
    lab.cut("n1")
    assert told(cursor, "update t set a = 3") == "40001"
    cursor.execute("rollback")
    lab.heal()
    cursor.execute("set lock_timeout = '20s'")
    cursor.execute("update t set a = a + 10")
    assert nodes.sql(lab.nodes[0], "select a from t") == 11
