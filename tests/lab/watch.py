# SPDX-License-Identifier: PostgreSQL
"""Looks a hundred times a second who has the virtual address, and who may decide: never two at a time."""
import contextlib
import errno
import socket
import struct
import threading
import time

from . import appliance

HELD = 1  # common/page/page.h


def has_address(lab, member):
    """Whether its kernel answers for the virtual address to anybody."""
    if not lab.network.is_plugged(member.name):
        return False
    with lab.network.inside(member.name), contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.bind((appliance.VIRTUAL, 0))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            return False
        return True


def may_decide(init):
    """Whether the page of the lease says so now, on the host of that process 1. common/page/layout.h has the places; hosts have the
    machine's clock."""
    try:
        with open(f"/proc/{init}/root/run/pgpool/lease", "rb") as page:
            data = page.read(120)
    except OSError:
        return False
    slot = 56 + 32 * (struct.unpack_from("=Q", data, 48)[0] & 1)
    state, _, deadline = struct.unpack_from("=QQq", data, slot)
    return state == HELD and time.clock_gettime_ns(time.CLOCK_BOOTTIME) < deadline


class Watch:
    """with Watch(lab) as watch: ...; then watch.doubles is empty, or tells what was seen twice. Of a host that boots meanwhile only the
    address is seen."""

    def __init__(self, lab):
        self.lab, self.doubles, self.looks = lab, [], 0
        self.inits = {m.name: m.init() for m in lab.members}
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def _run(self):
        while not self.is_over.wait(0.01):
            self._look("address", lambda m: has_address(self.lab, m))
            self._look("decides", lambda m: may_decide(self.inits[m.name]))
            self.looks += 1

    def _look(self, what, has):
        """The first who has it is asked again after the others: between two looks it may have moved."""
        members = self.lab.members
        first = [m for m in members if has(m)]
        if len(first) > 1 and has(first[0]):
            self.doubles.append((what, time.monotonic(), [m.name for m in first]))
