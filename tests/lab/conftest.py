# SPDX-License-Identifier: PostgreSQL
"""Tests in labs: skipped as a whole where none can run."""
import os
import re
import signal

import pytest

from . import rig
from .network import why_not


def pytest_sessionstart(session):
    reason = why_not()
    if reason:
        pytest.exit(reason, returncode=77)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # labs are taken down, as after Ctrl-C
    for name in rig.labs():
        owner = re.fullmatch(r"[tuv](\d+)[a-z]?", name)
        if owner and not os.path.exists(f"/proc/{owner[1]}"):  # a run that was killed
            rig.Lab(name).down()
