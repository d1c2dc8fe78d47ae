# SPDX-License-Identifier: PostgreSQL
"""The budget of a forwarded query (ARCHITECTURE.md): one recv and one send per direction, no epoll_ctl, no heap allocation, no lock.

pgbench -S, whose literals vary in simple mode, through a proxy with one worker, warmed up. Each number is the difference between
a long and a short run over the difference of their transactions, so that what clients cost when they connect is not in it.
`few` is fewer clients than server connections, `many` more: then requests queue; `balanced` has a standby for the reads.
"""
import shutil
import subprocess

import pytest

from support.call_counter import CallCounter, SystemCalls, busiest_thread
from support.pgcluster import BIN
from support.proxy import binary, node_entry

PROTOCOLS = ["simple", "extended", "prepared"]
CLIENTS = {"few": 1, "many": 12, "balanced": 3}
POOL_SIZE = 4
SHORT, LONG = 600, 3000  # transactions
# Per query; what the worker does once a second (timers, news of the nodes) is in it.
OVERHEAD = 0.03
TRIES = 3  # on a machine with other work a run takes longer, and more of that is in it; the budget is what the best one shows
READS, WRITES = {"recvfrom", "recvmsg", "read", "readv"}, {"sendto", "sendmsg", "write", "writev"}
WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2"}

pytestmark = [pytest.mark.deadline(240), pytest.mark.skipif("san" in str(binary()), reason="sanitizers allocate and lock themselves")]


@pytest.fixture(scope="module")
def tables(pair):
    pair.primary.sql("create database hot")
    subprocess.run([BIN / "pgbench", "-i", "-q", "-h", pair.primary.host, "-p", str(pair.primary.port), "-U", "postgres", "hot"], check=True,
                   capture_output=True)
    pair.wait_caught_up()
    return pair


def pgbench(proxy, protocol, clients, transactions):
    """Runs as many transactions as the number of clients divides; returns how many."""
    each = transactions // clients
    done = subprocess.run([BIN / "pgbench", "-n", "-S", "-M", protocol, "-c", str(clients), "-t", str(each), "-h", proxy.host, "-p", str(proxy.port),
                           "-U", "postgres", "hot"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "number of failed transactions: 0 " in done.stdout, done.stdout + done.stderr
    return each * clients


def per_query(run, count):
    """run(transactions) -> transactions; count(work) -> counts by name while work() runs."""
    totals = []
    for transactions in (SHORT, LONG):
        done = []
        totals.append((count(lambda n=transactions, made=done: made.append(run(n))), done[0]))
    (short, few), (long, many) = totals
    return {name: (long[name] - short.get(name, 0)) / (many - few) for name in long}


@pytest.fixture
def start(tables, make_proxy):
    """start(load) -> a proxy with one worker."""
    def make(load):
        nodes = tables.nodes if load == "balanced" else [tables.primary]
        return make_proxy(tables, {"workers": 1, "pool": {"size": POOL_SIZE}, "nodes": [node_entry(n) for n in nodes],
                                   "health": {"period": "5s", "timeout": "2s"}})
    return make


def warmed_up(proxy, protocol, clients):
    """Opens the server connections, fills the caches; the worker's thread."""
    return busiest_thread(proxy.process.pid, lambda: [pgbench(proxy, protocol, clients, 2000) for _ in range(2)])


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("load", CLIENTS)
def test_system_calls_per_query(start, tmp_path, protocol, load):
    proxy, clients = start(load), CLIENTS[load]
    worker = warmed_up(proxy, protocol, clients)

    def count(work):
        with SystemCalls(worker, tmp_path) as calls:
            work()
        return calls.counts
    beyond = "not measured"
    for _ in range(TRIES):
        found = per_query(lambda n: pgbench(proxy, protocol, clients, n), count)
        print({name: round(value, 3) for name, value in found.items()})
        beyond = beyond_budget(found)
        if not beyond:
            break
    assert not beyond, f"system calls beyond the budget, per query: {beyond}"


def beyond_budget(found):
    sums = {kind: sum(found.get(name, 0) for name in names) for kind, names in (("reads", READS), ("writes", WRITES), ("waits", WAITS))}
    others = {name: value for name, value in found.items() if name not in READS | WRITES | WAITS and value > OVERHEAD / 3}
    return {kind: value for kind, value in sums.items() if value > 2 + OVERHEAD} | others


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("load", CLIENTS)
def test_no_allocation_and_no_lock(start, tmp_path, protocol, load):
    counter, clients = CallCounter(tmp_path), CLIENTS[load]
    with counter.preloaded():
        proxy = start(load)
    worker = warmed_up(proxy, protocol, clients)
    assert all(counter.counts(worker).values()), "the counters see the worker open its connections"

    def count(work):
        before = counter.counts(worker)
        work()
        return {kind: value - before[kind] for kind, value in counter.counts(worker).items()}
    found = per_query(lambda n: pgbench(proxy, protocol, clients, n), count)
    print({name: round(value, 3) for name, value in found.items()})
    if found["allocations"] > OVERHEAD or found["locks"] > OVERHEAD:
        pytest.fail(f"per query: {found}; the stacks:\n" + stacks(counter, proxy, worker, protocol, clients))


def stacks(counter, proxy, worker, protocol, clients):
    """Call stacks of the steady state: recorded half a second into a run."""
    command = [BIN / "pgbench", "-n", "-S", "-M", protocol, "-c", str(clients), "-T", "2", "-h", proxy.host, "-p", str(proxy.port), "-U", "postgres", "hot"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        running.wait(0.5)
    except subprocess.TimeoutExpired:
        with counter.traced(worker):
            running.wait(20)
    return "\n".join(counter.stacks(proxy.process.pid))
