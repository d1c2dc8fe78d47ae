# SPDX-License-Identifier: PostgreSQL
"""Mode replication: a schema of 200 tables as ORMs make it, and what their applications do with it, leave equal nodes."""
import collections
import contextlib
import random
import threading

import pytest

from support import orm
from support.replicated import assert_equal, states

CLIENTS, HOT = 4, 12  # clients of each kind; tables that they fight for
MOST_RETRIES = 0.02


@pytest.fixture(scope="module")
def schema(shared_proxy):
    """Migrations that write behind nothing: the books are kept outside of the transaction of DDL."""
    with contextlib.closing(shared_proxy.connect()) as connection, connection.cursor() as cursor:
        for statements, entry in orm.migrations():
            for text in ["begin", *statements, "commit", *([entry] if entry else [])]:
                cursor.execute(text)
        cursor.execute("select count(*) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace")
        assert cursor.fetchone()[0] >= 200
    return shared_proxy


class Applications:
    """Threads that each serve so many requests."""

    def __init__(self, proxy, requests, seed):
        self.proxy, self.requests, self.seed, self.errors = proxy, requests, seed, []
        self.done, self.failed = collections.Counter(), collections.Counter()
        self.threads = [threading.Thread(target=self._serve, args=(kind, number), daemon=True)
                        for kind in (orm.Django, orm.Rails) for number in range(CLIENTS)]

    def _serve(self, kind, number):
        rng, done, failed = random.Random(f"{self.seed}/{kind.__name__}{number}"), collections.Counter(), collections.Counter()
        try:
            application = kind(self.proxy, rng, orm.MODELS if number % 2 else HOT, done, failed)
            with contextlib.closing(application.connection):
                for _ in range(self.requests):
                    application.request()
        except Exception as error:  # told by run()
            self.errors.append(f"{kind.__name__}: {type(error).__name__}: {error}")
        self.done.update(done)
        self.failed.update(failed)

    def run(self, timeout):
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join(timeout)
            assert not thread.is_alive(), "a client hangs"
        assert self.errors == []
        assert sum(self.failed[state] for state in orm.RETRYABLE) <= MOST_RETRIES * self.requests * len(self.threads), self.failed
        return self


def test_applications_leave_equal_nodes(schema, sized, tell):
    served = Applications(schema, sized(60, 2000), "served").run(sized(60, 1500))
    tell(f"{sum(served.done.values())} requests; ended otherwise: {dict(served.failed)}; {dict(served.done)}")
    assert len(served.done) == 18
    assert_equal(schema.nodes, but=" sequence ")  # an INSERT of no row moves it on main alone, for a moment
    assert states(schema) == ["up"] * 3


def test_migrations_that_write_behind_ddl(schema, tell):
    with contextlib.closing(schema.connect()) as connection, connection.cursor() as cursor:
        for number, statements in enumerate(orm.later_migrations()):
            for text in ["begin", *statements, "commit"]:
                cursor.execute(text)
        assert cursor.statusmessage == "COMMIT"
        tell(f"{number + 1} migrations")
    assert_equal(schema.nodes, but=" sequence ")
