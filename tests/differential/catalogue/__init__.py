# SPDX-License-Identifier: PostgreSQL
"""All sequences, by subject."""
from . import connecting, copying, extended, illegal, large, names, pipelines, session, simple, transactions

MODULES = (connecting, simple, extended, names, pipelines, transactions, session, copying, illegal, large)


def all_sequences():
    found = [s for module in MODULES for s in module.sequence.sequences]
    names_found = [s.name for s in found]
    assert len(names_found) == len(set(names_found)), "two sequences have the same name"
    return found
