# SPDX-License-Identifier: PostgreSQL
"""Mode replication: large objects, by the fast path (libpq's lo_*) and by SQL (proxy/replication/large_objects.h)."""
import contextlib
import os
import random
import struct
import subprocess
import threading

import psycopg
import psycopg2
import psycopg2.errors
import pytest

from support import ctl as ctls
from support import wire
from support.pgcluster import wait_for
from support.replicated import equal_nodes, proxy_over, states

WRITE, READ = 0x20000, 0x40000
LO_OPEN, LO_CREAT, LO_IMPORT, LO_UNLINK, LO_WRITE = 952, 957, 764, 964, 955
DIGEST = "select coalesce(string_agg(oid || '=' || md5(lo_get(oid)), ' ' order by oid), '') from pg_largeobject_metadata"


@pytest.fixture
def replicated(shared_proxy):
    """All nodes are in and without large objects before; equal and in after."""
    shared_proxy.nodes.sql("select lo_unlink(oid) from pg_largeobject_metadata")
    yield shared_proxy
    assert states(shared_proxy) == ["up"] * 3
    same(shared_proxy)
    assert len(set(shared_proxy.nodes.sql("select count(*) from pg_largeobject where loid not in (select oid from pg_largeobject_metadata)"))) == 1


@pytest.fixture
def connection(replicated):
    """Without autocommit."""
    with contextlib.closing(replicated.connect()) as one:
        one.autocommit = False
        yield one


@pytest.fixture
def cursor(replicated):
    """With autocommit."""
    with contextlib.closing(replicated.connect()) as one, one.cursor() as cursor:
        yield cursor


def same(proxy):
    """What all nodes hold, once."""
    found = proxy.nodes.sql(DIGEST)
    assert len(set(found)) == 1, found
    return found[0]


def content(proxy, oid):
    found = {bytes(one) for one in proxy.nodes.sql(f"select lo_get({oid})")}
    assert len(found) == 1, found
    return found.pop()


def one(cursor, sql, *parameters):
    cursor.execute(sql, parameters or None)
    return cursor.fetchone()[0]


# --- libpq ---

def test_libpq_writes_what_it_makes(replicated, connection):
    data = random.Random(1).randbytes(70_000)
    with contextlib.closing(connection.lobject(0, "wb")) as made:
        oid = made.oid
        for at in range(0, len(data), 9000):
            made.write(data[at:at + 9000])
        made.seek(100)
        made.write(b"overwritten")
        made.truncate(60_000)
    connection.commit()
    assert content(replicated, oid) == data[:100] + b"overwritten" + data[111:60_000]
    with contextlib.closing(connection.lobject(oid, "rb")) as read:
        read.seek(59_990)
        assert (read.tell(), read.read()) == (59_990, data[59_990:60_000])
    connection.commit()
    connection.lobject(oid, "n").unlink()
    connection.commit()
    assert same(replicated) == ""


def test_what_is_rolled_back_is_nowhere(replicated, connection):
    made = connection.lobject(0, "wb", 4711)
    made.write(b"kept")
    made.close()
    with connection.cursor() as cursor:
        cursor.execute("savepoint a")
        connection.lobject(0, "wb", 4712).write(b"lost")
        again = connection.lobject(4711, "wb")
        again.write(b"LOST")
        again.close()
        cursor.execute("rollback to a")
        again = connection.lobject(4711, "wb")
        again.seek(2)
        again.write(b"PT")
        again.close()
    connection.commit()
    assert content(replicated, 4711) == b"kePT"
    connection.lobject(4711, "wb").write(b"gone")
    connection.rollback()
    assert content(replicated, 4711) == b"kePT"
    assert same(replicated).startswith("4711=") and " " not in same(replicated)


def test_errors_are_the_servers(connection):
    with pytest.raises(psycopg2.OperationalError, match="99 does not exist"):
        connection.lobject(99, "wb")
    connection.rollback()
    connection.lobject(0, "wb", 98).close()
    connection.commit()
    with pytest.raises(psycopg2.Error, match="98.*already exists|duplicate key"):
        connection.lobject(0, "wb", 98)
    connection.rollback()


def test_a_reader_concerns_main_alone(replicated, connection):
    connection.lobject(0, "wb", 5).write(b"x" * 300_000)
    connection.commit()
    marks = replicated.nodes.sql("select sum(seq) from pgpool_replication.slot")
    for _ in range(3):
        with contextlib.closing(connection.lobject(5, "rb")) as read:
            assert read.read() == b"x" * 300_000
    connection.commit()
    assert replicated.nodes.sql("select sum(seq) from pgpool_replication.slot") == marks


def test_descriptors_for_reading_come_along_when_one_is_opened_for_writing(replicated, connection):
    connection.lobject(0, "wb", 5).write(b"read me")
    connection.lobject(0, "wb", 6).write(b"......")
    connection.commit()
    reader = connection.lobject(5, "rb")
    assert reader.read(4) == b"read"
    other = connection.lobject(5, "rb")
    writer = connection.lobject(6, "wb")
    other.close()
    third = connection.lobject(5, "rb")  # takes the number of `other`
    reader.seek(0)
    writer.seek(-2, 2)
    writer.write(reader.read(2) + third.read(1))
    connection.commit()
    assert content(replicated, 6) == b"....rer"


def test_psql_imports_exports_and_unlinks(replicated, tmp_path):
    path = tmp_path / "in"
    path.write_bytes(os.urandom(50_000))
    psql(replicated, f"\\lo_import {path} 'a comment'\n\\lo_export :LASTOID {tmp_path}/out\n")
    assert (tmp_path / "out").read_bytes() == path.read_bytes()
    oid = replicated.nodes.nodes[0].sql("select oid from pg_largeobject_metadata")
    assert content(replicated, oid) == path.read_bytes()
    assert replicated.nodes.sql(f"select obj_description({oid}, 'pg_largeobject')") == ["a comment"] * 3
    psql(replicated, f"\\lo_unlink {oid}\n")
    assert same(replicated) == ""


def psql(proxy, text, *more):
    return run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *address(proxy), "postgres", *more], text)


def address(server):
    return ["-h", server.host, "-p", str(server.port), "-U", "postgres"]


def run(command, text=""):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- SQL ---

def test_sql_functions_outside_of_transactions(replicated, cursor):
    oid = one(cursor, "select lo_create(0)")
    assert one(cursor, "select lo_put(%s, 3, %s)", oid, b"\x00'\\put") == ""
    assert bytes(one(cursor, "select lo_get(%s)", oid)) == b"\0\0\0\0'\\put"
    made = one(cursor, "select pg_catalog.lo_from_bytea(0, %s)", b"from bytea")
    assert one(cursor, "select lo_creat(-1)") != made
    assert one(cursor, "select lo_create('123')") == 123
    assert content(replicated, made) == b"from bytea" and content(replicated, oid) == b"\0\0\0\0'\\put"
    assert one(cursor, "select lo_unlink(%s)", oid) == 1
    assert one(cursor, "select lo_unlink(null)") is None
    with pytest.raises(psycopg2.errors.UndefinedObject):
        cursor.execute("select lo_unlink(99)")
    with pytest.raises(psycopg2.errors.UndefinedObject):
        cursor.execute("select lowrite(0, 'x')")
    assert len(same(replicated).split()) == 3


def test_descriptors_by_sql(replicated, cursor):
    cursor.execute("select lo_create(7)")
    cursor.execute("begin")
    assert one(cursor, "select lo_open(7, 131072)") == 0
    assert one(cursor, "select lowrite(0, '\\x68656c6c6f')") == 5
    assert one(cursor, "select lo_lseek64(0, -2, 2)") == 3
    assert one(cursor, "select lo_tell(0)") == 3
    assert bytes(one(cursor, "select loread(0, 1)")) == b"l"
    assert one(cursor, "select lowrite(0, 'P!')") == 2
    assert one(cursor, "select lo_truncate(0, 5)") == 0
    assert one(cursor, "select lo_close(0)") == 0
    cursor.execute("commit")
    assert content(replicated, 7) == b"hellP"


@pytest.mark.parametrize("binary", [False, True])
def test_parameters(replicated, binary):
    with psycopg.connect(host=replicated.host, port=replicated.port, dbname="postgres", user="postgres", autocommit=True) as connection:
        cursor = connection.cursor(binary=binary)
        for prepare in (False, True):
            oid = cursor.execute("select lo_from_bytea(0, %b)", (b"\x00made",), prepare=prepare).fetchone()[0]
            cursor.execute("select lo_put(%s, %s, %s)", (oid, 2, b"\xff\x00"), prepare=prepare)
            with connection.transaction():
                fd = cursor.execute("select lo_open(%s::oid, %s)", (oid, WRITE | READ), prepare=prepare).fetchone()[0]
                cursor.execute("select lo_lseek(%s, 0, 2)", (fd,), prepare=prepare)
                assert cursor.execute("select lowrite(%s, %s)", (fd, b"end"), prepare=prepare).fetchone()[0] == 3
            assert content(replicated, oid) == b"\x00m\xff\x00eend"
            assert cursor.execute("select lo_put(%s, 0, null)", (oid,)).fetchone()[0] is None


def test_a_batch_of_the_extended_protocol(replicated):
    replicated.nodes.sql("select lo_create(8)")
    with replicated.wire() as client:
        client.send(*(message for text in ("select lo_open(8, 131072)", "select lowrite(0, 'batch')", "select lo_close(0)")
                      for message in (wire.parse("", text), wire.bind(), wire.execute())), wire.message("S"))
        assert [f.values()[0] for f in client.read_until("Z") if f.type == "D"] == [b"0", b"5", b"0"]
        assert content(replicated, 8) == b"batch"
        client.send(wire.parse("", "begin"), wire.bind(), wire.execute(), wire.parse("", "select lo_put(8, 1, 'UT')"), wire.bind(),
                    wire.execute(), wire.message("S"))
        assert [f.type for f in client.read_until("Z") if f.type in "EC"] == ["C", "C"]
        client.query("commit")
        assert content(replicated, 8) == b"bUTch"


def test_rights_owner_and_comment_travel(replicated, cursor):
    cursor.execute("select lo_create(9)")
    cursor.execute("drop role if exists amy")
    cursor.execute("create role amy")
    cursor.execute("begin")
    cursor.execute("alter large object 9 owner to amy")
    cursor.execute("grant select on large object 9 to public")
    cursor.execute("comment on large object 9 is 'nine'")
    cursor.execute("select pg_catalog.lo_put(9, 0, 'behind DDL')")
    cursor.execute("commit")
    assert len(set(replicated.nodes.sql("select lomowner::regrole || ' ' || array_to_string(lomacl, ',') from pg_largeobject_metadata"))) == 1
    assert replicated.nodes.sql("select obj_description(9, 'pg_largeobject')") == ["nine"] * 3
    assert content(replicated, 9) == b"behind DDL"
    cursor.execute("select lo_unlink(9)")
    cursor.execute("drop role amy")


# --- dumps ---

@pytest.fixture
def origin(replicated):
    """A database of the first node with large objects, a table that names them, and their owner."""
    replicated.nodes.sql("drop database if exists origin")
    replicated.nodes.sql("create database origin")
    node = replicated.nodes.nodes[0]
    node.sql("""create table docs(id int primary key, content oid);
        insert into docs select g, lo_from_bytea(0, decode(repeat(md5(g::text), g * 900), 'hex')) from generate_series(1, 5) g;
        select lo_create(2000000001)""", dbname="origin")
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists docs")
    yield node
    replicated.nodes.sql("drop database origin")
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists docs")


def is_restored(proxy, origin):
    assert same(proxy) == origin.sql(DIGEST, dbname="origin")
    assert len(same(proxy).split()) == 6


def test_plain_dump(replicated, origin):
    dump = run(["pg_dump", *address(origin), "origin"])
    assert "lowrite" in dump
    psql(replicated, dump)
    is_restored(replicated, origin)
    assert len(set(replicated.nodes.sql("select string_agg(docs::text, ' ' order by id) from docs"))) == 1


def test_custom_dump(replicated, origin, tmp_path):
    path = str(tmp_path / "dump")
    run(["pg_dump", "-Fc", "-f", path, *address(origin), "origin"])
    run(["pg_restore", "--exit-on-error", "-d", "postgres", *address(replicated), path])
    is_restored(replicated, origin)


def test_custom_dump_in_one_transaction(replicated, origin, tmp_path):
    path, chosen = str(tmp_path / "dump"), tmp_path / "list"
    run(["pg_dump", "-Fc", "-f", path, *address(origin), "origin"])
    chosen.write_text("".join(line + "\n" for line in run(["pg_restore", "-l", path]).splitlines() if " BLOB" in line))
    run(["pg_restore", "--single-transaction", "-L", str(chosen), "-d", "postgres", *address(replicated), path])
    is_restored(replicated, origin)


def test_verify_compares_them(replicated, cursor):
    ctl = ctls.Ctl(replicated.nodes.nodes)
    try:
        oid = one(cursor, "select lo_from_bytea(0, %s)", os.urandom(10_000))
        done = ctl.run("verify", "--databases", "postgres", "--tries", "2")
        assert done.code == 0, done.out
        replicated.nodes.nodes[2].sql(f"select lo_put({oid}, 5000, 'another page')")
        done = ctl.run("verify", "--databases", "postgres", "--tries", "2")
        assert done.code == 1 and f"large object {oid}: other contents on node3" in done.out
    finally:
        ctl.close()
        replicated.nodes.sql("select lo_unlink(oid) from pg_largeobject_metadata")


# --- refused ---

@pytest.mark.parametrize("sql", [
    "select lo_import('/etc/hostname')", "select lo_export(5, '/tmp/x')", "select lo_unlink(v) from (values (5)) x(v)",
    "select lo_create(0), 1", "select lowrite(lo_open(5, 131072), 'x')", "select lo_create(5); select lo_put(5, 0, 'x')",
    "select lo_create('pg_class'::regclass)", "update pg_temp.no set x = lo_create(0)"])
def test_refused(cursor, sql):
    with pytest.raises(psycopg2.Error) as refused:
        cursor.execute(sql)
    assert refused.value.pgcode in ("0A000", "42P01")


def test_sql_prepare_and_other_functions_by_the_fast_path_are_refused(replicated, cursor):
    cursor.execute("prepare p as select lo_create(0)")
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="large objects by EXECUTE"):
        cursor.execute("execute p")
    with replicated.wire() as client:
        for oid, values in ((LO_IMPORT, ["/etc/hostname"]), (1598, []), (99_999, [])):  # the second is random()
            client.send(wire.function_call(oid, values))
            error, ready = [f for f in client.read_until("Z") if f.type in "EZ"]
            assert error.fields()["C"] == "0A000" and ready.type == "Z"


def test_other_functions_by_the_fast_path_read_on_main(replicated):
    with replicated.wire() as client:
        wait_for(lambda: client.query("select upper('facts are there')"), 10, "an answer")
        client.send(wire.function_call(177, ["1", "2"]))  # int4pl
        assert [f.body[4:] for f in client.read_until("Z") if f.type == "V"] == [b"3"]


def test_fast_path_in_text_outside_of_transactions(replicated):
    with replicated.wire() as client:
        client.send(wire.function_call(LO_CREAT, ["-1"]))
        made, ready = client.read_until("Z")
        assert (made.type, ready.body) == ("V", b"I")
        oid = int(made.body[4:])
        assert [int(v) for v in replicated.nodes.sql("select oid from pg_largeobject_metadata")] == [oid] * 3
        client.send(wire.function_call(LO_UNLINK, [struct.pack("!I", oid)], [1], 1))
        assert [str(f.type) for f in client.read_until("Z")] == ["V", "Z"]
        client.send(wire.function_call(LO_UNLINK, [str(oid)]))
        assert [f.type for f in client.read_until("Z")] == ["E", "Z"]
    assert same(replicated) == ""


def test_show_route(cursor):
    cursor.execute("show route for select lo_create(0)")
    assert "replicated: large object (calls lo_create())" in str(cursor.fetchall())


# --- with others ---

def test_writers_of_one_object_wait_for_each_other(replicated, connection):
    connection.lobject(0, "wb", 5).write(b"a" * 9000)
    connection.commit()
    writer = connection.lobject(5, "wb")
    writer.seek(9000)
    writer.write(b"b" * 9000)  # pages that nobody else can see
    done = []

    def cut():
        with contextlib.closing(replicated.connect()) as other, other.cursor() as cursor:
            cursor.execute("select lo_unlink(5)")
            done.append(True)
    thread = threading.Thread(target=cut)
    thread.start()
    thread.join(0.5)
    assert not done
    connection.commit()
    thread.join(10)
    assert done and same(replicated) == ""


@pytest.mark.deadline(120)
def test_many_writers(replicated, sized):
    replicated.nodes.sql("select lo_create(g) from generate_series(1, 4) g")
    problems = []

    def write(seed):
        rng = random.Random(seed)
        with contextlib.closing(replicated.connect()) as connection:
            connection.autocommit = False
            for _ in range(sized(25, 300)):
                try:
                    for _ in range(rng.randrange(1, 3)):
                        change(connection, rng)
                    connection.commit() if rng.random() < 0.8 else connection.rollback()
                except psycopg2.Error as error:
                    problems.append(error)
                    connection.rollback()
    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    allowed = ("40001", "40P01", "42704", "42710", "23505")
    told = ("does not exist", "already exists", "deadlock detected", "could not replicate",  # libpq's lo_* tell no SQLSTATE
            "is aborted")  # by lo_close(), behind another error
    strange = [e for e in problems if e.pgcode not in allowed and not any(words in str(e) for words in told)]
    assert not strange, strange[:5]
    same(replicated)


def change(connection, rng):
    oid = rng.randrange(1, 5)
    with connection.cursor() as cursor:
        what = rng.random()
        if what < 0.1:
            cursor.execute("select lo_unlink(%s)", (oid,))
        elif what < 0.2:
            cursor.execute("select lo_from_bytea(%s::oid, %s)", (oid, rng.randbytes(rng.randrange(9000))))
        elif what < 0.5:
            cursor.execute("select lo_put(%s, %s, %s)", (oid, rng.randrange(20_000), rng.randbytes(3000)))
        else:
            with contextlib.closing(connection.lobject(oid, rng.choice(["wb", "rwb"]))) as writer:
                writer.seek(rng.randrange(10_000), rng.choice([0, 2]))
                writer.write(rng.randbytes(rng.randrange(5000)))
                if rng.random() < 0.5:
                    writer.truncate(rng.randrange(15_000))


# --- losses ---

@pytest.mark.deadline(150)
def test_a_follower_is_killed_while_one_is_written():
    with equal_nodes() as servers:
        with proxy_over(servers, {"replication": {"stall_timeout": "2s"}}) as proxy, contextlib.closing(proxy.connect()) as connection:
            connection.autocommit = False
            writer = connection.lobject(0, "wb", 5)
            writer.write(b"x" * 200_000)
            servers.nodes[2].kill()
            try:
                for _ in range(20):
                    writer.write(b"y" * 50_000)
                writer.close()
                connection.commit()
                written = 1_200_000
            except psycopg2.Error as lost:
                assert lost.pgcode in ("40001", None)  # libpq tells no SQLSTATE of calls by the fast path
                connection.rollback()
                written = 0
            wait_for(lambda: states(proxy)[2] == "down", 20, "the node is out")
            sizes = {node.sql("select sum(length(lo_get(oid))) from pg_largeobject_metadata") for node in servers.nodes[:2]}
            assert sizes == {written or None}
            again = connection.lobject(0, "wb", 6)
            again.write(b"z" * 300_000)
            again.close()
            connection.commit()
            assert {node.sql(DIGEST) for node in servers.nodes[:2]} == {servers.nodes[0].sql(DIGEST)} != {""}


@pytest.mark.deadline(150)
def test_the_proxy_is_killed_while_objects_are_written(replicated):
    stopping, acknowledged = threading.Event(), set()

    def write(number):
        count = 0
        while not stopping.is_set():
            count += 1
            oid = number * 100_000 + count
            with contextlib.suppress(psycopg2.Error), contextlib.closing(replicated.connect()) as connection:
                connection.autocommit = False
                with contextlib.closing(connection.lobject(0, "wb", oid)) as writer:
                    writer.write(b"%d" % oid * 500)
                connection.commit()
                acknowledged.add(oid)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        known = len(acknowledged)
        wait_for(lambda: len(acknowledged) > known + 20, 30, "objects are written")
        replicated.kill()
        replicated.start()
        replicated.is_checked = True
        wait_for(lambda: states(replicated) == ["up"] * 3, 20, "all nodes are in again")
    stopping.set()
    for thread in threads:
        thread.join(30)
    found = {int(entry.split("=")[0]) for entry in same(replicated).split()}
    assert acknowledged <= found
