# SPDX-License-Identifier: PostgreSQL
"""Passwords between client, proxy and nodes, without a clear password stored anywhere."""
import itertools
import pathlib
import random
import re

import pytest

from support import proxy as proxies
from support import wire
from support.pgcluster import Cluster, wait_for

LOOKUP = {"auth_user": "lookup", "auth_password": "lookup-secret"}


@pytest.fixture(scope="module")
def guarded():
    """A pair that asks everybody for a password; only the rig's superuser is trusted."""
    with Cluster(standbys=1) as cluster:
        primary = cluster.primary
        primary.sql("create role lookup superuser login password 'lookup-secret'")
        primary.sql("create role scram_user login password 'pencil'")
        primary.sql("create role odd_user login password 'I\u00adX \u2168 p\u00e4ss'")
        primary.sql("set password_encryption = md5; create role md5_user login password 'old'; create role md5_two login password 'two'")
        primary.sql("create role locked login password 'x' valid until '2001-01-01'; create role without_password login")
        cluster.wait_caught_up()
        for node in cluster.nodes:
            node.set_hba(["host all postgres 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust",
                          "host all md5_user,md5_two 127.0.0.1/32 md5", "host all all 127.0.0.1/32 scram-sha-256"])
        primary.sql(recommended_function())
        cluster.wait_caught_up()
        yield cluster


def recommended_function():
    """What docs/authentication.md says to make for auth_query."""
    text = (proxies.ROOT / "docs" / "authentication.md").read_text()
    return re.search(r"```sql\n(create role pgpool .*?)```", text, re.DOTALL)[1].replace("…", "function-secret")


FUNCTION = {"auth_user": "pgpool", "auth_password": "function-secret", "auth_query": "SELECT usename, passwd FROM pgpool.user_lookup($1)"}


def by_file(guarded, proxy_directory):
    rows = guarded.primary.rows("select rolname, rolpassword from pg_authid where rolpassword is not null")
    path = proxy_directory / "users"
    path.write_text("".join(f'"{name}" "{verifier}"\n' for name, verifier in rows))
    path.chmod(0o600)
    return str(path)


@pytest.fixture(params=["users_file", "auth_query", "function"])
def login(request, guarded, make_proxy, tmp_path):
    method = {"access": [{"users": ["md5_user", "md5_two"], "method": "md5"}, {"users": ["postgres"], "method": "trust"}, {"method": "scram-sha-256"}]}
    source = {"users_file": lambda: {"users_file": by_file(guarded, tmp_path)}, "auth_query": lambda: LOOKUP, "function": lambda: FUNCTION}
    proxy = make_proxy(guarded, {"auth": {**method, **source[request.param]()}})

    def connect(user, password):
        with proxy.wire(user=user, password=password) as connection:
            return [connection.rows("select current_user")[0][0] for _ in range(20)]
    return connect


@pytest.mark.parametrize("user, password", [("scram_user", "pencil"), ("md5_user", "old"), ("md5_two", "two")])
def test_right_password(login, user, password):
    assert set(login(user, password)) == {user}


def test_expired_password(login):
    with pytest.raises(wire.ServerError) as refused:
        login("locked", "x")
    assert refused.value.sqlstate == "28P01"


def test_expired_password_has_no_verifier(guarded):
    """The node would refuse it as well; with the function the proxy does so before it opens a connection there."""
    assert guarded.primary.rows("select passwd from pgpool.user_lookup('locked')") == [(None,)]


def test_password_that_needs_saslprep(guarded, make_proxy):
    """libpq normalises; the verifier was made from the normalised form."""
    proxy = make_proxy(guarded, {"auth": {**LOOKUP, "access": [{"users": ["postgres"], "method": "trust"}, {"method": "scram-sha-256"}]}})
    connection = proxy.connect(user="odd_user", password="I\u00adX \u2168 p\u00e4ss")
    connection.close()


@pytest.mark.parametrize("user, password", [("scram_user", "wrong"), ("scram_user", ""), ("md5_user", "wrong"), ("nobody_here", "x"), ("without_password", "x")])
def test_wrong_password(login, user, password):
    with pytest.raises(wire.ServerError) as refused:
        login(user, password)
    assert refused.value.sqlstate == "28P01"
    assert refused.value.fields["M"] == f'password authentication failed for user "{user}"'


def test_changed_password_is_seen(guarded, make_proxy):
    proxy = make_proxy(guarded, {"auth": {**LOOKUP, "auth_query_ttl": "200ms", "access": [{"users": ["postgres"], "method": "trust"}, {"method": "scram-sha-256"}]}})
    guarded.primary.sql("create role changing login password 'first'")
    guarded.wait_caught_up()
    proxy.wire(user="changing", password="first").close()
    guarded.primary.sql("alter role changing password 'second'")
    guarded.wait_caught_up()

    def works():
        try:
            with proxy.wire(user="changing", password="second") as connection:
                return connection.rows("select current_user") == [["changing"]]
        except wire.ServerError:
            return False
    wait_for(works, 10, "the new password works")
    with pytest.raises(wire.ServerError) as refused:
        proxy.wire(user="changing", password="first")
    assert refused.value.sqlstate == "28P01"


def logs_in(proxy, user, password):
    try:
        with proxy.wire(user=user, password=password) as connection:
            return connection.rows("select current_user") == [[user]]
    except wire.ServerError as refused:
        assert refused.sqlstate == "28P01"
        return False


def proxy_that_keeps(guarded, make_proxy):
    """For longer than a test lasts."""
    return make_proxy(guarded, {"auth": {**LOOKUP, "auth_query_ttl": "10min", "access": [{"users": ["postgres"], "method": "trust"}, {"method": "scram-sha-256"}]}})


@pytest.mark.parametrize("change", ["alter role {} password 'second'", "begin; alter user {} password 'second'; commit"])
def test_password_changed_through_the_proxy_counts_at_once(guarded, make_proxy, change):
    proxy = proxy_that_keeps(guarded, make_proxy)
    user = f"through{len(change)}"
    guarded.primary.sql(f"create role {user} login password 'first'")
    guarded.wait_caught_up()
    assert logs_in(proxy, user, "first")
    with proxy.wire() as connection:
        for part in change.format(user).split("; "):
            connection.query(part)
        guarded.wait_caught_up()
        assert logs_in(proxy, user, "second") and not logs_in(proxy, user, "first")
        connection.query(f"drop role {user}")
        assert not logs_in(proxy, user, "second")


def test_password_changed_past_the_proxy_takes_one_failure(guarded, make_proxy):
    proxy = proxy_that_keeps(guarded, make_proxy)
    guarded.primary.sql("create role past login password 'first'")
    guarded.wait_caught_up()
    assert logs_in(proxy, "past", "first")
    guarded.primary.sql("alter role past password 'second'")
    guarded.wait_caught_up()
    wait_for(lambda: logs_in(proxy, "past", "second"), 5, "the new password works", interval=0.2)
    assert not logs_in(proxy, "past", "first")


def test_reload_forgets_verifiers(guarded, make_proxy):
    proxy = proxy_that_keeps(guarded, make_proxy)
    guarded.primary.sql("create role kept login password 'first'")
    guarded.wait_caught_up()
    assert logs_in(proxy, "kept", "first")
    guarded.primary.sql("alter role kept password 'second'")
    guarded.wait_caught_up()
    proxy.admin("PGPOOL RELOAD")
    assert logs_in(proxy, "kept", "second")


def test_reject_and_first_match(guarded, make_proxy):
    access = [{"users": ["scram_user"], "databases": ["template1"], "method": "reject"}, {"users": ["postgres"], "method": "trust"}, {"method": "scram-sha-256"}]
    proxy = make_proxy(guarded, {"auth": {**LOOKUP, "access": access}})
    with pytest.raises(wire.ServerError) as refused:
        proxy.wire(user="scram_user", database="template1", password="pencil")
    assert refused.value.sqlstate == "28000"
    proxy.wire(user="scram_user", password="pencil").close()


def test_no_rule_is_reject(guarded, make_proxy):
    proxy = make_proxy(guarded, {"auth": {"access": [{"users": ["postgres"], "address": "127.0.0.1/32", "method": "trust"}]}})
    with pytest.raises(wire.ServerError) as refused:
        proxy.wire(user="scram_user", password="pencil")
    assert refused.value.sqlstate == "28000"


def test_forged_scram_messages(guarded, make_proxy):
    """Random damage to the client's SCRAM messages: refused, never let in, never a hang."""
    proxy = make_proxy(guarded, {"auth": {**LOOKUP, "access": [{"users": ["postgres"], "method": "trust"}, {"method": "scram-sha-256"}]}, "limits": {"login_timeout": "3s"}})
    rng = random.Random(1)
    for _, stage in itertools.product(range(15), ("first", "final")):
        with wire.Connection(proxy.host, proxy.port) as connection:
            connection.send(wire.startup({"user": "scram_user", "database": "postgres"}))
            assert connection.read_frame().type == "R"
            scram = wire.Scram("pencil")
            first = bytearray(scram.first())
            if stage == "first":
                first[rng.randrange(5, len(first))] ^= 1 << rng.randrange(7)
            connection.send(bytes(first))
            frame = connection.read_frame()
            if frame.type == "R":  # damage to the first message may only show in the proof
                final = bytearray(scram.final(frame.body[4:]))
                # The last character before "=" holds bits of no meaning: the same proof may be written in several ways.
                if stage == "final":
                    final[rng.randrange(5, len(final) - 2)] ^= 1
                connection.send(bytes(final))
                frame = connection.read_frame()
            assert frame.type == "E", f"accepted: {frame}"


def test_users_file_that_everybody_may_read_is_a_warning(guarded, make_proxy, tmp_path):
    path = by_file(guarded, tmp_path)
    proxy = make_proxy(guarded, {"auth": {"users_file": path}})
    assert "users_file_readable_by_all" not in proxy.log_text()
    pathlib.Path(path).chmod(0o644)
    proxy.change({})
    wait_for(lambda: f"warning users_file_readable_by_all file={path}" in proxy.log_text(), 10, "the log warns")
    wait_for(lambda: "info reloaded" in proxy.log_text(), 10, "it is used all the same")
