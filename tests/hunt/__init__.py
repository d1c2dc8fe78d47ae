# SPDX-License-Identifier: PostgreSQL
"""Divergence hunt for mode replication: random clients and faults, then every node must hold the same."""
