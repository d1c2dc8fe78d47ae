# SPDX-License-Identifier: PostgreSQL
"""A client: random transactions over one of the drivers; it notes what it was told and keeps its story."""
import collections
import contextlib
import io
import os
import random
import re
import socket
import threading
import time

import psycopg
import psycopg2

from . import workload
from .schema import ROLES

STORY = 4000  # entries that a client keeps
UNKNOWN_STATES = {"08007", "57P01", "57P02", "08006", "08003"}  # where COMMIT was under way
RETRYABLE = {"40001", "40P01"}


class Failed(Exception):
    """What the server said, or that the connection is lost (sqlstate empty)."""

    def __init__(self, sqlstate, message, is_lost):
        super().__init__(message)
        self.sqlstate, self.message, self.is_lost = sqlstate or "", " ".join(str(message).split()), is_lost

    def __str__(self):
        return f"{self.sqlstate or 'lost'}: {self.message}"


class SimpleDriver:
    """psycopg2: the simple protocol, one Query per statement."""
    name = "simple"

    def __init__(self, target, role):
        self.connection = psycopg2.connect(host=target.host, port=target.port, dbname="postgres", user=role, connect_timeout=20)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def run(self, step):
        """(command tag, rows)."""
        if step.is_copy:
            self.cursor.copy_expert(step.sql, io.StringIO(step.copies))
            return "COPY", []
        self.cursor.execute(step.sql, step.parameters or None)
        return self.cursor.statusmessage, self.cursor.fetchall() if self.cursor.description else []

    def cancel(self):
        self.connection.cancel()

    def failure(self, error):
        return Failed(error.pgcode, error, bool(self.connection.closed) or error.pgcode is None)

    def close(self):
        self.connection.close()


class PreparedDriver:
    """psycopg 3: the extended protocol with named statements, parameters as text or binary; "named" prepares COMMIT and the like too."""

    def __init__(self, target, role, name):
        self.name = name
        self.connection = psycopg.connect(host=target.host, port=target.port, dbname="postgres", user=role, autocommit=True,
                                          connect_timeout=20)
        self.cursor = self.connection.cursor(binary=name == "binary")

    def run(self, step):
        if step.is_copy:
            with self.cursor.copy(step.sql) as copy:
                copy.write(step.copies)
            return "COPY", []
        if ";" in step.sql or step.more:  # a Query
            self.connection.execute(step.sql)
            return "", []
        try:
            self.cursor.execute(step.sql, step.parameters or None, prepare=step.kind != "control" or self.name == "named")
        except ValueError as error:  # docs/differences.md: it has no place for an error behind ParseComplete, when a node is lost just then
            self.connection.close()
            raise psycopg.OperationalError(f"psycopg: {error}") from None
        return self.cursor.statusmessage, self.cursor.fetchall() if self.cursor.description else []

    def cancel(self):
        self.connection.cancel()

    def failure(self, error):
        return Failed(error.sqlstate, error, self.connection.closed or error.sqlstate is None)

    def close(self):
        self.connection.close()


DRIVERS = {"simple": 3, "prepared": 1, "binary": 1, "named": 1}


def connect(rng, target, role, drivers):
    kind = workload.weighted(rng, drivers)
    return SimpleDriver(target, role) if kind == "simple" else PreparedDriver(target, role, kind)


class Gate:
    """Clients stop at it between transactions while it is closed."""

    def __init__(self):
        self.changed, self.is_closed, self.waiting = threading.Condition(), False, 0

    def pass_through(self, stopping):
        with self.changed:
            if not self.is_closed:
                return
            self.waiting += 1
            self.changed.notify_all()
            while self.is_closed and not stopping.is_set():
                self.changed.wait(0.2)
            self.waiting -= 1

    def close(self):
        with self.changed:
            self.is_closed = True

    def open(self):
        with self.changed:
            self.is_closed = False
            self.changed.notify_all()


class Ledger:
    """What clients were told, of transactions that keep books; numbers of all."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged, self.refused, self.unknown = set(), set(), set()
        self.executed, self.refusals = collections.Counter(), collections.Counter()  # by kind
        self.known_refusals = collections.Counter()  # for what the transaction is, not for what the statement is
        self.reasons = {}  # of refusals, by kind: a message and its statement
        self.errors = collections.Counter()  # by SQLSTATE
        self.samples = {}  # SQLSTATE: a message
        self.messages = collections.Counter()  # of 40001 and the like, without numbers
        self.examples = {}  # of each of them: client, transaction
        self.own_retries = 0  # 40001 that PostgreSQL itself gives in REPEATABLE READ, 40P01 of one node
        self.outcomes = collections.Counter()
        self.drivers = collections.Counter()
        self.violations = []

    def violation(self, text):
        with self.lock:
            self.violations.append(text)


class Client:
    def __init__(self, number, seed, target, generate, drivers, hangs_up, ledger, gate, stopping):
        """`generate(rng, client, role)` makes its Generator."""
        self.rng = random.Random(f"{seed}/client{number}")
        self.number, self.target, self.ledger, self.gate, self.stopping = number, target, ledger, gate, stopping
        self.role = self.rng.choices(ROLES, [6, 3, 1])[0]
        self.generator, self.drivers, self.hangs_up = generate(self.rng, number, self.role), drivers, hangs_up
        self.story = collections.deque(maxlen=STORY)
        self.driver, self.busy_since, self.doing = None, None, ""
        self.was_told = False  # COMMIT is under way: without an answer its outcome is unknown
        self.thread = threading.Thread(target=self._run, name=f"client{number}", daemon=True)

    # --- life ---
    def _run(self):
        while not self.stopping.is_set():
            self.gate.pass_through(self.stopping)
            if self.stopping.is_set():
                break
            try:
                self.one()
            except Exception as error:  # a fault of the hunt itself
                self.ledger.violation(f"client {self.number}: {type(error).__name__}: {error}; {self.doing}")
                return
            if self.rng.random() < 0.02:
                self.hang_up()
        self.hang_up()

    def hang_up(self):
        if self.driver is not None:
            with contextlib.suppress(Exception):
                self.driver.close()
        self.driver = None

    # What others do to it, at any moment: it may just connect, or hang up.
    def cancel(self):
        driver = self.driver
        if driver is not None:
            with contextlib.suppress(psycopg2.Error, psycopg.Error):
                driver.cancel()

    def drop(self):
        """Its connection breaks."""
        driver = self.driver
        if driver is not None:
            with contextlib.suppress(OSError, psycopg2.Error, psycopg.Error), socket.socket(fileno=os.dup(driver.connection.fileno())) as twin:
                twin.shutdown(socket.SHUT_RDWR)

    def one(self):
        if self.driver is None:
            try:
                self.driver = connect(self.rng, self.target, self.role, self.drivers)
            except (psycopg2.Error, psycopg.Error) as error:
                self.note(0, "connect", str(error).strip()[:100])
                time.sleep(0.05)
                return
        transaction = self.generator.next()
        self.was_told = False
        try:
            outcome = self.play(transaction)
        except Failed as failure:
            outcome = self.after(transaction, failure)
        self.settle(transaction, outcome)

    # --- one statement ---
    def note(self, txid, sql, answer):
        self.story.append((time.time(), txid, self.driver.name if self.driver else "-", sql, answer))

    def run(self, txid, step):
        self.doing, self.busy_since = f"{txid} {step.sql} {step.parameters}", time.monotonic()
        try:
            tag, rows = self.driver.run(step)
        except (psycopg2.Error, psycopg.Error) as error:
            failure = self.driver.failure(error)
            self.note(txid, f"{step.sql} {step.parameters or ''}", str(failure))
            self.count(txid, step, failure)
            raise failure from None
        finally:
            self.busy_since = None
        self.note(txid, f"{step.sql} {step.parameters or ''}", f"{tag} {rows if rows else ''}")
        return tag, rows

    def text(self, txid, sql):
        return self.run(txid, workload.Step("control", sql))[0]

    def count(self, txid, step, failure):
        with self.ledger.lock:
            self.ledger.errors[failure.sqlstate or "lost"] += 1
            self.ledger.samples.setdefault(failure.sqlstate or "lost", failure.message[:160])
            if failure.sqlstate in RETRYABLE or failure.sqlstate[:2] not in ("23", "42"):
                text = re.sub(r"(?<=.{6})\d+|\(.*|DETAIL.*|HINT.*", "", f"{failure.sqlstate} {failure.message}"[:200])
                self.ledger.messages[text] += 1
                self.ledger.examples.setdefault(text, (self.number, txid))
            is_own = failure.message.startswith("could not serialize access") or failure.message.startswith("deadlock detected")
            self.ledger.own_retries += failure.sqlstate in RETRYABLE and is_own
            if failure.sqlstate == "0A000":
                is_known = any(reason in failure.message for reason in workload.REFUSED)
                (self.ledger.known_refusals if is_known else self.ledger.refusals)[step.kind] += 1
                if not is_known:
                    self.ledger.reasons.setdefault(step.kind, (failure.message[:160], step.sql[:160]))

    # --- transactions ---
    def play(self, transaction):
        """acknowledged, or refused where it was rolled back as wished."""
        if transaction.is_script:
            script = self.script(transaction)
            if script is not None:
                return self.play_script(transaction, script)
        return self.play_block(transaction) if transaction.is_explicit else self.play_alone(transaction)

    def play_alone(self, transaction):
        step = transaction.steps[0]
        if transaction.tally < 0:
            self.was_told = True
            self.run(transaction.txid, step)
            return "acknowledged"
        first, last = self.generator.books(transaction)
        texts = [self.literal(s) for s in (*first, step, *last)]  # one Query is one transaction
        if step.is_copy or step.kind in workload.LARGE or None in texts:
            self.was_told = True
            self.run(transaction.txid, step)
            transaction.tally = -1
            return "acknowledged"
        self.was_told = True
        self.run(transaction.txid, workload.Step(step.kind, "; ".join(texts)))
        return "acknowledged"

    def script(self, transaction):
        """All of it as one text; None if that cannot be written simply."""
        first, last = self.generator.books(transaction)
        texts = [self.literal(step) for step in (*first, *transaction.steps, *last)]
        if None in texts or any(step.is_copy or step.more for step in transaction.steps):
            return None
        return "; ".join([f"begin {transaction.isolation}", *texts, "commit" if transaction.commits else "rollback"])

    def play_script(self, transaction, script):
        self.was_told = transaction.commits
        self.run(transaction.txid, workload.Step("script", script))
        if not transaction.commits:
            return "refused"
        with self.ledger.lock:
            self.ledger.executed["script"] += 1
        return "acknowledged"

    @staticmethod
    def literal(step):
        """The statement without parameters, None if that cannot be written simply."""
        values = []
        for value in step.parameters:
            if isinstance(value, int) and not isinstance(value, bool):
                values.append(str(value))
            elif isinstance(value, str) and value.isalnum() and value.isascii():
                values.append(f"'{value}'")
            else:
                return None
        return step.sql % tuple(values) if step.parameters else step.sql

    def play_block(self, transaction):
        rng, txid = self.rng, transaction.txid
        first, last = self.generator.books(transaction)
        if rng.random() < 0.3:
            first, last = [], last[:1] + first + last[1:]
        self.text(txid, f"begin {transaction.isolation}".strip())
        for step in first:
            self.run(txid, step)
        for step in transaction.steps:
            self.play_step(txid, step)
            for text in step.more if step.kind else ():
                self.run(txid, workload.Step(step.kind, text, more=step.more))
        for step in last:
            self.run(txid, step)
        if not transaction.commits:
            if self.rng.random() < self.hangs_up:
                self.hang_up()
            else:
                self.text(txid, "rollback")
            return "refused"
        self.was_told = True
        tag = self.text(txid, "commit")
        return "acknowledged" if tag == "COMMIT" else "refused"

    def play_step(self, txid, step):
        """Behind a savepoint it may fail; then, and sometimes anyway, that is rolled back to."""
        if not step.shields:
            self.run(txid, step)
            return
        name = self.rng.choice(["a", "b"])
        self.text(txid, f"savepoint {name}")
        if self.rng.random() < 0.3:
            self.text(txid, f"insert into undone values ({txid})")
            undoes = True
        else:
            undoes = False
        try:
            self.run(txid, step)
        except Failed as failure:
            if failure.is_lost or failure.sqlstate in RETRYABLE or failure.sqlstate == "0A000":
                raise
            undoes = True
        if undoes:
            company = "" if self.rng.random() < 0.8 else f"; insert into notes values ('company', 0, {txid})"
            company = company if self.role != "weak" else ""
            self.text(txid, f"rollback to savepoint {name}{company}")
            step.kind = ""  # not executed
        elif self.rng.random() < 0.5:
            self.text(txid, f"release savepoint {name}")

    def after(self, transaction, failure):
        """What became of it, with the session ready for the next one."""
        if failure.is_lost:
            self.hang_up()
            return "unknown" if self.was_told else "refused"
        if self.was_told and failure.sqlstate in UNKNOWN_STATES:
            self.hang_up()
            return "unknown"
        if transaction.is_explicit and self.rng.random() < self.hangs_up:
            self.hang_up()
        elif transaction.is_explicit:
            try:
                tag = self.text(transaction.txid, "rollback")
                if tag != "ROLLBACK":
                    self.ledger.violation(f"ROLLBACK was answered with {tag}: {self.doing}")
            except Failed:
                self.hang_up()
        return "refused"

    def settle(self, transaction, outcome):
        ledger = self.ledger
        with ledger.lock:
            ledger.outcomes[outcome] += 1
            if self.driver is not None:
                ledger.drivers[self.driver.name] += 1
            if transaction.tally >= 0:
                getattr(ledger, outcome).add(transaction.txid)
            if outcome == "acknowledged":
                ledger.executed.update(step.kind for step in transaction.steps if step.kind)
        if outcome == "acknowledged" and transaction.tally >= 0 and self.rng.random() < 0.15:
            self.look_for(transaction.txid)

    def look_for(self, txid):
        """No read after an acknowledged COMMIT misses it, on whatever node."""
        try:
            _, rows = self.run(txid, workload.Step("look", "select count(*), inet_server_port() from ledger where txid = %s", (txid,)))
        except Failed as failure:
            if failure.is_lost:
                self.hang_up()
            return
        if rows[0][0] != 1:
            self.ledger.violation(f"transaction {txid} was acknowledged, a read after it sees it {rows[0][0]} times on port {rows[0][1]}")
