# SPDX-License-Identifier: PostgreSQL
"""What tests of a whole pair ask of it: what its members tell, who is active, and when all is well again."""
import collections
import json
import re

from support.watchdog import read_state

from . import appliance
from .host import wait_for
from .network import LabError
from .watch import has_address

PROMOTES = {"M1", "Q1", "P2", "P3"}  # rows of pgpool-ctl fsm


def ctl(member, *words, check=True):
    return member.run(appliance.ctl_command(member, *words), check=check)


def status(member):
    return json.loads(ctl(member, "status", "--json"))


def story(member):
    """What must be the same, whichever member tells it."""
    told = status(member)
    return {"phase": told["phase"], "primary": told["primary"], "holder": told["lease"]["holder"], "epoch": told["epoch"],
            "nodes": [(n["name"], n["role"], n["standing"]) for n in told["nodes"]],
            "vips": [(v["address"], v["member"]) for v in told["vips"] if v["phase"] == "held"],
            "members": [(m["name"], m["is_in"]) for m in told["members"]]}


def wait_settled(lab, timeout=30):
    """Both tell the same story, a good one; the active member."""
    stories = []

    def look():
        stories[:] = [story(m) for m in lab.members]
        first, second = stories
        return first == second and first["phase"] == "steady" and first["vips"] == [(appliance.VIRTUAL, first["holder"])] \
            and all(is_in for _, is_in in first["members"])
    try:
        wait_for(look, timeout, "both members are well", interval=0.1)
    except LabError as error:
        raise AssertionError(f"{error}\n{stories}") from None
    return lab.host(stories[0]["holder"])


def other_of(lab, member):
    other, = [m for m in lab.members if m is not member]
    return other


def primary_of(lab, member):
    return lab.host(status(member)["primary"])


def wait_primary(lab, member, is_wanted):
    """Until nothing goes on any more and that is so of its name; a failure tells the decisions."""
    def look():
        told = status(member)
        return told["phase"] == "steady" and is_wanted(told["primary"])
    try:
        wait_for(look, 30, "the primary is another one", interval=0.05)
    except LabError as error:
        raise AssertionError(f"{error}\n{ctl(member, 'why')}") from None


def figure(what, seconds):
    print(f"\n{what}: {seconds * 1000:.0f} ms")


def wait_served_by(lab, member, load):
    wait_for(lambda: has_address(lab, member), 20, f"{member.name} has the address", interval=0.005)
    load.wait_served(20)


def acts_since(member, mark):
    """Lines of its logs, past those places, by which it did something to a node or took an address."""
    text = "".join(log_of(member, program)[mark[program]:] for program in mark)
    return re.findall(r"^.* info (?:order node=|lease_taken|decision |vip_state .*phase=held).*$", text, re.MULTILINE)


def log_of(member, program="pgpool-watchdog"):
    return (member.folder / f"{program}.log").read_text(errors="replace")


def state_of(member):
    return read_state(member.folder / "state" / "cluster")


def epochs_of_leases(lab):
    """Of all that were taken, by the logs of all members."""
    return [int(epoch) for member in lab.members for epoch in re.findall(r"lease_taken .*?epoch=(\d+)", log_of(member))]


def promotions(lab):
    """Orders to promote that some member has on its disk, each once: (epoch, row, when)."""
    records = [state_of(member) for member in lab.members]
    return {(e["epoch"], e["row"], e["at"]) for record in records if record for e in record["history"] if e["row"] in PROMOTES}


def check_epochs(of_leases, of_promotions):
    """No epoch was held twice, and none has seen two promotions."""
    for what, epochs in [("held", of_leases), ("a promotion's", [epoch for epoch, _, _ in of_promotions])]:
        repeated = [epoch for epoch, count in collections.Counter(epochs).items() if count > 1]
        assert repeated == [], f"{what} twice: epochs {repeated}"


def holder_of(lab):
    """The member that has taken the lease and has not lost it since; None: nobody."""
    for member in lab.members:
        log = log_of(member)
        over = max(log.rfind("lease_ended"), log.rfind(" started version="))
        if "pgpool-watchdog" in member.daemons() and log.rfind("lease_taken") > over:
            return member
    return None


def wait_until_settled(lab, primary, promised, members):
    def is_settled():
        states = [state_of(m) for m in members]
        return all(s and s["phase"] == "steady" and s["primary"] == primary and s["sync"]["needed"] == promised for s in states) \
            and len({tuple(s["stamp"]) for s in states}) == 1
    wait_for(is_settled, 40, f"{primary} is the primary, and all of {[m.name for m in members]} know it")
