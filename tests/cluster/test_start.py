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
        assert proxy.process.wait(10) == 1
        return proxy.log_text()
    finally:
        proxy.discard()


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["*"], ["127.0.0.1", "localhost"]])
def test_port_of_another_proxy_is_not_shared(pair, make_proxy, addresses):
    """Listeners with SO_REUSEPORT would divide the clients between the two."""
    first = make_proxy(pair, {"listen": {"addresses": addresses}})
    assert IN_USE in refusal(pair, {"listen": {"addresses": addresses, "port": first.port}})
    assert first.sql("select 1") == 1


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


@pytest.fixture
def checked(pair, make_unstarted_proxy):
    """checked(changes): exit code and output of --check, and the same of a start."""
    def run(changes):
        proxy = make_unstarted_proxy(pair, changes)
        found = proxy.check()
        proxy.start(wait=False)
        return found, (proxy.process.wait(20), proxy.log_text())
    return run


@pytest.mark.parametrize("changes, words", [
    ({"auth": {"users_file": "/nowhere/users.txt"}}, ["auth.users_file", "/nowhere/users.txt", "No such file"]),
    ({"auth": {"users_file": "/etc"}}, ["auth.users_file", "/etc", "Is a directory"]),
    ({"listen": {"addresses": ["127.0.0.1", "127.0.0.300"]}}, ["listen.addresses", "127.0.0.300"]),
    ({"listen": {"addresses": ["no such host"]}}, ["listen.addresses", "no such host"]),
    ({"listen": {"unix_socket_directory": "/nowhere"}}, ["listen.unix_socket_directory", "/nowhere", "No such file"]),
    ({"listen": {"unix_socket_directory": "/etc/passwd"}}, ["listen.unix_socket_directory", "Not a directory"]),
])
def test_check_finds_what_a_start_refuses(checked, changes, words):
    for status, output in checked(changes):
        assert status == 2 and not [w for w in words if w not in output], output


def test_a_name_that_does_not_resolve_may_later(checked):
    """Exit code 1, after which the service manager tries again; not so for what is wrong in any case."""
    changes = {"listen": {"addresses": ["127.0.0.1", "nowhere.invalid"]}}
    outcomes = checked(changes)
    assert [status for status, _ in outcomes] == [2, 1]
    assert all("listen.addresses" in output and "nowhere.invalid" in output for _, output in outcomes)
    assert [status for status, _ in checked({**changes, "auth": {"users_file": "/nowhere/users.txt"}})] == [2, 2]


def test_check_reads_the_users_file(checked, tmp_path):
    users = tmp_path / "users.txt"
    users.write_text('"good" "secret"\ngarbage\n')
    for status, output in checked({"auth": {"users_file": str(users)}}):
        assert status == 2 and "users.txt:2:" in output and "double quotes" in output and "secret" not in output


def test_check_finds_all_at_once(checked):
    for status, output in checked({"auth": {"users_file": "/nowhere/users.txt"}, "listen": {"unix_socket_directory": "/nowhere"}}):
        assert status == 2 and "auth.users_file" in output and "listen.unix_socket_directory" in output


def test_nobody_can_log_in_is_a_warning(pair, make_unstarted_proxy):
    proxy = make_unstarted_proxy(pair, {"auth": {"access": []}})
    status, output = proxy.check()
    assert status == 0 and "warning nobody_can_log_in" in output and "auth.access" in output
    assert "warning" not in make_unstarted_proxy(pair).check()[1]


def test_check_needs_no_port(pair, make_proxy):
    assert make_proxy(pair).check()[0] == 0


def test_a_single_value_is_a_list_of_one(pair, make_proxy):
    assert make_proxy(pair, {"admin": {"users": "postgres"}}).admin("SHOW VERSION")


@pytest.mark.parametrize("arguments, status, words", [(["--version"], 0, "pgpool-proxy 0.1.0\n"), (["--nonsense"], 2, "--nonsense"), (["--config"], 2, "--config"),
                                                      (["--help"], 0, "--check")])
def test_command_line(arguments, status, words):
    done = subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=20)
    assert done.returncode == status and words in done.stdout + done.stderr


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
        proxy.discard()


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
        proxy.discard()
