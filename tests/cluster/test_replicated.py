# SPDX-License-Identifier: PostgreSQL
"""Mode replication: one transaction on all nodes (proxy/exec/nodes.cc)."""
import contextlib
import io
import threading
import time

import psycopg2
import psycopg2.errors
import pytest

from support import wire
from support.replicated import contents, proxy_over


@pytest.fixture
def replicated(shared_nodes):
    """A proxy over three equal nodes with a table t(id, v)."""
    shared_nodes.sql("drop table if exists t, other; create table t(id int primary key, v int not null); create table other(id int primary key)")
    with proxy_over(shared_nodes) as proxy:
        yield proxy


def test_writes_come_to_all_nodes(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("insert into t values (1, 10), (2, 20)")
        assert cursor.rowcount == 2
        cursor.execute("update t set v = 11 where id = 1")
        assert cursor.rowcount == 1
        assert contents(replicated.nodes) == "1=11 2=20"
        cursor.execute("delete from t where id = 2 returning v")
        assert cursor.fetchall() == [(20,)]
        assert contents(replicated.nodes) == "1=11"


def test_a_transaction_is_everywhere_or_nowhere(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("insert into t values (1, 1)")
        cursor.execute("savepoint a")
        cursor.execute("insert into t values (2, 2)")
        cursor.execute("rollback to a")
        cursor.execute("insert into t values (3, 3)")
        assert contents(replicated.nodes) == ""
        cursor.execute("commit")
        assert contents(replicated.nodes) == "1=1 3=3"
        cursor.execute("begin")
        cursor.execute("update t set v = 7 where id = 1")
        cursor.execute("rollback")
        assert contents(replicated.nodes) == "1=1 3=3"
        cursor.execute("insert into t values (4, 4)")
        assert contents(replicated.nodes) == "1=1 3=3 4=4"


def test_savepoints_before_the_first_write_come_along(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("savepoint a")
        cursor.execute("set local timezone = 'Asia/Tokyo'")
        cursor.execute("insert into t values (1, extract(timezone_hour from '2020-01-01'::timestamptz)::int)")
        cursor.execute("rollback to a")
        cursor.execute("insert into t values (2, 2)")
        cursor.execute("commit")
        assert contents(replicated.nodes) == "2=2"


def test_rollback_to_a_savepoint_after_an_error(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("insert into t values (1, 1)")
        cursor.execute("savepoint a")
        cursor.execute("insert into t values (2, 2)")
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.execute("insert into t values (1, 2)")
        cursor.execute("rollback to a")
        cursor.execute("insert into t values (3, 3)")
        cursor.execute("commit")
        assert contents(replicated.nodes) == "1=1 3=3"


def test_errors_leave_nothing(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("insert into t values (1, 1)")
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.execute("insert into t values (1, 2)")
        cursor.execute("begin")
        cursor.execute("insert into t values (2, 2)")
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.execute("insert into t values (1, 2)")
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            cursor.execute("select 1")
        cursor.execute("commit")
        assert cursor.statusmessage == "ROLLBACK"
        assert contents(replicated.nodes) == "1=1"
        cursor.execute("insert into t values (5, 5)")
        assert contents(replicated.nodes) == "1=1 5=5"


def test_an_error_at_commit_is_the_servers(replicated):
    replicated.nodes.sql("alter table t add constraint later foreign key (v) references other deferrable initially deferred")
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.ForeignKeyViolation):
            cursor.execute("insert into t values (1, 1)")
        cursor.execute("begin")
        cursor.execute("insert into t values (1, 1)")
        with pytest.raises(psycopg2.errors.ForeignKeyViolation):
            cursor.execute("commit")
        cursor.execute("begin")
        cursor.execute("insert into t values (1, 1)")
        cursor.execute("insert into other values (1)")
        cursor.execute("commit")
        assert contents(replicated.nodes) == "1=1"


def test_a_difference_aborts_and_evicts_nobody(replicated):
    replicated.nodes.nodes[1].sql("insert into t values (1, 1)")
    replicated.nodes.nodes[0].sql("insert into t values (3, 3)")
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.SerializationFailure, match='node "node2" came to another result: .*duplicate key'):
            cursor.execute("insert into t values (1, 5)")
        with pytest.raises(psycopg2.errors.SerializationFailure, match='came to another result: UPDATE 0'):
            cursor.execute("update t set v = 9 where id = 3")
        cursor.execute("begin")
        cursor.execute("insert into t values (2, 2)")
        cursor.execute("update t set v = 9 where id = 3")
        with pytest.raises(psycopg2.errors.SerializationFailure):
            cursor.execute("commit")
        cursor.execute("begin")
        cursor.execute("update t set v = 9 where id = 3")
        time.sleep(0.3)
        with pytest.raises(psycopg2.errors.SerializationFailure):
            cursor.execute("select 1")
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            cursor.execute("select 1")
        cursor.execute("rollback")
    replicated.nodes.sql("delete from t")
    assert contents(replicated.nodes) == ""
    assert all(row["status"] == "up" for row in replicated.admin("show pool_nodes"))


def test_extended_protocol_with_parameters(replicated):
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        def run(sql, *values, name=""):
            connection.send(wire.parse(name, sql), wire.bind("", name, [str(v).encode() for v in values]), wire.execute(), wire.SYNC)
            return connection.read_until("Z")
        for i in range(3):
            run("insert into t values ($1, $2)", i, i * 10)
        run("update t set v = v + $2 where id = $1", 1, 5, name="named")
        connection.send(wire.bind("", "named", [b"2", b"7"]), wire.execute(), wire.bind("", "named", [b"2", b"1"]), wire.execute(), wire.SYNC)
        assert [f.name for f in connection.read_until("Z")] == ["BindComplete", "CommandComplete"] * 2 + ["ReadyForQuery"]
    assert contents(replicated.nodes) == "0=0 1=15 2=28"


def test_copy_from_stdin(replicated):
    rows = "".join(f"{i}\t{i * 2}\n" for i in range(50_000))
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.copy_expert("copy t from stdin", io.StringIO(rows))
        assert cursor.rowcount == 50_000
        assert contents(replicated.nodes, "select count(*) || '/' || sum(v) from t") == f"50000/{sum(range(50_000)) * 2}"
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.copy_expert("copy t from stdin", io.StringIO("60000\t1\n5\t5\n"))
        with pytest.raises(psycopg2.errors.InvalidTextRepresentation):
            cursor.copy_expert("copy t from stdin", io.StringIO("x\n" * 100_000))
        cursor.execute("begin")
        cursor.execute("savepoint a")
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.copy_expert("copy t from stdin", io.StringIO("60000\t1\n5\t5\n"))
        cursor.execute("rollback to a")
        cursor.copy_expert("copy t from stdin", io.StringIO("60001\t1\n60002\t2\n"))
        cursor.execute("commit")
        assert contents(replicated.nodes, "select count(*) || '/' || max(id) from t") == "50002/60002"


def test_what_runs_outside_of_transactions(replicated):
    nodes = replicated.nodes
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("drop database if exists made")
        cursor.execute("create database made")
        assert nodes.sql("select count(*) from pg_database where datname = 'made'") == [1, 1, 1]
        cursor.execute("insert into t values (1, 1), (2, 1)")
        cursor.execute("vacuum analyze t")
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.execute("create unique index concurrently t_v on t(v)")
        cursor.execute("drop index t_v")
        cursor.execute("create index concurrently t_v on t(v)")
        assert nodes.sql("select count(*) from pg_class where relname = 't_v'") == [1, 1, 1]
        cursor.execute("drop database made")
        assert nodes.sql("select count(*) from pg_database where datname = 'made'") == [0, 0, 0]


def test_ddl_is_transactional_everywhere(replicated):
    nodes = replicated.nodes
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("create table made(id int primary key)")
        cursor.execute("rollback")
        assert nodes.sql("select count(*) from pg_class where relname = 'made'") == [0, 0, 0]
        cursor.execute("create table made(id int primary key)")
        cursor.execute("alter table made add column v int default 3")
        cursor.execute("insert into made values (1)")
        assert contents(nodes, "select string_agg(id || '=' || v, ' ') from made") == "1=3"
        cursor.execute("drop table made")


def test_many_clients_keep_nodes_equal(replicated):
    replicated.nodes.sql("insert into t select g, 0 from generate_series(1, 20) g")
    failures, done = [], []

    def client(number):
        with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
            for i in range(60):
                try:
                    if i % 3 == 0:
                        cursor.execute("begin")
                    cursor.execute(f"update t set v = v * 2 % 1000003 + {number + i} where id = {(number * 7 + i) % 20 + 1}")
                    if i % 3 == 0:
                        cursor.execute("commit")
                    done.append(1)
                except psycopg2.Error as error:
                    failures.append(error)
    threads = [threading.Thread(target=client, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    assert len(done) == 720
    contents(replicated.nodes)


def test_reads_are_spread_and_see_what_was_committed(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        ports = set()
        for i in range(60):
            cursor.execute(f"insert into t values ({i}, {i})")
            cursor.execute(f"select v, inet_server_port() from t where id = {i}")
            value, port = cursor.fetchone()
            assert value == i
            ports.add(port)
    assert len(ports) == 3, ports


@pytest.fixture
def generated(replicated):
    replicated.nodes.sql("drop table if exists g; create table g(id serial primary key, at timestamptz default clock_timestamp(), "
                         "pid int default pg_backend_pid(), word text, twice text generated always as (word || word) stored, "
                         "big bigint generated always as identity)")
    with contextlib.closing(replicated.connect()) as connection:
        connection.cursor().execute("create table if not exists anything(id int)")  # what was made at the nodes is seen with it
    return replicated


EVERYTHING = "select coalesce(string_agg(g::text, ' ' order by id), '') from g"
POSITIONS = "select (select last_value from g_id_seq) || '/' || (select last_value from g_big_seq)"


def test_rows_of_main_travel_where_nodes_would_differ(generated):
    nodes = generated.nodes
    with contextlib.closing(generated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("insert into g(word) values ('a'), (null), ('tab\t\\ quote'''); -- a comment")
        assert cursor.rowcount == 3 and cursor.description is None
        assert contents(nodes, EVERYTHING).count("(") == 3
        cursor.execute("insert into g(word) values ('b') returning id, word as w")
        assert [c.name for c in cursor.description] == ["id", "w"]
        assert cursor.fetchall() == [(4, "b")]
        cursor.execute("begin")
        cursor.execute("insert into g(word, at) values (random()::text, now()) returning id")
        assert cursor.fetchone() == (5,)
        cursor.execute("rollback")
        cursor.execute("insert into g(word) values ('c')")
        contents(nodes, EVERYTHING)
        assert contents(nodes, POSITIONS) == "6/6"


def test_rows_travel_whatever_the_length_of_the_literals(generated):
    """The text is found in the cache by its shape: where it ends was noted of another one."""
    with contextlib.closing(generated.connect()) as connection, connection.cursor() as cursor:
        for word in ("a long literal", "b", "a literal that is longer still", "c"):
            cursor.execute(f" ;insert into g(word) values ('{word}') ; -- a comment;")
        assert contents(generated.nodes, "select string_agg(word, ',' order by id) from g") == \
            "a long literal,b,a literal that is longer still,c"
        contents(generated.nodes, EVERYTHING)


def test_a_batch_by_itself_fails_by_its_deferred_constraint(replicated):
    """The marker is in the client's batch, and so is the error that comes of it."""
    replicated.nodes.sql("alter table t add constraint later foreign key (v) references other deferrable initially deferred")
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        connection.send(wire.parse("", "insert into t values (1, 1)"), wire.bind("", "", [], (), ()), wire.execute(), wire.SYNC)
        frames = connection.read_until("Z")
        assert [f.type for f in frames if f.type in "EZ"] == ["E", "Z"]
        connection.send(wire.parse("", "insert into other values (1)"), wire.bind("", "", [], (), ()), wire.execute(), wire.SYNC)
        assert "E" not in [f.type for f in connection.read_until("Z")]
        connection.send(wire.parse("", "insert into t values (1, 1)"), wire.bind("", "", [], (), ()), wire.execute(), wire.SYNC)
        assert "E" not in [f.type for f in connection.read_until("Z")]
    assert contents(replicated.nodes) == "1=1"


def test_what_changed_nothing_leaves_no_marker(replicated):
    """A node that is repaired in another order could find a row for it."""
    marked = "select max(seq) from pgpool_replication.slot"
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        connection.send(wire.query("insert into t values (1, 1)"))
        assert "E" not in [f.type for f in connection.read_until("Z")]
        before = contents(replicated.nodes, marked)
        connection.send(wire.query("update t set v = 2 where id = 5"))
        assert [f.type for f in connection.read_until("Z")] == ["C", "Z"]
        connection.send(wire.parse("", "delete from t where id = 5"), wire.bind("", "", [], (), ()), wire.execute(), wire.SYNC)
        assert [f.type for f in connection.read_until("Z")] == ["1", "2", "C", "Z"]
        assert contents(replicated.nodes, marked) == before
        connection.send(wire.query("update t set v = 2 where id = 1"))
        assert [f.type for f in connection.read_until("Z")] == ["C", "Z"]
        assert int(contents(replicated.nodes, marked)) > int(before)
    assert contents(replicated.nodes) == "1=2"


def test_rows_travel_by_the_extended_protocol(generated):
    nodes = generated.nodes
    with wire.connect(generated.host, generated.port, database="postgres") as connection:
        def run(*messages):
            connection.send(*messages, wire.SYNC)
            return connection.read_until("Z")
        for formats in ((), (0,), (1,)):
            frames = run(wire.parse("", "insert into g(word) values ($1) returning id"), wire.bind("", "", [b"x"], (), formats),
                         wire.describe_message("P"), wire.execute())
            assert [f.name for f in frames] == ["ParseComplete", "BindComplete", "RowDescription", "DataRow", "CommandComplete", "ReadyForQuery"]
            assert [c["name"] if isinstance(c, dict) else c[0] for c in frames[2].columns()] == ["id"] and len(frames[3].values()) == 1
        frames = run(wire.parse("named", "insert into g(word) values ($1)"), wire.describe_message("S", "named"))
        assert [f.name for f in frames] == ["ParseComplete", "ParameterDescription", "NoData", "ReadyForQuery"]
        for word in (b"y", None):
            frames = run(wire.bind("", "named", [word]), wire.describe_message("P"), wire.execute())
            assert [f.name for f in frames] == ["BindComplete", "NoData", "CommandComplete", "ReadyForQuery"]
        frames = run(wire.bind("", "named", [b"z"], (), (1,)), wire.execute())
        assert [f.name for f in frames] == ["BindComplete", "CommandComplete", "ReadyForQuery"]
    assert contents(nodes, EVERYTHING).count("(") == 6
    assert contents(nodes, POSITIONS) == "6/6"


def test_an_insert_of_many_rows_travels(generated):
    nodes = generated.nodes
    with contextlib.closing(generated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("insert into g(word) select md5(random()::text) || repeat('x', 100) from generate_series(1, 3000)")
        assert cursor.rowcount == 3000
        cursor.execute("insert into g(word) values (repeat('large', 100000))")
    assert contents(nodes, "select md5(string_agg(g::text, ' ' order by id)) || count(*) from g").endswith("3001")
    assert contents(nodes, POSITIONS) == "3001/3001"


def test_a_role_with_few_rights_inserts(generated):
    nodes = generated.nodes
    nodes.sql("drop role if exists few; create role few login; grant insert, select on g to few; grant usage on g_id_seq to few")
    with contextlib.closing(generated.connect(user="few")) as connection, connection.cursor() as cursor:
        cursor.execute("insert into g(word) values ('a') returning id")
        assert cursor.fetchone() == (1,)
    with contextlib.closing(nodes.nodes[0].connect(user="few")) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.SerializationFailure):
            cursor.execute("select pgpool_replication.advance(0, 't', 'id', 7)")
    assert contents(nodes, POSITIONS) == "1/1"
    nodes.sql("drop owned by few; drop role few")


def test_an_insert_of_nothing(generated):
    with contextlib.closing(generated.connect()) as connection, connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute("insert into g(word) select 'a' from t where id = -1")
            assert cursor.rowcount == 0
        cursor.execute("insert into g(word) values ('b')")
    assert contents(generated.nodes, EVERYTHING).count("(") == 1


def test_steering_that_is_sent_with_begin(replicated):
    """As pgjdbc does: BEGIN in one batch with the first statement."""
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        def run(*texts):
            for text in texts:
                connection.send(wire.parse("", text), wire.bind("", ""), wire.execute())
            connection.send(wire.SYNC)
            return [f for f in connection.read_until("Z") if f.type == "E"]
        assert run("begin", "set local timezone = 'Asia/Tokyo'") == []
        assert run("insert into t values (1, extract(hour from timestamptz '2020-01-01 00:00:00+00')::int)") == []
        assert run("commit") == []
        assert run("begin", "savepoint a") == []
        assert run("insert into t values (2, 2)") == []
        assert run("rollback to a") == []
        assert run("insert into t values (3, 3)") == []
        assert run("commit") == []
        assert run("begin", "insert into t values (4, 4)") == []
        assert run("rollback") == []
    assert contents(replicated.nodes) == "1=9 3=3"


def test_what_cannot_be_followed_is_refused(replicated):
    nodes = replicated.nodes
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        def refused(text):
            with pytest.raises(psycopg2.errors.FeatureNotSupported):
                cursor.execute(text)
            cursor.execute("rollback")
        refused("insert into t values (1, 1) /*" + "x" * 2_000_000 + "*/")
        refused("insert into t values (1, 1); commit")
        refused("set local timezone = 'UTC'; insert into t values (1, 1); begin")
        cursor.execute("begin")
        cursor.execute("savepoint a")
        refused("commit and chain")
        cursor.execute("create temp table t(id int primary key, v int)")
        refused("insert into t values (1, 1)")
        cursor.execute("discard all")
        cursor.execute("insert into t values (7, 7)")
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("prepare done as select 1")
        cursor.execute("begin")
        cursor.execute("insert into t values (8, 8)")
        cursor.execute("commit")
    assert contents(nodes) == "7=7 8=8"


def test_settings_within_a_transaction_are_rolled_back_everywhere(replicated):
    hour = "extract(hour from timestamptz '2020-01-01 00:00:00+00')::int"
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        cursor.execute("begin")
        cursor.execute("savepoint a")
        cursor.execute("set timezone = 'Asia/Tokyo'")
        cursor.execute(f"insert into t values (1, {hour})")
        cursor.execute("rollback to a")
        cursor.execute(f"insert into t values (2, {hour})")
        cursor.execute("select set_config('timezone', %s, true)", ["Asia/Tokyo"])
        cursor.execute(f"insert into t values (3, {hour})")
        cursor.execute("commit")
    assert contents(replicated.nodes) == "2=0 3=9"


def test_an_unknown_statement_in_a_batch_is_the_servers_error(replicated):
    with wire.connect(replicated.host, replicated.port, database="postgres") as connection:
        connection.send(wire.parse("s", "insert into t values (1, 1)"), wire.bind("", "s"), wire.execute(),
                        wire.bind("", "nosuch"), wire.execute(), wire.SYNC)
        assert [f.fields()["C"] for f in connection.read_until("Z") if f.type == "E"] == ["26000"]
        assert connection.rows("explain execute s")
        connection.send(wire.bind("", "s"), wire.execute(), wire.SYNC)
        assert [f for f in connection.read_until("Z") if f.type == "E"] == []
    assert contents(replicated.nodes) == "1=1"


# --- rows that travel ---

def test_a_condition_is_evaluated_once(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("insert into t select g, 0 from generate_series(1, 50) g")
        assert cursor.rowcount == 50
        cursor.execute("update t set v = (random() * 1000)::int where id % 2 = 0")
        assert cursor.rowcount == 25
        cursor.execute("update t as x set v = v + 1 from other where other.id = x.id; ")
        assert cursor.rowcount == 0
        cursor.execute("delete from t where id in (select id from t order by v limit 7) returning v")
        assert len(cursor.fetchall()) == 7
        cursor.execute("update t set v = v + 1 where v < 10 returning id, v as \"V\"")
        assert [column.name for column in cursor.description] == ["id", "V"]
    assert len(contents(replicated.nodes).split()) == 43


def test_a_semicolon_and_longer_literals_of_the_same_shape(replicated):
    """The analysis of the first text is served for the second."""
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        for id, value in ((1, 1), (200000, 300000), (3, 4)):
            cursor.execute(f"insert into t select {id}, {value} ; -- done")
            cursor.execute(f"update t set v = v + {value} where v = {value};")
    assert contents(replicated.nodes) == "1=2 3=8 200000=600000"


def test_texts_of_several_statements_travel(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("insert into t values (1, 1); insert into t select g, (random() * 1000)::int from generate_series(2, 9) g;"
                       "; update t set v = 0 where v % 2 = 0; insert into other values (1)")
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.execute("delete from t where v = 1; insert into other values (1)")
    assert len(contents(replicated.nodes).split()) == 9
    contents(replicated.nodes, "select count(*) from other")


def test_upserts_whose_values_only_one_node_computes(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute("insert into t select g, (random() * 1e6)::int from generate_series(1, 5) g"
                           " on conflict (id) do update set v = excluded.v + t.v returning v")
            assert len(cursor.fetchall()) == 5
        cursor.execute("insert into t values (1, 0), (9, (random() * 1e6)::int) on conflict do nothing returning id")
        assert cursor.fetchall() == [(9,)]
    assert len(contents(replicated.nodes).split()) == 6


def tags(frames):
    return [frame.body[:-1].decode() for frame in frames if frame.type == "C"]


def test_a_batch_of_several_executions_travels(replicated):
    """As drivers send them: one statement bound again and again, and BEGIN in the first batch."""
    with wire.connect(replicated.host, replicated.port, database="postgres") as peer:
        def run(*messages):
            peer.send(*messages, wire.SYNC)
            return peer.read_until("Z")
        run(wire.parse("s", "update t set v = (random() * 1000)::int where v >= $1 and id = any($2::int[])"), wire.parse("b", "begin"),
            wire.parse("i", "insert into t select $1, (random() * 1000)::int"))
        inserts = [message for id in range(1, 8) for message in (wire.bind("", "i", [b"%d" % id]), wire.execute("", 1))]  # 1: wants no rows
        assert tags(run(wire.bind("", "b"), wire.execute(), *inserts)) == ["BEGIN"] + ["INSERT 0 1"] * 7
        frames = run(wire.bind("", "s", [b"0", b"{1,2,3}"]), wire.describe_message("P"), wire.execute(),
                     wire.bind("", "s", [b"0", b"{5,6,7,8}"]), wire.execute())
        assert tags(frames) == ["UPDATE 3", "UPDATE 3"]
        assert [frame.type for frame in frames if frame.type in "nTDE"] == ["n"]
        peer.query("commit")
    assert len(contents(replicated.nodes).split()) == 7


def test_a_parameter_that_is_another_date_tomorrow_travels(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("alter table other add at timestamptz")
    with wire.connect(replicated.host, replicated.port, database="postgres") as peer:
        peer.send(wire.parse("", "insert into other values ($1, $2)"), wire.bind("", "", [b"1", b"now"]), wire.execute(), wire.SYNC)
        assert tags(peer.read_until("Z")) == ["INSERT 0 1"]
    contents(replicated.nodes, "select string_agg(id || ' ' || at, ',') from other")


def test_rows_whose_text_loses_something_do_not_travel(replicated):
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("alter table other add f float8")
        for setting in ("extra_float_digits = 0", "datestyle = 'SQL, DMY'"):
            cursor.execute(f"set {setting}")
            with pytest.raises(psycopg2.errors.FeatureNotSupported, match="rows that travel, with"):
                cursor.execute("insert into other(id, f) select 1, random()")
            cursor.execute("reset all")
        cursor.execute("insert into other(id, f) select 1, random()")
    contents(replicated.nodes, "select f from other")


POSITION = "select last_value || '/' || is_called from {}"


def test_sequences_that_are_called_by_name_follow(replicated):
    replicated.nodes.sql("drop sequence if exists s, \"Down\"; create sequence s; create sequence \"Down\" increment -1")
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("select nextval('s'), nextval('public.s'::regclass)")
        assert cursor.fetchall() == [(1, 2)]
        assert contents(replicated.nodes, POSITION.format("s")) == "2/true"
        cursor.execute("insert into t select nextval('s'), nextval('\"Down\"') from generate_series(1, 3) returning id")
        assert cursor.fetchall() == [(3,), (4,), (5,)]
        assert contents(replicated.nodes) == "3=-1 4=-2 5=-3"
        assert contents(replicated.nodes, POSITION.format('"Down"')) == "-3/true"
        cursor.execute("begin")
        cursor.execute("select setval('s', 2, false)")
        cursor.execute("update t set v = nextval('s') where id < 5")
        cursor.execute("commit")
        assert contents(replicated.nodes, POSITION.format("s")) == "3/true"
        cursor.execute("begin")
        cursor.execute("select nextval('s')")
        cursor.execute("rollback")
        cursor.execute("select nextval('s')")
        assert cursor.fetchall() == [(5,)]
        assert contents(replicated.nodes, POSITION.format("s")) == "5/true"
        replicated.reload({"replication": {"unsafe_statements": "refuse"}})
        with pytest.raises(psycopg2.errors.FeatureNotSupported, match="of a name that is not constant"):
            cursor.execute("select nextval(('s' || '')::regclass)")


def test_a_role_that_may_use_a_sequence_moves_it_everywhere(replicated):
    replicated.nodes.sql("drop sequence if exists s; create sequence s; drop role if exists mover; create role mover login; grant usage on sequence s to mover")
    with contextlib.closing(replicated.connect(user="mover")) as connection, connection.cursor() as cursor:
        cursor.execute("select nextval('s')")
        assert contents(replicated.nodes, POSITION.format("s")) == "1/true"
        for forbidden in ("select setval('s', 100)", "select pgpool_replication.move(0, 's', '100 t', true)", "select pgpool_replication.place('s', 100, true, true)"):
            with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.FeatureNotSupported)):
                cursor.execute(forbidden)
    assert contents(replicated.nodes, POSITION.format("s")) == "1/true"


def succeed_together(replicated, *scripts):
    """Each script is the texts of one client; none of them fails."""
    failures = []

    def run(texts):
        try:
            with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
                for text in texts:
                    cursor.execute(text)
        except psycopg2.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(texts,)) for texts in scripts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert failures == []


def test_a_condition_over_another_table_that_others_write(replicated):
    """The case that statement replication has always had wrong: neither a difference, nor a wait, nor an abort."""
    with contextlib.closing(replicated.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("insert into t select g, 0 from generate_series(1, 20) g")
    rounds = range(60)
    succeed_together(
        replicated,
        ["update t set v = v + 1 where id in (select id from other)" for _ in rounds],
        [f"insert into other values ({i % 20 + 1}) on conflict (id) do nothing" for i in rounds],
        [f"delete from other where id = {i * 7 % 20 + 1}" for i in rounds])
    contents(replicated.nodes)
    contents(replicated.nodes, "select string_agg(id::text, ' ' order by id) from other")


def test_update_against_insert_into_the_same_table(replicated):
    succeed_together(
        replicated,
        [f"insert into t select {i}, count(*) from t" for i in range(80)],
        ["update t set v = v + 1 where v % 2 = 0" for _ in range(80)])
    assert len(contents(replicated.nodes).split()) == 80


def test_serializable_transactions_see_each_other(replicated):
    """Write skew: each reads what the other writes."""
    with contextlib.closing(replicated.connect()) as one, contextlib.closing(replicated.connect()) as other:
        with one.cursor() as cursor:
            cursor.execute("insert into t values (1, 1), (2, 1)")
        a, b = one.cursor(), other.cursor()
        for cursor in (a, b):
            cursor.execute("begin isolation level serializable")
            cursor.execute("select sum(v) from t")
        a.execute("update t set v = 0 where id = 1")
        b.execute("update t set v = 0 where id = 2")
        a.execute("commit")
        with pytest.raises(psycopg2.errors.SerializationFailure, match="read/write dependencies"):
            b.execute("commit")
    assert contents(replicated.nodes) == "1=0 2=1"
