# SPDX-License-Identifier: PostgreSQL
"""Runs pgpool-vip on a host of tests/support/lan.py.

    with Vip(host, directory) as vip:
        hold = vip.hold("--for", 30)
        hold.wait("taken", V4)
        hold.process.kill()
"""
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

from . import proxy as proxies

V4, V6 = "10.77.0.100", "fd77::100"
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def binary():
    return proxies.binary().parent.parent / "vip" / "pgpool-vip"


class Hold:
    """A `pgpool-vip --json` that runs; its events with the times they were read."""

    def __init__(self, words):
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.events, self.changed = [], threading.Condition()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.events.append({"at": time.monotonic(), **json.loads(line)})
                self.changed.notify_all()

    def find(self, name, address=None):
        with self.changed:
            return [e for e in self.events if e["event"] == name and address in (None, e["address"])]

    def wait(self, name, address=None, count=1, timeout=10):
        """The last of `count` events of that name."""
        end = time.monotonic() + timeout
        with self.changed:
            while len(found := [e for e in self.events if e["event"] == name and address in (None, e["address"])]) < count:
                if time.monotonic() >= end:
                    raise TimeoutError(f"no {name} within {timeout} s; events: {self.events}")
                self.changed.wait(max(0.0, end - time.monotonic()))
            return found[count - 1]

    def end(self, timeout=10):
        """Waits for its end by itself: (exit code, what it wrote to standard error)."""
        errors = self.process.stderr.read()
        code = self.process.wait(timeout)
        self.thread.join()
        return code, errors

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()
        self.process.stderr.close()


class Vip:
    def __init__(self, host, directory, addresses=(V4, V6), **timing):
        self.host, self.running = host, []
        entries = ", ".join(f"{{address: \"{a}\", interface: eth0}}" for a in addresses)
        settings = "".join(f"  {name}: {value}\n" for name, value in timing.items())
        self.config = pathlib.Path(directory) / f"host{host.number}-{time.monotonic_ns()}.yaml"
        self.config.write_text(f"nodes: [{{name: n1, host: 127.0.0.1}}]\nvip:\n  addresses: [{entries}]\n{settings}")

    def command(self, *words, prefix=()):
        return self.host.command(*prefix, binary(), "--config", self.config, *words)

    def hold(self, *words, prefix=()):
        self.running.append(Hold(self.command("--json", "hold", *words, prefix=prefix)))
        return self.running[-1]

    def run(self, *words, prefix=()):
        """(exit code, standard output, standard error)"""
        done = subprocess.run(self.command(*words, prefix=prefix), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=20, env=os.environ)
        return done.returncode, done.stdout, done.stderr

    def addresses(self):
        """What `ip` says of the virtual addresses on this host, by address."""
        told = json.loads(self.host.run("ip", "-json", "-details", "address", "show", "dev", "eth0"))
        return {i["local"]: i for i in told[0]["addr_info"] if i["local"] in (V4, V6)}

    def close(self):
        for hold in self.running:
            hold.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
