# SPDX-License-Identifier: PostgreSQL
"""Mode replication: what is known to be wrong or missing. Each test fails until that is mended; then it loses its mark, and moves."""
import contextlib

import psycopg2
import psycopg2.errors
import pytest

from support.replicated import states

pytestmark = pytest.mark.xfail(strict=True, raises=(psycopg2.Error, AssertionError), reason="known to be open")


@pytest.fixture
def replicated(shared_proxy):
    shared_proxy.sql("drop table if exists t")
    yield shared_proxy
    assert states(shared_proxy) == ["up"] * 3


@pytest.fixture
def cursor(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as one:
        yield one


def test_copy_draws_from_a_sequence(replicated, cursor):
    cursor.execute("create table t(id serial primary key, v int)")
    with open("/dev/null") as nothing:
        cursor.copy_expert("copy t(v) from stdin", nothing)
