# SPDX-License-Identifier: PostgreSQL
"""What operators of a pair are told: hooks run on one member only, and a member whose configuration differs is refused by name."""
import json
import os
import signal

import pytest
from support.proxy import to_yaml

from . import appliance
from .host import send, wait_for
from .pair import holder_of, log_of, wait_until_settled

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))


def configure(lab, member, change):
    config = appliance.configuration(member, lab.members, lab.nodes, lab.shape)
    change(config)
    appliance.file_of(member).write_text(to_yaml(config) + "\n")


def reload(member):
    send(member.daemons()["pgpool-watchdog"], signal.SIGHUP)


def told(member):
    notes = member.folder / "state" / "notes"
    return [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []


def test_a_reload_reaches_all_programs_of_a_member_and_no_other(lab):
    member, other = lab.members
    before = {name: (member.folder / f"{name}.log").stat().st_size for name in appliance.PROGRAMS}
    configure(lab, member, lambda config: config.update(log={"level": "debug"}))
    answer = json.loads(member.run(appliance.ctl_command(member, "reload", "--json")))
    assert sorted(answer["programs"]) == sorted(appliance.PROGRAMS) and answer["not_asked"] == []
    assert answer["changed"] == ["log.level: info -> debug (live)"] and answer["needs_restart"] == []
    for name, size in before.items():
        log = member.folder / f"{name}.log"
        wait_for(lambda: b" reloaded" in log.read_bytes()[size:], 20, f"{name} has reloaded")  # noqa: B023
    assert " reloaded" not in (other.folder / "pgpool-watchdog.log").read_text()


def test_each_event_is_told_once_by_who_has_decided_it(lab):
    for member in lab.members:
        script = ["/bin/sh", "-c", f"cat >> {member.folder}/state/notes"]
        configure(lab, member, lambda config: config.update(hooks={"notify": script}))  # noqa: B023
        reload(member)
    active = holder_of(lab)
    other, = [m for m in lab.members if m is not active]
    lab.kill("n1/postgres")
    wait_until_settled(lab, "n2", 0, lab.members)
    wait_for(lambda: [e["event"] for e in told(active)] == ["primary_gone", "failover"], 20, "the holder tells it")
    assert {event["member"] for event in told(active)} == {active.name}
    lab.start("n1/postgres")  # its votes are needed
    wait_for(lambda: "n1" in [n["name"] for n in appliance.status(active)["nodes"] if n["seen_by"]], 20, "n1 is seen again")
    lab.kill(f"{active.name}/pgpool-watchdog")
    wait_for(lambda: [e["event"] for e in told(other)] == ["lease_taken"], 30, "the next holder tells that, and nothing again")
    lab.start(f"{active.name}/pgpool-watchdog")
    wait_until_settled(lab, "n2", 0, lab.members)
    assert [e["event"] for e in told(active)] == ["primary_gone", "failover"]


def restart(lab, member, change):
    send(member.daemons()["pgpool-watchdog"], signal.SIGTERM)
    wait_for(lambda: "pgpool-watchdog" not in member.daemons(), 10, "it ends")
    configure(lab, member, change)
    lab.start(f"{member.name}/pgpool-watchdog")


def test_a_member_that_differs_is_refused_by_name_until_it_does_not(lab):
    active = holder_of(lab)
    other, = [m for m in lab.members if m is not active]

    def refusal():
        status = appliance.status(active)
        return status and next(m["refused"] for m in status["members"] if m["name"] == other.name)

    restart(lab, other, lambda config: config["vip"]["addresses"][0].update(address="10.77.0.51"))
    wait_for(refusal, 20, "it is refused")
    assert "vip.addresses" in refusal() and "10.77.0.51" in refusal()
    assert f"{other.name} (refused: vip.addresses" in active.run(appliance.ctl_command(active, "status"))
    # Both agree on the new address after a reload here and a restart there.
    configure(lab, active, lambda config: config["vip"]["addresses"][0].update(address="10.77.0.51"))
    reload(active)
    restart(lab, other, lambda config: config["vip"]["addresses"][0].update(address="10.77.0.51"))
    wait_for(lambda: refusal() == "", 20, "it is let in")
    wait_until_settled(lab, "n1", 1, lab.members)


def test_what_must_agree_is_changed_by_reloads_without_a_move(lab):
    active = holder_of(lab)
    other, = [m for m in lab.members if m is not active]

    def change(member):
        configure(lab, member, lambda config: config["watchdog"].update(auto_failback=False))
        return member.run(appliance.ctl_command(member, "reload"), check=False)

    def refusals():
        return [line for line in log_of(active).splitlines() if "member_refused" in line]

    assert "watchdog.auto_failback must be the same on all members" in change(active), "the lease would end"
    change(other)
    wait_for(refusals, 10, "it differs now, and is refused")
    assert f"member={other.name}" in refusals()[0] and "auto_failback is off there and on on" in refusals()[0]
    assert "nothing was changed" not in change(active)
    wait_for(lambda: all(not m["refused"] for m in appliance.status(active)["members"]), 10, "it is let in")
    wait_until_settled(lab, "n1", 1, lab.members)
    assert len(refusals()) == 1 and holder_of(lab) is active and "lease_ended" not in log_of(active)


def test_the_second_member_of_a_name_is_refused_and_has_no_say(lab):
    active = holder_of(lab)
    other, = [m for m in lab.members if m is not active]
    restart(lab, other, lambda config: config["watchdog"].update(name=active.name))

    def line():
        found = [text for text in log_of(active).splitlines() if "member_refused" in text]
        return found and found[-1]

    wait_for(line, 20, "it is refused")
    assert f"member={active.name}" in line() and "watchdog.name of its own" in line()
    asked = other.run(appliance.ctl_command(other, "switchover", "n2"), check=False)
    assert "the others refuse this member" in asked
    assert holder_of(lab) is active and "lease_ended" not in log_of(active)
    restart(lab, other, lambda config: None)
    wait_until_settled(lab, "n1", 1, lab.members)
