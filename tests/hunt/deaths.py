# SPDX-License-Identifier: PostgreSQL
"""In which steps of their commits the proxy left transactions when it died, as far as the nodes tell."""
import collections
import time

SETTLES = 0.03  # seconds in which nodes execute what was sent to them
OPEN = "select coalesce(query, '') {} and xact_start is not null"
SLOTS = "select id, seq from pgpool_replication.slot"


class Deaths:
    """`steps` counts transactions by step and node."""

    def __init__(self):
        self.steps = collections.Counter()

    def look(self, rows, nodes, sessions):
        """REQUIRES: the proxy stands still and will die; main is the first of `nodes`. `rows(node, text)` asks one."""
        time.sleep(SETTLES)
        for place, node in zip(["main"] + ["a follower"] * len(nodes), nodes):
            self.steps.update(f"{step_of(text)} at {place}" for text, in rows(node, OPEN.format(sessions)))
        main, *others = [dict(rows(node, SLOTS)) for node in nodes]
        for slot, sequence in main.items():
            behind = sum(other.get(slot, 0) < sequence for other in others)
            if behind:
                self.steps["committed at main alone" if behind == len(others) else "committed at main and a follower"] += 1


def step_of(text):
    if "pgpool_replication.mark" in text:
        return "marked"
    return "committing" if text.upper().startswith("COMMIT") else "executed"
