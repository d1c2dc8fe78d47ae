# SPDX-License-Identifier: PostgreSQL
"""A lab: appliance members and PostgreSQL nodes on hosts of their own, all on this machine.

    with Lab("mine", members=2, nodes=2) as lab:       # down at the end, whatever happens
        lab.cut("m1", "m2")
        wait_for(lambda: corosync.members(lab.host("m1")) == ["m1"], 5, "m1 is alone")

Hosts: m1, m2, … the members (Corosync; pgpool-proxy on port 5432 where a build exists and there are nodes; with watchdog=True
pgpool-watchdog and pgpool-vip, too), w1 with witness=True (Corosync and pgpool-watchdog --witness), n1, n2, … the nodes (PostgreSQL on 5432, n1 is the primary; with
mode="replication" servers that know nothing of each other), client. What a lab is stands in its folder and in the names of its namespaces and
nowhere else: another process can go on with it, and down() cleans up whatever is there.
"""
import contextlib
import json
import pathlib
import re
import shutil
import signal

from . import appliance, comeback, corosync, logs, nodes
from .host import Host, pids_in, send, wait_for
from .network import LabError, Network, namespaces

STATE = pathlib.Path("/var/tmp/pgpool-lab")
DAEMONS = {"corosync", "postgres", *appliance.PROGRAMS}


def labs():
    """Names of all labs that are up, or were left half up."""
    named = {path.name for path in STATE.iterdir()} if STATE.exists() else set()
    return sorted(named | {space.split("-")[1] for space in namespaces("lab-") if space.count("-") == 2})


class Lab:
    def __init__(self, name="lab", members=2, nodes=0, synchronous=False, watchdog=False, durability="strict",
                 witness=False, mode="streaming", profile="default", maximum_lag="0", by_name=False):
        if not re.fullmatch(r"[a-z][a-z0-9]{0,11}", name):
            raise LabError(f"'{name}' is no name for a lab: small letters and digits, 12 at most")
        self.name, self.folder = name, STATE / name
        self.shape = {"members": members, "nodes": nodes, "synchronous": synchronous, "watchdog": watchdog,
                      "durability": durability, "witness": witness, "mode": mode, "profile": profile,
                      "maximum_lag": maximum_lag, "by_name": by_name}
        self.network = Network(f"lab-{name}-")
        self.is_ours = False  # made by this object
        self._make_hosts()

    @classmethod
    def find(cls, name):
        """One that is up."""
        shape = STATE / name / "shape.json"
        if not shape.exists():
            raise LabError(f"there is no lab '{name}'" + (f"; there are: {' '.join(labs())}" if labs() else ""))
        return cls(name, **json.loads(shape.read_text()))

    def _make_hosts(self):
        addresses = {f"m{i}": f"10.77.0.{10 + i}" for i in range(1, self.shape["members"] + 1)}
        if self.shape["witness"]:
            addresses["w1"] = "10.77.0.90"
        addresses.update({f"n{i}": f"10.77.0.{100 + i}" for i in range(1, self.shape["nodes"] + 1)})
        addresses["client"] = "10.77.0.200"
        self.hosts = {name: Host(self.network, name, address, self.folder / name) for name, address in addresses.items()}
        self.members = [h for h in self.hosts.values() if h.name[0] == "m"]
        self.nodes = [h for h in self.hosts.values() if h.name[0] == "n"]
        self.voters = self.members + [h for h in self.hosts.values() if h.name[0] == "w"]  # who is in the group of Corosync

    def host(self, name):
        if name not in self.hosts:
            raise LabError(f"no host '{name}'; there are: {' '.join(self.hosts)}")
        return self.hosts[name]

    # --- life ---
    def up(self):
        """Everything started, and each member sees all, each standby streams."""
        self.switch_on()
        if self.nodes and not appliance.why_not(self.shape["watchdog"]):
            appliance.install(self.folder, self.shape["watchdog"])
        corosync.prepare(self.voters)
        for voter in self.voters:
            appliance.prepare(voter, appliance.configuration(voter, self.voters, self.nodes, self.shape))
        for voter in self.voters:
            corosync.start(voter)
        self.start_nodes()
        for voter in self.voters:
            for program in self._daemons_of(voter)[1:]:
                appliance.start(voter, program)
        self._wait_served()
        self.note("up")
        return self

    def switch_on(self):
        """The hosts and their network, and nothing on them."""
        try:
            self.folder.mkdir(parents=True)
        except FileExistsError:
            raise LabError(f"lab '{self.name}' is there already; tests/lab/lab down --name {self.name} removes it") from None
        if namespaces(self.network.prefix):
            raise LabError(f"lab '{self.name}' has left namespaces behind; tests/lab/lab down --name {self.name} removes them")
        self.is_ours = True
        (self.folder / "shape.json").write_text(json.dumps(self.shape))
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{h.address} {h.name}\n" for h in self.hosts.values()))
        self._make_network()
        for host in self.hosts.values():
            host.boot()

    def _make_network(self):
        self.network.make({h.name: h.address for h in self.hosts.values()})

    def _wait_served(self):
        for member in self.members:
            self._wait_proxy(member)
            self.wait_members([h.name for h in self.voters], member)

    def start_nodes(self):
        if not self.nodes:
            return
        if self.shape["mode"] == "replication":
            return nodes.make_equal(self.nodes)
        primary, *standbys = self.nodes
        nodes.make_primary(primary, {})
        for standby in standbys:
            nodes.make_standby(standby, primary)
        names = [s.name for s in standbys]
        wait_for(lambda: nodes.sql(primary, "select count(*) from pg_stat_replication where state = 'streaming'") == len(names),
                 30, "all standbys stream")
        if self.shape["synchronous"] and names:
            nodes.sql(primary, f"alter system set synchronous_standby_names = 'ANY 1 ({','.join(names)})'")
            nodes.sql(primary, "select pg_reload_conf()")

    def _wait_proxy(self, member):
        """From itself, and the virtual address from the client: somebody has it, and a primary is known."""
        programs = appliance.programs(self.folder)
        asked = [(member, member.address)] if programs and self.shape["mode"] != "replication" else []
        asked += [(self.host("client"), appliance.VIRTUAL)] if "pgpool-vip" in programs else []
        for host, address in asked:
            ask = ["psql", "-X", "-h", address, "-p", str(appliance.PORT), "-U", "postgres", "-Atc", "select 1"]
            wait_for(lambda h=host, a=ask: h.run(a, check=False).strip() == "1", 30, f"a proxy answers at {address}", interval=0.1)

    def power_off(self):
        """All hosts; what is on their disks stays."""
        self.note("power off")
        for host in self.hosts.values():
            host.end()

    def mend(self):
        """All hosts, cables and programs as after up(), also after the machine has booted.
        A node that does not follow the primary becomes a copy of it."""
        self.note("mend")
        if not namespaces(self.network.prefix):
            self._make_network()
        self.network.heal()
        for host in [self.host("client"), *self.nodes, *self.voters]:
            self._mend_host(host)
        self._wait_served()
        if self.shape["watchdog"]:
            comeback.bring_back(self)
            self._wait_served()

    def _mend_host(self, host):
        if host.init() is None:
            host.boot()
        self.network.plug(host.name, True)
        host.thaw()
        for name in self.missing(host):
            self._start_daemon(host, name)
        if host in self.nodes:
            wait_for(lambda: nodes.answers(host), 60, f"{host.name} accepts connections")

    def down(self):
        """Ends all that runs in its namespaces, and removes them and the folder. Whatever state it is in."""
        while spaces := namespaces(self.network.prefix):  # a command of a killed `up` may still be at it
            for space in spaces:
                send(pids_in(space), signal.SIGKILL)
            for space in spaces:
                wait_for(lambda s=space: not pids_in(s), 20, f"what runs in {space} ends")
            self.network.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # the last one
            STATE.rmdir()

    def __enter__(self):
        try:
            return self.up()
        except BaseException:
            if self.is_ours:
                self.down()
            raise

    def __exit__(self, *_):
        self.down()

    # --- faults ---
    def cut(self, one, other=None, is_one_way=False):
        self.host(one), self.host(other or one)
        if one == other:
            raise LabError(f"{one} cannot be cut off from itself; from everybody: cut {one}")
        self.network.cut(one, other, is_one_way)
        self.note(f"cut {one} {'->' if is_one_way else '-'} {other or 'everybody'}")

    def cut_corosync(self, one, other):
        """Between two members Corosync is cut, and nothing else."""
        self.network.cut_corosync(self.host(one).name, self.host(other).name)
        self.note(f"cut corosync {one} - {other}")

    def lose(self, one, other, percent):
        """So many of a hundred frames from `one` to `other`."""
        self.host(one), self.host(other)
        self.network.lose(one, other, int(percent))
        self.note(f"lose {percent} percent {one} -> {other}")

    def plug(self, name, is_in):
        """The cable of a host: out, and it sees that its link is down."""
        self.network.plug(self.host(name).name, is_in)
        self.note(f"{'plug' if is_in else 'unplug'} {name}")

    def heal(self):
        """Ends all cuts and losses; cables that are out stay out."""
        self.network.heal()
        self.note("heal")

    def kill(self, target):
        """A host ("m1": power loss), or a program on it ("m1/corosync", "n1/postgres", "n1/postmaster" for that alone)."""
        host, daemon = self._target(target)
        self.note(f"kill {target}")
        host.kill(daemon) if daemon else host.power_off()

    def start(self, target):
        """What was killed, without waiting until it serves. A host comes back with its daemons."""
        host, daemon = self._target(target)
        self.note(f"start {target}")
        if daemon is None:
            host.boot()
        for name in [daemon] if daemon else self._daemons_of(host):
            self._start_daemon(host, name)

    def freeze(self, target):
        host, daemon = self._target(target)
        host.freeze(daemon)
        self.note(f"freeze {target}")

    def thaw(self, target):
        host, daemon = self._target(target)
        self.note(f"thaw {target}")
        host.thaw(daemon)

    def _target(self, target):
        name, _, daemon = target.partition("/")
        if daemon and daemon not in DAEMONS | {"postmaster"}:
            raise LabError(f"no program '{daemon}'; there are: {' '.join(sorted(DAEMONS))} postmaster")
        return self.host(name), daemon or None

    def _daemons_of(self, host):
        if host in self.nodes:
            return ["postgres"]
        if host in self.voters and host not in self.members:
            return ["corosync", "pgpool-watchdog"]
        return ["corosync", *appliance.programs(self.folder)] if host in self.members else []

    def _start_daemon(self, host, name):
        if name == "corosync":
            corosync.start(host)
        elif name in appliance.PROGRAMS:
            appliance.start(host, name)
        else:
            nodes.start(host)

    # --- what is seen ---
    def missing(self, host):
        """Programs that should run there."""
        running = host.daemons()
        return [name for name in self._daemons_of(host) if name not in running]

    def is_whole(self):
        """As after up(), as far as hosts, cables and programs tell."""
        return not self.network.cuts() and all(host.init() is not None and self.network.is_plugged(host.name) and not host.is_frozen()
                                               and not self.missing(host) for host in self.hosts.values())

    def wait_members(self, names, *hosts, timeout=20):
        """Each of these hosts sees exactly these members."""
        for host in hosts:
            wait_for(lambda h=host: corosync.members(h) == sorted(names), timeout, f"{host.name} sees {' '.join(names)}")

    def note(self, text):
        """An act of ours, among the logs."""
        with open(self.folder / "lab.log", "a") as file:
            file.write(f"{logs.stamp()} {text}\n")

    def log_lines(self):
        files = {f"{host.name}/{path.stem}": path for host in self.hosts.values() for path in sorted(host.folder.glob("*.log"))}
        return logs.merged({"lab": self.folder / "lab.log", **files})

    def status(self):
        """Lines for people."""
        lines = [f"{self.name}: in {self.folder}"] + [f"cut: {cut}" for cut in self.network.cuts()]
        for host in self.hosts.values():
            if host.init() is None:
                lines.append(f"{host.name:<7} {host.address:<12} off")
                continue
            cable = [] if self.network.is_plugged(host.name) else ["cable out"]
            words = ["frozen" if host.is_frozen() else "up", *cable, *(f"{p}({pids[0]})" for p, pids in host.daemons().items())]
            if not host.is_frozen() and host in self.voters:
                words.append("sees " + (" ".join(corosync.members(host)) or "nobody"))
            if not host.is_frozen() and host in self.nodes:
                words.append(nodes.describe(host))
            lines.append(f"{host.name:<7} {host.address:<12} {', '.join(words)}")
        return lines
