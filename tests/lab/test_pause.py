# SPDX-License-Identifier: PostgreSQL
"""pgpool-ctl pause and resume: the primary is restarted under load, and clients only wait."""
import contextlib
import json
import subprocess
import time

import pytest

from . import appliance, nodes
from .load import Load
from .pair import ctl, promotions, status

pytestmark = [pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True)),
              pytest.mark.usefixtures("watch")]


def of_clients(node):
    return nodes.sql(node, "select count(*) from pg_stat_activity where query like 'insert into load%' and state <> 'idle'")


def test_the_primary_restarts_while_clients_wait(lab):
    primary, member = lab.host("n1"), lab.members[1]
    before = promotions(lab)
    with Load(lab) as load:
        paused = json.loads(ctl(member, "pause", "--for", "25s", "--reason", "minor upgrade", "--json"))
        assert paused["primary"] == "n1"
        assert of_clients(primary) == 0
        served = [len(client.acknowledged) for client in load.clients]
        lab.kill("n1/postgres")
        time.sleep(2)  # without a pause another one would be the primary long since
        assert status(member)["pause"]["reason"] == "minor upgrade"
        lab.start("n1/postgres")
        assert [len(client.acknowledged) for client in load.clients] == served, "nothing begins"
        ctl(member, "resume")
        load.wait_served(20)
    assert load.errors() == []
    assert load.lost(primary) == set()
    assert status(member)["primary"] == "n1" and promotions(lab) == before


def test_a_pause_ends_by_itself_if_a_transaction_does_not(lab):
    member = lab.members[0]
    with Load(lab) as load, contextlib.closing(load.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("begin; create table kept as select 1 as a")
        begun = time.monotonic()
        with subprocess.Popen(member.enter(appliance.ctl_command(member, "pause", "--for", "3s")), stderr=subprocess.PIPE, text=True) as pause:
            cursor.execute("insert into kept values (2)")
            _, told = pause.communicate(timeout=20)
        assert pause.returncode == 1 and "1 transactions were under way to its end" in told
        assert 2 < time.monotonic() - begun
        load.wait_served(20)
        cursor.execute("commit")
        cursor.execute("select count(*) from kept")
        assert cursor.fetchone() == (2,)
    assert load.errors() == [] and status(member)["pause"] is None
