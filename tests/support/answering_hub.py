# SPDX-License-Identifier: PostgreSQL
"""A watchdog that is none: it answers pgpool-ctl what it was told to (tests/component/ctl/fake_hub.cc).

    with AnsweringHub("m1", folder) as hub:
        hub.answers("status", {"member": "m1"})
        ...
        assert hub.asked() == "status"
"""
import json
import subprocess

from . import proxy as proxies


def binary():
    return proxies.binary().parent.parent / "tests" / "component" / "ctl" / "fake_hub"


class AnsweringHub:
    def __init__(self, member, folder):
        self.folder = folder
        self.process = subprocess.Popen([binary(), f"pgpool-bus.{member}", folder], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line == "ready\n", line

    def answers(self, verb, document, code=0):
        """As JSON; text goes as it is."""
        text = document if isinstance(document, str) else json.dumps(document)
        (self.folder / "new").write_text(f"{code} {text}")
        (self.folder / "new").rename(self.folder / verb)  # it may be read just now

    def asked(self):
        """The next command: verb [argument] …"""
        return self.process.stdout.readline().rstrip("\n")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(timeout=20)
        self.process.stdout.close()
