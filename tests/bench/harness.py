# SPDX-License-Identifier: PostgreSQL
"""What all benchmarks do: build, prepare servers, show how far they are, note where they ran."""
import datetime
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import time

from support.pgcluster import BIN

from . import contenders

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "docs" / "benchmarks.md"

# Durable as in production, but for full_page_writes: without a checkpoint in between it only taxes who writes a page first.
SERVER_SETTINGS = {"max_connections": "600", "shared_buffers": "512MB", "fsync": "on", "synchronous_commit": "on",
                   "full_page_writes": "off", "wal_log_hints": "off", "max_wal_size": "4GB", "checkpoint_timeout": "1h"}


class Progress:
    """A bar on a terminal; nothing elsewhere, where a line per cell is printed."""

    def __init__(self, total):
        self.total, self.done, self.began = total, 0, time.monotonic()

    def step(self, what):
        if sys.stdout.isatty():
            filled = 30 * self.done // max(self.total, 1)
            elapsed = time.monotonic() - self.began
            left = f"{elapsed / self.done * (self.total - self.done) / 60:.0f} min left" if self.done else ""
            print(f"\r[{'#' * filled}{'.' * (30 - filled)}] {self.done}/{self.total} {left:<12} {what:<50}"[:118], end="", flush=True)
        self.done += 1

    def line(self, text):
        if sys.stdout.isatty():
            print("\r" + " " * 118 + "\r", end="")
        print(text, flush=True)


def build_release(*targets):
    """Builds these of this tree; False if another build folder was named."""
    if os.environ.get("PGPOOL_BUILD"):
        return False
    os.environ["PGPOOL_BUILD"] = "release"
    for command in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release", "--target", *targets]):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(f"{shlex.join(command)} failed:\n{done.stdout[-3000:]}")
    return True


def load_tables(node, scale):
    """User, database and the tables of pgbench."""
    node.sql(f"create role {contenders.USER} login")
    node.sql(f"create database {contenders.DATABASE} owner {contenders.USER}")
    subprocess.run([BIN / "pgbench", "-i", "-q", "-s", str(scale), "-h", node.host, "-p", str(node.port), "-U", contenders.USER,
                    contenders.DATABASE], check=True, capture_output=True)
    node.sql("checkpoint")


def freshen(node):
    """What pgbench does before a run unless told otherwise: equal tables for each slice."""
    for statement in ("vacuum pgbench_branches", "vacuum pgbench_tellers", "truncate pgbench_history"):
        node.sql(statement, dbname=contenders.DATABASE)


def environment(command, is_of_this_tree, versions, args):
    def first_line(path, key):
        return next((l.split(":", 1)[1].strip() for l in pathlib.Path(path).read_text().splitlines() if l.startswith(key)), "?")
    git = subprocess.run(["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}", "describe", "--always", "--dirty", "--abbrev=12"],
                         capture_output=True, text=True).stdout.strip()
    memory = int(first_line("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "commit": (git or "unknown") + ("" if is_of_this_tree else ", the proxy from a build folder named by PGPOOL_BUILD"),
        "command": shlex.join([command, *sys.argv[1:]]),
        "machine": f"{first_line('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()};"
                   " clients, proxies and server share it",
        "versions": "; ".join(versions.values()),
        "PostgreSQL": f"pgbench scale {args.scale}, " + ", ".join(f"{k} {v}" for k, v in SERVER_SETTINGS.items()),
        "measured": f"{args.rounds} rounds of {args.seconds} s after 1 s of warm-up, load average {os.getloadavg()[0]:.1f} at the start",
    }
