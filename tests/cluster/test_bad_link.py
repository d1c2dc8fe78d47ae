# SPDX-License-Identifier: PostgreSQL
"""Between the proxy and its node is a network that loses and delays."""
import time

import pytest

from support import wire
from support.pgcluster import wait_for
from support.proxy import node_entry
from support.relay import Relay


@pytest.mark.deadline(60)
@pytest.mark.parametrize("duration", [2, 0.5])
def test_cancel_that_arrives_late_meets_nobody_else(pair, make_proxy, duration):
    """The node has not answered the cancel request in time. What it aimed at has ended meanwhile, before or after that."""
    relay = Relay(pair.primary, cancel_delay=3)
    proxy = make_proxy(pair, {"workers": 1, "nodes": [node_entry(relay)], "pool": {"size": 1, "connect_timeout": "1s"}})
    with proxy.wire() as canceller, proxy.wire(timeout=20) as other:
        canceller.send(wire.query(f"select pg_sleep({duration})"))
        time.sleep(0.1)
        canceller.cancel()
        other.send(wire.query("select pg_sleep(4), 1"))
        canceller.read_until("Z")
        assert [f.fields()["C"] for f in other.read_until("Z") if f.type == "E"] == []
    relay.close()


def test_loss_within_a_row_adds_nothing_to_the_row(pair, make_proxy):
    """A word of ours would be taken for the rest of the row."""
    size = 300_000
    relay = Relay(pair.primary, cut=(4 + 2 + 4 + size, 60))
    proxy = make_proxy(pair, {"workers": 1, "nodes": [node_entry(relay)]})
    with proxy.wire() as connection:
        connection.send(wire.query(f"select repeat('x', {size})"))
        assert [f.type for f in connection.drain(5)] == ["T"]
        wait_for(lambda: connection.is_closed(1), 5, "the connection is closed")
        assert set(connection.buffer[11:]) == {ord("x")}
    relay.close()
