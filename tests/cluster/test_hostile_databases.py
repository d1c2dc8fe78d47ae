# SPDX-License-Identifier: PostgreSQL
"""Who owns a database gives it settings and objects as he likes. Sessions of the proxy and of pgpool-ctl there, mostly
those of a superuser, run nothing of it, and do what they are for."""
import contextlib

import psycopg2
import pytest
from support import ctl as ctls
from support.pgcluster import wait_for
from support.replicated import SLOTS, create_database, equal_nodes, proxy_over, states

# Namesakes of all functions and operators of the server that have arguments of plain types.
TRAPS = """
create schema traps;
grant usage on schema traps to public;
do $do$
declare f record;
begin
    for f in select proname, oidvectortypes(proargtypes) as args, format_type(prorettype, null) as gives from pg_proc p
             where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f' and not exists (
                 select from pg_type t where (t.oid = any (p.proargtypes) or t.oid = prorettype) and typtype = 'p')
    loop
        execute format('create function traps.%I(%s) returns %s language plpgsql as $f$ begin raise exception ''TRAP %s''; end $f$',
                       f.proname, f.args, f.gives, f.proname);
    end loop;
    for f in select oprname, format_type(oprleft, null) as l, format_type(oprright, null) as r, proname
             from pg_operator o join pg_proc p on p.oid = oprcode and oidvectortypes(proargtypes) = concat_ws(', ',
                 format_type(nullif(oprleft, 0), null), format_type(oprright, null))
             where oprnamespace = 'pg_catalog'::regnamespace and oprleft <> 0
               and to_regprocedure(format('traps.%I(%s)', proname, oidvectortypes(proargtypes))) is not null
    loop
        execute format('create operator traps.%s (leftarg = %s, rightarg = %s, function = traps.%I)', f.oprname, f.l, f.r, f.proname);
    end loop;
end $do$;
"""
SETTINGS = ("search_path = traps, pg_catalog", "role = 'alice'", "statement_timeout = '1ms'", "default_transaction_read_only = on",
            "transform_null_equals = on", "quote_all_identifiers = on")


def trapped(servers):
    return [line for node in servers.nodes for line in node.log.read_text().splitlines() if "TRAP" in line]


def ready(servers):
    for database in ("template1", "postgres"):
        for node in servers.nodes:
            with contextlib.closing(psycopg2.connect(host=node.host, port=node.port, user="postgres", dbname=database)) as connection:
                connection.autocommit = True
                connection.cursor().execute(TRAPS)


def harm(servers, database):
    for node in servers.nodes:
        node.sql(";".join(f"alter database {database} set {setting}" for setting in SETTINGS), dbname="template1")


@pytest.fixture(name="servers", scope="module")
def servers_of_hostile_databases():
    with equal_nodes("create role alice login; create table t(id int primary key); grant all on t to alice", databases=("postgres", "template1"), count=2) as servers:
        ready(servers)
        yield servers


def safely(proxy, database, sql):
    """As a client that sets itself free; what the database says counts until it is logged in, and may end that."""
    options = "-c search_path=public -c statement_timeout=0 -c default_transaction_read_only=off"

    def connect():
        with contextlib.suppress(psycopg2.OperationalError):
            return proxy.connect(dbname=database, user="alice", options=options)
    with contextlib.closing(wait_for(connect, 20, "a client is logged in")) as connection:
        connection.autocommit = True
        connection.cursor().execute(sql)


def test_the_traps_work(servers):
    connection = psycopg2.connect(host=servers.nodes[0].host, port=servers.nodes[0].port, user="postgres", dbname="postgres",
                                  options="-c search_path=traps,pg_catalog")
    with contextlib.closing(connection):
        for sql in ("select 1 = 1", "select set_config('jit', 'off', false)", "select lower('A')"):
            with pytest.raises(psycopg2.errors.RaiseException, match="TRAP"):
                connection.cursor().execute(sql)
            connection.rollback()


def test_no_session_of_ours_is_caught(servers):
    before = len(trapped(servers))
    with proxy_over(servers) as proxy:
        create_database(proxy, "hers", "owner alice")
        harm(servers, "hers")
        harm(servers, "postgres")
        with contextlib.closing(ctls.Ctl(servers.nodes, {"replication": {"slots": SLOTS}})) as ctl:
            for command in (("check-nodes",), ("prepare-nodes",), ("verify",), ("verify", "--databases", "hers")):
                done = ctl.run(*command, timeout=120)
                assert done.code == 0, (command, done.out, done.err)
        safely(proxy, "hers", "create table mine(id int primary key)")
        safely(proxy, "hers", "insert into mine values (1)")
        servers.nodes[1].stop()
        wait_for(lambda: sorted(states(proxy)) != ["up", "up"], 20, "the loss of the node is seen")
        safely(proxy, "hers", "insert into mine values (2)")
        safely(proxy, "postgres", "insert into t values (2)")
        assert states(proxy)[0] == "up"
        assert "catalog_load_failed" not in proxy.log_text()
    assert len(trapped(servers)) == before, trapped(servers)[before:][:10]


BAIT = """
create schema alice authorization alice; set role alice;
create table alice.bait(i int); insert into alice.bait values (1);
create function alice.text_of(alice.bait) returns text language plpgsql as $$ begin raise exception 'TRAP cast'; end $$;
create cast (alice.bait as text) with function alice.text_of(alice.bait);
create function alice.is_fine(int) returns boolean language plpgsql as $$ begin
    if session_user = current_user then raise exception 'TRAP check'; end if; return true; end $$;
create domain alice.checked as int check (alice.is_fine(value));
create table alice.keyed(k alice.checked primary key); insert into alice.keyed select generate_series(1, 30);
create type alice.pair as (a alice.checked, b int);
create table alice.paired(k alice.pair primary key); insert into alice.paired select (i, i)::alice.pair from generate_series(1, 30) i
"""


def test_verify_runs_no_code_of_owners():
    with equal_nodes("create role alice login", databases=("postgres",), count=2) as servers:
        servers.sql(BAIT)
        with contextlib.closing(ctls.Ctl(servers.nodes)) as ctl:
            done = ctl.run("verify", "--databases", "postgres", "--chunk", "7", timeout=120)
            assert done.code == 0, (done.out, done.err)
            assert "61 rows" in done.out, done.out
            servers.nodes[1].sql("set role alice; update alice.bait set i = 2; delete from alice.keyed where k = 9; delete from alice.paired where (k).b = 9")
            done = ctl.run("verify", "--databases", "postgres", "--chunk", "7", "--tries", "2", timeout=120)
            assert done.code == 1 and "k=9: missing" in done.out and "alice.bait" in done.out and "alice.paired" in done.out, (done.out, done.err)
        assert trapped(servers) == []
