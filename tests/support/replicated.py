# SPDX-License-Identifier: PostgreSQL
"""Mode replication for a test: nodes with markers, a proxy over them, and whether all nodes hold the same.

    with equal_nodes() as servers, proxy_over(servers, {"replication": {"stall_timeout": "2s"}}) as proxy:
        proxy.sql("insert into t values (1)")
        assert contents(servers, "select count(*) from t") == 1
        assert_equal(servers)
"""
import collections
import contextlib
import tempfile
import threading

import psycopg2.errors

from . import ctl as ctls
from . import markers
from .pgcluster import Independents, wait_for
from .proxy import Proxy, merge

SLOTS = 64
T = "select coalesce(string_agg(id || '=' || v, ' ' order by id), '') from t"
USER_SCHEMA = "relnamespace::regnamespace::text !~ '^(pg_|information_schema|pgpool_replication)'"
TABLES = f"select oid::regclass::text from pg_class where relkind in ('r', 'p') and not relispartition and {USER_SCHEMA} order by 1"
COLUMNS = f"""
select attrelid::regclass || '.' || attname || ' ' || attnum || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull || ' '
       || coalesce(pg_get_expr(adbin, adrelid), '')
  from pg_attribute join pg_class c on c.oid = attrelid left join pg_attrdef on adrelid = attrelid and adnum = attnum
 where {USER_SCHEMA} and relkind in ('r', 'p', 'v', 'm') and attnum > 0 and not attisdropped
union all select pg_get_indexdef(indexrelid) || ' ' || indisvalid from pg_index join pg_class c on c.oid = indexrelid where {USER_SCHEMA}
union all select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(k.oid) || ' ' || convalidated
  from pg_constraint k join pg_class c on c.oid = conrelid where {USER_SCHEMA}
union all select pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = tgrelid where not tgisinternal and {USER_SCHEMA}
"""


@contextlib.contextmanager
def equal_nodes(sql="", databases=("postgres",), count=3, settings=None):
    """Servers with markers in these databases; `sql` is what all have in database postgres."""
    with Independents(count, settings) as servers:
        for database in databases:
            markers.prepare(servers.nodes, SLOTS, database)
        if sql:
            servers.sql(sql)
        yield servers


@contextlib.contextmanager
def proxy_over(servers, changes=None):
    """With all nodes in; it knows the servers as `nodes`."""
    with tempfile.TemporaryDirectory(prefix="pgpool-state-", dir="/var/tmp") as state:
        config = {"mode": "replication", "replication": {"state_directory": state, "slots": SLOTS}}
        with Proxy.for_cluster(servers, merge(config, changes)) as proxy:
            proxy.nodes = servers
            wait_for(lambda: set(states(proxy)) == {"up"}, 20, "all nodes are in")
            yield proxy


def create_database(proxy, name, more=""):
    """Returns when it takes writes: the first may cross the raising of its markers, and is repeated then, as clients do."""
    def takes_writes():
        with contextlib.suppress(psycopg2.errors.SerializationFailure):
            proxy.sql(f"comment on database {name} is null", name)
            return True
    proxy.sql(f"create database {name} {more}")
    wait_for(takes_writes, 20, f"{name} takes writes")


@contextlib.contextmanager
def no_commit(node):
    """Every COMMIT of a write waits on this node (for a standby that is not there), after it is written, before others see it."""
    node.configure({"synchronous_standby_names": "nobody"})
    try:
        wait_for(lambda: _commits_wait(node), 20, f"commits wait on {node.name}")
        yield
    finally:
        node.configure({"synchronous_standby_names": ""})


def _commits_wait(node):
    """The server takes it up in its own time. One COMMIT tries; it is let go."""
    with contextlib.closing(node.connect(application_name="holder")) as connection, connection.cursor() as cursor:
        pid = connection.get_backend_pid()
        trial = threading.Thread(target=cursor.execute, args=("select pg_logical_emit_message(true, 'test', '')",))
        trial.start()
        is_waiting = f"select exists (select from pg_stat_activity where pid = {pid} and wait_event = 'SyncRep')"
        wait_for(lambda: not trial.is_alive() or node.sql(is_waiting), 10, "a COMMIT ends or waits")
        waits = trial.is_alive()
        while trial.is_alive():
            node.sql("select pg_cancel_backend(%s)", [pid])
            trial.join(0.1)
        return waits


def states(proxy):
    return [row["status"] for row in proxy.admin("show pool_nodes")]


def contents(servers, query=T):
    """The same on all nodes, once."""
    found = servers.sql(query)
    assert len(set(found)) == 1, found
    return found[0]


def digests(node, database="postgres"):
    """Of each table: rows and their digest; of the catalog: its lines."""
    found = {"catalog": collections.Counter(row[0] for row in node.rows(COLUMNS, dbname=database))}
    with contextlib.closing(node.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(TABLES)
        for (table,) in cursor.fetchall():
            cursor.execute(f"select count(*), md5(string_agg(x, chr(10) order by x collate \"C\")) from (select t::text as x from {table} t) s")
            found[table] = cursor.fetchone()
    return found


def assert_equal(servers, databases=("postgres",), but=None):
    """By digests of the test's own and by pgpool-ctl verify, except for findings with the word `but`; the digests of the last database."""
    for database in databases:
        first, *others = [digests(node, database) for node in servers.nodes if node.is_running()]
        for other in others:
            assert set(first) == set(other), (database, set(first) ^ set(other))
            assert [t for t in first if first[t] != other[t]] == [], database
    with contextlib.closing(ctls.Ctl(servers.nodes)) as ctl:
        done = ctl.run("verify", "--databases", ",".join(databases), timeout=120)
        differing = [line for line in done.out.splitlines() if line.startswith("differs: ") and not (but and but in line)]
        assert differing == [] and done.code in (0, 1 if but else 0), done.out + done.err
    return first
