# SPDX-License-Identifier: PostgreSQL
"""Mode replication: dumps of another server, and through the proxy, are restored through it and leave equal nodes."""
import contextlib
import subprocess

import psycopg2.errors
import pytest

from support.pgcluster import BIN
from support.replicated import assert_equal, create_database, digests, equal_nodes, proxy_over, states

SOURCE, TARGET, AGAIN = "source", "restored", "again"
SCHEMA = """
create type mood as enum ('sad', 'ok', 'happy');
create domain positive as integer check (value > 0);
create schema app;
create table app.customer (id bigserial primary key, name varchar(80) not null, mood mood default 'ok', made timestamptz default now(),
    data jsonb, tags text[], token uuid default gen_random_uuid(), unique (name));
create table app.orders (id integer generated always as identity primary key, customer bigint not null references app.customer
    on delete cascade deferrable initially deferred, amount numeric(10, 2), pieces positive, total numeric generated always as (amount * 2) stored);
create table app.log (at timestamptz not null, what text, raw bytea) partition by range (at);
create table app.log_old partition of app.log for values from (minvalue) to ('2024-01-01');
create table app.log_new partition of app.log for values from ('2024-01-01') to (maxvalue);
create table app."Odd ""name" ("a b" int, "select" text);
create function app.stamp() returns trigger language plpgsql as $$ begin new.made = now(); return new; end $$;
create trigger stamp before update on app.customer for each row execute function app.stamp();
create view app.rich as select id, name from app.customer where id % 7 = 0;
create index on app.orders (customer); create index on app.customer using gin (data);
create sequence app.loose start 100 increment 5;
comment on table app.customer is 'who pays'; grant select on app.customer to public;
insert into app.customer(name, data, tags) select 'name ' || g, jsonb_build_object('n', g, 's', E'tab\\t\\\\ quote'''), array['x', null, 'é'] from generate_series(1, 2000) g;
insert into app.orders(customer, amount, pieces) select g % 2000 + 1, g, g from generate_series(1, 5000) g;
insert into app.log select '2023-12-01'::timestamptz + g * interval '1 hour', 'line' || E'\\n' || g, decode(md5(g::text), 'hex') from generate_series(1, 2000) g;
insert into app."Odd ""name" values (1, null), (null, ''), (2, E'\\\\.'), (3, repeat('long', 20000));
select nextval('app.loose'), nextval('app.loose');
alter table app.orders set (fillfactor = 90);
"""
LARGE_OBJECTS = "select lo_from_bytea(0, decode(repeat(md5(g::text), g * 400), 'hex')) from generate_series(1, 5) g"


@pytest.fixture(scope="module")
def proxy():
    with equal_nodes(databases=("template1", "postgres")) as servers, proxy_over(servers) as made:
        yield made


@pytest.fixture
def source(proxy):
    """A database of one server, of which nobody else knows."""
    node = proxy.nodes.nodes[2]
    node.sql(f"create database {SOURCE} template template0")
    for text in SCHEMA.strip().split(";\n"):
        node.sql(text, dbname=SOURCE)
    yield node
    node.sql(f"drop database {SOURCE}")


@pytest.fixture
def target(proxy):
    create_database(proxy, TARGET)
    yield proxy
    proxy.sql(f"drop database {TARGET} with (force)")


@pytest.fixture
def dump(source, tmp_path):
    def make(*options):
        run_client("pg_dump", source, SOURCE, "-f", tmp_path / "dump", *options)
        return tmp_path / "dump"
    return make


def run_client(program, server, database, *options):
    done = subprocess.run([BIN / program, "-h", server.host, "-p", str(server.port), "-U", "postgres", "-d", database, *options],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "error" not in done.stderr.lower(), done.stderr[-3000:]
    return done.stdout


def assert_restored(proxy, source):
    found, expected = assert_equal(proxy.nodes, (TARGET,)), digests(source, SOURCE)
    assert {name for name in expected if expected[name] != found[name]} == set()
    assert found["app.orders"][0] == 5000 and states(proxy) == ["up"] * 3


def psql(proxy, file, *options, database=TARGET):
    run_client("psql", proxy, database, "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, "-f", file)


@pytest.mark.parametrize("options", [(), ("--inserts", "--rows-per-insert=500"), ("--column-inserts", "--rows-per-insert=50")], ids=["copy", "inserts", "column_inserts"])
def test_psql_reads_a_dump(source, target, dump, options):
    psql(target, dump(*options))
    assert_restored(target, source)


def pg_restore(proxy, file, *options, database=TARGET):
    run_client("pg_restore", proxy, database, "-e", *options, file)


def test_pg_restore(source, target, dump):
    pg_restore(target, dump("-F", "c"))
    assert_restored(target, source)


def test_pg_restore_in_sections(source, target, dump):
    file = dump("-F", "t")
    for section in ("pre-data", "data", "post-data"):
        pg_restore(target, file, f"--section={section}")
    assert_restored(target, source)


def test_pg_restore_by_several_sessions(source, target, dump):
    """Each fills its table behind a TRUNCATE of it, in one transaction."""
    pg_restore(target, dump("-F", "d"), "-j", "3")
    assert_restored(target, source)


def test_a_dump_in_one_transaction(source, target, dump):
    """Rows come behind the DDL that makes their tables."""
    psql(target, dump(), "-1")
    assert_restored(target, source)


def test_a_dump_with_large_objects(source, target, dump):
    source.sql(LARGE_OBJECTS, dbname=SOURCE)
    psql(target, dump())
    assert_restored(target, source)
    contents = "select string_agg(loid || ' ' || md5(string_agg), ',' order by loid) from (select loid, string_agg(data, '' order by pageno) from pg_largeobject group by 1) s"
    assert set(target.nodes.sql(contents, dbname=TARGET)) == {source.sql(contents, dbname=SOURCE)}


@pytest.fixture
def served(source, target, dump):
    """A database behind the proxy, with large objects."""
    source.sql(LARGE_OBJECTS, dbname=SOURCE)
    psql(target, dump())
    yield target


@pytest.fixture
def again(served):
    create_database(served, AGAIN)
    yield served
    served.sql(f"drop database {AGAIN} with (force)")


def dump_through(proxy, file, *options, database=TARGET):
    run_client("pg_dump", proxy, database, "-N", "pgpool_replication", "-f", file, *options)
    return file


def assert_alike(proxy, source):
    found, expected = assert_equal(proxy.nodes, (AGAIN,)), digests(source, SOURCE)
    assert {name for name in expected if expected[name] != found[name]} == set()
    objects = "select string_agg(loid || ' ' || pageno || ' ' || md5(data), ',' order by loid, pageno) from pg_largeobject"
    assert set(proxy.nodes.sql(objects, dbname=AGAIN)) == {source.sql(objects, dbname=SOURCE)}


@pytest.mark.parametrize("options", [(), ("--serializable-deferrable",), ("--inserts",)], ids=["plain", "deferrable", "inserts"])
def test_a_dump_through_the_proxy_for_psql(again, source, tmp_path, options):
    psql(again, dump_through(again, tmp_path / "through", *options), database=AGAIN)
    assert_alike(again, source)


@pytest.mark.parametrize("options, restoring", [(("-F", "c"), ()), (("-F", "t"), ()), (("-F", "d", "-j", "2"), ("-j", "2"))], ids=["custom", "tar", "by_several_sessions"])
def test_a_dump_through_the_proxy_for_pg_restore(again, source, tmp_path, options, restoring):
    """Several sessions share one snapshot, so they are all at the main node."""
    pg_restore(again, dump_through(again, tmp_path / "through", *options), *restoring, database=AGAIN)
    assert_alike(again, source)


def definitions(file):
    return [line for line in file.read_text().splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def test_a_schema_through_the_proxy(again, tmp_path):
    psql(again, dump_through(again, tmp_path / "schema", "--schema-only"), database=AGAIN)
    once_more = dump_through(again, tmp_path / "once_more", "--schema-only", database=AGAIN)
    assert definitions(once_more) == definitions(tmp_path / "schema")
    run_client("pg_dump", again, TARGET, "-f", tmp_path / "whole", "--schema-only")
    assert "CREATE SCHEMA pgpool_replication;" in definitions(tmp_path / "whole"), "it is not hidden"


@pytest.mark.parametrize("options", [(), ("--globals-only",)], ids=["all", "globals"])
def test_pg_dumpall_through_the_proxy(served, tmp_path, options):
    run_client("pg_dumpall", served, "dbname=postgres", "-f", tmp_path / "all", *options)
    assert "CREATE ROLE postgres" in (tmp_path / "all").read_text()


def test_a_session_that_has_dumped_may_write(served, proxy):
    """What it has asked for in pg_settings is a setting like any other."""
    with contextlib.closing(proxy.connect(TARGET)) as connection, connection.cursor() as cursor:
        cursor.execute("select set_config('search_path', '', false)")
        cursor.execute("select set_config(name, '7MB', false) from pg_settings where name = 'work_mem'")
        cursor.execute("select set_config(name, 'x', false) from pg_settings where name = 'there_is_none'")
        cursor.execute("insert into app.customer(name) values ('new')")
        cursor.execute("show work_mem")
        assert cursor.fetchone() == ("7MB",)
    assert_equal(proxy.nodes, (TARGET,))


def test_a_reader_that_locks_keeps_ddl_out(served, proxy):
    with contextlib.closing(proxy.connect(TARGET)) as connection, connection.cursor() as cursor:
        cursor.execute("begin isolation level repeatable read, read only")
        cursor.execute("lock table app.customer in access share mode")
        cursor.execute("select count(*) from app.customer")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            proxy.sql("set lock_timeout = '200ms'; alter table app.customer add column more int", TARGET)
        cursor.execute("commit")
    assert_equal(proxy.nodes, (TARGET,))
