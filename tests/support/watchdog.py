# SPDX-License-Identifier: PostgreSQL
"""pgpool-watchdog of a member without others, for the nodes of a cluster.

    with Watchdog(cluster) as watchdog:
        watchdog.wait_for_state(lambda s: s["primary"] == "node1")
"""
import grp
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from .pgcluster import wait_for
from .proxy import ROOT, merge, node_entry, to_yaml


def build_folder():
    build = pathlib.Path(os.environ.get("PGPOOL_BUILD", "dev"))
    return build if build.is_absolute() else ROOT / "build" / build


def binary():
    return build_folder() / "watchdog" / "pgpool-watchdog"


def ask_command(member, *words):
    """The command line that asks the watchdog of a member over its bus."""
    return [str(build_folder() / "tests" / "watchdog" / "bus_ask"), member, *words]


class WatchdogError(Exception):
    pass


class Watchdog:
    def __init__(self, cluster, changes=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="pgpool-watchdog-", dir="/var/tmp"))
        self.config_file, self.log = self.directory / "appliance.yaml", self.directory / "watchdog.log"
        self.record_file = self.directory / "state" / "cluster"
        base = {
            "nodes": [node_entry(n) for n in cluster.nodes],
            "health": {"user": "postgres", "database": "postgres"},
            "watchdog": {"enabled": True, "name": f"t{os.getpid()}", "group": grp.getgrgid(os.getgid()).gr_name,
                         "runtime_directory": str(self.directory / "run"), "state_directory": str(self.directory / "state")},
        }
        self.config = merge(base, changes)
        self.process = None

    # --- life ---
    def write_config(self):
        self.config_file.write_text(to_yaml(self.config) + "\n")

    def run(self, *words):
        """(exit code, output) of a run that ends by itself."""
        self.write_config()
        done = subprocess.run([binary(), "--config", self.config_file, *words], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout + done.stderr

    def start(self):
        self.write_config()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([binary(), "--config", self.config_file], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        return self

    def stop(self):
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def signal(self, number):
        self.process.send_signal(number)

    def discard(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        if os.environ.get("PGPOOL_KEEP_LOGS") is None:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.discard()
            raise

    def __exit__(self, kind, *_):
        if kind is not None:
            print(f"--- log of the watchdog ---\n{self.log_tail(60)}")
        self.discard()

    # --- what it knows ---
    def state(self):
        """The cluster state on its disk; nothing if there is none yet."""
        return read_state(self.record_file)

    def wait_for_state(self, condition, timeout=30, what="the cluster state is as wanted"):
        """The state for which it holds."""
        def look():
            if self.process.poll() is not None:
                raise WatchdogError(f"the watchdog ended with {self.process.returncode}:\n{self.log_tail()}")
            state = self.state()
            return state if state is not None and condition(state) else None
        try:
            return wait_for(look, timeout, what)
        except Exception as error:
            raise WatchdogError(f"{error}\nstate: {json.dumps(self.state(), indent=1)}\n{self.log_tail(60)}") from None

    def wait_until_settled(self, primary, promised=1):
        """It knows the primary, nothing is going on, and commits wait for so many standbys."""
        return self.wait_for_state(lambda s: s["phase"] == "steady" and s["primary"] == primary
                                   and s["sync"]["needed"] == promised, what=f"{primary} is the primary, and all is settled")

    def wait_for_log(self, text, timeout=20, after=0):
        wait_for(lambda: text in self.log_text()[after:], timeout, f"the watchdog logs {text}")

    def lease_left(self):
        """Seconds until nobody goes by its lease any more; negative: that is over. common/page/layout.h has the places."""
        page = (self.directory / "run" / "lease").read_bytes()
        deadline = max(struct.unpack_from("=q", page, 56 + 32 * slot + 16)[0] for slot in (0, 1))
        return deadline / 1e9 - time.clock_gettime(time.CLOCK_BOOTTIME)

    def ask(self, *words):
        """(exit code, answer) of a command over the bus."""
        done = subprocess.run(ask_command(self.config["watchdog"]["name"], *words), capture_output=True, text=True, timeout=30)
        if not done.stdout:
            raise WatchdogError(f"no answer to {' '.join(words)}: {done.returncode} {done.stderr}")
        return done.returncode, json.loads(done.stdout)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=25):
        return "\n".join(self.log_text().splitlines()[-lines:])


def read_state(file):
    """Of a record file; nothing if there is none yet."""
    try:
        _, stamp, text = file.read_text().split("\n", 2)
    except FileNotFoundError:
        return None
    return {**json.loads(text), "stamp": [int(n) for n in stamp.split()[1:3]]}


def standing_of(state, node):
    return next(n["standing"] for n in state["nodes"] if n["name"] == node)


now = time.monotonic
