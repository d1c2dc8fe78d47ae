# SPDX-License-Identifier: PostgreSQL
"""Mode replication: the proxy dies before each message that it would send to a node; then all nodes hold the same, and what was acknowledged."""
import contextlib
import re
import threading
import time

import psycopg2
import pytest

from support import proxy as proxies
from support.pgcluster import wait_for
from support.relay import Relay
from support.replicated import contents, equal_nodes, proxy_over, states

PATIENCE, MOST = 4, 80
FORMS = {  # the row (step, 1) must be there once or not at all
    "alone": ["insert into t values ({0}, 1)"],
    "block": ["begin", "insert into t values ({0}, 0)", "update t set v = v + 1 where id = {0}", "commit"],
    "rows": ["insert into t select {0}, 1 where random() >= 0"],
    "triggers": ["begin", "insert into t values ({0}, 1)", "insert into kids(id, parent) values ({0}, 1)", "update kids set parent = 2 where id = {0}", "commit"],
}
SCHEMA = """
create table t(id int primary key, v int not null);
create table parents(id int primary key); insert into parents values (1), (2);
create table kids(id int primary key, parent int references parents on delete cascade, at timestamptz, n int not null default 0);
create function touch() returns trigger language plpgsql as 'begin new.at := clock_timestamp(); new.n := new.n + 1; return new; end';
create trigger touch before insert or update on kids for each row execute function touch()
"""


class Steps:
    """What is sent to the nodes on behalf of clients, in the order of its arrival; before the last one the proxy dies."""

    def __init__(self):
        self.lock, self.kill, self.last, self.seen = threading.Lock(), None, 0, []

    def arm(self, last, kill):
        with self.lock:
            self.seen, self.last, self.kill = [], last, kill

    def __call__(self, name, data):
        with self.lock:
            if self.kill is None:
                return
            if len(self.seen) < self.last:
                self.seen.append(f"{named(data)} to {name}")
            if len(self.seen) == self.last:
                self.kill()
                raise ConnectionAbortedError


def named(data):
    """What it is of a transaction; behind the marker comes what would be done again."""
    if data[:1] == b"B":
        return "marker"
    text, *marker = data.split(b"SET CONSTRAINTS")
    words = re.findall(rb"(?i)begin|insert|update|commit(?=\0)", text) + [b"marker"] * len(marker)
    return "+".join(dict.fromkeys(word.decode().lower() for word in words)) or "another"


@pytest.fixture(scope="module")
def nodes():
    with equal_nodes(SCHEMA) as servers:
        yield servers


@pytest.fixture
def steps():
    return Steps()


@pytest.fixture
def replicated(nodes, steps):
    relays = [Relay(node, before=steps) for node in nodes.nodes]
    try:
        with proxy_over(nodes, {"nodes": [proxies.node_entry(relay) for relay in relays]}) as proxy:
            yield proxy
    finally:
        for relay in relays:
            relay.close()


def transact(proxy, texts):
    """Whether it was acknowledged."""
    try:
        with contextlib.closing(proxy.connect()) as connection, connection.cursor() as cursor:
            for text in texts:
                cursor.execute(text)
        return True
    except psycopg2.Error:
        return False


def die_at(proxy, steps, step, texts):
    """Whether the transaction was acknowledged, and what was sent; the proxy runs again."""
    steps.arm(step, proxy.kill)
    try:
        return transact(proxy, texts), steps.seen
    finally:
        if proxy.process.poll() is not None:
            time.sleep(0.05)  # what it had sent before does not get there either
        steps.arm(0, None)
        if proxy.process.poll() is not None:
            proxy.start()
            proxy.is_checked = True
            wait_for(lambda: states(proxy) == ["up"] * 3, 20, "all nodes are in again")


@pytest.mark.deadline(120)
@pytest.mark.parametrize("form", FORMS)
def test_the_proxy_dies_before_each_step(replicated, steps, nodes, tell, form):
    """How many steps there are depends on what comes together; it is over when there was no such step several times."""
    nodes.sql("delete from t")
    outcome, misses, key = {}, 0, 0
    while misses < PATIENCE:
        key += 1
        is_acknowledged, seen = die_at(replicated, steps, len(outcome) + 1, [text.format(key) for text in FORMS[form]])
        is_committed = "commit to node1" in (seen if is_acknowledged else seen[:-1])
        found = contents(nodes, f"select coalesce(string_agg(id || '=' || v, ' '), '') from t where id = {key}")
        assert found == (f"{key}=1" if is_committed else ""), (seen, found)
        misses = misses + 1 if is_acknowledged else 0
        if not is_acknowledged:
            outcome[f"{len(outcome) + 1} {seen[-1]}"] = "there" if found else "gone"
        assert key < MOST, outcome
    tell(f"died before {', '.join(f'{name}: {what}' for name, what in outcome.items())}")
    assert set(outcome.values()) == {"there", "gone"}
    if form == "triggers":
        assert contents(nodes, "select coalesce(string_agg(kids::text, ' ' order by id), '') from kids")
        assert contents(nodes, "select count(*) = (select count(*) from t) and bool_and(n = 2 and parent = 2) from kids")
