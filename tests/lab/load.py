# SPDX-License-Identifier: PostgreSQL
"""Clients of a lab that write all the time, and know what was acknowledged to them.

    with Load(lab) as load:
        begin = time.monotonic()
        lab.kill("m1")
        load.wait_served(10)
        print(load.outage(begin))
    assert load.lost(primary) == set()
"""
import contextlib
import dataclasses
import socket
import threading
import time

import psycopg2

from . import appliance, nodes
from .host import wait_for
from .network import LabError


@dataclasses.dataclass
class Client:
    """What one client saw; its thread appends, others only read."""
    acknowledged: list = dataclasses.field(default_factory=list)  # (when, number)
    errors: list = dataclasses.field(default_factory=list)  # (when, text)
    connects: int = 0


class Load:
    """Each client inserts a row in a transaction of its own every few milliseconds, by one connection until that fails. It looks for
    an open port again and again before it lets libpq connect, so that the repetition of lost SYNs (1 s, 3 s, ...) by the
    client's kernel is not measured."""

    def __init__(self, lab, clients=4, address=appliance.VIRTUAL, pause=0.005, look=0.1):
        """`look`: how long it waits for the answer to each look, in seconds."""
        self.lab, self.address, self.pause, self.look = lab, address, pause, look
        self.clients = [Client() for _ in range(clients)]
        self.is_over = threading.Event()
        self.stopped = None  # when
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(clients)]

    def __enter__(self):
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("drop table if exists load")
            cursor.execute("create table load (client int, number int, primary key (client, number))")
        for thread in self.threads:
            thread.start()
        try:
            self.wait_served(30, count=100)  # long enough for every member to know who is connected
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopped = time.monotonic()
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def connect(self):
        """Anew, by what is at the address now. Autocommit."""
        with self.lab.network.inside("client"):
            socket.create_connection((self.address, appliance.PORT), timeout=self.look).close()
            connection = psycopg2.connect(host=self.address, port=appliance.PORT, user="postgres", dbname="postgres",
                                          tcp_user_timeout=3000, keepalives_idle=1, keepalives_interval=1, keepalives_count=2)
        connection.autocommit = True
        return connection

    def _run(self, index):
        client, number = self.clients[index], 0
        while not self.is_over.is_set():
            try:
                with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
                    client.connects += 1
                    while not self.is_over.wait(self.pause):
                        number += 1  # never again: after an error nobody knows whether it is there
                        cursor.execute("insert into load values (%s, %s)", (index, number))
                        client.acknowledged.append((time.monotonic(), number))
            except (psycopg2.Error, OSError) as error:
                client.errors.append((time.monotonic(), " ".join(str(error).split())))
                self.is_over.wait(self.pause)

    # --- what was seen ---
    def wait_served(self, timeout, count=10):
        """Every client has that many more writes acknowledged."""
        before = [len(c.acknowledged) for c in self.clients]
        try:
            wait_for(lambda: all(len(c.acknowledged) >= n + count for c, n in zip(self.clients, before)), timeout, "clients are served")
        except LabError as error:
            raise LabError(f"{error}; last errors: {[c.errors[-1:] for c in self.clients]}") from None

    def outage(self, since):
        """The longest time that a client went without an acknowledged write, in seconds; one that goes on until now counts, too."""
        longest = 0
        for client in self.clients:
            times = [since] + [at for at, _ in client.acknowledged if at >= since] + [self.stopped or time.monotonic()]
            longest = max(longest, *(later - earlier for earlier, later in zip(times, times[1:])))
        return longest

    def errors(self, since=0):
        return [text for client in self.clients for at, text in client.errors if at >= since]

    def lost(self, node):
        """What was acknowledged up to now, and is not at that node."""
        acknowledged = {(i, number) for i, client in enumerate(self.clients) for _, number in list(client.acknowledged)}
        with contextlib.closing(nodes.connect(node)) as connection, connection.cursor() as cursor:
            cursor.execute("select client, number from load")
            there = set(cursor.fetchall())
        return acknowledged - there
