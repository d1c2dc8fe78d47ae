# SPDX-License-Identifier: PostgreSQL
"""Pairs with a virtual address, each in a lab of its own (tests/lab): ours, keepalived with pgbouncer behind it, and pgpool2 with its
watchdog. Each knows how to do each of its faults, when that is over, and how to become well again."""
import contextlib
import dataclasses
import math
import os
import signal
import time

from lab import appliance
from lab.host import send, wait_for
from lab.load import Load
from lab.network import LabError
from lab.rig import Lab
from lab.watch import has_address

from . import outage_rivals

LOOK = 0.02  # seconds: a client that is not answered tries again
FAILOVERS = ("postmaster", "host")
OVER = 90  # seconds after which an outage is given up


@dataclasses.dataclass(frozen=True)
class Sample:
    pair: str
    fault: str
    ms: float  # infinite: service did not come back within OVER
    errors: int
    load: float  # of the machine


class Pair:
    """`faults`: the methods that make them. Each returns a condition: what it was to bring about is there."""
    faults = ()

    def __init__(self):
        self.lab = None

    @contextlib.contextmanager
    def run(self):
        """Up, until the end of the block."""
        lab = self.make()
        try:
            self.lab = lab
            self.up()
            yield self
        finally:
            lab.down()

    def is_worn(self, faults):
        """Whether these must be made in a new lab."""
        return False

    def measure(self, fault, note):
        """note(Sample), also before the failure if service does not come back."""
        self.settle()
        with Load(self.lab, pause=0.01, look=LOOK) as load:
            machine = os.getloadavg()[0]
            begin = time.monotonic()
            is_over = getattr(self, fault)()
            try:
                wait_for(is_over, OVER, f"{fault} is over", interval=0.01)
                load.wait_served(OVER)
            except (LabError, AssertionError):
                note(Sample(self.name, fault, math.inf, len(load.errors(begin)), machine))
                raise
            time.sleep(0.3)  # what comes late, such as another loss, counts
        note(Sample(self.name, fault, load.outage(begin) * 1000, len(load.errors(begin)), machine))
        self.mend(fault)

    def holder(self):
        return next((m for m in self.lab.members if m.init() and has_address(self.lab, m)), None)

    def other(self):
        """Has no address now; what it gets ends most of the faults."""
        active = self.holder()
        other, = [m for m in self.lab.members if m is not active]
        return active, other, lambda: has_address(self.lab, other)


class Ours(Pair):
    """All programs of the appliance, a primary and two synchronous standbys."""

    def __init__(self, name, profile, faults):
        super().__init__()
        self.name, self.profile, self.faults = name, profile, faults
        self.failovers = 0  # in this lab

    def make(self):
        return Lab(f"b{os.getpid()}", members=2, nodes=3, watchdog=True, profile=self.profile)

    def up(self):
        self.failovers = 0
        self.lab.up()

    def is_worn(self, faults):
        """After three failovers within ten minutes the watchdog waits for the operator."""
        return self.failovers + sum(fault in FAILOVERS for fault in faults) > 3

    def settle(self):
        def look():
            told = [appliance.status(m) for m in self.lab.members]
            return all(t and t["phase"] == "steady" and all(m["is_in"] for m in t["members"]) for t in told) \
                and len({t["lease"]["holder"] for t in told}) == 1 and self.holder() is not None
        wait_for(look, 60, "both members are well", interval=0.1)

    def mend(self, fault):
        self.failovers += fault in FAILOVERS
        self.lab.mend()

    def ctl(self, *words):
        self.lab.members[0].run(appliance.ctl_command(self.lab.members[0], *words))

    def primary(self):
        return appliance.status(self.holder())["primary"]

    def _gets_another_primary(self, before):
        member = self.holder()

        def look():
            told = appliance.status(member)
            return told and told["phase"] == "steady" and told["primary"] != before
        return look

    def power(self):
        active, _, is_over = self.other()
        self.lab.kill(active.name)
        return is_over

    def daemons(self):
        """All at once; the kernel goes on."""
        active, _, is_over = self.other()
        running = active.daemons()
        send([pid for program in appliance.PROGRAMS for pid in running[program]], signal.SIGKILL)
        return is_over

    def move(self):
        _, _, is_over = self.other()
        self.ctl("vip", "move")
        return is_over

    def postmaster(self):
        before = self.primary()
        self.lab.kill(f"{before}/postmaster")
        return self._gets_another_primary(before)

    def host(self):
        before = self.primary()
        self.lab.kill(before)
        return self._gets_another_primary(before)

    def switchover(self):
        before = self.primary()
        self.ctl("switchover", next(n.name for n in self.lab.nodes if n.name != before))
        return self._gets_another_primary(before)


class Rival(Pair):
    """On the hosts of a lab, with the nodes of one, but programs of others."""

    def make(self):
        return Lab(f"b{os.getpid()}", members=2, nodes=self.nodes, synchronous=self.nodes > 1)

    def up(self):
        self.lab.switch_on()
        self.lab.start_nodes()
        for member in self.lab.members:
            self.start(member)
        self.settle()

    def start(self, member):
        for command in self.commands(self.lab, member):
            if os.path.basename(command[0]) not in member.daemons():
                member.start(command, *self.rights(command))

    def rights(self, _):
        return ()

    def settle(self):
        wait_for(self.is_well, 60, f"{self.name} is well", interval=0.1)

    def is_well(self):
        client = self.lab.host("client")
        ask = ["timeout", "2", "psql", "-X", "-h", appliance.VIRTUAL, "-p", str(appliance.PORT), "-U", "postgres", "-Atc", "select 1"]
        running = all({os.path.basename(c[0]) for c in self.commands(self.lab, m)} <= set(m.daemons()) for m in self.lab.members)
        return running and self.holder() is not None and client.run(ask, check=False).strip() == "1"

    def power(self):
        active, _, is_over = self.other()
        self.lost = active
        self.lab.kill(active.name)
        return is_over


class Keepalived(Rival):
    """VRRP with advertisements every 100 ms; pgbouncer on each member, and a script that connects to it. One node."""
    name, nodes, faults = "keepalived", 1, ("move", "power", "daemons")
    commands = staticmethod(outage_rivals.keepalived)

    def rights(self, command):
        return ("daemon",) if command[0].endswith("pgbouncer") else ()

    def daemons(self):
        active, _, is_over = self.other()
        self.lost = active
        send([pid for name in ("keepalived", "pgbouncer") for pid in active.daemons()[name]], signal.SIGKILL)
        return is_over

    def move(self):
        """keepalived is told to end: it gives the address away."""
        active, _, is_over = self.other()
        self.lost = active
        send(active.daemons()["keepalived"][:1], signal.SIGTERM)
        return is_over

    def mend(self, fault):
        if fault == "power":
            self.lost.boot()
        wait_for(lambda: fault != "move" or "keepalived" not in self.lost.daemons(), 20, "keepalived ends")
        outage_rivals.forget(self.lost)
        self.start(self.lost)
        time.sleep(2)  # the one that was started hears the other


class Pgpool(Rival):
    """Its watchdog, with votes of half enough, a heartbeat a second and three without one for death; two nodes."""
    name, nodes, faults = "pgpool2", 2, ("move", "power", "postmaster")
    commands = staticmethod(outage_rivals.pgpool)

    def move(self):
        """The leader is told to end."""
        active, _, is_over = self.other()
        send(active.daemons()["pgpool"][:1], signal.SIGINT)
        return is_over

    def postmaster(self):
        self.lab.kill("n1/postmaster")
        return lambda: outage_rivals.takes_writes(self.lab.host("n2"))

    def measure(self, fault):
        """It has no way back that takes less time than new hosts."""
        sample = super().measure(fault)
        self.lab.down()
        self.up()
        return sample

    def mend(self, fault):
        pass


ALL = {"fast": lambda: Ours("fast", "fast", ("move", "power", "daemons", "switchover", "postmaster", "host")),
       "strict": lambda: Ours("strict", "default", ("power", "daemons")), "keepalived": Keepalived, "pgpool2": Pgpool}
