# SPDX-License-Identifier: PostgreSQL
"""A former primary becomes a standby again by the steps of docs/ctl.md, "How a former primary comes back"."""
import contextlib
import os

import psycopg2
import pytest
from support import pgcluster

from . import appliance, nodes
from .host import wait_for
from .pair import holder_of, wait_until_settled

pytestmark = pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))


def conninfo(former, primary):
    return f"host={primary.address} port={nodes.PORT} user=postgres dbname=postgres application_name={former.name}"


def rewind(former, primary):
    former.run([pgcluster.BIN / "pg_rewind", "-D", nodes.data_of(former), "-R", "--source-server", conninfo(former, primary)],
               user="postgres")


def copy(former, primary):
    data = nodes.data_of(former)
    os.rename(data, data.with_suffix(".old"))
    former.run(["install", "-d", "-m", "700", "-o", "postgres", "-g", "postgres", data])
    former.run([pgcluster.BIN / "pg_basebackup", "-D", data, "-R", "-c", "fast", "-d",
                conninfo(former, primary).replace("dbname=postgres ", "")], user="postgres")


def come_back(former, primary, epoch, bring):
    """The steps, in their order."""
    if "postgres" in former.daemons():
        former.run([pgcluster.BIN / "pg_ctl", "-D", nodes.data_of(former), "-m", "fast", "stop"], user="postgres")
    with contextlib.suppress(psycopg2.errors.DuplicateObject):
        nodes.sql(primary, f"select pg_create_physical_replication_slot('{former.name}', true)")
    bring(former, primary)
    with open(nodes.data_of(former) / "postgresql.auto.conf", "a") as file:
        file.write(f"primary_slot_name = '{former.name}'\npgpool.epoch = '{epoch}'\n")
    nodes.configure(former, {"cluster_name": former.name})  # postgresql.conf is in the data directory here
    nodes.start(former)
    wait_for(lambda: nodes.answers(former), 60, f"{former.name} accepts connections")


def test_by_rewind_and_by_copy(lab):
    first, second = lab.nodes
    ctl = appliance.ctl_command

    def epoch():
        return appliance.status(holder_of(lab))["epoch"]
    holder_of(lab).run(ctl(holder_of(lab), "switchover", second.name, "--wait"))
    come_back(first, second, epoch(), rewind)
    wait_until_settled(lab, second.name, 1, lab.members)
    assert nodes.sql(second, "show synchronous_standby_names") == f'ANY 1 ("{first.name}")', "commits wait for it again"
    lab.kill(f"{second.name}/postgres")
    wait_until_settled(lab, first.name, 0, lab.members)
    assert nodes.sql(first, "show default_transaction_read_only") == "off", "nothing is left of what had stopped it"
    come_back(second, first, epoch(), copy)
    wait_for(lambda: nodes.follows(second, first), 20, "it follows")
    holder_of(lab).run(ctl(holder_of(lab), "attach", second.name))
    wait_until_settled(lab, first.name, 1, lab.members)
