# SPDX-License-Identifier: PostgreSQL
"""CPU time and memory of trees of processes, from /proc.

CPU time is the scheduler's count in nanoseconds (/proc/PID/task/*/schedstat: user and system together). The sums of utime and
stime in /proc/PID/stat are the same count, but round each process down to 10 ms, which a few hundred processes make visible.
"""
import contextlib
import os

TICKS = os.sysconf("SC_CLK_TCK")


def _parents():
    """pid -> parent of all processes."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                found[int(entry)] = int(_stat(entry)[1])
    return found


def _stat(pid):
    """Fields of /proc/PID/stat from the state on."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()


def tree(root):
    """The process and its descendants."""
    parents, found = _parents(), [root]
    children = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    for pid in found:
        found += children.get(pid, [])
    return found


def _own_seconds(pid):
    total = 0
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/schedstat") as stat:
                total += int(stat.read().split()[0])
    return total / 1e9


class Tree:
    """Processes under one root, as they were when it was made; those that end later count by their parent."""

    def __init__(self, root):
        self.root, self.pids = root, tree(root)

    def seconds(self):
        """CPU seconds of its processes so far."""
        ended = 0.0
        with contextlib.suppress(OSError):
            ended = sum(int(n) for n in _stat(self.root)[13:15]) / TICKS
        return ended + sum(_own_seconds(pid) for pid in self.pids)


def busy_seconds():
    """CPU seconds that all cores together were not idle, and those that the host took away."""
    with open("/proc/stat") as stat:
        fields = [int(n) / TICKS for n in stat.readline().split()[1:]]
    user, nice, system, _, _, irq, softirq, steal = fields[:8]
    return user + nice + system + irq + softirq, steal


def memory_kib(root):
    """Proportional set size (PSS) of a tree: what it shares among its processes counts once."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as rollup:
            total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    return total
