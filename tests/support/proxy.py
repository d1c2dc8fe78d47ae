# SPDX-License-Identifier: PostgreSQL
"""Runs pgpool-proxy for a test.

    with Proxy.for_cluster(cluster, {"pool": {"size": 5}}) as proxy:
        proxy.connect()                 # psycopg2, autocommit
        proxy.reload({"pool": {"size": 10}})

The binary is build/$PGPOOL_BUILD/proxy/pgpool-proxy (default preset dev; an absolute PGPOOL_BUILD is a build folder).
Leaving the block stops the proxy by SIGTERM and fails the test if it did not end well or a sanitizer had a word to say.
"""
import contextlib
import copy
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg2

from . import ports, wire
from .pgcluster import wait_for

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SANITIZER_REPORT = re.compile(r"(ERROR|WARNING|SUMMARY): (Address|Leak|Thread|UndefinedBehavior|Memory)Sanitizer|runtime error:")


class ProxyError(Exception):
    pass


def binary():
    build = pathlib.Path(os.environ.get("PGPOOL_BUILD", "dev"))
    folder = build if build.is_absolute() else ROOT / "build" / build
    return folder / "proxy" / "pgpool-proxy"


def merge(base, changes):
    """`changes` over `base`, maps key by key."""
    result = copy.deepcopy(base)
    for key, value in (changes or {}).items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def to_yaml(value, indent=0):
    """Block style for maps, flow style for what is inside lists; enough for the configuration."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines += [f"{' ' * indent}{key}:", to_yaml(item, indent + 2)]
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            lines.append(f"{' ' * indent}{key}:")
            lines += [f"{' ' * indent}  - {flow(entry)}" for entry in item]
        else:
            lines.append(f"{' ' * indent}{key}: {flow(item)}")
    return "\n".join(lines)


def flow(item):
    if isinstance(item, dict):
        return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in item.items()) + "}"
    if isinstance(item, list):
        return "[" + ", ".join(flow(v) for v in item) + "]"
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, str) and not re.fullmatch(r"[A-Za-z][\w.-]*|\d+(ms|s|min|h|d|kB|MB|GB)", item):
        return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(item)


def node_entry(node, **more):
    return {"name": node.name, "host": node.host, "port": node.port, **more}


class Proxy:
    def __init__(self, config):
        self.port = config.get("listen", {}).get("port") or ports.reserve()
        self.host = "127.0.0.1"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="pgpool-proxy-", dir="/var/tmp"))
        self.config_file, self.log = self.directory / "appliance.yaml", self.directory / "proxy.log"
        self.config = merge({"listen": {"addresses": ["127.0.0.1"], "port": self.port}}, config)
        self.process = None
        self.is_checked = True

    @classmethod
    def for_cluster(cls, cluster, changes=None):
        """Trusting clients, quick health probes, all nodes of the cluster."""
        base = {
            "workers": 2, "nodes": [node_entry(n) for n in cluster.nodes],
            "health": {"period": "200ms", "timeout": "1s", "user": "postgres", "database": "postgres"},
            "auth": {"access": [{"method": "trust"}]},
            "admin": {"users": ["postgres"]},
        }
        return cls(merge(base, changes))

    # --- life ---
    def write_config(self, text=None):
        self.config_file.write_text(to_yaml(self.config) + "\n" if text is None else text)

    def check(self):
        """(exit code, output) of --check on the current file."""
        done = subprocess.run([binary(), "--config", self.config_file, "--check"], capture_output=True, text=True,
                              timeout=30, env=self._environment())
        return done.returncode, done.stdout + done.stderr

    @staticmethod
    def _environment():
        return {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1",
                "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1"}

    def start(self, wait=True):
        if not binary().exists():
            raise ProxyError(f"{binary()} is not built; run: cmake --preset dev && cmake --build --preset dev")
        self.write_config()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([binary(), "--config", self.config_file], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self._environment())
        if wait:
            self._let_probes_come()
            wait_for(self.is_ready, 30, "the proxy accepts a query", interval=0.05)
        return self

    def _let_probes_come(self):
        """A second at most, for the nodes that are up: what the first queries do must not hang on whose probe was first."""
        names = [node["name"] for node in self.config.get("nodes", [])]
        until = time.monotonic() + 1
        while time.monotonic() < until and not all(f"node_up node={name} " in self.log_text() for name in names):
            time.sleep(0.01)

    def is_ready(self):
        if self.process.poll() is not None:
            raise ProxyError(f"the proxy ended with {self.process.returncode}:\n{self.log_tail()}")
        try:
            with wire.connect(self.host, self.port, timeout=5) as connection:
                return bool(connection.rows("select 1"))
        except (OSError, wire.ServerError, wire.Timeout, wire.Closed):
            return False

    def stop(self, timeout=20):
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise ProxyError(f"the proxy did not end within {timeout} s of SIGTERM:\n{self.log_tail()}") from None

    def kill(self):
        self.is_checked = False
        self.process.kill()
        self.process.wait(10)

    @contextlib.contextmanager
    def standing_still(self):
        """Every thread of it, as SIGSTOP has it."""
        def states():
            stats = [(task / "stat").read_text() for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()]
            return {stat.rpartition(")")[2].split()[0] for stat in stats}
        self.process.send_signal(signal.SIGSTOP)
        try:
            wait_for(lambda: states() == {"T"}, 5, "all threads are stopped")
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def assert_clean(self, status):
        report = SANITIZER_REPORT.search(self.log_text())
        if report:
            raise ProxyError("sanitizer report:\n" + self.log_text()[max(0, report.start() - 2000):report.start() + 8000])
        if status != 0:
            raise ProxyError(f"the proxy ended with {status}:\n{self.log_tail(40)}")

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.discard()
            raise

    def __exit__(self, kind, *_):
        try:
            if self.is_checked:
                try:
                    self.assert_clean(self.stop())
                except ProxyError:
                    if kind is None:
                        raise
                    print(self.log_tail(40))  # the test failed already: show, do not replace its reason
            if kind is not None:
                print(f"--- log of the proxy ---\n{self.log_tail(40)}")
        finally:
            self.discard()

    def discard(self):
        """Ends it without a look at how, and removes its files."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        ports.release(self.port)
        if os.environ.get("PGPOOL_KEEP_LOGS") is None:
            shutil.rmtree(self.directory, ignore_errors=True)

    # --- use ---
    def change(self, changes):
        """New configuration file and SIGHUP, without waiting for its effect."""
        self.config = merge(self.config, changes)
        self.write_config()
        self.process.send_signal(signal.SIGHUP)

    def reload(self, changes, event="info reloaded", timeout=10):
        """As change(); waits for the log line of that event."""
        before = self.log_text().count(event)
        self.change(changes)
        wait_for(lambda: self.log_text().count(event) > before, timeout, f"the proxy logs {event}")

    def connect(self, dbname="postgres", user="postgres", **options):
        connection = psycopg2.connect(host=self.host, port=self.port, dbname=dbname, user=user,
                                      **{"connect_timeout": 10, **options})
        connection.autocommit = True
        return connection

    def wire(self, user="postgres", database="postgres", **options):
        return wire.connect(self.host, self.port, user, database, **options)

    def sql(self, text, dbname="postgres", user="postgres"):
        """First column of the first row, or None."""
        connection = self.connect(dbname, user)
        try:
            with connection.cursor() as cursor:
                cursor.execute(text)
                row = cursor.fetchone() if cursor.description else None
                return row[0] if row else None
        finally:
            connection.close()

    def admin(self, text):
        """Rows of an admin command as dictionaries, by the simple protocol."""
        with self.wire(database=self.config.get("admin", {}).get("database", "pgpool")) as connection:
            return named_rows(connection.query(text))

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=20):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def highest_descriptor(self):
        return max(int(number) for number in os.listdir(f"/proc/{self.process.pid}/fd"))


def named_rows(frames):
    """DataRows of a reply as dictionaries; raises ServerError."""
    names, rows = [], []
    for frame in frames:
        if frame.type == "E":
            raise wire.ServerError(frame.fields())
        if frame.type == "T":
            names = [c[0] for c in frame.columns()]
        if frame.type == "D":
            rows.append(dict(zip(names, (None if v is None else v.decode() for v in frame.values()))))
    return rows


def wait_until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))
