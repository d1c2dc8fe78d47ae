# SPDX-License-Identifier: PostgreSQL
"""Mode replication: rows that travel, and those that never can."""
import contextlib
import tempfile

import psycopg2
import psycopg2.errors
import pytest

from support import markers
from support.pgcluster import Independents, wait_for
from support.proxy import Proxy

REFUSED = psycopg2.errors.FeatureNotSupported


@pytest.fixture(scope="module")
def shared_nodes():
    with Independents(3) as servers:
        markers.prepare(servers.nodes, 64)
        servers.sql("create role few login; "
                    "alter role all set search_path = rows")
        yield servers


@pytest.fixture(scope="module")
def proxy(shared_nodes):
    with tempfile.TemporaryDirectory(prefix="pgpool-state-", dir="/var/tmp") as state:
        config = {"mode": "replication", "replication": {"state_directory": state, "slots": 64}}
        with Proxy.for_cluster(shared_nodes, config) as running:
            running.nodes = shared_nodes
            wait_for(lambda: all(row["status"] == "up" for row in running.admin("show pool_nodes")), 20, "all nodes are in")
            yield running


@pytest.fixture
def cursor(proxy):
    """Of a client, in a schema of its own."""
    proxy.nodes.sql("drop schema if exists rows cascade; create schema rows; grant all on schema rows to public")
    with contextlib.closing(proxy.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("set search_path = rows")
        yield cursor


def make(cursor, *texts):
    """By the proxy, which so knows of it when this returns."""
    for text in texts:
        cursor.execute(text)


def contents(proxy, query):
    """The same on all nodes, once."""
    found = proxy.nodes.sql("set search_path = rows; " + query)
    assert len(set(found)) == 1, found
    return found[0]


def everything(proxy, table):
    return contents(proxy, f"select coalesce(string_agg(x::text, ' ' order by x::text), '') from {table} x")


# --- what never can

def test_a_right_that_the_others_need(proxy, cursor):
    make(cursor, "create table cp(id int primary key, name text, at timestamptz default now())", "grant select, insert (id, name) on cp to few")
    with contextlib.closing(proxy.connect(user="few")) as connection:
        with pytest.raises(REFUSED, match="this cannot be replicated: node .* does not take it: permission denied for table cp") as failure:
            connection.cursor().execute("insert into cp(id, name) values (1, 'x')")
        assert failure.value.diag.message_hint is None
    assert everything(proxy, "cp") == ""


def test_an_identity_that_update_cannot_give(proxy, cursor):
    make(cursor, "create table ga(k int primary key, id int generated always as identity, v int)", "insert into ga(k, v) values (1, 1)")
    with pytest.raises(REFUSED, match="identity column \"id\" is GENERATED ALWAYS"):
        cursor.execute("update ga set id = default where k = 1")
    cursor.execute("update ga set v = random() * 10 where k > 0")
