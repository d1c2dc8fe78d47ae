# SPDX-License-Identifier: PostgreSQL
"""Mode replication: rows that travel: what main tells of them, sequences, several rows in one statement, what never can."""
import contextlib

import psycopg2
import psycopg2.errors
import pytest

from support import wire
from support.replicated import equal_nodes

REFUSED = psycopg2.errors.FeatureNotSupported


@pytest.fixture(scope="module")
def shared_nodes():
    with equal_nodes("create role few login; create role rounds login; alter role rounds set extra_float_digits = 0; "
                     "alter role all set search_path = rows") as servers:
        yield servers


@pytest.fixture
def proxy(all_in):
    return all_in


@pytest.fixture
def cursor(proxy):
    """Of a client, in a schema of its own."""
    proxy.nodes.sql("drop schema if exists rows cascade; create schema rows; grant all on schema rows to public")
    with contextlib.closing(proxy.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("set search_path = rows")
        yield cursor


def make(cursor, *texts):
    """By the proxy, which so knows of it when this returns."""
    for text in texts:
        cursor.execute(text)


def contents(proxy, query):
    """The same on all nodes, once."""
    found = proxy.nodes.sql("set search_path = rows; " + query)
    assert len(set(found)) == 1, found
    return found[0]


def everything(proxy, table):
    return contents(proxy, f"select coalesce(string_agg(whole::text, ' ' order by whole::text), '') from {table} whole")


FLOATS = "create table f(id int primary key, v float8); insert into f values (1, 0), (2, 0)"
THIRD = "update f set v = 1::float8 / 3 where id < 3"


@pytest.mark.parametrize("how", ["set local extra_float_digits = 0", "select set_config('extra_float_digits', '0', true)"])
def test_digits_that_a_transaction_drops(proxy, cursor, how):
    make(cursor, *FLOATS.split(";"))
    make(cursor, "begin", how, THIRD)
    with pytest.raises(REFUSED, match="extra_float_digits below 1"):
        cursor.execute("commit")
    assert everything(proxy, "f") == "(1,0) (2,0)"
    make(cursor, "begin", "set local extra_float_digits = 2", THIRD, "commit")
    assert everything(proxy, "f") == "(1,0.3333333333333333) (2,0.3333333333333333)"


def test_digits_that_a_role_drops(proxy, cursor):
    make(cursor, *FLOATS.split(";"), "grant all on f to rounds")
    with contextlib.closing(proxy.connect(user="rounds")) as connection:
        with pytest.raises(REFUSED, match="extra_float_digits below 1"):
            connection.cursor().execute(THIRD)
    assert everything(proxy, "f") == "(1,0) (2,0)"


READ_OTHERWISE = [
    ("array_nulls = off", "array_nulls off"),
    ("datestyle = 'Postgres, DMY'", "DateStyle"),
    ("client_encoding = 'SJIS'", "SJIS"),
    ("client_encoding = 'SHIFT_JIS_2004'", "SHIFT_JIS_2004"),
]
KEPT = "insert into kept values (1, 1, '\u301c', array[null, 'a'], '2020-01-01 12:00Z')"
CHANGE = "update kept set note = note || 'x', tags = tags || 'b'::text, at = at + interval '1 day' where st = 1"


@pytest.mark.parametrize("setting, named", READ_OTHERWISE, ids=[named for _, named in READ_OTHERWISE])
@pytest.mark.parametrize("how", ["set {}", "set local {}", "in one text"])
def test_settings_by_which_others_would_read_other_values(proxy, cursor, setting, named, how):
    make(cursor, "create table kept(id int primary key, st int, note text, tags text[], at timestamptz)", KEPT)
    before = everything(proxy, "kept")
    make(cursor, "set timezone = 'Asia/Kolkata'")  # IST, which is read as Israel's
    with pytest.raises(REFUSED, match=f"rows that travel, .*{named}") as failure:
        if how == "in one text":
            cursor.execute(f"set {setting}; {CHANGE}")
        else:
            make(cursor, "begin", how.format(setting), CHANGE, "commit")
    assert failure.value.diag.message_hint
    cursor.execute("rollback")
    assert everything(proxy, "kept") == before


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_KR", "GBK", "EUC_JIS_2004"])
def test_encodings_that_give_all_characters_back(proxy, cursor, encoding):
    make(cursor, "create table kept(id int primary key, st int, note text)", "insert into kept values (1, 1, '\u00b0')",
         f"set client_encoding = '{encoding}'", "update kept set note = note || 'x' where st = 1")
    cursor.connection.set_client_encoding("UTF8")
    assert everything(proxy, "kept") == "(1,1,\u00b0x)"


@pytest.mark.parametrize("how", ["option", "quoted"])
def test_digits_in_any_spelling_are_enough(proxy, cursor, how):
    make(cursor, *FLOATS.split(";"))
    options = "-c extra_float_digits=3 -c search_path=rows" if how == "option" else "-c search_path=rows"
    with contextlib.closing(proxy.connect(options=options)) as connection:
        own = connection.cursor()
        own.execute("set extra_float_digits to '3'" if how == "quoted" else "select 1")
        own.execute(THIRD)
    assert everything(proxy, "f") == "(1,0.3333333333333333) (2,0.3333333333333333)"


def test_a_column_that_others_have_added(proxy, cursor):
    make(cursor, "create table s(id serial primary key, v int)", "insert into s(v) values (1)")
    proxy.nodes.sql("alter table rows.s add own timestamptz default clock_timestamp()")
    proxy.nodes.sql("update rows.s set own = null")
    with pytest.raises(psycopg2.errors.SerializationFailure, match="the schema was changed by others"):
        cursor.execute("insert into s(v) values (2)")
    cursor.execute("insert into s(v) values (3), (4) returning *")
    assert len(cursor.description) == 3 and [row[1] for row in cursor.fetchall()] == [3, 4]
    assert everything(proxy, "s").count("(") == 3


def test_the_widest_table(proxy, cursor):
    columns = ", ".join(f"c{i} int" for i in range(1598))
    make(cursor, f"create table wide(id serial primary key, at timestamptz default clock_timestamp(), {columns})",
         "insert into wide(c1) values (1)", "insert into wide(c1) values (2), (3)", "update wide set c2 = c1 + 1 where c1 > 0")
    assert contents(proxy, "select string_agg(c2::text, ' ' order by c1) from wide") == "2 3 4"
    assert everything(proxy, "wide").count("(") == 3


# --- sequences

POSITION = "select last_value || '/' || is_called from {}"


@pytest.mark.parametrize("default", ["'INV-' || nextval('inv')", "nextval('inv') * 10", "nextval('inv')::text"])
def test_a_column_that_is_not_the_bare_value(proxy, cursor, default):
    make(cursor, "create sequence inv", f"create table i(id text primary key default {default}, v int)",
         "insert into i(v) values (1), (2)", "insert into i(v) values (3)")
    assert everything(proxy, "i").count("(") == 3
    assert contents(proxy, POSITION.format("inv")) == "3/true"


def test_a_default_whose_sequence_is_not_known_is_refused(proxy, cursor):
    make(cursor, "create sequence inv", "create table i(id int primary key default nextval(('inv' || '')::regclass), v int)")
    with pytest.raises(REFUSED, match="default of column \"id\""):
        cursor.execute("insert into i(v) values (1)")


@pytest.mark.parametrize("kind", ["serial", "int generated by default as identity"])
def test_upserts_and_mixed_rows_move_the_sequence_to_where_mains_is(proxy, cursor, kind):
    make(cursor, f"create table u(id {kind}, k text primary key, n int default 0)", "grant select, insert, update on u to few",
         "grant usage on all sequences in schema rows to few" if kind == "serial" else "select 1")
    position = POSITION.format("u_id_seq")
    with contextlib.closing(proxy.connect(user="few")) as connection:
        own = connection.cursor()
        own.execute("insert into u(k) values ('old')")
        own.execute("insert into u(k) values ('new'), ('old') on conflict (k) do update set n = u.n + 1 returning id")
        assert sorted(own.fetchall()) == [(1,), (2,)]
        assert contents(proxy, position) == "3/true"
        own.execute("insert into u(id, k) values (default, 'a'), (1000, 'b'), (default, 'c')")
        assert contents(proxy, position) == "5/true"
    assert everything(proxy, "u").count("(") == 5


def test_a_sequence_that_falls_follows_to_the_lowest(proxy, cursor):
    make(cursor, "create sequence down increment -1", "create table d(id int primary key default nextval('down'), v int)",
         "insert into d(v) values (1), (2), (3)")
    assert contents(proxy, POSITION.format("down")) == "-3/true"


# --- several rows in one statement

TREE = ("create table tree(id int primary key, parent int references tree {}, tenant int)",
        "insert into tree values (1, null, 7), (2, 1, 7), (3, 2, 7), (4, null, 8)")


@pytest.mark.parametrize("action", ["", "on delete cascade", "on delete restrict"])
def test_a_tree_is_deleted_at_once(proxy, cursor, action):
    make(cursor, TREE[0].format(action), TREE[1], "delete from tree where tenant = 7")
    assert cursor.rowcount == 3
    assert everything(proxy, "tree") == "(4,,8)"


def test_a_child_that_comes_before_its_parent(proxy, cursor):
    make(cursor, TREE[0].format(""), "insert into tree select 10 - i, nullif(11 - i, 11), 1 from generate_series(0, 5) i order by i desc")
    assert everything(proxy, "tree").count("(") == 6


def test_rows_that_reference_each_other(proxy, cursor):
    make(cursor, TREE[0].format(""), "insert into tree select g, g % 5 + 1, 1 from generate_series(1, 5) g")
    assert everything(proxy, "tree") == "(1,2,1) (2,3,1) (3,4,1) (4,5,1) (5,1,1)"


@pytest.mark.parametrize("constraint", ["unique (pos) deferrable", "exclude (pos with =) deferrable"])
def test_positions_that_move_by_one(proxy, cursor, constraint):
    make(cursor, f"create table list(id int primary key, pos int, {constraint})",
         "insert into list select i, i from generate_series(1, 6) i", "update list set pos = pos + 1 where id > 0",
         "update list set pos = 9 - pos where id > 0")
    assert everything(proxy, "list") == "(1,7) (2,6) (3,5) (4,4) (5,3) (6,2)"


def test_an_order_that_a_key_needs_is_kept(proxy, cursor):
    make(cursor, "create table list(id int primary key, pos int unique, word text)",
         "insert into list select i, i, 'w' from generate_series(20, 1, -1) i")
    cursor.execute("update list set pos = pos + 1 where id > 0")
    assert contents(proxy, "select min(pos) || '-' || max(pos) from list") == "2-21"


def test_what_needs_both_is_refused(proxy, cursor):
    make(cursor, "create table both_of(id int primary key, a int unique, b int unique deferrable)",
         "insert into both_of select i, -i, i from generate_series(1, 3) i")
    with pytest.raises(REFUSED, match="one by one, though constraint \"both_of_b_key\""):
        cursor.execute("update both_of set a = a + 1, b = b + 1 where id > 0")
    cursor.execute("update both_of set a = a - 1, b = b + 10 where a = -3 and id > 0")
    assert everything(proxy, "both_of") == "(1,-1,1) (2,-2,2) (3,-4,13)"


TYPES = {
    "a int[]": "array[[1, 2], [null, 4]]", "t text": "E'quote '' \\\\ \\\" , {} tab\\t'", "e text": "''", "n text": "'NULL'",
    "o mood": "'it''s, \"ok\"'", "oa mood[]": "array['it''s, \"ok\"', null]::mood[]", "p pair": "row(1, 'x,\"')::pair", "pn pair": "row(null, null)::pair",
    "d small": "3", "c char(5)": "'ab '", "vc varchar(9)": "'trailing  '", "nu numeric(9,3)": "1.500", "b bit(3)": "b'101'", "bx box": "'(1,1),(0,0)'",
    "ba bytea": "'\\x00ff5c'", "j jsonb": "'{\"a\": [1, null]}'", "r int4range": "'[1,5)'", "ts timestamptz(3)": "'2020-01-01 12:00:00.123+02'",
    "f float8": "'NaN'", "l \"char\"": "'x'", "nm name": "'n m'", "iv interval": "'1 mon -3 days'", "bo bool": "true", "x xml": "'<a>&lt;</a>'",
}


@pytest.mark.parametrize("how", ["text", "binary"])
def test_values_keep_their_types(proxy, cursor, how):
    make(cursor, "create type mood as enum ('it''s, \"ok\"', 'bad')", "create type pair as (a int, b text)",
         "create domain small as int check (value < 10) not null", "create table ty(id int primary key, " + ", ".join(TYPES) + ")")
    values = ", ".join(TYPES.values())
    insert = f"insert into ty select i, {values} from generate_series(1, 3) i"
    nulls = "update ty set a = null, t = null, p = null, o = null, f = null, bx = null where id in (2, 3)"
    change = "update ty set a = a || array[[5, 6]], t = t || 'x', n = null, oa = null, p.a = 7, d = 4, c = 'q', ts = '1999-01-01' where id < 3"
    if how == "text":
        make(cursor, insert, change, nulls)
    else:
        with wire.connect(proxy.host, proxy.port, database="postgres", options="-c search_path=rows") as connection:
            for text in (insert, change, nulls):
                connection.send(wire.parse("", text + " returning id, t, a"), wire.bind("", "", [], (), (1,)), wire.describe_message("P"),
                                wire.execute(), wire.SYNC)
                frames = connection.read_until("Z")
                assert [f.type for f in frames if f.type != "D"] == ["1", "2", "T", "C", "Z"], [str(f) for f in frames]
                assert len(frames[2].columns()) == 3 and len(frames[3].values()[0]) == 4
    assert everything(proxy, "ty").count("2020-01-01") == 1
    cursor.execute("delete from ty where id > 1")
    assert everything(proxy, "ty").count("1999-01-01") == 1


def test_keys_of_all_sorts_are_found(proxy, cursor):
    make(cursor, "create domain code as char(4)", "create type mood as enum ('a', 'b')",
         "create table k(c code, m mood, d date, t varchar(3) collate \"C\", v int, primary key (c, m, d, t))",
         "insert into k select 'x' || i, 'b', '2020-01-01'::date + i, i, 0 from generate_series(1, 4) i",
         "update k set v = v + length(t) where v = 0")
    assert cursor.rowcount == 4
    cursor.execute("delete from k where t > '2'")
    assert contents(proxy, "select string_agg(c || v, ' ' order by c) from k") in ("x11 x21", "x1  1 x2  1", "x1  1 x2  1 ")


def test_tables_of_one_name(proxy, cursor):
    for schema in ("rows_a", "rows_b"):
        make(cursor, f"drop schema if exists {schema} cascade", f"create schema {schema}", f"set search_path = {schema}",
             "create table m(id serial primary key, m text, at timestamptz default clock_timestamp())")
    for schema in ("rows_a", "rows_b", "rows_a"):
        make(cursor, f"set search_path = {schema}", "insert into m(m) values ('good'), ('bad')", "update m set m = 'bad' where m = 'good'")
    assert everything(proxy, "rows_a.m").count("bad") == 4 and everything(proxy, "rows_b.m").count("bad") == 2
    assert contents(proxy, POSITION.format("rows_a.m_id_seq")) == "4/true"


def test_upserts_of_many_rows(proxy, cursor):
    make(cursor, "create table up(id int primary key, n int)", "insert into up select i, 0 from generate_series(1, 500) i",
         "insert into up select i, i from generate_series(400, 600) i on conflict (id) do update set n = up.n + excluded.n")
    assert contents(proxy, "select count(*) || '/' || sum(n) from up") == f"600/{sum(range(400, 601))}"


def test_a_change_of_partition(proxy, cursor):
    make(cursor, "create table part(id int, at int, v int, primary key (id, at)) partition by list (v)".replace("(id, at))", "(id, at, v))")
         .replace("list (v)", "range (at)"), "create table part_1 partition of part for values from (0) to (10)",
         "create table part_2 partition of part for values from (10) to (20)", "insert into part select i, i, 0 from generate_series(0, 19) i",
         "delete from part where id % 3 = 0")
    assert contents(proxy, "select count(*)::text from part") == "13"


# --- what never can

def test_a_right_that_the_others_need(proxy, cursor):
    make(cursor, "create table cp(id int primary key, name text, at timestamptz default now())", "grant select, insert (id, name) on cp to few")
    with contextlib.closing(proxy.connect(user="few")) as connection:
        with pytest.raises(REFUSED, match="this cannot be replicated: node .* does not take it: permission denied for table cp") as failure:
            connection.cursor().execute("insert into cp(id, name) values (1, 'x')")
        assert failure.value.diag.message_hint is None
    assert everything(proxy, "cp") == ""


def test_an_identity_that_update_cannot_give(proxy, cursor):
    make(cursor, "create table ga(k int primary key, id int generated always as identity, v int)", "insert into ga(k, v) values (1, 1)")
    with pytest.raises(REFUSED, match="identity column \"id\" is GENERATED ALWAYS"):
        cursor.execute("update ga set id = default where k = 1")
    cursor.execute("update ga set v = random() * 10 where k > 0")
    assert contents(proxy, POSITION.format("ga_id_seq")) == "1/true"
