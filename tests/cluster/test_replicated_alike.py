# SPDX-License-Identifier: PostgreSQL
"""Mode replication: statements that look alike on all nodes and are not (proxy/replication/write_judge.cc and its facts)."""
import contextlib
import io
import time

import psycopg2
import psycopg2.errors
import pytest

from support import wire
from support.replicated import equal_nodes, proxy_over

SETUP = """
create table t(id serial primary key, v text);
create function w(x text) returns int language plpgsql volatile as $$ begin insert into t(v) values (x); return 2; end $$;
create function f(x text) returns int language plpgsql stable as $$ begin return w(x); end $$;
create function g(x text) returns int language sql immutable as 'select f(x)';
create function shout(x text) returns text language plpgsql immutable as $$ begin return upper(x); end $$;
create view v as select f('by view') as n;
create table filled(id int primary key, n int default f('by default'));
create table dated(id int primary key, v text, ts timestamptz);
create unlogged table u(id int primary key);
create table part(id int, v int) partition by list (v);
create unlogged table part1 partition of part default;
create role bob login;
create role fay login;
create schema s2;
create table s2.here(id int primary key);
create table public.here(id int primary key);
grant all on schema public, s2 to bob, fay;
grant all on public.here, s2.here to bob;
create table pages(id int primary key, f text);
create table ident(id int generated always as identity primary key, v int unique);
create table papers(id int primary key, at timestamptz default now(), d xml, ds xml[]);
create table seen(id serial primary key);
create function same(a json, b json) returns boolean language plpgsql as $$ begin insert into seen default values; return a::text is null; end $$;
create table docs(id int primary key, j json);
create table marks(j json);
create view noisy as select w('by view') as n;
"""


@pytest.fixture(scope="module")
def nodes():
    with equal_nodes(SETUP) as servers:
        # Numbers of types differ from here on.
        servers.nodes[0].sql("create table gone(a int); drop table gone")
        servers.sql("create type mood as enum ('sad', 'ok'); create table m(id int primary key, f mood)")
        yield servers


@pytest.fixture
def replicated(nodes):
    with proxy_over(nodes, {"workers": 1}) as proxy:
        yield proxy


def same(nodes, query):
    """The same on all nodes, once."""
    found = nodes.sql(query)
    assert len(set(found)) == 1, found
    return found[0]


def run(proxy, *statements, user="postgres"):
    with contextlib.closing(proxy.connect(user=user)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else cursor.statusmessage


def refused(proxy, statement, word):
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match=word):
        run(proxy, statement)


def test_functions_that_write_behind_their_declaration(replicated):
    for statement in ("select f('a')", "select g('a')", "insert into pages values (1, f('a')::text)"):
        refused(replicated, statement, "may write")
    refused(replicated, "select * from v", "volatile function")
    refused(replicated, "insert into filled(id) values (1)", "volatile function")
    run(replicated, "insert into filled values (1, 1)", "insert into pages values (1, shout('a'))")
    assert run(replicated, "select shout('a')") == [("A",)]
    assert same(replicated.nodes, "select count(*) from t") == 0
    assert same(replicated.nodes, "select f from pages") == "A"


def test_constants_that_each_node_would_compute(replicated):
    for statement in ("create table n(id int primary key, ts timestamptz default 'now')",
                      "alter table dated alter ts set default 'now'",
                      "create view n as select 1 as one where now() < timestamptz 'tomorrow'",
                      "alter role bob valid until 'tomorrow'"):
        refused(replicated, statement, "'now'")
    run(replicated, "create table n(ts timestamptz default now(), s text default 'now' check (s <> 'unknown')) partition by range (ts)")
    refused(replicated, "create table n1 partition of n for values from ('2020-01-01') to (now())", r"now\(\)")
    run(replicated, "create table n1 partition of n for values from ('2020-01-01') to ('2100-01-01')", "insert into n default values")
    assert same(replicated.nodes, "select s || count(*) over () from n") == "now1"
    same(replicated.nodes, "select ts::text from n")


def test_dates_in_copy_whatever_its_delimiter(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        for options in ("(delimiter '~')", "(format csv, delimiter ':')", "(format csv, quote '#')"):
            with pytest.raises(psycopg2.errors.FeatureNotSupported, match="unusual delimiter"):
                cursor.copy_expert(f"copy dated from stdin {options}", io.StringIO("1\n"))
        for options, row in (("", "1\tx\tn\\ow\n"), ("(format csv)", '1,x,n"o"w\n'), ("(format csv)", f'1,{"x" * 60},now\n')):
            with pytest.raises(psycopg2.Error, match="COPY of a date"):
                cursor.copy_expert(f"copy dated from stdin {options}", io.StringIO(row))
        cursor.copy_expert("copy dated from stdin (format csv, delimiter ';')", io.StringIO("1;x;2020-01-01\n2;y;\n"))
    assert same(replicated.nodes, "select string_agg(id || v, ' ' order by id) from dated") == "1x 2y"


def test_a_session_that_is_pinned_for_nothing_writes_on_after_alter_role_set(replicated):
    with contextlib.closing(replicated.connect(user="bob")) as held, held.cursor() as cursor:
        cursor.execute("declare c cursor with hold for select 1")
        cursor.execute("close c")
        run(replicated, "alter role bob set work_mem = '8MB'")
        with pytest.raises(psycopg2.errors.SerializationFailure, match="log in again"):
            cursor.execute("insert into here values (10)")
        time.sleep(0.5)  # it is looked for what is left
        cursor.execute("insert into here values (11)")
        cursor.execute("delete from here where id = 11")
        cursor.execute("show work_mem")
        assert cursor.fetchone() == ("8MB",)
    run(replicated, "alter role bob reset work_mem")


def test_connections_of_before_alter_role_set_do_not_serve(replicated):
    assert run(replicated, "begin", "select 1", "commit", user="bob") == "COMMIT"
    with contextlib.closing(replicated.connect(user="bob")) as held, held.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("select 1")
        run(replicated, "alter role bob set search_path = s2")
        cursor.execute("insert into here values (1)")
        with pytest.raises(psycopg2.errors.SerializationFailure, match="log in again"):
            cursor.execute("commit")
        cursor.execute("insert into here values (2)")
    run(replicated, "insert into here values (3)", user="bob")
    counts = "select (select string_agg(id::text, ' ') from public.here) is null, (select string_agg(id::text, ' ' order by id) from s2.here)"
    assert [node.rows(counts) for node in replicated.nodes.nodes] == [[(True, "2 3")]] * 3
    run(replicated, "alter role bob reset search_path")
    run(replicated, "insert into here values (4)", user="bob")
    assert same(replicated.nodes, "select string_agg(id::text, ' ') from public.here") == "4"


def test_temporary_tables_that_drop_owned_takes(replicated):
    run(replicated, "insert into pages values (8, 'a')")  # the catalogs are known
    with contextlib.closing(replicated.connect(user="fay")) as connection, connection.cursor() as cursor:
        cursor.execute("create temp table foo(id int)")
        run(replicated, "create table foo(id int primary key)")
        cursor.execute("drop owned by fay")
        run(replicated, "grant all on schema public to fay", "grant all on foo to fay")
        with pytest.raises(psycopg2.errors.FeatureNotSupported, match="temporary objects"):
            cursor.execute("insert into foo values (1)")
        cursor.execute("discard temp")
        cursor.execute("insert into foo values (1)")
    assert same(replicated.nodes, "select count(*) from foo") == 1


def test_numbers_of_types_stay_on_their_node(replicated):
    oids = replicated.nodes.sql("select oid from pg_type where typname = 'mood'")
    assert len(set(oids)) > 1, "a premise of this test"
    with replicated.wire() as connection:
        connection.send(wire.parse("", "insert into m values (1, $1)", [oids[0]]), wire.bind("", "", [b"ok"]), wire.execute(), wire.SYNC)
        assert "ErrorResponse" not in [frame.name for frame in connection.read_until("Z")]
    assert same(replicated.nodes, "select f::text from m") == "ok"
    refused(replicated, "create table hp(f mood, v int) partition by hash (f)", "PARTITION BY HASH")
    run(replicated, "create table hp(id int, v int) partition by hash (id)")


def test_system_columns_are_mains(replicated):
    run(replicated, "insert into pages values (7, 'a')", "create temp table burns(a int)", "insert into burns values (1)",
        "insert into pages values (9, 'a')")
    mains = replicated.nodes.nodes[0].sql("select xmin::text from pages where id = 9")
    assert {run(replicated, "select xmin::text from pages where id = 9")[0][0] for _ in range(12)} == {mains}


def test_unlogged_tables_are_not_written(replicated):
    for statement in ("insert into u values (1)", "insert into part values (1, 1)", "create unlogged table uu(id int)",
                      "alter table pages set unlogged"):
        refused(replicated, statement, "unlogged")
    assert run(replicated, "select count(*) from u") == [(0,)]


def test_what_is_given_for_an_identity_may_count_for_nothing(replicated):
    run(replicated, "insert into ident(v) values (1)")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        run(replicated, "insert into ident(v) values (1)")
    assert run(replicated, "insert into ident(id, v) overriding user value values (77, 2) returning id") == [(3,)]
    run(replicated, "insert into ident overriding user value values (78, 3)")
    assert same(replicated.nodes, "select string_agg(i::text, ' ' order by id) from ident i") == "(1,1) (3,2) (4,3)"
    refused(replicated, "merge into ident using pages p on ident.id = p.id when not matched then insert overriding user value values (1, 9)",
            "draws from a sequence")


def test_hashes_of_enums_differ(replicated):
    assert len(set(replicated.nodes.sql("select hashenum('sad'::mood)"))) > 1
    run(replicated, "create table hashes(id int primary key, h int)", "insert into hashes values (1, hashenum('sad'::mood))",
        "insert into hashes values (2, hash_array(array['sad'::mood]))")
    assert same(replicated.nodes, "select string_agg(h::text, ' ' order by id) from hashes")
    refused(replicated, "create table hashed(m mood, id int) partition by list (hashenum(m))", "hash of numbers")
    run(replicated, "create table hashed(m mood, h int generated always as (hashenum(m)) stored)")
    refused(replicated, "insert into hashed values ('sad')", "is generated by what is not immutable")


def test_numbers_of_catalog_rows_that_are_read_without_a_word(replicated):
    run(replicated, "create table users(a int)", "create table refs(id int primary key, r regclass, n bigint, rs regclass[])",
        "create table loose(n bigint)", "create table defd(id int primary key, r regclass default 'users', n bigint default 'users'::regclass::oid)",
        "insert into refs values (1, 'users', 0, '{users}')", "insert into loose values (0)")
    assert len(set(replicated.nodes.sql("select 'users'::regclass::oid"))) > 1, "a premise of this test"
    run(replicated, "update refs set n = r where id = 1", "insert into refs select id + 1, r, rs[1]::bigint from refs", "insert into defd(id) values (1)")
    for query in ("select string_agg(format('%s %s %s', r, n, rs), ';' order by id) from refs", "select format('%s %s', r, n) from defd"):
        assert "users" in same(replicated.nodes, query)
    refused(replicated, "update loose set n = (select r from refs where id = 1)", "numbers of catalog rows in column \"r\"")
    refused(replicated, "update loose set n = x.c from refs x (a, b, c)", "numbers of catalog rows")
    refused(replicated, "alter table refs alter r type bigint", "numbers of catalog rows in column \"r\"")
    run(replicated, "create table made(id int primary key, r regclass, n bigint generated always as (r::oid) stored)")
    refused(replicated, "insert into made values (1, 'users')", "generated by what is not immutable")


def test_what_only_main_has_is_not_stored_from_current(replicated):
    for sets, statement in (("statement_timeout = '30s'", "alter role fay set statement_timeout from current"),
                            ("lock_timeout = '30s'", "create function fc() returns int language sql set lock_timeout from current as 'select 1'"),
                            ("lock_timeout = '30s'", "alter function shout(text) set lock_timeout from current"),
                            ("lock_timeout = '30s'", "alter database postgres set lock_timeout from current"),
                            ("work_mem = '1MB'", "alter role fay set transaction_isolation from current")):
        with pytest.raises(psycopg2.errors.FeatureNotSupported, match="FROM CURRENT") as failure:
            run(replicated, f"set {sets}", statement)
        assert "Write the value." in failure.value.diag.message_hint
    run(replicated, "set search_path = s2, public", "set work_mem = '3MB'", "alter role fay set search_path from current",
        "alter role fay set work_mem from current", "alter function shout(text) set search_path from current")
    assert same(replicated.nodes, "select setconfig::text from pg_db_role_setting where setrole = 'fay'::regrole") == '{"search_path=s2, public",work_mem=3MB}'
    same(replicated.nodes, "select proconfig::text from pg_proc where proname = 'shout'")
    run(replicated, "alter role fay reset all", "alter function shout(text) reset search_path")


def test_a_column_that_is_added_with_a_moment(replicated):
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match=r"calls now\(\)") as failure:
        run(replicated, "alter table dated add made timestamptz default now()")
    assert "add it without default, then SET DEFAULT, then UPDATE" in failure.value.diag.message_hint
    run(replicated, "insert into dated values (71, 'old')", "alter table dated add made timestamptz", "alter table dated alter made set default now()",
        "update dated set made = now() where made is null", "insert into dated values (72, 'new')")
    assert same(replicated.nodes, "select count(made) || string_agg(made::text, ' ' order by id) from dated where id > 70").startswith("2")
    run(replicated, "delete from dated where id > 70")


def test_options_of_copy_that_are_not_known(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.FeatureNotSupported, match="COPY with DEFAULT"):
            cursor.copy_expert("copy dated from stdin (default '\\D')", io.StringIO("1\tx\t\\D\n"))


def test_xml_travels_with_its_declaration(replicated):
    paper = '<?xml version="1.0" encoding="UTF-8"?><a/>'
    run(replicated, f"insert into papers(id, d, ds) values (1, '{paper}', array['{paper}'::xml])",
        f"insert into papers(id, d) values (2, '{paper}'), (3, null)")
    assert same(replicated.nodes, "select string_agg(concat(d::text, ds::text[]), ';' order by id) from papers").count("UTF-8") == 3


def test_operators_that_are_not_named(replicated):
    run(replicated, "insert into docs values (1, '{}')", "insert into marks values ('{}')",
        "create operator = (leftarg = json, rightarg = json, function = same)")
    for text in ("select case j when j then 1 end from docs", "select count(*) from docs join marks using (j)",
                 "select count(*) from docs natural join marks", "select 1 from docs where j in (select j from marks)"):
        refused(replicated, text, "operator =")
    run(replicated, "drop operator = (json, json)")
    assert same(replicated.nodes, "select count(*) from seen") == 0


def test_xml_of_views_is_refused(replicated):
    before = same(replicated.nodes, "select count(*) from t")
    for text in ("select table_to_xml('noisy', true, true, '')", "select schema_to_xml('public', true, true, '')"):
        refused(replicated, text, "may call anything")
    assert same(replicated.nodes, "select count(*) from t") == before


def test_replication_connections_do_not_write(replicated):
    run(replicated, "create table sent(id int primary key)")

    def replicating():
        return replicated.wire(replication="database")

    with replicating() as client:
        assert client.rows("IDENTIFY_SYSTEM") and client.rows("select count(*) from pg_class") and client.rows("show work_mem")
        client.rows("select pg_catalog.set_config('search_path', '', false)")
        client.rows("select count(*) from public.sent")
    for text in ("insert into sent values (1)", "create table other_one(id int)", "select w('x')", "show work_mem; insert into sent values (2)"):
        with replicating() as client:
            client.send(wire.query(text))
            frames = client.drain(2)
            assert [frame.type for frame in frames] == ["E"] and "0A000" in str(frames[0]), (text, frames)
    assert same(replicated.nodes, "select count(*) from sent") == 0
