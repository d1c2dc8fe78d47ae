# SPDX-License-Identifier: PostgreSQL
"""deploy/quickstart --pair, by what it prints: made, broken, brought back, stopped, removed."""
import os
import pathlib
import re
import subprocess

import pytest
from support import proxy

from . import appliance
from .host import wait_for
from .rig import Lab
from .test_lab import traces

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))
SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "quickstart"
NAME = f"t{os.getpid()}q"


def run(command, **environment):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout


class Pair:
    def __init__(self, build):
        self.build, self.printed = build, ""

    def quickstart(self, *words):
        return run([SCRIPT, "--pair", "--name", NAME, *words], PGPOOL_BUILD=str(self.build))

    def start(self):
        code, self.printed = self.quickstart()
        assert code == 0, self.printed
        assert "a query works at the virtual address" in self.printed

    def pair(self, words, code=0):
        """`pair WORDS` in a shell that was given the function it prints; without PGPOOL_BUILD, as people have it."""
        function = re.search(r"^ +(pair\(\) .*)$", self.printed, re.MULTILINE)[1]
        done = subprocess.run(["env", "-u", "PGPOOL_BUILD", "bash", "-c", f"{function}\npair {words}"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout.strip()

    def printed_line(self, begin):
        """A command that it prints, by how it begins."""
        return re.search(rf"^ +pair ({begin}.*?)  ", self.printed, re.MULTILINE)[1]

    @staticmethod
    def told():
        """By a member that is up."""
        return next(appliance.status(member) for member in Lab.find(NAME).members if member.init() is not None)

    def query(self, text):
        return self.pair(f"psql vip -XAtqd 'dbname=postgres connect_timeout=10' -c \"{text}\"")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Its programs are where only root can go, as in a clone in root's home."""
    build = tmp_path_factory.mktemp("build")
    build.chmod(0o700)
    for folder in ("proxy", "ctl", "vip", "watchdog"):
        (build / folder).symlink_to(proxy.binary().parent.parent / folder)
    made = Pair(build)
    try:
        made.start()
        made.query("create table t as select 7 as a")
        yield made
    finally:
        Lab(NAME).down()


def test_it_is_there_and_a_second_call_leaves_it_alone(pair):
    before = Lab.find(NAME).host("m1").daemons()
    code, text = pair.quickstart("status")
    assert code == 0 and "a query works at 10.77.0.50" in text and "primary      n1" in text, text
    pair.start()
    assert Lab.find(NAME).host("m1").daemons() == before


def test_the_active_member_and_the_primary_are_killed(pair):
    active, primary = pair.printed_line("kill m"), pair.printed_line("kill n")
    assert primary == "kill n1"
    pair.pair(active)
    assert pair.query("select a from t") == "7"
    pair.pair(primary)
    wait_for(lambda: (pair.told() or {}).get("primary") in ("n2", "n3"), 20, "another node is the primary")
    pair.query("insert into t values (8)")
    code, text = pair.quickstart("status")
    assert code == 3 and re.search(r"^n1 .* off$", text, re.MULTILINE) and "this brings everything back" in text, text


def test_stopped_in_the_midst_of_it_everything_comes_back(pair):
    assert pair.quickstart("stop")[0] == 0
    code, text = pair.quickstart("status")
    assert code == 3 and text.count(" off\n") == 6, text
    pair.start()
    assert pair.query("select sum(a) from t") == "15"
    code, text = pair.quickstart("status")
    assert code == 0 and re.search(r"^n1 +standby +in service", text, re.MULTILINE), text


def test_roles_are_moved(pair):
    member = pair.told()["lease"]["holder"]
    pair.pair(pair.printed_line("ctl m1 vip move"))
    wait_for(lambda: pair.told()["lease"]["holder"] not in ("", None, member), 20, "the other member has the address")
    switchover = pair.printed_line("ctl m1 switchover")
    pair.pair(switchover)
    wait_for(lambda: pair.told()["primary"] == switchover.split()[-1], 20, "it is the primary")
    pair.pair(pair.printed_line("mend"))
    assert pair.quickstart("status")[0] == 0


def test_nothing_is_left(pair):
    assert pair.quickstart("clean")[0] == 0
    assert traces(NAME) == []
    assert pair.quickstart("status")[0] == 4
    assert pair.quickstart("clean") == (0, "no pair is set up\n")


@pytest.mark.parametrize("prefix,words,message", [
    (["setpriv", "--reuid=65534", "--clear-groups"], [], "must run as root: sudo "),
    (["setpriv", "--bounding-set=-sys_admin"], [], "no pair can run on this machine (a container needs to be privileged): no network namespaces"),
    ([], ["--port", "7000"], "--pair goes with --name only"),
    ([], ["--name", "a-b"], "--name takes small letters and digits")])
def test_why_there_is_none(prefix, words, message):
    code, text = run([*prefix, SCRIPT, "--pair", "--name", f"{NAME}n", *words])
    assert code == 1 and f"quickstart: {message}" in text, text
    assert traces(f"{NAME}n") == []
