# SPDX-License-Identifier: PostgreSQL
"""What a thread of a running program does: allocations and locks (count_calls.c, preloaded) and system calls (strace).

    counter = CallCounter(directory)
    with counter.preloaded():
        proxy = ...                                  # started here
    counter.counts(tid)["allocations"]               # so far
    with counter.traced(tid): ...                    # call stacks of the next ones
    with SystemCalls(tid, directory) as calls: ...
    calls.counts["recvfrom"]
"""
import collections
import contextlib
import mmap
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess

from .pgcluster import wait_for

SOURCE = pathlib.Path(__file__).resolve().parent / "count_calls.c"
KINDS = ["allocations", "frees", "locks"]
# Layout of struct Shared in count_calls.c.
SLOTS, TRACES, FRAMES = 128, 256, 24
HEADER, SLOT, TRACE = struct.Struct("qqqq"), struct.Struct("qQQQ"), struct.Struct(f"qq{FRAMES}Q")
SIZE = HEADER.size + SLOTS * SLOT.size + TRACES * TRACE.size


class CallCounter:
    def __init__(self, directory):
        self.library, self.file = directory / "count_calls.so", directory / "counts"
        subprocess.run([os.environ.get("CC", "gcc"), "-O2", "-shared", "-fPIC", "-o", self.library, SOURCE], check=True)
        self.file.write_bytes(bytes(SIZE))
        with open(self.file, "r+b") as handle:
            self.memory = mmap.mmap(handle.fileno(), SIZE)

    @contextlib.contextmanager
    def preloaded(self):
        """Programs started inside the block are counted; only one at a time may be."""
        added = {"LD_PRELOAD": str(self.library), "PGPOOL_COUNT_CALLS": str(self.file)}
        before = {name: os.environ.get(name) for name in added}
        os.environ.update(added)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value

    def counts(self, tid):
        for index in range(SLOTS):
            found, *counts = SLOT.unpack_from(self.memory, HEADER.size + index * SLOT.size)
            if found == tid:
                return dict(zip(KINDS, counts))
        return dict.fromkeys(KINDS, 0)

    @contextlib.contextmanager
    def traced(self, tid):
        """Records the call stacks of the thread's next allocations and locks, up to TRACES."""
        used = HEADER.unpack_from(self.memory)[0]
        HEADER.pack_into(self.memory, 0, used, tid, TRACES, 0)
        try:
            yield
        finally:
            struct.pack_into("q", self.memory, 16, 0)

    def stacks(self, pid, depth=6):
        """Recorded stacks as text, commonest first: 'count × kind' and a line for each caller in the program itself."""
        base, program = load_address(pid)
        made = min(HEADER.unpack_from(self.memory)[3], TRACES)
        seen = collections.Counter()
        for index in range(made):
            kind, frames, *addresses = TRACE.unpack_from(self.memory, HEADER.size + SLOTS * SLOT.size + index * TRACE.size)
            inside = tuple(a - base - 1 for a in addresses[:frames] if 0 <= a - base < program[1])
            seen[KINDS[kind], inside[:depth]] += 1
        return [f"{count} × {kind}\n{locate(program[0], addresses)}" for (kind, addresses), count in seen.most_common(12)]


def load_address(pid):
    """(address, (path, length)) of the program's own mapping."""
    path = os.readlink(f"/proc/{pid}/exe")
    spans = []
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        if line.endswith(path):
            spans.append([int(n, 16) for n in line.split()[0].split("-")])
    return spans[0][0], (path, spans[-1][1] - spans[0][0])


def locate(program, addresses):
    """Lines 'file:line function', innermost first."""
    if not addresses or not shutil.which("addr2line"):
        return f"    {[hex(a) for a in addresses]}"
    done = subprocess.run(["addr2line", "-Cfpe", program, *[hex(a) for a in addresses]], capture_output=True, text=True)
    found = []
    for line in done.stdout.splitlines():
        function, _, place = line.rpartition(" at ")
        found.append(f"    {'/'.join(place.split('/')[-3:])}  {function.split('(')[0]}")
    return "\n".join(found)


class SystemCalls:
    """System calls that one thread finishes inside the block; `counts` by name, after it."""

    def __init__(self, tid, directory):
        self.tid, self.output, self.counts = tid, directory / "strace", {}

    def __enter__(self):
        self.process = subprocess.Popen(["strace", "-c", "-o", self.output, "-p", str(self.tid)], stderr=subprocess.DEVNULL)
        wait_for(self.is_attached, 10, "strace attaches to the thread")
        return self

    def is_attached(self):
        status = pathlib.Path(f"/proc/{self.tid}/status").read_text()
        return re.search(r"TracerPid:\s*(\d+)", status).group(1) == str(self.process.pid)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        for line in self.output.read_text().splitlines():
            fields = line.split()
            if len(fields) >= 5 and fields[3].isdigit() and fields[-1] != "total":
                self.counts[fields[-1]] = int(fields[3])


def busiest_thread(pid, work):
    """The thread that uses most CPU while work() runs."""
    before = thread_times(pid)
    work()
    return max(thread_times(pid).items(), key=lambda item: item[1] - before.get(item[0], 0))[0]


def thread_times(pid):
    return {int(tid): int(pathlib.Path(f"/proc/{pid}/task/{tid}/schedstat").read_text().split()[0]) for tid in os.listdir(f"/proc/{pid}/task")}
