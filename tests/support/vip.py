# SPDX-License-Identifier: PostgreSQL
"""Runs pgpool-vip on a host of tests/support/lan.py.

    with Vip(host, directory) as vip:
        hold = vip.hold("--for", 30)
        hold.wait("taken", V4)
        hold.process.kill()

    with Watchdog(host, directory) as watchdog:      # tests/component/vip/fake_watchdog.cc
        daemon = vip.daemon(watchdog)
        watchdog.lease(7)
        watchdog.take(1, 7)
        watchdog.wait("done", id=1)
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


def make_readable(folder):
    for parent in [folder, *folder.parents][:4]:
        parent.chmod(parent.stat().st_mode | 0o755)


def fake_watchdog():
    return proxies.binary().parent.parent / "tests" / "component" / "vip" / "fake_watchdog"


class Told:
    """A program that tells a JSON object per line; they are kept with the times they were read."""

    def __init__(self, words, stdin=subprocess.DEVNULL):
        self.process = subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.events, self.changed = [], threading.Condition()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.events.append({"at": time.monotonic(), **json.loads(line)})
                self.changed.notify_all()

    def find(self, name, address=None, since=0, **fields):
        """Events of that name, whose fields are these, from the event of number `since` on."""
        wanted = {"event": name, **fields, **({"address": address} if address else {})}
        with self.changed:
            return [e for e in self.events[since:] if all(e.get(k) == v for k, v in wanted.items())]

    def wait(self, name, address=None, count=1, timeout=10, since=0, **fields):
        """The last of `count` such events."""
        end = time.monotonic() + timeout
        with self.changed:
            while len(found := self.find(name, address, since, **fields)) < count:
                if time.monotonic() >= end:
                    raise TimeoutError(f"no {name} {fields} within {timeout} s; events: {self.events[-12:]}")
                self.changed.wait(max(0.0, end - time.monotonic()))
            return found[count - 1]

    def end(self, timeout=10):
        """Waits for its end by itself: (exit code, what it wrote to standard error)."""
        errors = self.process.stderr.read()
        code = self.process.wait(timeout)
        self.thread.join()
        return code, errors

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()
        self.process.stderr.close()


class Hold(Told):
    """`pgpool-vip --json hold`."""

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.end()


class Watchdog(Told):
    """The watchdog of member `m` on a host, as pgpool-vip sees it."""
    GROUP = "nogroup"

    def __init__(self, host, directory):
        self.directory = pathlib.Path(directory) / f"run{host.number}"
        self.directory.mkdir(exist_ok=True)
        super().__init__(host.command(fake_watchdog(), "m", self.GROUP, self.directory), stdin=subprocess.PIPE)
        self.wait("ready")

    def tell(self, *words):
        """Returns when it is done; the number of events before that."""
        before = len(self.events)
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        self.wait("obeyed", since=before)
        return before

    def lease(self, epoch):
        """Is held from now on, and renewed."""
        self.tell("renew", epoch)

    def page(self, state, epoch, milliseconds):
        self.tell("page", state, epoch, milliseconds)

    def order(self, verb, number, epoch):
        return self.tell("order", verb, number, epoch)

    def clients(self, connections):
        self.tell("clients", *(word for pair in connections for word in pair))

    def close(self):
        self.process.stdin.close()
        super().close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Daemon:
    """pgpool-vip as the service of a member; its log with the times it was read."""

    def __init__(self, words):
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.lines, self.changed = [], threading.Condition()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line.rstrip())
                self.changed.notify_all()

    def wait_log(self, text, timeout=10):
        end = time.monotonic() + timeout
        with self.changed:
            while not (found := [line for line in self.lines if text in line]):
                if time.monotonic() >= end:
                    raise TimeoutError(f"no {text!r} within {timeout} s; log: {self.lines}")
                self.changed.wait(max(0.0, end - time.monotonic()))
            return found[-1]

    def send(self, number):
        self.process.send_signal(number)

    def end(self, timeout=10):
        """(exit code, log)"""
        code = self.process.wait(timeout)
        self.thread.join()
        return code, self.lines

    def stop(self):
        self.send(signal.SIGTERM)
        return self.end()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stderr.close()


class Vip:
    def __init__(self, host, directory, addresses=(V4, V6), **timing):
        self.host, self.running, self.timing = host, [], timing
        self.config = pathlib.Path(directory) / f"host{host.number}-{time.monotonic_ns()}.yaml"
        self.configure(addresses)

    def configure(self, addresses, watchdog=None, **timing):
        """Writes the configuration: these addresses, the timing of before and this; as a member of a watchdog's."""
        self.timing |= timing
        entries = ", ".join(f"{{address: \"{a}\", interface: eth0}}" for a in addresses)
        settings = "".join(f"  {name}: {value}\n" for name, value in self.timing.items())
        member = f"watchdog: {{enabled: on, name: m, profile: wan, group: {watchdog.GROUP}, runtime_directory: {watchdog.directory}}}\n" \
            if watchdog else ""
        self.addresses_wanted = addresses
        self.config.write_text(f"nodes: [{{name: n1, host: 127.0.0.1}}]\n{member}vip:\n  addresses: [{entries}]\n{settings}")

    def command(self, *words, prefix=()):
        return self.host.command(*prefix, binary(), "--config", self.config, *words)

    def hold(self, *words, prefix=()):
        self.running.append(Hold(self.command("--json", "hold", *words, prefix=prefix)))
        return self.running[-1]

    def daemon(self, watchdog, *words, user="nobody", prefix=()):
        self.configure(self.addresses_wanted, watchdog)
        make_readable(self.config.parent)  # it reads its configuration again as that user
        self.running.append(Daemon(self.command("--user", user, *words, prefix=prefix)))
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
