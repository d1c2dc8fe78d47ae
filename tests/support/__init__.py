# SPDX-License-Identifier: PostgreSQL
"""Rig of the tests: PostgreSQL clusters (pgcluster), the proxy (proxy), a raw protocol client (wire)."""
import signal


def _terminated(*_):
    raise KeyboardInterrupt  # unlike SystemExit this also ends pytest


# So that a run that is stopped from outside still stops its servers and removes its directories.
signal.signal(signal.SIGTERM, _terminated)
