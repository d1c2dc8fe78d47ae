# SPDX-License-Identifier: PostgreSQL
"""Clients that work beside a test.

    class Writers(Clients):
        def work(self, number):
            while not self.stopping.is_set():
                ...
                self.acknowledged.add(key)

    with Writers(proxy) as writers:
        writers.go_on(100)
        node.kill()
        writers.go_on(100)
"""
import threading

from .pgcluster import wait_for


class Clients:
    """Threads that `work(number)` until `stopping` is set; in `acknowledged` they put what of theirs was."""

    def __init__(self, proxy, count=6):
        self.proxy, self.acknowledged, self.stopping = proxy, set(), threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(count)]

    def work(self, number):
        raise NotImplementedError

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"

    def go_on(self, least, seconds=60):
        """Returns when so many more are acknowledged."""
        target = len(self.acknowledged) + least
        wait_for(lambda: len(self.acknowledged) >= target, seconds, f"{least} more are acknowledged")
