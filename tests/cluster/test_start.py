# SPDX-License-Identifier: PostgreSQL
"""What the proxy says no to when it starts, and what it must bear from whoever started it."""
import subprocess

import pytest

from support import wire
from support.pgcluster import wait_for
from support.proxy import Proxy, binary

IN_USE = "Address already in use"


def refusal(cluster, changes):
    """What a proxy says that does not start."""
    proxy = Proxy.for_cluster(cluster, changes)
    try:
        proxy.start(wait=False)
        assert proxy.process.wait(10) != 0
        return proxy.log_text()
    finally:
        proxy._clean_up()


def test_port_of_another_proxy_is_not_shared(pair, make_proxy):
    """Listeners with SO_REUSEPORT would divide the clients between the two."""
    first = make_proxy(pair)
    assert IN_USE in refusal(pair, {"listen": {"port": first.port}})


def test_socket_of_another_server_is_not_taken(pair, make_proxy, tmp_path):
    first = make_proxy(pair, {"listen": {"unix_socket_directory": str(tmp_path)}})
    assert IN_USE in refusal(pair, {"listen": {"port": first.port, "addresses": [], "unix_socket_directory": str(tmp_path)}})
    with wire.connect(str(tmp_path), first.port) as connection:
        assert connection.rows("select 1") == [["1"]]


def test_socket_left_behind_is_replaced(pair, make_proxy, tmp_path):
    first = make_proxy(pair, {"listen": {"unix_socket_directory": str(tmp_path)}})
    first.kill()
    second = make_proxy(pair, {"listen": {"port": first.port, "unix_socket_directory": str(tmp_path)}})
    with wire.connect(str(tmp_path), second.port) as connection:
        assert connection.rows("select 1") == [["1"]]


def test_check_reads_the_users_file(pair, tmp_path):
    users = tmp_path / "users"
    proxy = Proxy.for_cluster(pair, {"auth": {"users_file": str(users)}})
    try:
        proxy.write_config()
        code, output = proxy.check()
        assert code == 2 and str(users) in output
        users.write_text('"amy" unquoted\n')
        code, output = proxy.check()
        assert code == 2 and f"{users}:1" in output
        users.write_text('"amy" "secret"\n')
        users.chmod(0o600)
        assert proxy.check()[0] == 0
    finally:
        proxy._clean_up()


def test_nobody_reads_the_log(pair):
    proxy = Proxy.for_cluster(pair, {"log": {"connections": True}})
    proxy.write_config()
    try:
        proxy.process = subprocess.Popen([binary(), "--config", proxy.config_file], stderr=subprocess.PIPE)
        wait_for(proxy.is_ready, 30, "the proxy accepts a query")
        proxy.process.stderr.close()
        for _ in range(3):
            assert proxy.sql("select 1") == 1
        assert proxy.stop() == 0
    finally:
        proxy._clean_up()


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
