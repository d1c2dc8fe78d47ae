# SPDX-License-Identifier: PostgreSQL
"""Mode replication: pgbench, as it comes, leaves equal nodes."""
import re
import subprocess

import pytest

from support.pgcluster import BIN
from support.replicated import assert_equal, states

CLIENTS, SCALE = 16, 2
SUMS = ("select (select sum(bbalance) from pgbench_branches) = (select sum(tbalance) from pgbench_tellers) and (select sum(bbalance) from "
        "pgbench_branches) = (select sum(abalance) from pgbench_accounts) and (select coalesce(sum(delta), 0) from pgbench_history) = "
        "(select sum(abalance) from pgbench_accounts)")


def pgbench(target, *options):
    done = subprocess.run([BIN / "pgbench", "-h", target.host, "-p", str(target.port), "-U", "postgres", *options, "postgres"], capture_output=True,
                          text=True, timeout=600)
    output = done.stdout + done.stderr
    assert done.returncode == 0 and not re.search("aborted|error:|fatal:", output, re.IGNORECASE), output
    return output


def tpc_b(proxy, protocol, transactions):
    """Transactions per second; all have succeeded at the first try."""
    output = pgbench(proxy, "-n", "-M", protocol, "-c", str(CLIENTS), "-j", "2", "-t", str(transactions))
    assert "number of failed transactions: 0 " in output and f"actually processed: {CLIENTS * transactions}/" in output, output
    return float(re.search(r"tps = ([\d.]+)", output)[1])


@pytest.mark.parametrize("keys", [[], ["--foreign-keys"]], ids=["plain", "foreign_keys"])
@pytest.mark.parametrize("where", ["client", "server"])
def test_initialisation_and_tpc_b(shared_proxy, sized, tell, keys, where):
    pgbench(shared_proxy, "-i", "-q", "-s", str(SCALE), "-I", {"client": "dtgvp", "server": "dtGvp"}[where], *keys)
    found = {protocol: tpc_b(shared_proxy, protocol, sized(15, 1000)) for protocol in ("simple", "extended", "prepared")}
    tell(f"{CLIENTS} clients, transactions per second: {found}")
    tables = assert_equal(shared_proxy.nodes)
    assert tables["pgbench_history"][0] == 3 * CLIENTS * sized(15, 1000)
    assert shared_proxy.nodes.sql(SUMS) == [True] * 3
    assert states(shared_proxy) == ["up"] * 3
