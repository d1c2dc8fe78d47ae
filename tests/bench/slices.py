# SPDX-License-Identifier: PostgreSQL
"""One slice: pgbench for a few seconds against one contender, and what it cost.

The first second is warm-up. Throughput, latency and CPU are all of the same window after it: from the first progress line of
pgbench to the last.
"""
import dataclasses
import fnmatch
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import threading
import time

from support.pgcluster import BIN

from . import contenders, cpu

SCRIPTS = {"select": ["-b", "select-only"], "tpcb": ["-b", "tpcb-like"], "connect": ["-b", "select-only"],
           "update": ["-f", pathlib.Path(__file__).resolve().parent / "scripts" / "update.sql"]}
PROTOCOLS = ["simple", "extended", "prepared"]
PROGRESS = re.compile(r"progress: [\d.]+ s, ([\d.]+) tps")
MAX_LOGGED_PER_SECOND = 4000


@dataclasses.dataclass(frozen=True)
class Cell:
    """script: a key of SCRIPTS; "connect" opens a connection for each transaction. scale: 0 if the script does not need it."""
    script: str
    protocol: str
    clients: int
    scale: int = 0

    @property
    def name(self):
        return f"{self.script}/{self.protocol}/{self.clients}"


def all_cells():
    cells = [Cell(script, protocol, clients) for script in ("select", "tpcb") for protocol in PROTOCOLS for clients in (1, 32, 256)]
    return cells + [Cell("connect", "simple", 8)]


def chosen_cells(patterns, cells=None):
    """Cells whose name matches any of the patterns, in their usual order."""
    return [c for c in cells or all_cells() if any(fnmatch.fnmatch(c.name, p) for p in patterns)]


@dataclasses.dataclass
class Slice:
    """latency in ms; cpu_us per transaction of the contender's processes; errors: failed transactions and aborted clients;
    foreign: share of the machine's CPU that went to others than this bench."""
    cell: str
    contender: str
    round: int
    setup: str
    tps: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    cpu_us: float = 0.0
    server_cpu_us: float = 0.0
    errors: int = 0
    foreign: float = 0.0
    steal: float = 0.0
    problem: str = ""


class Window:
    """What has been used since the first progress line."""

    def __init__(self, trees):
        self.trees, self.samples = trees, []

    def sample(self, tps):
        self.samples.append((time.monotonic(), time.time(), tps, {n: t.seconds() for n, t in self.trees.items()}, cpu.busy_seconds()))

    @property
    def is_usable(self):
        return len(self.samples) >= 2

    @property
    def wall_clock(self):
        return self.samples[0][1], self.samples[-1][1]

    @property
    def seconds(self):
        return self.samples[-1][0] - self.samples[0][0]

    def transactions(self):
        return sum((b[0] - a[0]) * b[2] for a, b in zip(self.samples, self.samples[1:]))

    def cpu_seconds(self, name):
        return self.samples[-1][3].get(name, 0.0) - self.samples[0][3].get(name, 0.0)

    def foreign_and_steal(self):
        """Shares of all cores' time."""
        (busy, steal), capacity = (b - a for a, b in zip(self.samples[0][4], self.samples[-1][4])), self.seconds * os.cpu_count()
        ours = sum(self.cpu_seconds(name) for name in self.trees)
        return max(0.0, busy - ours) / capacity, steal / capacity


def command(cell, running, seconds, log_prefix, sampling):
    found = [*(running.generator or [BIN / "pgbench", "-n"]), "-h", "127.0.0.1", "-p", running.port, "-U", contenders.USER,
             "-M", cell.protocol, *SCRIPTS[cell.script], "-c", cell.clients, "-j", min(cell.clients, os.cpu_count()), "-T", seconds, "-P", 1, "-l", f"--log-prefix={log_prefix}"]
    found += [f"--sampling-rate={sampling}"] if sampling < 1 else []
    found += ["-C"] if cell.script == "connect" else []
    found += ["-s", cell.scale] if cell.scale else []
    return [str(c) for c in found + [contenders.DATABASE]]


def measure(cluster, cell, contender, number, seconds, expected_tps):
    """A slice; never raises for what the contender does wrong: its `problem` tells."""
    found = Slice(cell.name, contender.name, number, "")
    try:
        with contender.run(cluster, cell.protocol, cell.clients) as running, tempfile.TemporaryDirectory(dir="/dev/shm") as logs:
            found.setup = running.setup
            sampling = min(1.0, MAX_LOGGED_PER_SECOND / max(expected_tps, 1.0))
            _pgbench(found, cluster, running, command(cell, running, seconds + 1, f"{logs}/l", sampling), logs, seconds)
    except Exception as error:  # the comparison goes on with the others
        found.problem = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
    return found


def _pgbench(found, cluster, running, arguments, logs, seconds):
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    guard = threading.Timer(seconds + 60, process.kill)
    guard.start()
    window, complaints = None, []
    try:
        for line in process.stderr:
            progress = PROGRESS.match(line)
            if not progress:
                complaints.append(line.strip())
                continue
            if window is None:
                window = Window(_trees(cluster, running, process))
            window.sample(float(progress.group(1)))
        output = process.stdout.read()
        status = process.wait()
    finally:
        guard.cancel()
        process.kill()
        process.wait()
    _fill(found, window, output, complaints, status, logs)


def _trees(cluster, running, pgbench):
    roots = {"pgbench": pgbench.pid, "bench": os.getpid(), "contender": running.pid}
    roots |= {node.name: node.process.pid for node in cluster.nodes if node.is_running()}
    trees = {name: cpu.Tree(pid) for name, pid in roots.items() if pid}
    trees["bench"].pids = [os.getpid()]  # its children are the others
    return trees


def _fill(found, window, output, complaints, status, logs):
    found.errors = sum("aborted" in line for line in complaints)
    failed = re.search(r"number of failed transactions: (\d+)", output)
    found.errors += int(failed.group(1)) if failed else 0
    if status != 0 or window is None or not window.is_usable:
        found.problem = f"pgbench: {next((c for c in complaints if 'error' in c or 'FATAL' in c), f'exit code {status}')}"[:200]
    if window is None or not window.is_usable:
        return
    transactions = max(window.transactions(), 1.0)
    found.tps = transactions / window.seconds
    found.cpu_us = window.cpu_seconds("contender") / transactions * 1e6
    found.server_cpu_us = sum(window.cpu_seconds(name) for name in window.trees if name.startswith("node")) / transactions * 1e6
    found.foreign, found.steal = window.foreign_and_steal()
    latencies = sorted(_latencies(logs, window.wall_clock))
    if len(latencies) >= 2:
        found.p50 = statistics.median(latencies)
        found.p99 = latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))]


def _latencies(directory, wall_clock):
    """Milliseconds of the logged transactions that ended inside the window (PG documentation, pgbench, Per-Transaction Logging)."""
    begin, end = wall_clock
    for path in pathlib.Path(directory).iterdir():
        for line in path.read_text().splitlines():
            fields = line.split()
            if len(fields) >= 6 and fields[2].isdigit() and begin <= int(fields[4]) + int(fields[5]) / 1e6 <= end:
                yield int(fields[2]) / 1000
