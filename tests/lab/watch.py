# SPDX-License-Identifier: PostgreSQL
"""Looks a hundred times a second who has the virtual address, and who may decide: never two at a time."""
import contextlib
import errno
import os
import socket
import struct
import threading
import time

from . import appliance, logs

HELD = 1  # common/page/page.h
LONGEST_GAP = 1.0  # seconds between two looks, on a machine that has much else to do; a lease has 1.6


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
    """with Watch(lab): ...; its end fails if somebody had the address, or decided, beside another, or if nobody has looked for a while.
    Members that boot meanwhile must do so by the objects of this lab."""

    def __init__(self, lab):
        self.lab, self.doubles = lab, []
        self.looks, self.gap = 0, 0.0  # the longest time between two looks, in seconds
        self.error = None  # what has ended it
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        for member in self.lab.members:
            member.init()
        self.last = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        self.check()

    def check(self):
        """Nothing was seen twice up to now, and it was always looked at."""
        if self.error:
            raise AssertionError("nobody looks any more") from self.error
        assert self.doubles == [], f"two at a time: {self.doubles[:5]}"
        assert self.looks > 0 and self.gap < LONGEST_GAP, f"nobody looked for {self.gap:.2f} s; {self.looks} looks in all"

    def _run(self):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # this thread; whatever else runs on the machine
        try:
            while not self.is_over.wait(0.01):
                self._look("address", lambda m: has_address(self.lab, m))
                self._look("decides", lambda m: may_decide(m.last_init))
                self._count()
        except Exception as error:
            self.error = error

    def _count(self):
        now = time.monotonic()
        self.looks, self.gap, self.last = self.looks + 1, max(self.gap, now - self.last), now

    def _look(self, what, has):
        """The first who has it is asked again after the others: between two looks it may have moved."""
        first = [m for m in self.lab.members if has(m)]
        if len(first) > 1 and has(first[0]):
            self.doubles.append((what, logs.stamp(), [m.name for m in first]))
