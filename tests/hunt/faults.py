# SPDX-License-Identifier: PostgreSQL
"""What goes wrong at random. Each fault undoes itself before it returns, but for a node or proxy that it ends for good.

Faults on one node choose among those that are in; none takes out the last two.
"""
import contextlib
import os
import signal
import time

import psycopg2

from support.pgcluster import wait_for

SESSIONS = ("from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
            " and application_name not like 'pgpool-%%' and application_name <> 'hunt'")
SYNC_WAIT = "nobody"  # a standby that never comes: COMMIT waits after it has written the commit


HARMLESS = {"kill_proxy", "kill_proxy_within_commit", "restart_proxy", "cancel_client", "drop_client"}  # no node may be taken out for these


class Faults:
    """`done` counts them by name."""

    def __init__(self, rig, rng, chosen):
        self.rig, self.rng, self.done, self.log = rig, rng, {}, []
        self.weights = {name: WEIGHTS[name] or 1 for name in chosen}

    def one(self):
        name = self.rng.choices(list(self.weights), list(self.weights.values()))[0]
        try:
            what = getattr(self, name)()
        except (psycopg2.Error, ProcessLookupError) as error:  # the node went down under it
            what = f"{type(error).__name__}"
        if what is None:
            return
        self.done[name] = self.done.get(name, 0) + 1
        self.log.append((time.time(), name, what))

    def pause(self, low, high):
        time.sleep(self.rng.uniform(low, high))

    def any_node(self):
        """Main as often as all others together."""
        nodes = self.rig.attached()
        if not nodes:
            return None
        return nodes[0] if self.rng.random() < 0.4 else self.rng.choice(nodes)

    def spare_node(self):
        """One that may be lost."""
        return self.any_node() if len(self.rig.attached()) > 2 else None

    def a_session(self, node, condition=""):
        pids = [row[0] for row in self.rig.rows(node, f"select pid {SESSIONS} {condition}")]
        return self.rng.choice(pids) if pids else None

    # --- nodes ---
    def kill_node(self):
        node = self.spare_node()
        if node is None:
            return None
        node.kill()
        return node.name

    def freeze_node(self):
        """Long enough to be taken out."""
        node = self.spare_node()
        if node is None:
            return None
        node.freeze()
        self.pause(3, 6)
        node.thaw()
        return node.name

    def blink_node(self):
        """Shorter than that."""
        node = self.any_node()
        if node is None:
            return None
        node.freeze()
        self.pause(0.05, 0.9)
        node.thaw()
        return node.name

    def bounce_node(self):
        """It is there again before probes notice, with none of its sessions."""
        node = self.spare_node()
        if node is None:
            return None
        how = self.rng.choice(["fast", "immediate"])
        node.restart(how)
        return f"{node.name} {how}"

    # --- clients ---
    def cancel_client(self):
        """A few cancel requests through the proxy."""
        for _ in range(self.rng.randrange(1, 6)):
            self.rng.choice(self.rig.clients).cancel()
        return "some"

    def drop_client(self):
        for _ in range(self.rng.randrange(1, 4)):
            self.rng.choice(self.rig.clients).drop()
        return "some"

    # --- sessions on a node ---
    def end_session(self):
        node = self.any_node()
        pid = node and self.a_session(node, "and xact_start is not null")
        if not pid:
            return None
        self.rig.rows(node, f"select pg_terminate_backend({pid})")
        return f"{node.name} {pid}"

    def cancel_session(self):
        node = self.any_node()
        pid = node and self.a_session(node, "and state = 'active'")
        if not pid:
            return None
        self.rig.rows(node, f"select pg_cancel_backend({pid})")
        return f"{node.name} {pid}"

    def stop_session(self):
        node = self.any_node()
        pid = node and self.a_session(node, "and xact_start is not null")
        if not pid:
            return None
        os.kill(pid, signal.SIGSTOP)
        self.pause(0.1, 4)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        return f"{node.name} {pid}"

    def crash_session(self):
        """kill -9 of one: the server ends all of them and recovers."""
        node = self.spare_node()
        pid = node and self.a_session(node, "and xact_start is not null")
        if not pid:
            return None
        os.kill(pid, signal.SIGKILL)
        return f"{node.name} {pid}"

    # --- steps of a commit ---
    @contextlib.contextmanager
    def no_commit(self, node):
        """COMMIT waits on this node, after it has written it."""
        node.configure({"synchronous_standby_names": SYNC_WAIT})
        try:
            yield
        finally:
            with contextlib.suppress(psycopg2.Error):
                node.configure({"synchronous_standby_names": ""})

    @contextlib.contextmanager
    def no_mark(self, node):
        """Nobody marks on this node."""
        with contextlib.closing(node.connect(application_name="hunt")) as holder, holder.cursor() as cursor:
            cursor.execute("set lock_timeout = '1s'; begin; lock table pgpool_replication.slot in share mode")
            yield

    def within_commit(self, what):
        """Some commits hang on a node, before or after they are certain there; then `what` happens."""
        nodes = self.rig.attached()
        if not nodes:
            return None
        node, holds = self.rng.choice(nodes), self.rng.choice([self.no_commit, self.no_mark])
        with holds(node):
            self.pause(0.05, 0.3)
            done = what(node)
            self.pause(0, 0.2)
        return f"{holds.__name__} {node.name}, {done}"

    def late_commit(self):
        return self.within_commit(lambda node: self.pause(0, 1.2))

    def kill_proxy_within_commit(self):
        return self.within_commit(lambda node: self.rig.kill_proxy()) and self.rig.restart_proxy()

    def end_session_within_commit(self):
        return self.within_commit(lambda node: self.end_session())

    def kill_node_within_commit(self):
        return self.within_commit(lambda node: self.kill_node()) if self.spare_node() else None

    # --- the proxy ---
    def kill_proxy(self):
        self.rig.kill_proxy()
        self.pause(0, 0.3)
        return self.rig.restart_proxy()

    def stop_proxy(self):
        """SIGSTOP and SIGCONT."""
        process = self.rig.proxy.process
        process.send_signal(signal.SIGSTOP)
        self.pause(0.1, 2)
        process.send_signal(signal.SIGCONT)
        return "stopped"

    def second_proxy(self):
        """The proxy stands still, another one takes over, then the first goes on with its old view for a moment: now and then one in
        which a node is out that is in again."""
        old = self.rig.proxy
        lost = self.spare_node() if self.rng.random() < 0.5 else None
        if lost is not None:
            lost.kill()
            wait_for(lambda: lost not in self.rig.attached(), 20, "it is out")
        old.process.send_signal(signal.SIGSTOP)
        try:
            self.rig.served = old
            self.rig.proxy = self.rig.make_second_proxy()
            self.rig.restart_proxy()
            wait_for(self.rig.attached, 20, "the second proxy is open")
            self.rig.rebuild_lost()
        finally:
            self.rig.served = None
            old.process.send_signal(signal.SIGCONT)
        self.pause(0.2, 1)
        old.discard()
        return "the second one goes on"

    def restart_proxy(self):
        self.rig.end_proxy()
        return self.rig.restart_proxy()


WEIGHTS = {
    "kill_node": 1, "freeze_node": 1, "blink_node": 4, "bounce_node": 1, "cancel_client": 3, "drop_client": 4,
    "end_session": 6, "cancel_session": 6, "stop_session": 4, "crash_session": 1,
    "late_commit": 3, "kill_proxy_within_commit": 5, "end_session_within_commit": 4, "kill_node_within_commit": 1, "kill_proxy": 4,
    "stop_proxy": 1, "restart_proxy": 1,
    "second_proxy": 0,  # only if asked for: nothing decides between two proxies yet
}
