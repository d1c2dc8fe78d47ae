# SPDX-License-Identifier: PostgreSQL
"""What programs of a host lean on beside each other, and how it fails them: names, who reads a log, shared memory, the clock."""
import contextlib
import mmap
import os
import pathlib
import socket
import struct
import subprocess
import threading

WALL_CLOCK = pathlib.Path(__file__).resolve().parent.parent / "support" / "wall_clock.c"
HEADER = "!HHHHHH"  # of a DNS message, RFC 1035
SERVFAIL = 0x8182
ROOM = 4096  # bytes, of a stream


class NameServer:
    """On the host `client`, the only one that members ask within the block: their /etc/hosts knows nobody. It answers that it has
    failed, or nothing."""

    def __init__(self, lab, is_silent):
        self.members, self.client, self.is_silent = lab.members, lab.host("client"), is_silent
        self.askers = set()

    def __enter__(self):
        self.socket = self._socket()
        self.socket.bind((self.client.address, 53))
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        for member in self.members:
            for name, text in [("hosts", "127.0.0.1 localhost\n"), ("resolv.conf", f"nameserver {self.client.address}\n")]:
                (member.folder / name).write_text(text)
                member.run(["mount", "--bind", member.folder / name, f"/etc/{name}"])
        return self

    def __exit__(self, *_):
        for member in self.members:
            for name in ("hosts", "resolv.conf"):
                member.run(["umount", f"/etc/{name}"], check=False)
        with self._socket() as last:
            last.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def _socket(self):
        with self.client.network.inside(self.client.name):
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def _run(self):
        while True:
            question, asker = self.socket.recvfrom(512)
            if not question:
                return
            self.askers.add(asker[0])
            if not self.is_silent:
                number, _, *counts = struct.unpack_from(HEADER, question)
                self.socket.sendto(struct.pack(HEADER, number, SERVFAIL, *counts) + question[12:], asker)


def _stream():
    """As that of the journal."""
    reader, writer = socket.socketpair()
    writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
    return reader.detach(), writer.detach()


@contextlib.contextmanager
def log_that_nobody_reads(is_stream):
    """A descriptor for a log, full already; how to take what is there out."""
    reader, writer = _stream() if is_stream else os.pipe()
    try:
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 63 + b"\n")
        os.set_blocking(writer, True)
        os.set_blocking(reader, False)
        yield writer, lambda: _taken(reader)
    finally:
        os.close(reader)
        os.close(writer)


def _taken(reader):
    parts = []
    with contextlib.suppress(BlockingIOError):
        while part := os.read(reader, 1 << 16):
            parts.append(part)
    return b"".join(parts).decode(errors="replace")


@contextlib.contextmanager
def full_shared_memory(host):
    """Nobody gets a byte of /dev/shm there."""
    host.run(["mount", "-o", "remount,size=64m", "/dev/shm"])
    fill(host)
    try:
        yield
    finally:
        host.run(["rm", "-f", "/dev/shm/full"])


def fill(host):
    """What somebody has given back meanwhile, too."""
    host.run(["sh", "-c", "cat /dev/zero >> /dev/shm/full"], check=False)


class WallClock:
    """Of a program on this host, which can be set while it runs. Its other clocks go on. libfaketime would shift timers, too, those that are
    set for a time of CLOCK_BOOTTIME as well (0.9.10 of Debian 12)."""

    def __init__(self, host, program):
        self.library, self.file = host.folder / "wall_clock.so", host.folder / f"{program}.clock"
        if not self.library.exists():
            subprocess.run([os.environ.get("CC", "gcc"), "-O2", "-shared", "-fPIC", "-o", self.library, WALL_CLOCK], check=True)
        self.file.write_bytes(bytes(8))
        with open(self.file, "r+b") as handle:
            self.memory = mmap.mmap(handle.fileno(), 8)

    def set(self, seconds):
        """Against the machine's."""
        self.memory[:] = struct.pack("=q", seconds)

    def environment(self):
        return [f"LD_PRELOAD={self.library}", f"PGPOOL_WALL_CLOCK={self.file}"]
