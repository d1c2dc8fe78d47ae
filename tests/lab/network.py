# SPDX-License-Identifier: PostgreSQL
"""Hosts on one switch, as network namespaces. The switch is a bridge in a namespace of its own, and cables are cut
there: the machine's interfaces and rules are not involved, and a host that is cut off gets no error from send()."""
import contextlib
import ctypes
import fcntl
import functools
import os
import socket
import struct
import subprocess

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, IFF_UP = 0x8913, 1  # netdevice(7)
LIBC = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    pass


def run(*command, check=True, **options):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, **options)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(str(c) for c in command)}: {done.stdout.strip()}")
    return done.stdout


def namespaces(prefix):
    return [line.split()[0] for line in run("ip", "netns", "list").splitlines() if line.startswith(prefix)]


class Network:
    """`prefix` begins the names of all its namespaces; whatever has such a name is its own."""

    def __init__(self, prefix):
        self.prefix, self.switch = prefix, prefix + "switch"

    def namespace(self, host):
        return self.prefix + host

    def make(self, addresses):
        """addresses: host -> address, all in one /24."""
        run("ip", "netns", "add", self.switch)
        self._ip("link", "set", "lo", "up")
        self._ip("link", "add", "switch0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        self._ip("link", "set", "switch0", "up")
        self._nft("add table bridge lab; add chain bridge lab cuts { type filter hook forward priority 0 ; }")
        for host, address in addresses.items():
            self._add(host, address)

    def _add(self, host, address):
        space = self.namespace(host)
        run("ip", "netns", "add", space)
        run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", host, "netns", self.switch)
        self._ip("link", "set", host, "master", "switch0", "up")
        run("ip", "-n", space, "link", "set", "eth0", "up")
        self.address(host, address)

    def address(self, host, address):
        """The host has this address and no other, as after it was switched on."""
        run("ip", "-n", self.namespace(host), "addr", "flush", "dev", "eth0")
        run("ip", "-n", self.namespace(host), "addr", "add", f"{address}/24", "dev", "eth0")

    def cut(self, one, other=None, is_one_way=False):
        """Nothing gets from `one` to `other`, nor back unless is_one_way; other None: everybody."""
        there, back = f"iifname {one}", f"oifname {one}"
        if other is not None:
            there, back = there + f" oifname {other}", back + f" iifname {other}"
        for direction in [there] if is_one_way else [there, back]:
            self._nft(f"add rule bridge lab cuts {direction} drop")

    def cut_corosync(self, one, other):
        """Its frames alone, both ways."""
        for sender, receiver in [(one, other), (other, one)]:
            self._nft(f"add rule bridge lab cuts iifname {sender} oifname {receiver} udp dport 5405 drop")

    def lose(self, one, other, percent):
        """So many of a hundred frames from `one` do not get to `other`."""
        self._nft(f"add rule bridge lab cuts iifname {one} oifname {other} numgen random mod 100 lt {percent} drop")

    def heal(self):
        self._nft("flush chain bridge lab cuts")

    def cuts(self):
        """In words, for people."""
        text = run("ip", "netns", "exec", self.switch, "nft", "list", "chain", "bridge", "lab", "cuts",
                   check=False)  # the machine may have booted since
        words = [line.strip() for line in text.splitlines() if line.strip().endswith("drop")]
        names = {'"': "", "iifname": "from", "oifname": "to", "numgen random mod 100 <": "loses percent:", " drop": ""}
        return [functools.reduce(lambda w, pair: w.replace(*pair), names.items(), word) for word in words]

    def plug(self, host, is_in):
        """Puts the host's cable into the switch or pulls it out: the host sees NO-CARRIER then."""
        self._ip("link", "set", host, "up" if is_in else "down")

    def is_plugged(self, host):
        with self.inside("switch"), contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asker:
            answer = fcntl.ioctl(asker, SIOCGIFFLAGS, struct.pack("16sH22x", host.encode(), 0))  # struct ifreq
        return bool(struct.unpack_from("16xH", answer)[0] & IFF_UP)

    def remove(self):
        for space in namespaces(self.prefix):
            run("ip", "netns", "delete", space, check=False)

    @contextlib.contextmanager
    def inside(self, host):
        """What this thread opens within the block (sockets) belongs to the host; other threads stay where they are."""
        def enter(descriptor):
            if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns into {host}")
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.namespace(host)}") as there:
            enter(there.fileno())
            try:
                yield
            finally:
                enter(home.fileno())

    def _ip(self, *arguments):
        run("ip", "-n", self.switch, *arguments)

    def _nft(self, text):
        run("ip", "netns", "exec", self.switch, "nft", text)


def why_not():
    """Why no lab can run on this machine; None: one can."""
    if os.geteuid() != 0:
        return "a lab needs root"
    probe = f"labprobe{os.getpid()}"
    try:
        run("ip", "netns", "add", probe)
        run("ip", "netns", "exec", probe, "nft", "add table bridge lab")
        return None
    except (OSError, LabError) as error:
        return f"no network namespaces with nftables here: {error}"
    finally:
        subprocess.run(["ip", "netns", "delete", probe], stderr=subprocess.DEVNULL, check=False)
