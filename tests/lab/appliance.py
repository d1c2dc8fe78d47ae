# SPDX-License-Identifier: PostgreSQL
"""The programs of a member, with one configuration, started as their units do it: under a user and group of their own, which
Corosync lets in. Without the watchdog a member has the proxy alone.

A lab runs copies of the programs: that user may not be able to enter the build folder, and a build meanwhile changes nothing."""
import grp
import json
import os
import pwd
import shutil

from support import ctl, proxy, vip, watchdog

from . import nodes

PORT = 5432
VIRTUAL = "10.77.0.50"
USER = GROUP = "daemon"  # every Debian has it
PROGRAMS = ["pgpool-watchdog", "pgpool-vip", "pgpool-proxy"]


def built(has_watchdog):
    """What a member needs."""
    return [proxy.binary()] + [watchdog.binary(), vip.binary(), ctl.binary()] * has_watchdog


def why_not(has_watchdog):
    """What is not built; empty: all is."""
    return " ".join(path.name for path in built(has_watchdog) if not path.exists())


def install(folder, has_watchdog):
    """Copies the programs to the folder of a lab."""
    bin_folder = folder / "bin"
    bin_folder.mkdir(mode=0o755)
    for path in {*built(has_watchdog), ctl.binary()}:
        if path.exists():
            shutil.copy(path, bin_folder)


def programs(folder):
    """Of a member of that lab, beside Corosync."""
    return [program for program in PROGRAMS if (folder / "bin" / program).exists()]


def binary(program, member):
    """Of its own release, where it has one."""
    own = member.folder / "bin" / program
    return own if own.exists() else member.folder.parent / "bin" / program


def releases():
    """Where programs of other releases are (tests/versions)."""
    return watchdog.build_folder() / "tests" / "versions"


def set_release(member, program, release):
    """With its next start; None: that of the lab."""
    own = member.folder / "bin" / program
    own.parent.mkdir(mode=0o755, exist_ok=True)
    own.unlink(missing_ok=True)
    if release:
        shutil.copy(releases() / release / program, own)


def file_of(member):
    return member.folder / "appliance.yaml"


def configuration(member, members, backends, shape):
    config = {"listen": {"addresses": ["0.0.0.0"], "port": PORT}, "workers": 2,
              "nodes": [{"name": n.name, "host": n.name if shape["by_name"] else n.address, "port": nodes.PORT} for n in backends],
              "health": {"period": "200ms", "timeout": "1s", "user": "postgres", "database": "postgres"},
              "auth": {"access": [{"method": "trust"}]}, "admin": {"users": ["postgres"]}}
    if shape["mode"] == "replication":
        config |= {"mode": "replication", "replication": {"state_directory": str(member.folder / "state"), "slots": nodes.SLOTS}}
    if not shape["watchdog"]:
        return config
    return {**config, "vip": {"addresses": [{"address": VIRTUAL, "interface": "eth0"}]},
            "watchdog": {"enabled": True, "name": member.name, "group": GROUP, "durability": shape["durability"], "profile": shape["profile"],
                         "maximum_lag": shape["maximum_lag"],
                         "members": [{"name": m.name, "address": m.address} for m in members],
                         **({"witness": "w1"} if shape["witness"] else {}),
                         "runtime_directory": "/run/pgpool", "state_directory": str(member.folder / "state")}}


def prepare(member, config):
    """Configuration and folders, as package and operator leave them. Before Corosync is started, which reads whom to let in then."""
    file_of(member).write_text(proxy.to_yaml(config) + "\n")
    (member.folder / "etc" / "uidgid.d" / "pgpool").write_text(f"uidgid {{\n  gid: {grp.getgrnam(GROUP).gr_gid}\n}}\n")
    state = member.folder / "state"
    state.mkdir(exist_ok=True)
    shutil.chown(state, USER, GROUP)


def command_of(program, member):
    """And the user and capabilities to start it with. What LimitRTPRIO is in the units cannot be raised everywhere; the capability does the same."""
    if program == "pgpool-vip":  # root, to give up all but two capabilities
        return [binary(program, member), "--config", file_of(member), "--user", USER], None, []
    words = ["--witness"] if member.name[0] == "w" else []
    return [binary(program, member), "--config", file_of(member), *words], USER, ["sys_nice"] if program == "pgpool-watchdog" else []


def start(member, program, **how):
    run = f"/proc/{member.init()}/root/run/pgpool"
    os.makedirs(run, exist_ok=True)
    user = pwd.getpwnam(USER)
    os.chown(run, user.pw_uid, user.pw_gid)
    member.start(*command_of(program, member), **how)


def ctl_command(member, *words):
    """The command line of pgpool-ctl on this member, as root."""
    return [binary("pgpool-ctl", member), "--config", file_of(member), *words]


def status(member):
    """What its watchdog tells, as pgpool-ctl status --json; None: nothing."""
    text = member.run(ctl_command(member, "status", "--json"), check=False)
    return json.loads(text) if text.startswith("{") else None
