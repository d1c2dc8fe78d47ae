# SPDX-License-Identifier: PostgreSQL
"""The random schema of one seed. Column w of a row is the transaction that wrote it last, so a difference tells its story.

Books that every tracked transaction keeps, whatever else it does:
    ledger      its id and the tally it raises: one row, without a key, so that what was done twice is seen
    ledger_end  its id again, by another statement: all of a transaction or nothing
    tally       counts the transactions of the ledger: an update that was lost or done twice is seen
    undone      written only where it is rolled back to a savepoint: always empty
"""
import dataclasses

TALLIES = 24
WEAK = "weak"  # a role with few rights
ROLES = ("postgres", "alice", WEAK)
NUMBERS = ("bigint", "numeric", "double precision")
EXTRAS = {  # type of an extra column: how a value of it is made
    "text": lambda rng: "".join(rng.choice("aé'\\ %\n") for _ in range(rng.randrange(6))),
    "jsonb": lambda rng: '{"k": [%d, null]}' % rng.randrange(9),
    "bytea": lambda rng: bytes(rng.randrange(256) for _ in range(rng.randrange(5))),
    "timestamptz": lambda rng: f"2024-02-{rng.randrange(1, 28):02} 12:00:00+0{rng.randrange(9)}",
    "uuid": lambda rng: f"{rng.getrandbits(128):032x}",
    "boolean": lambda rng: rng.random() < 0.5,
}


@dataclasses.dataclass
class Schema:
    keys: int  # rows that are fought for, per table
    extra: str  # type of column x of accounts
    statements: list

    def text(self):
        return ";\n".join(self.statements)

FUNCTIONS = {  # of triggers that write nothing
    "stamp": "if tg_op = 'DELETE' then return old; end if; new.at := clock_timestamp(); new.seen := pg_backend_pid(); return new;",
    "compute": "new.twice := new.n * 2; if tg_op = 'UPDATE' then new.turns := old.turns + 1; end if; return new;",
    "skip": "if new.n % 5 = 3 and pg_backend_pid() > 0 then return null; end if; return new;",
    "weigh": "if (select count(*) from tally) < 2 then raise 'no tallies'; end if; return null;",
    "sum_up": "if (select sum(n) from fresh) < 0 then raise 'less than nothing'; end if; return null;",
    "look": "if (select max(id) from tally) < 1 then raise 'no tally'; end if; if tg_op = 'DELETE' then return old; end if; return new;",
}


def triggers(rng, kid):
    """`kid`: when one of children fires that sees more than the row."""
    each = {  # table: (when, sort)
        "stamped": [("before insert or update", "stamp"), rng.choice([("before update", "skip"), ("after update", "weigh")])],
        "computed": [("before insert or update", "compute")],
        "parts": [rng.choice([("after insert or update", "weigh"), ("before update", "skip")])],
        "pairs": [("before update", "look")],
        "named": [("after insert or delete", "weigh")],
        "later": [("before insert or update", "look")],
        "children": [(kid, "look")] if kid else [],
        "parents": [("before insert or update", "look")],
    }
    made = [f"create function {name}() returns trigger language plpgsql as $$begin {body} end$$" for name, body in FUNCTIONS.items()]
    made += [f"create trigger {sort} {when} on {table} for each row execute function {sort}()" for table, them in each.items() for when, sort in them]
    return made + [
        f"create constraint trigger weigh_late after insert or update on accounts deferrable initially {rng.choice(['deferred', 'immediate'])}"
        " for each row when (new.n > 50) execute function weigh()",
        "create trigger sum_up after insert on numbered referencing new table as fresh for each statement execute function sum_up()",
        "create trigger before_all before update on ranks for each statement execute function weigh()",
        "create trigger gone after truncate on notes for each statement execute function weigh()"]


def make(rng):
    keys, extra, number = rng.choice([12, 40, 150]), rng.choice(list(EXTRAS)), rng.choice(NUMBERS)
    timing = rng.choice(["", "", "deferrable initially immediate", "deferrable initially deferred"])
    action = rng.choice(["cascade", "set null", "no action"])
    parts = rng.choice([
        ["create table parts(id int primary key, n bigint, w bigint) partition by hash (id)",
         *(f"create table parts{i} partition of parts for values with (modulus 3, remainder {i})" for i in range(3))],
        ["create table parts(id int primary key, n bigint, w bigint) partition by range (id)",
         f"create table parts0 partition of parts for values from (minvalue) to ({keys // 2})",
         f"create table parts1 partition of parts for values from ({keys // 2}) to (maxvalue)"]])
    # How triggers see rows: by the row alone, by more, not at all. Where a foreign key acts on a table only INSERT may be by more.
    may_act = action != "no action"
    kid = rng.choice(["", "before insert", "before insert" if may_act else "before insert or update or delete"]) if not (may_act and timing) else ""
    statements = [
        "create table ledger(txid bigint, client int, seq int, tally int)", "create index on ledger(txid)",
        "create table ledger_end(txid bigint primary key)",
        "create table tally(id int primary key, n int not null)",
        "create table undone(txid bigint)",
        f"create table accounts(id int primary key, n {number} not null check (n >= 0), x {extra}, w bigint)",
        "create table pairs(a int, b text, n bigint, w bigint, primary key (a, b))",
        "create table named(id int primary key, code text unique, n bigint, w bigint)",
        "create table notes(what text, n bigint, w bigint)",
        "create table archive(what text, n bigint, w bigint)", "create table past(what text, n bigint, w bigint)",
        "create table doubled(id int primary key, n bigint, twice bigint generated always as (n * 2) stored, w bigint)",
        "create table parents(id int primary key, n bigint, w bigint)",
        f"create table children(id int primary key, parent int references parents on delete {action} {timing}, w bigint)",
        *parts,
        "create table stamped(id int primary key, n bigint, w bigint, at timestamptz, seen bigint)",
        f"create table computed(id serial primary key, n {number}, w bigint, twice {number}, turns int not null default 0)",
        rng.choice(["create table numbered(id serial primary key, at timestamptz default now(), pid int default pg_backend_pid(), n bigint, w bigint)",
                    "create table numbered(id int generated by default as identity primary key, at timestamptz default clock_timestamp(),"
                    " pid int default pg_backend_pid(), n bigint, w bigint)"]),
        "create table audited(id int primary key, n bigint, w bigint)",
        "create table audit(nr serial, at timestamptz default now(), id int, w bigint)",
        "create function note_it() returns trigger language plpgsql as "
        "'begin insert into audit(id, w) values (new.id, new.w); return new; end'",
        "create trigger note_it after insert or update on audited for each row execute function note_it()",
        "create view rich as select id, n, w from accounts where n > 10",
        "create table guarded(id int primary key, n bigint, w bigint, secret int)",
        "create table members(id int primary key)",
        "create table later(id int primary key, parent int references parents deferrable initially deferred, w bigint)",
        f"create table ranks(id int primary key, place int unique {rng.choice(['deferrable', 'deferrable initially deferred'])}, w bigint)",
        "create sequence drawn",
        *triggers(rng, kid),
    ]
    statements += [
        f"insert into tally select g, 0 from generate_series(0, {TALLIES - 1}) g",
        f"insert into accounts(id, n, w) select g, 100, 0 from generate_series(1, {keys}) g",
        f"insert into pairs select g, 'b' || g % 3, 0, 0 from generate_series(1, {keys}) g",
        f"insert into named select g, 'code' || g, 0, 0 from generate_series(1, {keys}) g",
        f"insert into doubled(id, n, w) select g, g, 0 from generate_series(1, {keys}) g",
        f"insert into parents select g, 0, 0 from generate_series(1, {keys}) g",
        f"insert into children select g, g, 0 from generate_series(1, {keys}) g",
        f"insert into parts select g, 0, 0 from generate_series(1, {keys}) g",
        f"insert into stamped(id, n, w) select g, 0, 0 from generate_series(1, {keys}) g",
        "alter table stamped disable trigger user", "update stamped set at = '2024-01-01', seen = 0", "alter table stamped enable trigger user",
        f"insert into computed(n, w) select g, 0 from generate_series(1, {keys}) g",
        f"insert into audited select g, 0, 0 from generate_series(1, {keys}) g",
        f"insert into guarded select g, 0, 0, 7 from generate_series(1, {keys}) g",
        f"insert into archive select case g % 4 when 0 then 'fixed' else 'old' end, g, g from generate_series(1, {keys}) g",
        f"insert into ranks select g, g, 0 from generate_series(1, {keys}) g",
        f"insert into members select g from generate_series(1, {keys}, 2) g",
        f"select lo_from_bytea(g::oid, '\\x61') from generate_series(1, {keys}) g",
        "truncate audit restart identity",  # it holds the time of each node
        "create role alice superuser login", f"create role {WEAK} login",
        f"grant select, insert on ledger, ledger_end, undone to {WEAK}",
        f"grant select, update on tally to {WEAK}",
        f"grant select (id, n, w), update (n, w) on guarded to {WEAK}",
    ]
    return Schema(keys, extra, statements)
