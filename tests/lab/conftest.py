# SPDX-License-Identifier: PostgreSQL
"""Tests in labs: skipped as a whole where none can run."""
import pytest

from .network import why_not


def pytest_sessionstart(session):
    reason = why_not()
    if reason:
        pytest.exit(reason, returncode=77)
