# SPDX-License-Identifier: PostgreSQL
"""No program of a member needs root: each may have a user of its own, and one group lets them talk to each other."""
import grp
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import pytest
from support import ctl as ctls
from support.watchdog import Watchdog, ask_command, binary

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="only root may start programs as other users"),
              pytest.mark.skipif(not ctls.binary().exists(), reason="pgpool-ctl is not built")]
# Every Debian has them.
GROUP, DECIDER, ASKER, STRANGER = "daemon", "daemon", "games", "nobody"


def identity(user, group=GROUP, extra=()):
    return {"user": pwd.getpwnam(user).pw_uid, "group": grp.getgrnam(group).gr_gid, "extra_groups": list(extra)}


class Unprivileged(Watchdog):
    """Its folder is as package and units leave it; the programs are copies, in a folder that all users may enter."""

    def __init__(self, cluster, programs):
        super().__init__(cluster, {"watchdog": {"group": GROUP}})
        self.programs = programs
        user = identity(DECIDER)
        for path in (self.directory, self.directory / "run", self.directory / "state"):
            path.mkdir(exist_ok=True)
            os.chown(path, user["user"], user["group"])
            path.chmod(0o750)

    def start(self):
        self.write_config()
        os.chown(self.config_file, 0, grp.getgrnam(GROUP).gr_gid)
        self.config_file.chmod(0o640)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.programs / binary().name, "--config", self.config_file],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **identity(DECIDER))
        return self

    def run_as(self, who, *words):
        """Of a copied program."""
        return subprocess.run([self.programs / words[0], *words[1:]], capture_output=True, text=True, timeout=60, **who)


@pytest.fixture
def programs():
    folder = tempfile.mkdtemp(prefix="pgpool-programs-", dir="/var/tmp")
    try:
        os.chmod(folder, 0o755)
        for path in binary(), ctls.binary(), ask_command("m")[0]:
            shutil.copy(path, folder)
        yield pathlib.Path(folder)
    finally:
        shutil.rmtree(folder)


def test_programs_of_different_users_and_one_group(cluster, programs):
    with Unprivileged(cluster, programs) as watchdog:
        watchdog.wait_until_settled("node1")
        with open(f"/proc/{watchdog.process.pid}/status") as file:
            assert "CapEff:\t0000000000000000\n" in file.readlines(), "not one capability"
        ctl = ["pgpool-ctl", "--config", watchdog.config_file]
        done = watchdog.run_as(identity(ASKER), *ctl, "status")
        assert done.returncode == 0 and "primary      node1\n" in done.stdout, done.stderr
        done = watchdog.run_as(identity(ASKER), *ctl, "switchover", "--wait")
        assert (done.returncode, done.stdout) == (0, "done: node2 is the primary\n"), done.stderr
        # A supplementary group does not show in what the kernel vouches for, and a stranger has no group at all.
        for who in identity(STRANGER, "nogroup"), identity(STRANGER, "nogroup", [grp.getgrnam(GROUP).gr_gid]):
            done = watchdog.run_as(who, "bus_ask", watchdog.config["watchdog"]["name"], "status")
            assert done.returncode != 0 and "primary" not in done.stdout
        for path in (watchdog.directory / "run").iterdir():
            assert path.stat().st_mode & 0o007 == 0, f"{path}: nobody else may read it"
