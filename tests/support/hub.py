# SPDX-License-Identifier: PostgreSQL
"""A hub of the bus that says what the test wants (tests/component/member/member_hub.cc).

    hub = FakeHub("m1").start()
    hub.decide(1, 1, n1="primary:up", n2="standby:up")
    hub.expect("parked 1 2 0")
"""
import grp
import os
import queue
import signal
import subprocess
import threading
import time

from .proxy import binary


def program():
    return binary().parent.parent / "tests" / "component" / "member" / "member_hub"


def own_group():
    return grp.getgrgid(os.getgid()).gr_name


class FakeHub:
    def __init__(self, member, user=None):
        """`user`: (uid, gid) to run as."""
        self.service, self.user = f"pgpool-bus.{member}", user
        self.process, self.lines, self.heard = None, None, []

    def start(self):
        arguments = [str(number) for number in self.user] if self.user else []
        self.process = subprocess.Popen([program(), self.service, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, args=(self.process.stdout, self.lines), daemon=True).start()
        self.expect("ready")
        return self

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.put(line.rstrip("\n"))

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def decide(self, epoch, revision, verb="topology", **nodes):
        """n1="primary:up": the role and the state of each node."""
        self.tell(" ".join([verb, str(epoch), str(revision), *(f"{name}:{what}" for name, what in nodes.items())]))

    def lease(self, epoch, milliseconds, holder=1):
        self.tell(f"lease {epoch} {holder} {milliseconds}")

    def expect(self, start, timeout=20):
        """The next line that begins so; those before it are kept in `heard`."""
        until = time.monotonic() + timeout
        while True:
            try:
                line = self.lines.get(timeout=max(until - time.monotonic(), 0.001))
            except queue.Empty:
                raise AssertionError(f"the hub did not hear {start!r} within {timeout} s, but {self.heard[-10:]}") from None
            self.heard.append(line)
            if line.startswith(start):
                return line

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
            self.process.stdin.close()
