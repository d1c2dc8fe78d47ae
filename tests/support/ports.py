# SPDX-License-Identifier: PostgreSQL
"""Free TCP ports on the loopback interface, never given twice to test runs on one machine.

A port is reserved by a lock on a file of its number for as long as the process lives. PGPOOL_TEST_PORTS=6500-6599
chooses the range.
"""
import fcntl
import os
import pathlib
import socket

_held = {}


def cache_directory():
    """A directory of this user's own for what test runs share: locks, the template of a cluster."""
    base = pathlib.Path("/var/cache") if os.geteuid() == 0 else pathlib.Path.home() / ".cache"
    path = base / "pgpool-tests"
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    return path


def _try_reserve(port):
    directory = cache_directory() / "ports"
    directory.mkdir(exist_ok=True)
    lock = open(directory / str(port), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        lock.close()
        return False
    _held[port] = lock
    return True


def reserve():
    low, high = (int(n) for n in os.environ.get("PGPOOL_TEST_PORTS", "20000-20999").split("-"))
    for port in range(low, high + 1):
        if port not in _held and _try_reserve(port):
            return port
    raise RuntimeError(f"no free port in {low}-{high}; set PGPOOL_TEST_PORTS=LOW-HIGH")


def release(port):
    lock = _held.pop(port, None)
    if lock:
        lock.close()
