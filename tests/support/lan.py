# SPDX-License-Identifier: PostgreSQL
"""Hosts on one Ethernet: network namespaces at a bridge that has a namespace of its own. Needs root.

    with Lan() as lan:
        a, b = lan.host(), lan.host()           # a.v4 = 10.77.0.11, a.v6 = fd77::11, interface eth0
        a.run("ip", "address")                  # a command on the host
        server = a.call(lambda: socket.create_server((a.v4, 5432)))    # sockets belong to where they were made
        lan.unplug(a)                           # the cable out: the host sees no carrier

A namespace lives as long as a process that waits for the end of our pipe, so nothing is left behind, whatever becomes
of the test. What a test started on a host it ends itself.
"""
import ctypes
import os
import subprocess
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
TIMEOUT = 20


class Namespace:
    def __init__(self):
        self.keeper = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        if self.keeper.stdout.read(1) != b"\n":
            raise RuntimeError("no network namespace: not root?")
        self.path = f"/proc/{self.keeper.pid}/ns/net"
        self.run("ip", "link", "set", "lo", "up")

    def command(self, *words):
        """Words that run a command here, as this very process."""
        return ["nsenter", f"--net={self.path}", *map(str, words)]

    def run(self, *words, check=True):
        return subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, check=check, capture_output=True, text=True,
                              timeout=TIMEOUT).stdout

    def call(self, function):
        """Its result, from a thread that is on this host."""
        outcome = []

        def work():
            try:
                with open(self.path) as place:
                    if LIBC.setns(place.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                outcome.append((function(), None))
            except BaseException as error:  # handed on
                outcome.append((None, error))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(TIMEOUT)
        result, error = outcome[0]
        if error is not None:
            raise error
        return result

    def close(self):
        self.keeper.stdin.close()
        self.keeper.wait(TIMEOUT)
        self.keeper.stdout.close()


class Host(Namespace):
    def __init__(self, number, switch):
        super().__init__()
        self.number, self.port = number, f"p{number}"
        self.v4, self.v6 = f"10.77.0.{10 + number}", f"fd77::{10 + number}"
        self.mac = f"02:00:0a:4d:00:{10 + number:02x}"
        switch.run("ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "address", self.mac,
                   "netns", self.keeper.pid)
        switch.run("ip", "link", "set", self.port, "master", "br0", "up")
        self.run("ip", "address", "add", f"{self.v4}/24", "dev", "eth0")
        self.run("ip", "address", "add", f"{self.v6}/64", "dev", "eth0", "nodad")
        self.run("ip", "link", "set", "eth0", "up")


class Lan:
    def __init__(self):
        self.switch = Namespace()
        self.hosts = []
        self.switch.run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        self.switch.run("ip", "link", "set", "br0", "up")

    def host(self):
        self.hosts.append(Host(len(self.hosts) + 1, self.switch))
        return self.hosts[-1]

    def unplug(self, host):
        self.switch.run("ip", "link", "set", host.port, "down")

    def plug(self, host):
        self.switch.run("ip", "link", "set", host.port, "up")

    def close(self):
        for namespace in [*self.hosts, self.switch]:
            namespace.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
