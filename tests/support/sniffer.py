# SPDX-License-Identifier: PostgreSQL
"""What passes on a host's Ethernet and what happens to its addresses, with times (time.monotonic()).

    with Sniffer(host) as sniffer:
        ...
        sniffer.claims("10.77.0.100")       # who said so, when: ARP in both forms, neighbour advertisements
    with AddressLog(host) as log:
        log.wait_gone("10.77.0.100", 3)     # when the kernel removed it
"""
import dataclasses
import select
import socket
import struct
import threading
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 0x10, 0x100
RTM_NEWADDR, RTM_DELADDR = 20, 21
IFA_ADDRESS = 1


@dataclasses.dataclass(frozen=True)
class Claim:
    at: float
    kind: str  # arp_request, arp_reply, advertisement, arp_probe, solicitation
    address: str
    mac: str   # what the message says
    frame: bytes


def mac_text(raw):
    return ":".join(f"{b:02x}" for b in raw)


def read_arp(at, frame):
    operation, = struct.unpack_from("!H", frame, 20)
    sender, target = socket.inet_ntoa(frame[28:32]), socket.inet_ntoa(frame[38:42])
    if sender == "0.0.0.0":
        return Claim(at, "arp_probe", target, mac_text(frame[22:28]), frame)
    return Claim(at, {1: "arp_request", 2: "arp_reply"}[operation], sender, mac_text(frame[22:28]), frame)


def read_ipv6(at, frame):
    if frame[20] != 58 or frame[54] not in (135, 136):
        return None
    target = socket.inet_ntop(socket.AF_INET6, frame[62:78])
    if frame[54] == 135:
        return Claim(at, "solicitation", target, mac_text(frame[6:12]), frame)
    return Claim(at, "advertisement", target, mac_text(frame[80:86] or frame[6:12]), frame)


def read_frame(at, frame):
    kind, = struct.unpack_from("!H", frame, 12)
    if kind == 0x0806:
        return read_arp(at, frame)
    return read_ipv6(at, frame) if kind == 0x86dd else None


class Reader:
    """A thread that collects what a socket gives."""

    def __init__(self, host, make_socket):
        self.socket = host.call(make_socket)
        self.found, self.changed = [], threading.Condition()
        self.wake, self.woken = socket.socketpair()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self):
        while True:
            ready, _, _ = select.select([self.socket, self.woken], [], [])
            if self.woken in ready:
                return
            data, now = self.socket.recv(65536), time.monotonic()
            with self.changed:
                self.found.extend(self.read(now, data))
                self.changed.notify_all()

    def read(self, now, data):
        raise NotImplementedError

    def wait(self, wanted, timeout):
        """What `wanted` makes of all that was found, once that is true."""
        end = time.monotonic() + timeout
        with self.changed:
            while not (result := wanted(list(self.found))):
                if not self.changed.wait(max(0, end - time.monotonic())) and time.monotonic() >= end:
                    raise TimeoutError(f"not seen within {timeout} s; seen: {self.found}")
            return result

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wake.close()
        self.thread.join()
        self.socket.close()
        self.woken.close()


class Sniffer(Reader):
    """Frames that arrive at eth0 of a host."""

    def __init__(self, host):
        def make():
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            made.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            made.bind(("eth0", ETH_P_ALL))
            return made
        super().__init__(host, make)

    def read(self, now, data):
        claim = read_frame(now, data)
        return [claim] if claim else []

    def claims(self, address, *kinds):
        with self.changed:
            return [c for c in self.found if c.address == address and (not kinds or c.kind in kinds)]

    def wait_claims(self, address, *kinds, count=1, since=0.0, timeout=5):
        def enough(found):
            these = [c for c in found if c.address == address and c.kind in kinds and c.at >= since]
            return these[:count] if len(these) >= count else None
        return self.wait(enough, timeout)


class AddressLog(Reader):
    """Addresses put on (or refreshed) and removed on a host: (time, "new" or "gone", address)."""

    def __init__(self, host):
        def make():
            made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            made.bind((0, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR))
            return made
        super().__init__(host, make)

    def read(self, now, data):
        while len(data) >= 16:
            length, kind = struct.unpack_from("=IH", data)
            body, data = data[24:length], data[(length + 3) & ~3:]
            while len(body) >= 4:
                size, attribute = struct.unpack_from("=HH", body)
                if attribute == IFA_ADDRESS and kind in (RTM_NEWADDR, RTM_DELADDR):
                    family = socket.AF_INET6 if size == 20 else socket.AF_INET
                    yield now, "new" if kind == RTM_NEWADDR else "gone", socket.inet_ntop(family, body[4:size])
                body = body[(size + 3) & ~3:]

    def times(self, what, address, since=0.0):
        with self.changed:
            return [at for at, kind, whose in self.found if kind == what and whose == address and at >= since]

    def wait_gone(self, address, timeout, since=0.0):
        return self.wait(lambda found: [at for at, what, whose in found
                                        if what == "gone" and whose == address and at >= since], timeout)[0]


def arp_reply(mac, address):
    """A gratuitous reply that claims an address."""
    raw = bytes.fromhex(mac.replace(":", ""))
    ip = socket.inet_aton(address)
    return b"\xff" * 6 + raw + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 2) + raw + ip + b"\xff" * 6 + ip


def advertisement(mac, address):
    """An unsolicited neighbour advertisement that claims an address."""
    raw = bytes.fromhex(mac.replace(":", ""))
    ip, group = socket.inet_pton(socket.AF_INET6, address), socket.inet_pton(socket.AF_INET6, "ff02::1")
    body = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + ip + b"\x02\x01" + raw
    summed = ip + group + struct.pack("!II", len(body), 58) + body
    total = sum(struct.unpack(f"!{len(summed) // 2}H", summed))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    body = body[:2] + struct.pack("!H", ~total & 0xffff) + body[4:]
    return bytes.fromhex("333300000001") + raw + struct.pack("!HIHBB", 0x86dd, 0x60000000, len(body), 58, 255) + ip + group + body


def send_frame(host, frame):
    def send():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as made:
            made.bind(("eth0", 0))
            made.send(frame)
    host.call(send)
