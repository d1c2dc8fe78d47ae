# SPDX-License-Identifier: PostgreSQL
"""What clients do: kinds of statements with their weights, and transactions made of them.

A kind in SUPPORTED is one that the proxy claims to replicate: it must not be refused, and a run must have executed it.
"""
import dataclasses

from .schema import EXTRAS, TALLIES, WEAK


@dataclasses.dataclass
class Step:
    """One statement. `copies`: rows of a COPY FROM STDIN."""
    kind: str
    sql: str
    parameters: tuple = ()
    copies: str = ""
    shields: bool = False  # it may fail, and is wrapped into a savepoint that is rolled back to then
    more: tuple = ()  # texts that follow it within the transaction, each a Query of its own, as `sql` is then

    @property
    def is_copy(self):
        return self.kind in COPIES


@dataclasses.dataclass
class Transaction:
    txid: int
    isolation: str
    is_explicit: bool
    steps: list
    is_script: bool = False  # all of it is one text, with BEGIN and COMMIT
    tally: int = -1  # -1: it keeps no books, so it cannot be told by the ledger
    commits: bool = True


COPIES = ("copy", "computed_copy", "numbered_copy")
POINT = {  # safe whatever the proxy does about classes: one row by a whole key, or rows that the text gives
    "point_update": 10, "point_insert": 6, "point_delete": 5, "multi_insert": 3, "conflict_nothing": 3, "conflict_update": 3,
    "returning": 3, "composite_update": 4, "composite_delete": 1, "unique_update": 3, "key_move": 2, "keyless_insert": 4, "generated": 3,
    "check_violation": 1, "foreign_insert": 3, "foreign_delete": 1, "foreign_move": 2, "part_update": 3, "part_insert": 2,
    "part_delete": 1, "guarded_update": 1, "multi_statement": 2, "deferred_insert": 1,
}
SESSION = {"staged": 2, "executed": 2}  # temporary tables; SQL PREPARE
DDL = {"create_table": 0.3, "drop_table": 0.1, "use_table": 0.4, "add_column": 0.1, "create_index": 0.2, "drop_index": 0.2,
       "migrate": 0.4}  # DDL and writes in one transaction
READS = {"read": 6, "lock_row": 2}
ROWS = {  # which rows, or what they become, the main node alone decides: its rows travel
    "predicate_update": 2, "predicate_delete": 1, "subquery_update": 2, "subquery_source": 2, "insert_select": 2, "numbered": 2,
    "volatile": 1, "conflict_any": 1, "upsert_any": 1, "joined_update": 1, "drawn": 1, "exchange": 0.5,
    "numbered_copy": 0.5,
}
TRIGGERS = {"stamped_update": 2, "stamped_insert": 1, "stamped_delete": 0.5, "stamped_upsert": 1, "computed_update": 2, "computed_insert": 1,
            "computed_copy": 0.3}
LARGE = {"large_put": 1, "large_make": 0.5, "large_unlink": 0.4}  # objects
LOCKED = {  # rows that cannot travel: repeated under locks, for which many wait
    "archive_insert": 2, "keyless_update": 0.2, "keyless_delete": 0.2, "keyless_subquery": 0.3, "cte": 0.1, "moved": 0.2, "merge": 0.3, "key_swap": 0.1,
}
OTHER = {  # the proxy may refuse these
    "copy": 1, "audited": 2, "view_update": 1,
    "truncate": 0.05, "function": 0.5, "setting": 1, "zoned": 1,
}
SUPPORTED = frozenset({**POINT, **DDL, **READS, **ROWS, **SESSION, **LARGE, **LOCKED, **TRIGGERS} | {"copy": 0, "truncate": 0, "setting": 0, "zoned": 0}) - {"use_table"}
REFUSED = ("a write behind DDL in the same text", "above READ COMMITTED", "the schema has changed",
           "with extra_float_digits", "too late under",  # reasons that any statement may be refused for
           "temporary objects other than plain tables",  # what was made before the proxy knew the catalogs
           "prepared under other settings")  # SET LOCAL, then PREPARE
SAFE = {**POINT, **DDL, **READS, **ROWS, **SESSION, **LARGE, **LOCKED, **TRIGGERS}
ALL = {**SAFE, **OTHER}
ISOLATIONS = {"default": 70, "repeatable-read": 25, "serializable": 3, "read-uncommitted": 2}
EXTRA_TABLES = 4
SCRIPTS = 0.12  # share of transactions that are one text


def weighted(rng, weights):
    return rng.choices(list(weights), list(weights.values()))[0]


class Generator:
    """Of one client; everything comes from its rng."""

    def __init__(self, rng, schema, weights, isolations, client, role):
        self.isolations = isolations
        self.rng, self.schema, self.client, self.role, self.seq = rng, schema, client, role, 0
        self.weights = weights if role != WEAK else {"guarded_update": 5, "read": 1}

    def next(self):
        self.seq += 1
        rng = self.rng
        txid = self.client * 10_000_000 + self.seq
        is_explicit = rng.random() < 0.6
        is_script = is_explicit and rng.random() < SCRIPTS / 0.6
        count = rng.choices([1, 2, 3, 6], [5, 4, 3, 1])[0] if is_explicit else 1
        kinds = [weighted(rng, self.weights) for _ in range(count)]
        migrates = "migrate" in kinds
        is_script = is_script and not migrates
        steps = [step for kind in kinds for step in (self.migration(txid) if kind == "migrate" else [self.step(kind, txid)])]
        is_explicit = is_explicit or migrates or any(step.more for step in steps)
        transaction = Transaction(txid, self.isolation() if is_explicit and not migrates else "", is_explicit, steps, is_script)
        if is_explicit or rng.random() < 0.7:
            transaction.tally = rng.randrange(TALLIES)
        transaction.commits = rng.random() > 0.06
        for step in steps:
            step.shields = is_explicit and not step.kind == "migrate" and rng.random() < 0.25
        return transaction

    def isolation(self):
        name = weighted(self.rng, self.isolations)
        return "" if name == "default" else "isolation level " + name.replace("-", " ")

    def books(self, transaction):
        """Statements that keep the books: at the begin, and at the end."""
        txid, tally = transaction.txid, transaction.tally
        first = Step("ledger", "insert into ledger values (%s, %s, %s, %s)", (txid, self.client, self.seq, tally))
        last = [Step("tally", "update tally set n = n + 1 where id = %s", (tally,)),
                Step("ledger", "insert into ledger_end values (%s)", (txid,))]
        self.rng.shuffle(last)
        return [first], last

    def key(self):
        keys = self.schema.keys
        return self.rng.randrange(1, keys + 1) if self.rng.random() < 0.8 else self.rng.randrange(1, min(4, keys))

    def step(self, kind, txid):
        sql, *rest = getattr(self, "_" + kind)(txid)
        if kind in COPIES:
            return Step(kind, sql, (), rest[0])
        if kind in SESSION:
            return Step(kind, sql, more=tuple(rest))
        return Step(kind, sql, tuple(rest))

    # --- point writes ---
    def _point_update(self, txid):
        rng = self.rng
        return rng.choice([
            ("update accounts set n = mod((n * 3 + %s)::numeric, 10007), w = %s where id = %s", rng.randrange(99), txid, self.key()),
            (f"update accounts set x = %s::{self.schema.extra}, w = %s where id = %s", EXTRAS[self.schema.extra](rng), txid, self.key()),
            ("update accounts set n = %s, w = %s where id = %s", rng.randrange(99), txid, self.key())])

    def _point_insert(self, txid):
        return "insert into accounts(id, n, w) values (%s, %s, %s)", self.key(), self.rng.randrange(99), txid

    def _point_delete(self, txid):
        return "delete from accounts where id = %s", self.key()

    def _multi_insert(self, txid):
        a, b = self.rng.choice([self.key(), self.rng.randrange(10**4, 10**8)]), self.rng.randrange(10**6)
        return "insert into named values (%s, %s, 0, %s), (%s, %s, 1, %s)", a, f"code{a}", txid, 1000 + b, f"code{1000 + b}", txid

    def _conflict_nothing(self, txid):
        key = self.key()
        return "insert into accounts(id, n, w) values (%s, 5, %s) on conflict (id) do nothing", key, txid

    def _conflict_update(self, txid):
        return ("insert into accounts(id, n, w) values (%s, 1, %s) on conflict (id) do update set n = accounts.n + 1, w = excluded.w",
                self.key(), txid)

    def _returning(self, txid):
        return "update named set n = n * 2 %% 10007 + %s, w = %s where id = %s returning id, n", self.rng.randrange(9), txid, self.key()

    def _composite_update(self, txid):
        key = self.key()
        return "update pairs set n = n * 2 %% 10007 + %s, w = %s where a = %s and b = %s", self.rng.randrange(9), txid, key, f"b{key % 3}"

    def _composite_delete(self, txid):
        key = self.key()
        return "delete from pairs where b = %s and a = %s", f"b{key % 3}", key

    def _unique_update(self, txid):
        return "update named set n = n + 1, w = %s where code = %s", txid, f"code{self.key()}"

    def _key_move(self, txid):
        return "update doubled set id = %s, w = %s where id = %s", self.key(), txid, self.key()

    def _keyless_insert(self, txid):
        return "insert into notes values (%s, %s, %s)", f"c{self.client}", self.rng.randrange(9), txid

    def _generated(self, txid):
        key = self.key()
        return self.rng.choice([("update doubled set n = n + %s, w = %s where id = %s", self.rng.randrange(9), txid, key),
                                ("insert into doubled(id, n, w) values (%s, 1, %s)", key, txid), ("delete from doubled where id = %s", key)])

    def _check_violation(self, txid):
        return "update accounts set n = -1 where id = %s", self.key()

    def _foreign_insert(self, txid):
        return "insert into children values (%s, %s, %s)", self.key(), self.key(), txid

    def _foreign_delete(self, txid):
        return self.rng.choice([("delete from parents where id = %s", self.key()), ("insert into parents values (%s, 0, %s)", self.key(), txid),
                                ("insert into parents values (%s, 0, %s)", self.key(), txid), ("delete from children where id = %s", self.key())])

    def _foreign_move(self, txid):
        return "update children set parent = %s, w = %s where id = %s", self.key(), txid, self.key()

    def _part_update(self, txid):
        return "update parts set n = n + 1, w = %s where id = %s", txid, self.key()

    def _part_insert(self, txid):
        return "insert into parts values (%s, 0, %s)", self.key(), txid

    def _part_delete(self, txid):
        return "delete from parts where id = %s", self.key()

    def _guarded_update(self, txid):
        return "update guarded set n = n + 1, w = %s where id = %s", txid, self.key()

    def _multi_statement(self, txid):  # numbers only: without parameters it may be one text
        return (f"update accounts set n = n + 1, w = {txid} where id = {self.key()}; insert into notes values ('two', 2, {txid})",)

    def _deferred_insert(self, txid):
        return self.rng.choice([("insert into later values (%s, %s, %s)", self.key(), self.key(), txid), ("delete from later where id = %s", self.key())])

    # --- what a session has of its own ---
    def _staged(self, txid):
        lives, ends = self.rng.choice([("", "drop table stage"), (" on commit drop", "truncate stage"), (" on commit delete rows", "drop table stage")])
        return ("create temp table if not exists stage(n bigint, w bigint)" + lives,
                f"insert into stage select g, {txid} from generate_series(1, {self.rng.randrange(4)}) g",
                f"update stage set n = n + random() where w = {txid}",
                f"insert into notes select 'staged', n, {txid} from stage",
                ends)

    def _executed(self, txid):
        return self.rng.choice([
            (f"prepare p{txid}(bigint, int) as update accounts set n = n + 1, w = $1 where id = $2", f"execute p{txid}({txid}, {self.key()})",
             f"execute p{txid}({txid}, {self.key()})", f"deallocate p{txid}"),
            (f"prepare q{txid} as insert into notes values ('executed', $1, {txid})", f"execute q{txid}({self.rng.randrange(9)})", f"deallocate q{txid}")])

    # --- DDL ---
    def _table(self):
        return f"extra{self.rng.randrange(EXTRA_TABLES)}"

    def _create_table(self, txid):
        return (f"create table {self._table()}(id int primary key, n bigint, w bigint)",)

    def _drop_table(self, txid):
        return (f"drop table {self._table()}",)

    def _use_table(self, txid):
        return f"insert into {self._table()}(id, n, w) values (%s, 1, %s)", self.rng.randrange(10**6), txid

    def _add_column(self, txid):
        return (f"alter table {self._table()} add column c{self.rng.randrange(6)} int default {self.rng.randrange(9)}",)

    def _create_index(self, txid):
        return (f"create index made{self.rng.randrange(4)} on {self.rng.choice(['accounts', 'pairs', 'named', 'notes'])}(n)",)

    def _drop_index(self, txid):
        return (f"drop index made{self.rng.randrange(4)}",)

    def migration(self, txid):
        """A table of its own, anew, and what fills it; each may come or not."""
        name = f"moved{self.client}"
        undone = [f"alter table {name} drop column n", f"insert into {name}(w) values ({txid})", f"drop table {name}",
                  f"create table {name}(w text default random()::text)", f"insert into {name} values (default), ('x')"]
        texts = [f"drop table if exists {name}",
                 f"create table {name}(id serial primary key, n bigint default (random() * 100)::bigint, at timestamptz default now(), w bigint)",
                 f"insert into {name}(w) values ({txid}), ({txid})"]
        optional = [[f"alter table {name} add column x text default 'x'"], [f"update {name} set n = n + random() * 100 where w = {txid}"],
                    [f"alter table {name} alter column n type numeric", f"alter table {name} alter column n set default random()"],
                    [f"insert into {name}(n, w) select n + 1, w from {name}"], [f"create index on {name}(n)"],
                    ["savepoint m", *self.rng.sample(undone[:2], 1), *undone[2:], "rollback to savepoint m"],
                    [f"insert into notes select 'made', id, {txid} from {name}"], [f"insert into {name}(w) values ({txid})"]]
        self.rng.shuffle(optional)
        texts += [text for part in optional if self.rng.random() < 0.6 for text in part]
        return [Step("migrate", text) for text in texts]

    # --- tables with triggers ---
    def _stamped_update(self, txid):
        return self.rng.choice([("update stamped set n = n + 1, w = %s where id = %s", txid, self.key()),
                                ("update stamped set n = n + 1, w = %s where n %% 7 = %s", txid, self.rng.randrange(7)),
                                ("update stamped set n = (random() * 100)::int, w = %s where id = %s returning at", txid, self.key())])

    def _stamped_insert(self, txid):
        return self.rng.choice([("insert into stamped(id, n, w) values (%s, 1, %s)", self.key(), txid),
                                ("insert into stamped(id, n, w) select id + 1000, 1, %s from members where id < %s on conflict do nothing", txid, self.key())])

    def _stamped_delete(self, txid):
        return self.rng.choice([("delete from stamped where id = %s", self.key()), ("delete from stamped where id > 1000 and seen %% 5 = 0",)])

    def _stamped_upsert(self, txid):
        return ("insert into stamped(id, n, w) values (%s, 1, %s) on conflict (id) do update set n = stamped.n + 1, w = excluded.w", self.key(), txid)

    def _computed_update(self, txid):
        return self.rng.choice([("update computed set n = %s, w = %s where id = %s", self.rng.randrange(99), txid, self.key()),
                                ("update computed set n = n + 1, w = %s where id %% 9 = %s", txid, self.rng.randrange(9))])

    def _computed_insert(self, txid):
        return "insert into computed(n, w) values (%s, %s) returning id, twice", self.rng.randrange(9), txid

    def _computed_copy(self, txid):
        first = 10**6 + self.client * 10**5 + self.seq * 10
        return "copy computed(id, n, w) from stdin", "".join(f"{first + i}\t{i}\t{txid}\n" for i in range(self.rng.randrange(4)))

    # --- reads ---
    def _read(self, txid):
        return "select n from guarded where id = %s", self.key()

    def _lock_row(self, txid):
        return "select n from accounts where id = %s for update", self.key()

    # --- what is more than that ---
    def _conflict_any(self, txid):
        key = self.key()
        return "insert into named values (%s, %s, 5, %s) on conflict do nothing", key, f"code{key}", txid

    def _predicate_update(self, txid):
        return self.rng.choice([("update accounts set n = n + 1, w = %s where n < %s", txid, self.rng.randrange(60)),
                                ("update named set n = 0, w = %s where n > %s and id between %s and %s", txid, 50, self.key(), self.key())])

    def _predicate_delete(self, txid):
        return "delete from pairs where n = %s", self.rng.randrange(9)

    def _subquery_update(self, txid):
        return "update accounts set n = n + 1, w = %s where id in (select id from members where id < %s)", txid, self.key()

    def _subquery_source(self, txid):
        return self.rng.choice([("insert into members values (%s) on conflict do nothing", self.key()),
                                ("delete from members where id = %s", self.key())])

    def _insert_select(self, txid):
        return "insert into notes select 'from', n, %s from accounts where id < %s", txid, self.key()

    def _upsert_any(self, txid):
        return ("insert into accounts(id, n, w) select id, 1, %s from members where id < %s"
                " on conflict (id) do update set n = accounts.n + random(), w = excluded.w", txid, self.key())

    def _drawn(self, txid):
        return self.rng.choice([("select nextval('drawn')",), ("insert into notes values ('drawn', nextval('drawn'), %s)", txid)])

    def _joined_update(self, txid):
        return "update named as x set n = x.n + a.n, w = %s from accounts a where a.id = x.id and a.n > %s", txid, self.rng.randrange(200)

    # --- large objects: of their own, as they stand in no text with others ---
    def _large_put(self, txid):
        return "select lo_put(%s, %s, %s)", self.key(), self.rng.randrange(9000), self.rng.randbytes(self.rng.randrange(1, 3000))

    def _large_make(self, txid):
        return self.rng.choice([("select lo_from_bytea(%s, %s)", self.key(), b"%d" % txid), ("select lo_from_bytea(0, %s)", b"%d" % txid)])

    def _large_unlink(self, txid):
        return "select lo_unlink(%s)", self.key()

    def _exchange(self, txid):
        """Two rows of a deferrable unique column: equal in between."""
        a, b = self.key(), self.key()
        return "update ranks set place = %s - place, w = %s where place in (%s, %s)", a + b, txid, a, b

    def _copy(self, txid):
        return "copy notes from stdin", "".join(f"copied\t{i}\t{txid}\n" for i in range(self.rng.choice([0, 1, 3, 200])))

    def _numbered_copy(self, txid):
        """Of which main fills in the key, in lines of text or CSV."""
        values = [self.rng.randrange(9) for _ in range(self.rng.choice([0, 1, 3, 40]))]
        if self.rng.random() < 0.7:
            return "copy numbered(n, w) from stdin", "".join(f"{n}\t{txid}\n" for n in values)
        return "copy numbered(w, n) from stdin (format csv, header)", "w,n\n" + "".join(f'{txid},"{n}"\n' for n in values)

    def _numbered(self, txid):
        return "insert into numbered(n, w) values (%s, %s) returning id", self.rng.randrange(9), txid

    def _volatile(self, txid):
        value = self.rng.choice(["random() * 1000", "extract(epoch from now())", "pg_backend_pid()", "extract(epoch from clock_timestamp())"])
        return f"update parts set n = ({value})::bigint, w = %s where id = %s", txid, self.key()

    def _audited(self, txid):
        return "update audited set n = n + 1, w = %s where id = %s", txid, self.key()

    def _view_update(self, txid):
        return "update rich set n = n + 1, w = %s where id = %s", txid, self.key()

    def _keyless_update(self, txid):
        return "update archive set n = n + 1 where w %% 50 = %s", self.rng.randrange(50)

    def _keyless_delete(self, txid):
        return "delete from archive where w %% 300 = %s", self.rng.randrange(300)

    def _cte(self, txid):
        return "with gone as (delete from named where id = %s returning id, n) insert into notes select 'gone', n, %s from gone", self.key(), txid

    def _keyless_subquery(self, txid):
        return self.rng.choice([
            ("update archive set n = n + 1, w = %s where w %% 60 in (select id from members where id < %s)", txid, self.key()),
            ("update archive set n = (select count(*) from members where id < %s), w = %s where what = 'fixed'", self.key(), txid)])

    def _archive_insert(self, txid):
        return "insert into archive values ('new', %s, %s)", self.rng.randrange(99), txid

    def _moved(self, txid):
        return "with gone as (delete from archive where n %% 7 = %s returning *) insert into past select what, n, w from gone", self.rng.randrange(7)

    def _merge(self, txid):
        return ("merge into archive a using (select id from members where id < %s) m on a.n = m.id when matched and a.w %% 2 = 0 then delete"
                " when matched then update set w = %s when not matched then insert values ('merged', m.id, %s)", self.key(), txid, txid)

    def _key_swap(self, txid):
        return "update doubled set id = - id, w = %s where n %% 5 = %s", txid, self.rng.randrange(5)

    def _truncate(self, txid):
        return ("truncate notes",)

    def _function(self, txid):
        return ("do $$begin update accounts set n = n + 1 where id = 1; end$$",)

    def _setting(self, txid):
        scope = self.rng.choice(["", "local ", "session "])
        return self.rng.choice([(f"set {scope}timezone = '{self.rng.choice(['Asia/Tokyo', 'UTC', 'America/Lima'])}'",),
                                (f"set {scope}extra_float_digits = {self.rng.randrange(4)}",), ("reset timezone",)])

    def _zoned(self, txid):
        """Depends on settings of the session."""
        return "insert into notes values ((timestamptz '2024-01-01 00:00+00')::text, %s, %s)", self.rng.randrange(9), txid
