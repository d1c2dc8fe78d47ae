# SPDX-License-Identifier: PostgreSQL
"""A host: network, process, mount, IPC and host name namespaces, with /run, /dev/shm, /etc/hosts and /etc/corosync of
its own. Everything about it can be found out from its network namespace, so that another process, or the same one
after a kill -9, can go on with it or clean it up."""
import contextlib
import os
import pathlib
import pwd
import signal
import subprocess
import time

from .network import LabError, run

# Process 1 of the host, which only reaps. The namespaces of others are unmounted, or this host would keep them alive.
INIT = """
set -e
mount --make-rprivate /
umount --lazy --recursive /run/netns 2>/dev/null || true
mount --bind "$0/../hosts" /etc/hosts
mkdir -p "$0/etc" /etc/corosync
mount --bind "$0/etc" /etc/corosync
mount -t tmpfs lab /run
mount -t tmpfs lab /dev/shm
mkdir -p /run/lock
chmod 1777 /run/lock /dev/shm
hostname "$1"
: > /run/is-up
trap : TERM INT
while :; do sleep 86400 & wait; done
"""


def wait_for(condition, timeout, what, interval=0.02):
    """Polls until condition() is true; its value."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise LabError(f"not within {timeout} s: {what}")
        time.sleep(interval)
    return value


def status_of(pid):
    """Fields of /proc/PID/status; empty if it has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    return {} if fields["State"].startswith("Z") else fields


def pids_in(namespace):
    """Processes that live in it. Ended ones do not count."""
    found = run("ip", "netns", "pids", namespace, check=False).split()
    return [int(pid) for pid in found if pid.isdigit() and status_of(pid)]


def program_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
    except OSError:
        return ""


def parent_of(pid):
    return int(status_of(pid).get("PPid", 0))


def parents_first(pids):
    """Numbers say nothing about that: they begin anew when they have reached the kernel's limit."""
    return sorted(pids, key=lambda pid: parent_of(pid) in pids)


def send(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def as_user(name, capabilities=()):
    user = pwd.getpwnam(name)
    kept = [f"--{kind}-caps={','.join(f'+{c}' for c in capabilities)}" for kind in ("inh", "ambient") if capabilities]
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", *kept]


class Host:
    def __init__(self, network, name, address, folder):
        self.network, self.name, self.address, self.folder = network, name, address, folder
        self.last_init = None  # process 1 when init() last found one, which takes long; it may have ended since

    # --- life ---
    def boot(self):
        """Switches it on: its address, its cable, and process 1."""
        self.folder.mkdir(exist_ok=True)
        self.network.address(self.name, self.address)
        self.network.plug(self.name, True)
        with open(self.folder / "init.log", "ab") as log:
            subprocess.Popen(["ip", "netns", "exec", self.network.namespace(self.name), "unshare", "--mount", "--uts", "--ipc",
                              "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", INIT, str(self.folder), self.name],
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")
        wait_for(self._is_up, 20, f"{self.name} boots; see {self.folder}/init.log")

    def _is_up(self):
        init = self.init()
        return init is not None and os.path.exists(f"/proc/{init}/root/run/is-up")

    def power_off(self):
        """The cable first: the kernel of a dead host says nothing more, not even that a connection is over."""
        self.network.plug(self.name, False)
        self.end()

    def end(self):
        pids = self.pids()
        send(pids, signal.SIGKILL)
        wait_for(lambda: not self.pids(), 20, f"the processes of {self.name} end")

    # --- processes ---
    def pids(self):
        """All of them, those outside that wait for one of them too. Ended ones do not count."""
        return pids_in(self.network.namespace(self.name))

    def _inner(self):
        """pid on the machine -> pid in the host, of what runs in the host."""
        inner = {}
        for pid in self.pids():
            numbers = status_of(pid).get("NSpid", "").split()
            if len(numbers) > 1:
                inner[pid] = int(numbers[-1])
        return inner

    def init(self):
        found = next((pid for pid, inner in self._inner().items() if inner == 1), None)
        self.last_init = found or self.last_init
        return found

    def daemons(self):
        """program -> pids, parents first; without process 1 and its sleep."""
        found = {}
        for pid in self._inner():
            program = program_of(pid)
            if program not in ("", "bash", "sleep"):
                found.setdefault(program, []).append(pid)
        return {program: parents_first(pids) for program, pids in found.items()}

    def is_frozen(self):
        init = self.init()
        return init is not None and status_of(init).get("State", "").startswith("T")

    def _targets(self, daemon):
        if daemon is None:
            return list(self._inner())
        if daemon == "postmaster":
            return self.daemons().get("postgres", [])[:1]
        return self.daemons().get(daemon, [])

    def kill(self, daemon):
        """kill -9 of all processes of that program; `postmaster`: of that one alone."""
        pids = self._targets(daemon)
        if not pids:
            raise LabError(f"{daemon} does not run on {self.name}")
        send(pids, signal.SIGKILL)
        wait_for(lambda: not any(status_of(pid) for pid in pids), 20, f"{daemon} on {self.name} ends")

    def freeze(self, daemon=None):
        """SIGSTOP for the daemon, or for all: once more for what was forked meanwhile."""
        if not self._targets(daemon):
            raise LabError(f"{daemon} does not run on {self.name}" if daemon else f"{self.name} is not up")
        for _ in range(2):
            send(self._targets(daemon), signal.SIGSTOP)

    def thaw(self, daemon=None):
        send(reversed(self._targets(daemon)), signal.SIGCONT)

    # --- commands ---
    def enter(self, command, user=None, capabilities=()):
        """The command line that runs it in the host; a user has no capabilities but these."""
        init = self.init()
        if init is None:
            raise LabError(f"{self.name} is not up")
        rights = as_user(user, capabilities) if user else []
        return ["nsenter", "-t", str(init), "-m", "-u", "-i", "-n", "-p", "--wd=/", "--", *rights, *[str(c) for c in command]]

    def run(self, command, user=None, check=True):
        return run(*self.enter(command, user), check=check)

    def start(self, command, user=None, capabilities=(), environment=(), output=None):
        """A daemon that goes on when we end; its output goes to PROGRAM.log in the host's folder, or to that descriptor. `environment`:
        NAME=VALUE each."""
        program = os.path.basename(str(command[0]))
        command = ["env", *environment, *command] if environment else command
        with open(self.folder / f"{program}.log", "ab") as log:
            out = log if output is None else output
            process = subprocess.Popen(self.enter(command, user, capabilities), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True, cwd="/")
        wait_for(lambda: program in self.daemons() or process.poll() is not None, 20, f"{program} on {self.name} starts")
        if process.poll() is not None and program not in self.daemons():
            raise LabError(f"{program} on {self.name} ended at once: {(self.folder / f'{program}.log').read_text()[-2000:]}")
