# SPDX-License-Identifier: PostgreSQL
"""A primary and N streaming standbys on the loopback interface, made in about a second.

    with Cluster(standbys=1, synchronous=True) as cluster:
        cluster.primary.sql("create table t(a int)")
        cluster.primary.kill()
        cluster.standbys[0].promote()

initdb runs once per machine and version; every cluster is a copy of that template. As root the servers run as user
postgres. fsync is off: processes are killed here, the kernel is not. A node is killed by its process id, children
included, which is what a client sees of a crash.
"""
import contextlib
import fcntl
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg2

from . import ports

BIN = pathlib.Path(os.environ.get("PGPOOL_PG_BIN", "/usr/lib/postgresql/15/bin"))
SUPERUSER = "postgres"
SETTINGS = {
    "wal_level": "replica", "hot_standby": "on", "max_wal_senders": "20", "max_replication_slots": "20",
    "max_connections": "200", "shared_buffers": "32MB", "fsync": "off",
    "wal_retrieve_retry_interval": "300ms", "wal_keep_size": "256MB", "max_wal_size": "1GB",
    "unix_socket_directories": "''", "listen_addresses": "'127.0.0.1'", "log_connections": "off",
    "log_line_prefix": "'%m [%p] %u@%d '", "wal_log_hints": "on", "jit": "off", "timezone": "'UTC'",
    "log_timezone": "'UTC'", "lc_messages": "'C'", "max_prepared_transactions": "20", "autovacuum_naptime": "10min",
}


class PgError(Exception):
    pass


def run_as():
    """Popen arguments that make a child run as user postgres where we are root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": os.getgrouplist("postgres", user.pw_gid)}


def run(command, **options):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          cwd="/", timeout=120, **run_as(), **options)
    if done.returncode != 0:
        raise PgError(f"{' '.join(str(c) for c in command)}\n{done.stdout}")
    return done.stdout


def make_owned_directory(prefix, parent="/var/tmp"):
    path = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


def template():
    """Data directory to copy from; made by the first who needs it."""
    version = subprocess.run([BIN / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    cache = ports.cache_directory()
    target = cache / f"template-{version.split()[2]}"
    with open(cache / "template.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            scratch = make_owned_directory("pgpool-template-")
            run([BIN / "initdb", "-D", scratch / "data", "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                 "-k", "--no-sync"])
            subprocess.run(["cp", "-a", scratch / "data", f"{target}.new"], check=True)
            os.rename(f"{target}.new", target)
            shutil.rmtree(scratch)
    return target


def wait_for(condition, timeout, what, interval=0.02):
    """Polls until `condition()` is true; its value. Raises with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise PgError(f"not within {timeout} s: {what}")
        time.sleep(interval)


def wait_until_runs(nodes, text):
    """One of them executes it."""
    running = "select count(*) from pg_stat_activity where state = 'active' and query = %s"
    wait_for(lambda: sum(node.sql(running, [text]) for node in nodes), 20, f"{text} runs")


def wait_for_lock(node, words):
    """What begins with the words waits for a lock."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ilike %s"
    wait_for(lambda: node.sql(waiting, [words + "%"]), 20, f"{words} waits")


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                with open(f"/proc/{entry}/stat") as stat:
                    if int(stat.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found.append(int(entry))
    return found


def has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class Node:
    """One server. Owned by its Cluster."""

    def __init__(self, cluster, name, port):
        self.cluster, self.name, self.port, self.host = cluster, name, port, "127.0.0.1"
        self.data = cluster.directory / name
        self.log = cluster.directory / f"{name}.log"
        self.process = None

    # --- life ---
    def start(self, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(BIN / "postgres"), "-D", str(self.data)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, cwd="/", **run_as())
        if wait:
            wait_for(self.is_ready, 60, f"{self.name} accepts connections; its log:\n{self.log_tail()}")

    def is_ready(self):
        if self.process.poll() is not None:
            raise PgError(f"{self.name} ended with {self.process.returncode}:\n{self.log_tail()}")
        try:
            self.connect(connect_timeout=2).close()
            return True
        except psycopg2.OperationalError:
            return False

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, mode="fast"):
        if not self.is_running():
            return
        number = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode]
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(number)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise PgError(f"{self.name} did not stop:\n{self.log_tail()}") from None

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def kill(self):
        """kill -9 of the postmaster and of all its children at once."""
        pids = self._all_pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        pids = set(pids + self._all_pids())
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        wait_for(lambda: all(has_ended(pid) for pid in pids), 10, f"{self.name} has let go of its memory")

    def kill_postmaster(self):
        """kill -9 of it alone: its sessions end themselves when they notice."""
        self.process.kill()
        self.process.wait(10)

    def freeze(self):
        """The server stays connected and says nothing more; the kernel still accepts."""
        for pid in self._all_pids():
            with contextlib.suppress(ProcessLookupError):  # a session that has just ended
                os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in reversed(self._all_pids()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _all_pids(self):
        return [self.process.pid] + children_of(self.process.pid) if self.is_running() else []

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def promote(self):
        """Returns when the server accepts writes."""
        run([BIN / "pg_ctl", "promote", "-W", "-D", self.data])
        wait_for(lambda: not self.is_standby(), 30, f"{self.name} is promoted")
        self.sql("checkpoint")  # so that pg_rewind sees the new timeline

    def follow(self, primary):
        """Makes this running standby stream from another primary."""
        primary.make_slot(self.name)
        self.configure({"primary_conninfo": primary.conninfo_for(self), "primary_slot_name": self.name})

    def rewind_and_follow(self, primary):
        """Brings a stopped or killed former primary back as a standby of `primary`."""
        assert not self.is_running()
        run([BIN / "pg_rewind", "-D", self.data, "--source-server", primary.dsn()])
        primary.make_slot(self.name)
        (self.data / "standby.signal").touch()
        self._own(self.data / "standby.signal")
        self.append_config({"port": str(self.port), "primary_conninfo": f"'{primary.conninfo_for(self)}'",
                            "primary_slot_name": f"'{self.name}'", "cluster_name": f"'{self.name}'"},
                           "postgresql.auto.conf")
        self.start()

    def come_back_behind(self, primary):
        """One that was killed as a primary: it recovers and ends in order first, as pg_rewind asks."""
        primary.sql("checkpoint")
        self.start()
        self.stop()
        self.rewind_and_follow(primary)

    # --- configuration ---
    def _own(self, path):
        if os.geteuid() == 0:
            shutil.chown(path, "postgres", "postgres")

    def append_config(self, settings, name="postgresql.conf"):
        with open(self.data / name, "a") as out:
            out.writelines(f"{key} = {value}\n" for key, value in settings.items())
        self._own(self.data / name)

    def configure(self, settings):
        """ALTER SYSTEM and reload; waits until the postmaster has read it."""
        before = self.sql("select pg_conf_load_time()")
        for key, value in settings.items():
            self.sql(f"alter system set {key} = '{value}'")
        self.reload()
        wait_for(lambda: self.sql("select pg_conf_load_time()") != before, 10, f"{self.name} reloads")

    def set_hba(self, lines):
        (self.data / "pg_hba.conf").write_text("\n".join(lines) + "\n")
        self._own(self.data / "pg_hba.conf")
        if self.is_running():
            before = self.sql("select pg_conf_load_time()")
            self.reload()
            wait_for(lambda: self.sql("select pg_conf_load_time()") != before, 10, f"{self.name} reloads")

    def make_slot(self, name):
        self.sql(f"select pg_create_physical_replication_slot('{name}', true) where not exists"
                 f" (select from pg_replication_slots where slot_name = '{name}')")

    # --- use ---
    def dsn(self, dbname="postgres", user=SUPERUSER):
        return f"host={self.host} port={self.port} dbname={dbname} user={user}"

    def conninfo_for(self, standby):
        return f"host={self.host} port={self.port} user={SUPERUSER} application_name={standby.name}"

    def connect(self, dbname="postgres", user=SUPERUSER, **options):
        """A psycopg2 connection in autocommit mode, straight to this server."""
        connection = psycopg2.connect(host=self.host, port=self.port, dbname=dbname, user=user,
                                      **{"connect_timeout": 5, **options})
        connection.autocommit = True
        return connection

    def sql(self, text, parameters=None, dbname="postgres"):
        """Runs one statement as superuser; the first column of the first row, or None."""
        rows = self.rows(text, parameters, dbname)
        return rows[0][0] if rows else None

    def rows(self, text, parameters=None, dbname="postgres"):
        with contextlib.closing(self.connect(dbname)) as connection, connection.cursor() as cursor:
            cursor.execute(text, parameters)
            return cursor.fetchall() if cursor.description else []

    def is_standby(self):
        return self.sql("select pg_is_in_recovery()")

    def lsn(self):
        return self.sql("select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end")

    def pause_replay(self):
        self.sql("select pg_wal_replay_pause()")
        wait_for(lambda: self.sql("select pg_get_wal_replay_pause_state()") == "paused", 10, f"replay on {self.name} pauses")

    def resume_replay(self):
        self.sql("select pg_wal_replay_resume()")

    def client_backends(self):
        """Rows (pid, user, database, state, query) of client connections other than the asking one."""
        return self.rows("select pid, usename, datname, state, query from pg_stat_activity"
                         " where backend_type = 'client backend' and pid <> pg_backend_pid()")

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=15):
        return "\n".join(self.log_text().splitlines()[-lines:])


class Servers:
    """Several nodes in a directory of their own, from start() on to the end of the block; who derives from it has `nodes`."""

    def __init__(self, settings, parent="/var/tmp"):
        self.directory = make_owned_directory("pgpool-test-", parent)
        self.settings = settings or {}

    def make_first(self, node, hba):
        """From the template, not by copying another."""
        subprocess.run(["cp", "-a", template(), node.data], check=True)
        node.append_config({**SETTINGS, **self.settings, "port": str(node.port), "cluster_name": f"'{node.name}'"})
        node.set_hba(["local all all trust", "host all all 127.0.0.1/32 trust", *hba])
        node.start()

    def stop(self):
        for node in reversed(self.nodes):
            if node.is_running():
                node.thaw()
                node.stop("immediate")
            ports.release(node.port)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()


class Independents(Servers):
    """Servers that know nothing of each other, for mode replication: as if made by one initdb, then copied."""

    def __init__(self, count=3, settings=None, parent="/var/tmp"):
        super().__init__(settings, parent)
        self.nodes = [Node(self, f"node{i + 1}", ports.reserve()) for i in range(count)]

    def start(self):
        for node in self.nodes:
            self.make_first(node, [])
        return self

    def sql(self, text, parameters=None, dbname="postgres"):
        """On every node; what each answers."""
        return [node.sql(text, parameters, dbname) for node in self.nodes if node.is_running()]


class Cluster(Servers):
    """standbys: how many; synchronous: commits wait for any one of them; settings: extra server settings."""

    def __init__(self, standbys=1, synchronous=False, settings=None):
        super().__init__(settings)
        self.synchronous = synchronous
        self.primary = Node(self, "node1", ports.reserve())
        self.standbys = [Node(self, f"node{i + 2}", ports.reserve()) for i in range(standbys)]

    @property
    def nodes(self):
        return [self.primary] + self.standbys

    def start(self):
        self.make_first(self.primary, ["host replication all 127.0.0.1/32 trust"])
        for standby in self.standbys:
            self.add_standby(standby)
        if self.synchronous:
            names = ",".join(s.name for s in self.standbys)
            self.primary.configure({"synchronous_standby_names": f"ANY 1 ({names})"})
        return self

    def add_standby(self, standby):
        """Base backup with a slot, then streaming."""
        self.primary.make_slot(standby.name)
        run([BIN / "pg_basebackup", "-D", standby.data, "-d", self.primary.conninfo_for(standby), "-R", "-S", standby.name,
             "-X", "stream", "-c", "fast", "--no-sync"])
        standby.append_config({"port": str(standby.port), "cluster_name": f"'{standby.name}'"})
        standby.start()
        wait_for(lambda: self.primary.sql("select true from pg_stat_replication where application_name = %s and state = "
                                          "'streaming'", [standby.name]), 30, f"{standby.name} streams")

    def wait_caught_up(self, timeout=20):
        """Every running standby has replayed what the primary has written."""
        target = self.primary.sql("select pg_current_wal_lsn()")
        for standby in self.standbys:
            if standby.is_running():
                wait_for(lambda s=standby: s.sql("select pg_last_wal_replay_lsn() >= %s", [target]), timeout,
                         f"{standby.name} replays up to {target}")
