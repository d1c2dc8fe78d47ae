# SPDX-License-Identifier: PostgreSQL
"""How nodes come back that the watchdog does not bring back: who was the primary, and who went past the point where the present one
began."""
import contextlib

from . import appliance, nodes
from .host import wait_for
from .network import LabError


def bring_back(lab):
    """All nodes run. Those that do not follow the primary of the watchdog become copies of it; those that were taken out are attached."""
    member = lab.members[0]
    told = wait_steady(member)
    for name, standing in [(n["name"], n["standing"]) for n in told["nodes"] if n["name"] != told["primary"]]:
        _make_follow(lab.host(name), lab.host(told["primary"]))
        if standing != "in service":
            attach = appliance.ctl_command(member, "attach", name)
            wait_for(lambda a=attach: "in service" in member.run(a, check=False), 20, f"{name} is attached", interval=0.1)


def wait_steady(member):
    """What it tells of nodes that are all seen, when nothing goes on any more."""
    def look():
        told = appliance.status(member)
        is_steady = told and told["phase"] == "steady" and all(n["seen_by"] for n in told["nodes"])
        return told if is_steady else None
    return wait_for(look, 30, f"{member.name} says that all nodes are there and the primary is well", interval=0.1)


def _make_follow(host, primary):
    """A standby that was just started has some time for it."""
    with contextlib.suppress(LabError):
        wait_for(lambda: nodes.follows(host, primary) or not nodes.sql(host, "select pg_is_in_recovery()"), 5, "it follows")
    if not nodes.follows(host, primary):
        nodes.copy_anew(host, primary)
