# SPDX-License-Identifier: PostgreSQL
"""Random faults for four minutes; tests/lab/soak says more, and runs for longer."""
import pathlib
import subprocess

import pytest

from . import appliance

SOAK = pathlib.Path(__file__).with_name("soak")
SECONDS = 240


@pytest.mark.skipif(bool(appliance.why_not(True)), reason="not built: " + appliance.why_not(True))
def test_random_faults_leave_nothing_lost_and_nobody_beside_another():
    command = [SOAK, "--seconds", str(SECONDS), "--seed", "1"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=SECONDS + 200)
    print(done.stdout.splitlines()[-1])
    assert done.returncode == 0, "\n".join(done.stdout.splitlines()[-150:])
