# SPDX-License-Identifier: PostgreSQL
"""Memory that an idle client costs: growth of a contender's memory from the first 100 clients to all of them, per client.

Twice: after their login, and after each of them has run one query and been idle for a moment. It is the memory of the
processes (PSS); what the kernel keeps for the sockets is not in it.
"""
import contextlib
import dataclasses
import time

from support import wire

from . import contenders, cpu

FIRST = 100
SETTLE = 1.5  # seconds for the contender to put its buffers away


@dataclasses.dataclass
class Idle:
    contender: str
    clients: int
    setup: str = ""
    login_kib: float = 0.0
    query_kib: float = 0.0
    total_mib: float = 0.0
    problem: str = ""


def measure(cluster, contender, wanted):
    """At most contender.max_idle clients: those that need a server connection for each client cannot have 5,000 here."""
    found = Idle(contender.name, min(wanted, contender.max_idle))
    try:
        with contender.run(cluster, "simple", found.clients) as running, contextlib.ExitStack() as stack:
            found.setup = running.setup
            _fill(found, stack, running.port, running.pid or cluster.primary.process.pid)
    except Exception as error:  # the comparison goes on with the others
        found.problem = f"{type(error).__name__}: {error}"[:200]
    return found


def _fill(found, stack, port, root):
    connections = []
    _, before_query = _grow(stack, connections, port, root, FIRST)
    after_login, after_query = _grow(stack, connections, port, root, found.clients)
    more = found.clients - FIRST
    found.login_kib = (after_login - before_query) / more
    found.query_kib = (after_query - before_query) / more
    found.total_mib = after_query / 1024


def _grow(stack, connections, port, root, count):
    """KiB of the contender with `count` clients: after the last login, and after every client ran one query."""
    while len(connections) < count:
        connections.append(stack.enter_context(wire.connect("127.0.0.1", port, contenders.USER, contenders.DATABASE, timeout=20)))
    time.sleep(SETTLE)
    after_login = cpu.memory_kib(root)
    for connection in connections:
        connection.rows("select 1")
    time.sleep(SETTLE)
    return after_login, cpu.memory_kib(root)
