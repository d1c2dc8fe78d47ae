# SPDX-License-Identifier: PostgreSQL
"""Calls of psycopg2 in labs end after a while, whatever the server does: what would hang is an error of the test that asked."""
import select
import time

import psycopg2
from psycopg2 import extensions

CONNECT = 3  # seconds; libpq's connect_timeout does not count with a callback
CALL = 60
EVENTS = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}


def wait(connection):
    is_connected = connection.status in (extensions.STATUS_READY, extensions.STATUS_BEGIN)
    patience = CALL if is_connected else CONNECT
    end = time.monotonic() + patience
    while (state := connection.poll()) != extensions.POLL_OK:
        left = end - time.monotonic()
        if left <= 0:
            raise psycopg2.OperationalError(f"no answer within {patience} s")
        poll = select.poll()
        poll.register(connection.fileno(), EVENTS[state])
        poll.poll(left * 1000)
