# SPDX-License-Identifier: PostgreSQL
"""Plays a sequence against one server address and writes down every frame that each connection got."""
import contextlib
import time

from support import wire

from . import steps as s

USER, DATABASE, OTHER_USER = "diff", "diff", "diff_other"
MARKER = "the_end_of_the_sequence"
SETUP = f"""
do $$ declare s name; begin
  for s in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
  loop execute format('drop schema %I cascade', s); end loop; end $$;
create schema public authorization {USER};
grant usage on schema public to {OTHER_USER};  -- names mean the same to both, whenever a statement is prepared again
set role {USER};
create table t(id int primary key, name text, amount numeric(10,2), at date);
insert into t values (1, 'one', 1.10, '2020-01-01'), (2, 'two', 2.20, '2020-02-02'), (3, 'three', null, null);
create table journal(n serial primary key, what text);
create table parent(id int primary key);
create table child(id int references parent deferrable initially deferred);
create table secret(a int); reset role; alter table secret owner to postgres; set role {USER};
create view doubled as select id * 2 as id from t;
create type color as enum ('red', 'green');
create function fail(text) returns int language plpgsql as
  $$ begin raise exception '%', $1 using errcode = 'P0001', detail = 'a detail', hint = 'a hint'; end $$;
create function note(text) returns int language plpgsql as $$ begin raise notice '%', $1; return 1; end $$;
create function write(text) returns int language sql as $$ insert into journal(what) values ($1) returning n $$;
create function add(int, int) returns int language sql immutable as $$ select $1 + $2 $$;
create procedure twice(text) language plpgsql as
  $$ begin insert into journal(what) values ($1); commit; insert into journal(what) values ($1); end $$;
reset role
"""


class Target:
    """Where to play: address of the server or proxy."""

    def __init__(self, name, host, port):
        self.name, self.host, self.port = name, host, port


def prepare_server(node):
    """Once per server: roles and the database."""
    for role in (USER, OTHER_USER):
        node.sql(f"create role {role} login")
    node.sql(f"grant {OTHER_USER} to {USER}")
    node.sql(f"create database {DATABASE} owner {USER}")


def reset_server(node):
    """Before every run: the same tables with the same contents. Fails where somebody still holds a lock."""
    with contextlib.closing(node.connect(DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute("set client_min_messages = warning; set lock_timeout = '5s'")
        cursor.execute(SETUP)


class Player:
    """One run of one sequence. transcript: connection name -> frames, with pseudo frames of type "!" for what happened."""

    def __init__(self, target, node, piece=0, timeout=10.0):
        self.target, self.node, self.piece, self.timeout = target, node, piece, timeout
        self.connections, self.transcript, self.pending = {}, {}, []
        self.current, self.is_over = None, set()

    def play(self, sequence):
        try:
            self._use("a", sequence.startup, sequence.is_raw)
            for step in sequence.steps:
                if isinstance(step, s.Send):
                    self.pending.append(step.data)
                    continue
                self._write()
                if not self._perform(step):
                    break
            self._write()
            self._finish(sequence)
        finally:
            for connection in self.connections.values():
                connection.close()
        return self.transcript

    def _perform(self, step):
        """False when the conversation cannot go on."""
        if isinstance(step, s.Read):
            return self._read(lambda: self._until(step.kinds, step.count), str(step))
        if isinstance(step, s.Eof):
            self._read(self._until_closed, "Eof()")
            return True
        if isinstance(step, s.Byte):
            return self._read(lambda: self._keep(wire.Frame("b", self.connections[self.current].read_bytes(1))), "Byte()")
        if isinstance(step, s.End):
            self.connections[self.current].send(wire.copy_fail(), wire.SYNC, wire.query(MARKER))
            return self._read(self._until_marker, "End()")
        if isinstance(step, s.Pace):
            self._pace()
        elif isinstance(step, s.Pause):
            time.sleep(step.seconds)
        elif isinstance(step, s.Use):
            self._use(step.name, step.startup, False)
        elif isinstance(step, s.Cancel):
            self._cancel(step)
        elif isinstance(step, s.Drop):
            self.connections[self.current].close()
            self.is_over.add(self.current)
        elif isinstance(step, s.WaitActive):
            return self._wait_active(step.text)
        return True

    def _note(self, text):
        self.transcript[self.current].append(wire.Frame("!", text.encode()))

    def _keep(self, frame):
        self.transcript[self.current].append(frame)
        return frame

    def _use(self, name, startup, is_raw):
        self.current = name
        if name in self.connections:
            return
        connection = wire.Connection(self.target.host, self.target.port, self.timeout)
        self.connections[name] = connection
        self.transcript[name] = []
        if not is_raw:
            parameters = {"user": USER, "database": DATABASE, **dict(startup)}
            connection.send(wire.startup({k: v for k, v in parameters.items() if v is not None}))
            self._read(self._until_started, "startup")

    def _until_started(self):
        connection = self.connections[self.current]
        while True:
            frame = self._keep(connection.read_frame())
            if frame.type == "K":
                connection.pid, connection.key = (int.from_bytes(frame.body[i:i + 4], "big") for i in (0, 4))
            if frame.type in "ZE":
                return

    def _write(self):
        data, self.pending = b"".join(self.pending), []
        if not data:
            return
        connection = self.connections[self.current]
        if self.piece and len(data) <= 20000:
            connection.send_split(data, self.piece)
        else:
            connection.send(data)

    def _read(self, reader, what):
        try:
            reader()
            return True
        except wire.Timeout:
            self._note(f"nothing came any more while waiting for {what}")
        except wire.Closed:
            self._note("closed by the server")
        self.is_over.add(self.current)
        return False

    def _until(self, kinds, count):
        while count > 0:
            count -= self._keep(self.connections[self.current].read_frame()).type in kinds

    def _until_closed(self):
        while True:
            self._keep(self.connections[self.current].read_frame())

    def _until_marker(self):
        while True:
            frame = self._keep(self.connections[self.current].read_frame())
            if frame.type == "E" and MARKER in frame.fields().get("M", ""):
                return self._until("Z", 1)

    def _pace(self):
        try:
            while self._keep(self.connections[self.current].read_frame(0.03)).type != "Z":
                pass
        except (wire.Timeout, wire.Closed):
            pass  # a close shows again at the next reading step

    def _cancel(self, step):
        of = self.connections[step.name]
        with wire.Connection(self.target.host, self.target.port, self.timeout) as other:
            other.send(wire.cancel_request(of.pid, of.key ^ 1 if step.wrong_key else of.key))
            other.is_closed()

    def _wait_active(self, text):
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            if self.node.sql("select true from pg_stat_activity where state = 'active' and query like %s"
                             " and pid <> pg_backend_pid()", [f"%{text}%"]):
                return True
            time.sleep(0.01)
        self._note(f"the server does not run {text!r}")
        return False

    def _finish(self, sequence):
        """Says goodbye on every connection that still talks: what was owed comes before the close."""
        for name, connection in self.connections.items():
            self.current = name
            if name in self.is_over or sequence.is_raw:
                continue
            connection.send(wire.TERMINATE)
            self._read(self._until_closed, "the close after Terminate")
