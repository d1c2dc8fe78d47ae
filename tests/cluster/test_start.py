# SPDX-License-Identifier: PostgreSQL
"""What the proxy says no to when it starts, and what it must bear from whoever started it."""
import subprocess

import pytest

from support.pgcluster import wait_for
from support.proxy import Proxy, binary

HOSTS = "127.0.0.1 localhost\n::1 two-addresses\n127.0.0.1 two-addresses\n"


def can_change_hosts():
    return subprocess.run(["unshare", "-m", "mount", "--bind", "/etc/hosts", "/etc/hosts"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_change_hosts(), reason="needs a mount namespace of its own")
def test_node_answers_at_its_second_address_only(pair, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text(HOSTS)
    node = {"name": "node1", "host": "two-addresses", "port": pair.primary.port}
    proxy = Proxy.for_cluster(pair, {"nodes": [node]})
    proxy.write_config()
    try:
        with open(proxy.log, "ab") as log:
            proxy.process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", 'mount --bind "$1" /etc/hosts && exec "$2" --config "$3"', "sh", hosts, binary(),
                 proxy.config_file], stdout=log, stderr=log)
        wait_for(proxy.is_ready, 10, "the proxy accepts a query")
        assert proxy.stop() == 0
    finally:
        proxy._clean_up()
