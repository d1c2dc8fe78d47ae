# SPDX-License-Identifier: PostgreSQL
"""Random faults of a lab. Each is made at once and lasts until lab.mend(); what cannot be made now is none: who is off cannot be killed,
and an operator may be refused."""
import subprocess
import time

from . import appliance, pair
from .network import LabError
from .watch import has_address

PROGRAMS = ["corosync", *appliance.PROGRAMS]
BETWEEN = (0, 2)  # seconds, faults of a round


class Dice:
    """What is there to break, by chance."""

    def __init__(self, lab, source):
        self.lab, self.source = lab, source

    def member(self):
        """The active one more often."""
        active = [m for m in self.lab.members if has_address(self.lab, m)]
        return self.source.choice(self.lab.members + active)

    def node(self, is_primary):
        """Of those that are in the cluster by the record of a member."""
        name = pair.state_of(self.lab.members[0])["primary"]
        return self.lab.host(name) if is_primary else self.source.choice([n for n in self.lab.nodes if n.name != name])

    def two_hosts(self):
        """A member and another member or node."""
        member = self.member()
        return member.name, self.source.choice([h.name for h in (*self.lab.members, *self.lab.nodes) if h is not member])


def kill_program(lab, dice):
    return _kill(lab, f"{dice.member().name}/{dice.source.choice(PROGRAMS)}")


def stop_program(lab, dice):
    return _stop(lab, f"{dice.member().name}/{dice.source.choice(PROGRAMS)}")


def stop_member(lab, dice):
    member = dice.member().name
    lab.freeze(member)
    return f"SIGSTOP all of {member}"


def member_power(lab, dice):
    return _power(lab, dice.member())


def primary_power(lab, dice):
    return _power(lab, dice.node(is_primary=True)) + ", the primary"


def standby_power(lab, dice):
    return _power(lab, dice.node(is_primary=False)) + ", a standby"


def _power(lab, host):
    if host.init() is None:
        raise LabError(f"{host.name} is off")
    lab.kill(host.name)
    return f"power loss of {host.name}"


def kill_postmaster(lab, dice):
    return _kill(lab, f"{dice.node(is_primary=dice.source.random() < 0.7).name}/postmaster")


def stop_postgres(lab, dice):
    return _stop(lab, f"{dice.node(is_primary=dice.source.random() < 0.5).name}/postgres")


def _kill(lab, target):
    lab.kill(target)
    return f"kill -9 {target}"


def _stop(lab, target):
    lab.freeze(target)
    return f"SIGSTOP {target}"


def cut_members(lab, dice):
    lab.cut("m1", "m2")
    return "cut m1 - m2"


def cut_nodes(lab, dice):
    member = dice.member().name
    nodes = dice.source.sample([n.name for n in lab.nodes], dice.source.randint(1, len(lab.nodes)))
    for node in nodes:
        lab.cut(member, node)
    return f"cut {member} - {' '.join(sorted(nodes))}"


def cut_one_way(lab, dice):
    hosts = list(dice.two_hosts())
    dice.source.shuffle(hosts)
    lab.cut(*hosts, is_one_way=True)
    return f"cut {hosts[0]} -> {hosts[1]}"


def cut_corosync(lab, dice):
    lab.cut_corosync("m1", "m2")
    return "cut Corosync m1 - m2"


def split(lab, dice):
    """A member on each side, and nodes on both."""
    nodes = [n.name for n in lab.nodes]
    dice.source.shuffle(nodes)
    count = dice.source.randint(1, len(nodes) - 1)
    one, other = ["m1", *sorted(nodes[:count])], ["m2", *sorted(nodes[count:])]
    for a in one:
        for b in other:
            lab.cut(a, b)
    return f"split {' '.join(one)} | {' '.join(other)}"


def lose_frames(lab, dice):
    (one, other), percent = dice.two_hosts(), dice.source.randint(10, 30)
    lab.lose(one, other, percent)
    lab.lose(other, one, percent)
    return f"lose {percent} % {one} - {other}"


def unplug(lab, dice):
    host = dice.source.choice([dice.member(), *lab.nodes]).name
    if not lab.network.is_plugged(host):
        raise LabError(f"the cable of {host} is out already")
    lab.plug(host, False)
    return f"unplug {host}"


def move_address(lab, dice):
    return _order(lab, dice, "vip", "move")


def switchover(lab, dice):
    return _order(lab, dice, "switchover", dice.node(is_primary=False).name)


def _order(lab, dice, *words):
    member = dice.member()
    lab.note(f"{' '.join(words)}, on {member.name}")
    member.run(["timeout", "15", *appliance.ctl_command(member, *words)])
    return f"{' '.join(words)} on {member.name}"


# How often of each sort.
FAULTS = {kill_program: 3, stop_program: 3, stop_member: 2, member_power: 2, primary_power: 2, standby_power: 1, kill_postmaster: 2, stop_postgres: 2,
          cut_members: 1, cut_nodes: 2, cut_one_way: 2, cut_corosync: 1, split: 2, lose_frames: 2, unplug: 2, move_address: 1, switchover: 1}
PARTITION = {split: 1}


def make_some(lab, source, faults):
    """One or two of these; (kind, what was done) of each that could be made."""
    dice = Dice(lab, source)
    count = min(sum(faults.values()), source.randint(1, 2))
    for number, fault in enumerate(source.sample(list(faults), count, counts=list(faults.values()))):
        if number:
            time.sleep(source.uniform(*BETWEEN))
        try:
            yield fault.__name__, fault(lab, dice)
        except (LabError, subprocess.TimeoutExpired) as refusal:
            lab.note(f"no {fault.__name__}: {refusal}")
