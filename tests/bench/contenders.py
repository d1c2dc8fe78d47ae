# SPDX-License-Identifier: PostgreSQL
"""What is measured: PostgreSQL itself, and poolers and proxies in front of it.

    with CONTENDERS["pgbouncer"].run(cluster, protocol="simple", clients=32) as running:
        running.port, running.pid      # where clients connect; the root of its processes, None for PostgreSQL itself

A contender is started for one measurement and stopped after it, so that no other holds server connections meanwhile. All are
on the loopback interface, trust their clients, and log no connections.
"""
import contextlib
import dataclasses
import os
import re
import shutil
import signal
import subprocess

from support import pgcluster, ports, proxy, wire

POOL_SIZE = 20
MAX_CLIENTS = 6000
USER, DATABASE = "bench", "bench"


@dataclasses.dataclass(frozen=True)
class Running:
    port: int
    pid: int | None
    setup: str
    generator: tuple = ()  # the command that takes pgbench's place, with its options


class Direct:
    name, max_idle = "direct", 500
    version_command = [pgcluster.BIN / "postgres", "--version"]

    @contextlib.contextmanager
    def run(self, cluster, protocol, clients):
        yield Running(cluster.primary.port, None, "no proxy")


class Daemon:
    """A foreground program with one configuration file, run as user postgres. `behind` is what it stands in front of."""

    @staticmethod
    def behind(cluster):
        return cluster.primary

    @contextlib.contextmanager
    def run(self, cluster, protocol, clients):
        port, directory = ports.reserve(), pgcluster.make_owned_directory(f"pgpool-bench-{self.name}-")
        try:
            files, setup = self.configuration(self.behind(cluster), port, directory, protocol, clients)
            for name, text in files.items():
                (directory / name).write_text(text)
                (directory / name).chmod(0o644)
            with open(directory / "log", "wb") as log:
                process = subprocess.Popen([str(c) for c in self.command(directory)], stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=log, cwd="/", **pgcluster.run_as())
            try:
                pgcluster.wait_for(lambda: answers(process, port, directory / "log"), 30, f"{self.name} answers")
                yield Running(port, process.pid, setup)
            finally:
                self.stop(process)
        finally:
            ports.release(port)
            shutil.rmtree(directory, ignore_errors=True)

    @staticmethod
    def stop(process):
        """SIGINT; what is left of its processes after 10 s is killed."""
        children = pgcluster.children_of(process.pid)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def answers(process, port, log):
    if process.poll() is not None:
        raise pgcluster.PgError(f"ended with {process.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
    try:
        with wire.connect("127.0.0.1", port, USER, DATABASE, timeout=5) as connection:
            return connection.rows("select 1") == [["1"]]
    except (OSError, wire.ServerError, wire.Timeout, wire.Closed):
        return False


class Haproxy(Daemon):
    name, max_idle = "haproxy", 500
    version_command = ["/usr/sbin/haproxy", "-v"]

    def configuration(self, node, port, directory, protocol, clients):
        text = (f"global\n    maxconn {MAX_CLIENTS}\n    nbthread 1\n"
                "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1h\n    timeout server 1h\n"
                f"listen postgresql\n    bind 127.0.0.1:{port}\n    server node {node.host}:{node.port}\n")
        return {"haproxy.cfg": text}, "mode tcp, nbthread 1; one server connection per client"

    def command(self, directory):
        return ["/usr/sbin/haproxy", "-db", "-f", directory / "haproxy.cfg"]


class Pgbouncer(Daemon):
    """1.18 has no prepared statements in transaction mode, so it has session mode there, one server per client."""
    name, max_idle = "pgbouncer", 5000
    version_command = ["/usr/sbin/pgbouncer", "--version"]

    def configuration(self, node, port, directory, protocol, clients):
        mode, size = ("session", max(POOL_SIZE, clients)) if protocol == "prepared" else ("transaction", POOL_SIZE)
        text = (f"[databases]\n* = host={node.host} port={node.port}\n"
                f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
                f"auth_type = trust\nauth_file = {directory / 'users'}\npool_mode = {mode}\n"
                f"default_pool_size = {size}\nmax_client_conn = {MAX_CLIENTS}\n"
                "log_connections = 0\nlog_disconnections = 0\n")
        return {"pgbouncer.ini": text, "users": f'"{USER}" ""\n'}, f"pool_mode {mode}, default_pool_size {size}"

    def command(self, directory):
        return ["/usr/sbin/pgbouncer", "-q", directory / "pgbouncer.ini"]


class Pgpool(Daemon):
    """Streaming mode. Each client occupies a process and, with max_pool 1, a server connection."""
    name, max_idle = "pgpool2", 500
    version_command = ["/usr/sbin/pgpool", "--version"]

    def configuration(self, node, port, directory, protocol, clients):
        return self.in_mode("streaming_replication", [node], port, directory, clients, "sr_check_user = 'postgres'\nsr_check_database = 'postgres'\n")

    @staticmethod
    def in_mode(mode, nodes, port, directory, clients, more=""):
        children = max(32, clients + 8)
        backends = "".join(f"backend_hostname{i} = '{n.host}'\nbackend_port{i} = {n.port}\nbackend_weight{i} = 1\n" for i, n in enumerate(nodes))
        text = (f"backend_clustering_mode = '{mode}'\nlisten_addresses = '127.0.0.1'\n"
                f"port = {port}\npcp_listen_addresses = ''\nsocket_dir = '{directory}'\npcp_socket_dir = '{directory}'\n"
                f"wd_ipc_socket_dir = '{directory}'\npid_file_name = '{directory}/pid'\nlogdir = '{directory}'\n{backends}"
                f"num_init_children = {children}\nmax_pool = 1\nenable_pool_hba = off\nchild_life_time = 0\nlog_min_messages = error\n{more}")
        return {"pgpool.conf": text, "pcp.conf": "", "pool_passwd": ""}, f"{mode}, num_init_children {children}, max_pool 1"

    def command(self, directory):
        return ["/usr/sbin/pgpool", "-n", "-f", directory / "pgpool.conf", "-F", directory / "pcp.conf"]


class Ours:
    """Pool mode auto (the default). `nodes` takes what of the cluster it stands in front of."""
    max_idle = 5000
    health = {"period": "1s", "timeout": "2s"}  # the defaults; the rig of the tests probes faster

    def __init__(self, name, workers, with_standbys=False):
        self.name, self.workers, self.with_standbys = name, workers, with_standbys

    @property
    def version_command(self):
        return [proxy.binary(), "--version"]

    @contextlib.contextmanager
    def run(self, cluster, protocol, clients):
        nodes = cluster.nodes if self.with_standbys else [cluster.primary]
        changes = {"workers": self.workers, "pool": {"size": POOL_SIZE}, "health": self.health,
                   "nodes": [proxy.node_entry(n) for n in nodes]}
        with proxy.Proxy.for_cluster(cluster, changes) as running:
            threads = self.workers or f"{os.cpu_count()} (one per core)"
            reads = ", reads balanced over primary and standby" if self.with_standbys else ""
            yield Running(running.port, running.process.pid, f"pool.size {POOL_SIZE}, workers {threads}{reads}")


OURS, OURS_ONE_WORKER, OURS_WITH_STANDBY = "pgpool-proxy", "pgpool-proxy/1", "pgpool-proxy+standby"
CONTENDERS = {c.name: c for c in (Direct(), Haproxy(), Pgbouncer(), Pgpool(), Ours(OURS, 0), Ours(OURS_ONE_WORKER, 1),
                                  Ours(OURS_WITH_STANDBY, 0, with_standbys=True))}


def versions(names, known=None):
    """Name to the line in which the program tells its version."""
    found = {}
    for name in names:
        done = subprocess.run((known or CONTENDERS)[name].version_command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = (done.stdout.splitlines() or ["?"])[0].split(" - ")[0]
        found[name] = line if re.search("[A-Za-z]{3}", line) else f"{name} {line}"
    return found
