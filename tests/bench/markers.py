#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
"""What a marker adds to a transaction of one UPDATE, by its form (docs/adr/0009-markers.md).

usage: markers.py [--rounds N] [--seconds S]

One server with fsync off: what is measured is work, not the disk. Every form runs once in each round, so that a busy
machine disturbs all of them; rates are the best of the rounds, processor time and WAL the median. Processor time is that of
the server, which others on the machine disturb least. The marker is a statement of its own before COMMIT, with its own round
trip, as the proxy sends it.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support import markers  # noqa: E402
from support.pgcluster import BIN, Independents  # noqa: E402

ROWS = 10000
CLIENTS = (1, 8)
NO_REDO = ("\\x", "\\x")
REDO = ("\\x" + "61" * 200, "\\x" + "62" * 200)  # in turn: what a row has in common with the one before is not in the WAL
WORK = f"\\set id random(1, {ROWS})\n\\set seq :seq + 1\nBEGIN;\nUPDATE work SET x = x + 1 WHERE id = :id;\n"
IN_TURN = "\\if :seq % 2 = 0\n{0}:even{1}\n\\else\n{0}:odd{1}\n\\endif\n"
FUNCTION = IN_TURN.format("SELECT pgpool_replication.mark(:client_id, :seq, 1, ", ", 1);")
PLAIN = IN_TURN.format("UPDATE pgpool_replication.slot SET seq = :seq, redo = ", " WHERE id = :client_id AND epoch = 1;")
SESSION = ("\\if :ready = 0\nSELECT pg_replication_origin_session_setup('o' || :client_id);\n\\set ready 1\n\\endif\n")
ORIGIN = "SELECT pg_replication_origin_xact_setup('0/1'::pg_lsn + (:seq)::numeric, now());\n"
# name, what is sent before BEGIN, what is sent before COMMIT, the redo
FORMS = (
    ("no marker", "", "", NO_REDO),
    ("SELECT 1 instead", "", "SELECT 1;\n", NO_REDO),  # what any statement costs
    ("row by function, no redo", "", FUNCTION, NO_REDO),
    ("row by function, redo of 200 bytes", "", FUNCTION, REDO),
    ("row by plain UPDATE, no redo", "", PLAIN, NO_REDO),
    ("row by plain UPDATE, redo of 200 bytes", "", PLAIN, REDO),
    ("replication origin", SESSION, ORIGIN, NO_REDO),
)


def prepare(node):
    markers.prepare([node], max(CLIENTS))
    node.sql("update pgpool_replication.slot set epoch = 1, token = 1, answer = 1")
    node.sql(f"create table work (id int primary key, x int) with (fillfactor = 50);"
             f" insert into work select i, 0 from generate_series(1, {ROWS}) i")
    node.sql(f"select count(pg_replication_origin_create('o' || i)) from generate_series(0, {max(CLIENTS) - 1}) i")


def wal_bytes(node, since="0/0"):
    return node.sql("select pg_current_wal_lsn() - %s::pg_lsn", [since])


def processor_seconds(node):
    """Of the postmaster and of all children that have ended."""
    with open(f"/proc/{node.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def run(node, directory, form, clients, seconds):
    """(transactions per second, microseconds of the server and bytes of WAL per transaction)."""
    name, before, mark, redo = form
    script = directory / "script.sql"
    script.write_text(before + WORK + mark + "COMMIT;\n")
    node.sql("update pgpool_replication.slot set seq = 0")
    node.sql("vacuum work, pgpool_replication.slot")
    node.sql("checkpoint")
    time.sleep(0.1)
    wal, processor = wal_bytes(node), processor_seconds(node)
    done = subprocess.run(
        [BIN / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)), "-T", str(seconds), "-f",
         script, "-D", "seq=0", "-D", "ready=0", "-D", f"even={redo[0]}", "-D", f"odd={redo[1]}", "-h", node.host, "-p",
         str(node.port), "-U", "postgres", "postgres"], capture_output=True, text=True, check=False)
    time.sleep(0.1)  # until the last backend is gone
    lines = done.stdout.splitlines()
    rate = [line for line in lines if line.startswith("tps = ")]
    count = [line for line in lines if line.startswith("number of transactions actually processed")]
    if done.returncode != 0 or not rate:
        sys.exit(f"pgbench, {name}: {done.stdout}{done.stderr}")
    transactions = int(count[0].split(":")[1].split("/")[0])
    return (float(rate[0].split()[2]), 1e6 * (processor_seconds(node) - processor) / transactions,
            float(wal_bytes(node) - wal) / transactions)


def report(found):
    print(f"{'form':<40} {'clients':>7} {'tps':>8} {'ratio':>6} {'server us':>9} {'ratio':>6} {'WAL bytes':>9}")
    for clients in CLIENTS:
        def summary(name):
            rates, processor, wal = zip(*found[clients, name])
            return max(rates), statistics.median(processor), statistics.median(wal)
        base = summary(FORMS[0][0])
        for name, *_ in FORMS:
            rate, processor, wal = summary(name)
            print(f"{name:<40} {clients:>7} {rate:>8.0f} {rate / base[0]:>6.2f} {processor:>9.1f} {processor / base[1]:>6.2f} "
                  f"{wal:>9.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=2)
    args = parser.parse_args()
    found = {}
    with Independents(1) as servers, tempfile.TemporaryDirectory() as directory:
        node = servers.nodes[0]
        prepare(node)
        for _ in range(args.rounds):
            for clients in CLIENTS:
                for form in FORMS:
                    result = run(node, pathlib.Path(directory), form, clients, args.seconds)
                    found.setdefault((clients, form[0]), []).append(result)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    report(found)


if __name__ == "__main__":
    main()
