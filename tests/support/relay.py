# SPDX-License-Identifier: PostgreSQL
"""A relay before a node that can delay cancel requests, cut a reply short, and see what is sent to the node before that has it.

    relay = Relay(cluster.primary, cancel_delay=3)
    make_proxy(cluster, {"nodes": [node_entry(relay)]})
"""
import contextlib
import socket
import struct
import threading
import time

from . import wire


class Relay:
    """cut: of the first message of a node whose length field is cut[0], the last cut[1] bytes never come.

    before(name, data) is called with what clients of the proxy cause to be sent to the node; an OSError ends that connection.
    """

    def __init__(self, node, cancel_delay=0.0, cut=None, before=None):
        self.node, self.cancel_delay, self.cut, self.before = node, cancel_delay, cut, before
        self.listener = socket.create_server((node.host, 0))
        self.name, self.host, self.port = node.name, node.host, self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],), daemon=True).start()

    def _serve(self, client):
        first = client.recv(1 << 16)
        if first[:8] == struct.pack("!II", 16, wire.CANCEL_REQUEST):
            time.sleep(self.cancel_delay)
        node = socket.create_connection((self.node.host, self.node.port))
        node.sendall(first)
        threading.Thread(target=self._pass, args=(node, client, self.cut), daemon=True).start()
        self._pass(client, node, None, self.before)

    def _pass(self, source, target, cut, before=None):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if data[:1] == b"\0":  # a startup packet, behind the question for TLS, which the proxy asks for connections of its own
                    before = None
                if before:
                    before(self.name, data)
                at = data.find(b"D" + struct.pack("!I", cut[0])) if cut else -1
                if at >= 0:
                    end = at + 1 + cut[0] - cut[1]
                    while len(data) < end:
                        data += source.recv(1 << 16)
                    target.sendall(data[:end])
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
