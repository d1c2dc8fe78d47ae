# SPDX-License-Identifier: PostgreSQL
"""Runs pgpool-ctl with a configuration of its own.

    ctl = Ctl(independents)
    done = ctl.run("verify", "--databases", "app")
    assert done.code == 1 and "missing on node2" in done.out
"""
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from . import proxy as proxies


def binary():
    return proxies.binary().parent.parent / "ctl" / "pgpool-ctl"


@dataclasses.dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


class Ctl:
    """nodes: servers that become the nodes of the configuration; changes: over the rest of it."""

    def __init__(self, nodes, changes=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="pgpool-ctl-", dir="/var/tmp"))
        base = {"mode": "replication", "nodes": [proxies.node_entry(n) for n in nodes],
                "replication": {"state_directory": str(self.directory)},
                "auth": {"access": [{"method": "trust"}]}, "admin": {"users": ["postgres"]}}
        self.config_file = self.directory / "appliance.yaml"
        self.config_file.write_text(proxies.to_yaml(proxies.merge(base, changes)) + "\n")

    def run(self, *arguments, timeout=60):
        return run(self.config_file, *arguments, timeout=timeout)

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def run(config_file, *arguments, timeout=60, **environment):
    done = subprocess.run([binary(), "--config", config_file, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout, env={**os.environ, **environment})
    return Done(done.returncode, done.stdout, done.stderr)
