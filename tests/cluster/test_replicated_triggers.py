# SPDX-License-Identifier: PostgreSQL
"""Mode replication: tables with triggers. Main alone runs those that may decide otherwise elsewhere; what they made of rows travels."""
import contextlib
import io

import psycopg2
import psycopg2.errors
import pytest

from support.pgcluster import wait_for
from support.replicated import assert_equal, contents, equal_nodes

REFUSED = psycopg2.errors.FeatureNotSupported
SCHEMA = """
create role owner login; create role clerk login; grant all on schema public to owner, clerk;
create table trail(nr bigint, what text);
create table limits(most int); insert into limits values (100);
"""
FUNCTIONS = {
    "touch": "new.at := clock_timestamp(); return new;",
    "dice": "new.v := (random() * 1000000)::int; return new;",
    "swap": "new.w := new.v * 2; return new;",
    "counted": "new.v := new.v + 1; return new;",
    "most": "if new.v > (select most from limits) then raise check_violation using message = 'too much'; end if; return new;",
    "skip": "if new.v % 2 = 0 and random() >= 0 then return null; end if; return new;",
    "rekey": "new.id := new.id + 1000; if random() < 0 then return null; end if; return new;",
    "audit": "insert into trail values (new.id, tg_op); return new;",
    "hidden": "execute 'insert into trail values (1, 1)'; return new;",
    "watch": "if (select count(*) from limits) > 50 then raise 'no'; end if; perform pg_notify('seen', tg_op); return null;",
    "sum_up": "if (select sum(v) from fresh) > 1000 then raise check_violation using message = 'sum'; end if; return null;",
    "whole": "new := jsonb_populate_record(new, jsonb_build_object('v', (random() * 1000000)::int)); return new;",
    "drawn": "new.v := nextval('trail_nr'); return new;",
    "peek": "begin select x into new.v from stage; exception when undefined_table then new.v := 0; end; return new;",
    "number": "new.v := (select oid from pg_class where relname = 't'); return new;",
    "gone": "if random() < 0 then raise 'no'; end if; return old;",
}
TOUCHED = "create table t(id int primary key, v int, w int, at timestamptz)"


@pytest.fixture(scope="module")
def shared_nodes():
    functions = [f"create function {name}() returns trigger language plpgsql as $$ begin {body} end $$" for name, body in FUNCTIONS.items()]
    with equal_nodes(";".join([SCHEMA, "create sequence trail_nr", *functions])) as servers:
        yield servers


@pytest.fixture
def replicated(all_in):
    all_in.sql("drop table if exists t, kids, parents, parts cascade")
    return all_in


@pytest.fixture
def proxy(replicated):
    return replicated


def trigger(cursor, function, when="before insert or update", table="t", each="row", more="", name=None):
    cursor.execute(f"create trigger {name or function} {when} on {table} {more} for each {each} execute function {function}()")


def run(cursor, *texts):
    for text in texts:
        cursor.execute(text)


def whole(proxy, table="t"):
    return contents(proxy.nodes, f"select coalesce(string_agg(t::text, ' ' order by t::text), '') from {table} t")


def refused(cursor, sql, reason):
    with pytest.raises(REFUSED, match=reason):
        cursor.execute(sql)
    with contextlib.suppress(psycopg2.Error):
        cursor.execute("rollback")


def test_the_moment_of_the_last_change(proxy, cursor):
    run(cursor, TOUCHED)
    trigger(cursor, "touch")
    run(cursor, "insert into t(id, v) values (1, 1), (2, 2)", "insert into t(id, v) values (3, 3) returning at")
    assert cursor.fetchone()[0] is not None
    run(cursor, "update t set v = 5 where id = 1", "update t set v = v + 1", "begin", "update t set v = 9 where id = 2",
        "insert into t select 4, 4", "commit", "delete from t where id = 3")
    assert whole(proxy).count("(") == 3
    cursor.execute("prepare p(int) as update t set v = $1 where id = 1")
    cursor.execute("show session_replication_role")
    assert cursor.fetchone() == ("origin",)


def test_what_is_a_function_of_the_row_runs_everywhere(proxy, cursor):
    run(cursor, TOUCHED)
    trigger(cursor, "swap")
    run(cursor, "insert into t(id, v) values (1, 1)", "update t set v = 7 where id = 1")
    cursor.copy_expert("copy t(id, v) from stdin", io.StringIO("2\t2\n3\t3\n"))
    assert whole(proxy) == "(1,7,14,) (2,2,4,) (3,3,6,)"
    cursor.execute("show route for update t set v = 7 where id = 1")
    assert "replicated: point" in str(cursor.fetchall())


def test_what_triggers_made_is_not_made_twice(proxy, cursor):
    """The trigger is a function of the row, but would count again where rows travel."""
    run(cursor, TOUCHED)
    trigger(cursor, "counted")
    run(cursor, "insert into t(id, v, at) values (1, 1, now())", "update t set v = 5 + (random() * 0)::int", "update t set w = 1 where v > 0")
    assert whole(proxy).startswith("(1,7,1,")


def test_random_values_and_skipped_rows(proxy, cursor):
    run(cursor, TOUCHED)
    trigger(cursor, "skip", "before insert")
    trigger(cursor, "dice", "before update of w")
    run(cursor, "insert into t(id, v) select g, g from generate_series(1, 9) g", "insert into t(id, v) values (20, 2)")
    assert cursor.rowcount == 0
    run(cursor, "update t set w = 1 where id = 1", "update t set w = 2 where id > 3", "insert into t(id, v) values (3, 3) on conflict (id) do update set w = 3",
        "insert into t(id, v) values (31, 31) on conflict (id) do nothing")
    assert whole(proxy).count("(") == 6


def test_what_main_alone_has(proxy, cursor):
    """Temporary tables, numbers of catalog rows."""
    run(cursor, TOUCHED, "create temp table stage(x int)", "insert into stage values (7)")
    trigger(cursor, "peek")
    run(cursor, "insert into t(id) values (1)", "update t set w = 1 where id = 1")
    assert whole(proxy) == "(1,7,1,)"
    trigger(cursor, "number", "before update", name="peek_too")
    run(cursor, "update t set w = 2 where id = 1")
    assert whole(proxy).startswith("(1,")


def test_a_trigger_that_says_no(proxy, cursor):
    run(cursor, TOUCHED)
    trigger(cursor, "most")
    cursor.execute("insert into t(id, v) values (1, 100)")
    with pytest.raises(psycopg2.errors.CheckViolation, match="too much"):
        cursor.execute("update t set v = 101 where id = 1")
    run(cursor, "begin", "savepoint a")
    with pytest.raises(psycopg2.errors.CheckViolation):
        cursor.execute("insert into t(id, v) values (2, 102)")
    run(cursor, "rollback to a", "insert into t(id, v) values (3, 3)", "commit")
    assert whole(proxy) == "(1,100,,) (3,3,,)"


def test_a_trigger_that_may_change_the_key(proxy, cursor):
    run(cursor, TOUCHED)
    trigger(cursor, "rekey")
    cursor.execute("insert into t(id, v) values (1, 1)")
    refused(cursor, "update t set v = 2 where id = 1001", 'may change column "id" of a key')
    refused(cursor, "insert into t(id, v) values (1, 1) on conflict (id) do update set v = 3", 'column "id" of a key')
    assert whole(proxy) == "(1001,1,,)"


def test_a_trigger_that_may_change_anything(proxy, cursor):
    run(cursor, TOUCHED)
    trigger(cursor, "whole")
    cursor.execute("insert into t(id, v) values (1, 1)")
    refused(cursor, "update t set w = 2 where id = 1", 'trigger "whole" on table "t" may change any column')
    assert whole(proxy).count("(") == 1


def test_another_key_serves(proxy, cursor):
    run(cursor, "create table t(id int unique, v int, w int not null unique)")
    trigger(cursor, "rekey")
    run(cursor, "insert into t values (1, 1, 1)", "update t set v = 2 where id = 1001")
    assert whole(proxy) == "(2001,2,1)"


@pytest.mark.parametrize("function", ["audit", "hidden", "drawn"])
def test_a_trigger_that_writes(proxy, cursor, function):
    table = f"t_{function}"
    run(cursor, f"create table {table}(id int primary key, v int)")
    trigger(cursor, function, table=table)
    refused(cursor, f"insert into {table} values (1, 1)", f'trigger "{function}" on table "{table}", which may write')
    cursor.execute(f"delete from {table} where id = 1")
    assert whole(proxy, "trail") == ""


@pytest.mark.parametrize("how", ["always", "replica"])
def test_a_trigger_that_cannot_be_kept_quiet(proxy, cursor, how):
    run(cursor, TOUCHED)
    trigger(cursor, "touch")
    cursor.execute(f"alter table t enable {how} trigger touch")
    if how == "always":
        refused(cursor, "insert into t(id, v) values (1, 1)", 'trigger "touch" on table "t" is ENABLE ALWAYS')
    else:  # it does not fire at all
        run(cursor, "insert into t(id, v) values (1, 1)", "update t set v = (random() * 100)::int")
    cursor.execute("alter table t disable trigger touch")
    run(cursor, "delete from t", "insert into t(id, v) values (1, 1)")
    assert whole(proxy) == "(1,1,,)"


def test_triggers_of_statements_and_constraints(proxy, cursor):
    run(cursor, TOUCHED)
    trigger(cursor, "watch", "after insert or update or delete")
    trigger(cursor, "sum_up", "after insert", more="referencing new table as fresh", each="statement", name="sums")
    run(cursor, "create constraint trigger late after insert on t deferrable initially deferred for each row execute function most()")
    run(cursor, "insert into t(id, v) values (1, 1), (2, 2)", "insert into t(id, v, at) select g, g, now() from generate_series(3, 9) g",
        "update t set w = 1 where id = 1", "update t set w = v where v > 5", "delete from t where id = 2")
    with pytest.raises(psycopg2.errors.CheckViolation, match="sum"):
        cursor.execute("insert into t(id, v) values (10, 1001)")
    run(cursor, "begin", "insert into t(id, v) values (11, 101)")
    with pytest.raises(psycopg2.Error):
        cursor.execute("commit")
    cursor.copy_expert("copy t(id, v) from stdin", io.StringIO("12\t2\n"))
    run(cursor, "truncate t", "insert into t(id, v) values (1, 1)")
    assert whole(proxy) == "(1,1,,)"


def test_copy_into_a_table_with_a_trigger_that_is_no_function_of_the_row(cursor):
    run(cursor, TOUCHED)
    trigger(cursor, "touch")
    with pytest.raises(REFUSED, match='trigger "touch" on table "t", in COPY'):
        cursor.copy_expert("copy t(id, v) from stdin", io.StringIO("2\t2\n"))


def test_merge_and_tables_without_a_key(proxy, cursor):
    run(cursor, "create table t(id int, v int, w int, at timestamptz)")
    trigger(cursor, "swap", "before update")
    run(cursor, "insert into t(id, v) values (1, 1), (1, 2)", "update t set v = v + 1 where id = 1",
        "merge into t using (values (2)) s(v) on t.v = s.v when matched then update set v = 20")
    assert whole(proxy) == "(1,20,40,) (1,3,6,)"
    trigger(cursor, "touch", "before update")
    refused(cursor, "update t set v = 3", 'trigger "touch" on table "t", and table "t" has no key that stays')
    refused(cursor, "merge into t using (values (2)) s(v) on t.v = s.v when matched then update set v = 20", "in MERGE")


# --- foreign keys

def families(cursor, action, function, when):
    run(cursor, "create table parents(id int primary key, code int unique, v int, at timestamptz)",
        f"create table kids(id int primary key, v int, at timestamptz, parent int references parents on delete {action} on update cascade)",
        "insert into parents values (1, 1), (2, 2)")
    trigger(cursor, function, when, "kids")


def test_rows_that_foreign_keys_delete(proxy, cursor):
    families(cursor, "cascade", "touch", "before insert or update")
    run(cursor, "insert into kids(id, parent) values (1, 1), (2, 2), (3, null)", "update kids set parent = 2 where id = 1",
        "delete from parents where id = 1", "delete from parents where code = 2")
    assert whole(proxy, "kids").count("(") == 1


def test_a_row_waits_for_its_parent_on_each_node(proxy, cursor):
    """Who writes the child has its parent locked on all nodes, although foreign keys are not checked there."""
    families(cursor, "cascade", "touch", "before insert or update")
    run(cursor, "begin", "insert into kids(id, parent) values (1, 1)", "insert into kids(id, parent) values (2, 1), (3, 2)")
    for node in proxy.nodes.nodes:
        with contextlib.closing(node.connect()) as direct, direct.cursor() as other:
            other.execute("set default_transaction_read_only = off; begin")
            for parent in (1, 2):
                def is_locked(parent=parent):
                    other.execute("savepoint a")
                    try:
                        other.execute(f"select from parents where id = {parent} for update nowait")
                    except psycopg2.errors.LockNotAvailable:
                        return True
                    finally:
                        other.execute("rollback to a")
                wait_for(is_locked, 5, f"{node.name} has parent {parent} locked")
    run(cursor, "commit")


def test_triggers_that_foreign_keys_reach(proxy, cursor):
    families(cursor, "set null", "touch", "before insert or update")
    refused(cursor, "delete from parents where id = 1", 'trigger "touch" on table "kids" \\(by foreign key "kids_parent_fkey"\\)')
    refused(cursor, "update parents set id = 5 where id = 1", 'trigger "touch"')
    run(cursor, "update parents set v = 1 where id = 1")
    cursor.execute("drop trigger touch on kids")
    trigger(cursor, "counted", table="kids")
    run(cursor, "insert into kids(id, v, parent) values (1, 1, 1)", "delete from parents where id = 1")
    assert whole(proxy, "kids") == "(1,3,,)"


def test_parents_with_triggers(proxy, cursor):
    families(cursor, "cascade", "touch", "before insert")
    trigger(cursor, "touch", table="parents", name="moment")
    trigger(cursor, "gone", "after delete", table="parents")
    run(cursor, "update parents set v = 5 where id = 1", "insert into kids(id, parent) values (1, 1)", "delete from parents where id = 1",
        "delete from parents where v > (random() * 0)::int")
    refused(cursor, "update parents set id = 7 where id = 2", 'has no key that stays|"moment"')
    assert whole(proxy, "kids") == ""
    trigger(cursor, "gone", "before delete", table="parents", name="before_it_goes")
    refused(cursor, "delete from parents where id = 2", 'foreign key "kids_parent_fkey" deletes or changes other rows')


def test_a_role_that_may_not_lock_the_parents(proxy, cursor):
    families(cursor, "cascade", "touch", "before insert")
    cursor.execute("grant all on kids to clerk")
    with contextlib.closing(proxy.connect(user="clerk")) as connection, connection.cursor() as clerk:
        with pytest.raises(REFUSED, match="permission denied for table parents"):
            clerk.execute("insert into kids(id, parent) values (1, 1)")
        cursor.execute("grant select, update on parents to clerk")
        clerk.execute("insert into kids(id, parent) values (1, 1)")
    assert whole(proxy, "kids").count("(") == 1


def test_partitions(proxy, cursor):
    run(cursor, "create table parts(id int, v int, w int, at timestamptz, primary key (id, v)) partition by list (v)",
        "create table parts1 partition of parts for values in (1)", "create table parts2 partition of parts for values in (2, 3)")
    trigger(cursor, "touch", table="parts")
    trigger(cursor, "dice", "before update", table="parts2", name="own")
    run(cursor, "insert into parts(id, v) values (1, 1), (2, 2)", "insert into parts1(id, v) values (3, 1)")
    refused(cursor, "update parts set w = 1 where id = 1 and v = 1", 'may change column "v" of a key')
    cursor.execute("drop trigger own on parts2")
    run(cursor, "update parts set w = 1 where id = 1 and v = 1", "update parts1 set w = 2", "delete from parts where id = 2")
    assert whole(proxy, "parts").count("(") == 2


def test_sequences_that_triggers_overrule(proxy, cursor):
    run(cursor, "create table t(id serial primary key, v int, at timestamptz)")
    trigger(cursor, "rekey", "before insert")
    run(cursor, "insert into t(v) values (1)", "insert into t(v) values (2), (3)", "insert into t(v) values (4) returning id")
    assert cursor.fetchone() == (1004,)
    assert_equal(proxy.nodes)


def test_a_trigger_made_in_the_transaction(proxy, cursor):
    run(cursor, "begin", TOUCHED, "create function just_made() returns trigger language plpgsql as 'begin new.v := random() * 1000; return new; end'")
    trigger(cursor, "just_made")
    run(cursor, "insert into t(id) values (1), (2)", "update t set w = 1 where id = 1", "commit", "drop function just_made() cascade")
    assert whole(proxy).count("(") == 2


def test_built_in_triggers(proxy, cursor):
    run(cursor, "create table t(id int primary key, body text, words tsvector)",
        "create trigger words before insert or update on t for each row execute function tsvector_update_trigger(words, 'pg_catalog.simple', body)",
        "create trigger same before update on t for each row execute function suppress_redundant_updates_trigger()",
        "insert into t(id, body) values (1, 'a b'), (2, 'c')", "update t set body = 'c' where id < 3")
    assert cursor.rowcount == 1
    assert whole(proxy) == "(1,c,'c':1) (2,c,'c':1)"


# --- who else could keep triggers quiet

def test_nobody_else_keeps_triggers_quiet(proxy, cursor):
    run(cursor, TOUCHED, "grant all on t to clerk")
    for token in ("0", "null", "1"):
        for quiet in ("true", "false"):
            refused(cursor, f"select pgpool_replication.keep_quiet({token}, {quiet})", "function keep_quiet is volatile")
    node = proxy.nodes.nodes[1]
    with contextlib.closing(node.connect(user="clerk")) as connection, connection.cursor() as clerk:
        for token in ("0", "null", "1"):
            with pytest.raises(psycopg2.errors.SerializationFailure, match="by who may mark only"):
                clerk.execute(f"select pgpool_replication.keep_quiet({token}, true)")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            clerk.execute("set session_replication_role = replica")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            clerk.execute("select token from pgpool_replication.slot")
    with pytest.raises(psycopg2.errors.SerializationFailure):  # nor who may do it otherwise
        node.sql("select pgpool_replication.keep_quiet(1, true)")


def test_code_that_could_write_where_triggers_are_quiet(proxy, cursor):
    """An index calls it for each row, on the others too, where foreign keys would not stop it."""
    run(cursor, TOUCHED, "create or replace function sneaky() returns void language plpgsql as"
        " 'begin if current_setting(''session_replication_role'') = ''replica'' then insert into trail values (1, 1); end if; end'",
        "create or replace function sneak(int) returns int language plpgsql immutable as 'begin return 1; end'")
    trigger(cursor, "touch")
    run(cursor, "create index on t(sneak(v))", "insert into t(id) values (1)",
        "create or replace function sneak(int) returns int language plpgsql immutable as 'begin perform sneaky(); return 1; end'")
    refused(cursor, "insert into t(id) values (2)", "function sneak\\(\\) may write")
    assert whole(proxy, "trail") == ""


def test_what_follows_the_rows_is_not_quiet(proxy, cursor):
    """Triggers that a function of the row alone has run on the others: in the same transaction, behind rows that have travelled."""
    run(cursor, TOUCHED, "create table parents(id int primary key, v int, w int, at timestamptz)")
    trigger(cursor, "touch")
    trigger(cursor, "swap", table="parents")
    run(cursor, "begin", "insert into t(id) values (1)", "insert into parents(id, v) values (1, 1)", "savepoint a", "insert into t(id) values (2)",
        "rollback to a", "insert into parents(id, v) values (2, 2)", "insert into t(id) values (3)", "commit",
        "insert into parents(id, v) values (3, 3)")
    assert whole(proxy, "parents") == "(1,1,2,) (2,2,4,) (3,3,6,)"
    assert whole(proxy).count("(") == 2


def test_a_session_without_triggers(proxy, cursor):
    """A superuser who has switched them off itself."""
    run(cursor, TOUCHED)
    trigger(cursor, "touch")
    run(cursor, "set session_replication_role = replica", "begin")
    cursor.execute("insert into t(id) values (1)")
    with pytest.raises(REFUSED, match="where session_replication_role is replica"):
        cursor.execute("commit")
    cursor.execute("set session_replication_role = origin")
    cursor.execute("insert into t(id) values (2)")
    assert whole(proxy).count("(") == 1

