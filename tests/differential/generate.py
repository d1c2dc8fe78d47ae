# SPDX-License-Identifier: PostgreSQL
"""Random message sequences, legal and illegal, from a seed.

The vocabulary is small on purpose: few names, few tables, so that statements collide, portals are missing and
transactions fail. Every sequence ends with End(), which leaves COPY and error states; what came before is compared as
one stream, so nothing needs to know what the server will answer.
"""
import random

from .steps import (INT4, TEXT, Bind, Close, CopyData, CopyDone, CopyFail, Describe, End, Execute, Flush, FunctionCall, Pace,
                    Parse, Query, Raw, Sequence, Sync, wire)

STATEMENTS = ["", "s1", "s2"]
PORTALS = ["", "p1", "p2"]
READS = ["select 1", "select id, name from t order by id", "select count(*) from journal", "select note('n')", "select 1/0",
         "selct", "", "select 1; select 2", "select * from nowhere", "select repeat('x', 9000)", "show datestyle",
         "select date '2020-12-31'", "table journal", "select add(1, 2)", "-- only a comment", "select nextval('journal_n_seq')"]
WRITES = ["insert into journal(what) values ('r')", "update t set name = name || '!' where id = 1", "delete from t where id = 3",
          "insert into t values (1, 'again')", "select write('w')", "insert into child values (5)",
          "with w as (insert into journal(what) values ('c') returning n) select count(*) from w",
          "insert into journal(what) values ('a'); select 1/0"]
CONTROL = ["begin", "commit", "rollback", "savepoint a", "rollback to a", "release a", "begin read only", "start transaction",
           "begin isolation level repeatable read", "commit and chain", "end", "abort"]
SETTINGS = ["set datestyle = 'German'", "set local datestyle = 'SQL'", "reset datestyle", "set timezone = 'Asia/Tokyo'", "reset all",
            "set work_mem = '5MB'", "show work_mem", "discard all", "set role diff_other", "reset role", "show timezone",
            "select set_config('datestyle', 'ISO, DMY', false)", "set nothing_known = 1"]
STATEFUL = ["prepare s1 as select 5", "execute s1", "deallocate s1", "deallocate all", "create temp table tt(a int)", "table tt",
            "drop table tt", "declare c cursor for select id from t order by id", "fetch 1 from c", "close c", "listen c1", "notify c1",
            "unlisten *", "create table made(a int)", "drop table made", "insert into tt values (1)",
            "declare c cursor with hold for select id from t order by id"]
COPIES = ["copy t to stdout", "copy journal(what) from stdin", "copy nowhere from stdin", "copy t from stdin"]
PARAMETERS = [("select $1::int", 1), ("select $1::text || $2::text", 2), ("insert into journal(what) values ($1)", 1),
              ("select name from t where id = $1", 1), ("update t set name = $2 where id = $1", 2)]
VALUES = ["1", "2", "x", "", None, "999999999999"]


def text_of(rng):
    pool = rng.choices([READS, WRITES, CONTROL, SETTINGS, STATEFUL, COPIES], [8, 4, 5, 2, 3, 1])[0]
    return rng.choice(pool)


def _parse(rng):
    if rng.random() < 0.4:
        text, count = rng.choice(PARAMETERS)
        types = rng.choice([(), (), (INT4,), (TEXT, TEXT)])
        return [Parse(rng.choice(STATEMENTS), text, types)], count
    return [Parse(rng.choice(STATEMENTS), text_of(rng))], 0


def _bind(rng, count=None):
    count = rng.choice([0, 0, 1, 2]) if count is None else count
    values = [rng.choice(VALUES) for _ in range(count)]
    return Bind(rng.choice(PORTALS), rng.choice(STATEMENTS), values, rng.choice([(), (), (0,)]), rng.choice([(), (), (0,), (1,)]))


def _proper(rng):
    """A well-formed conversation on one name: most of what drivers send."""
    statement, portal = rng.choice(STATEMENTS), rng.choice(PORTALS)
    text, count = rng.choice(PARAMETERS) if rng.random() < 0.4 else (text_of(rng), 0)
    steps = [Close("S", statement)] if statement and rng.random() < 0.7 else []
    steps.append(Parse(statement, text))
    if rng.random() < 0.3:
        steps.append(Describe("S", statement))
    for _ in range(rng.choice([1, 1, 1, 3])):
        steps.append(Bind(portal, statement, [rng.choice(VALUES) for _ in range(count)]))
        if rng.random() < 0.6:
            steps.append(Describe("P", portal))
        steps += [Execute(portal, rng.choice([0, 0, 0, 1, 2]))] * rng.choice([1, 1, 2])
        if portal:
            steps.append(Close("P", portal))
    return steps + ([Sync] if rng.random() < 0.85 else [Flush] if rng.random() < 0.5 else [])


def _wild(rng):
    kind = rng.randrange(12)
    if kind == 0:
        return _parse(rng)[0]
    if kind == 1:
        return [_bind(rng)]
    if kind == 2:
        return [Describe(rng.choice("SP"), rng.choice(STATEMENTS + PORTALS + ["c"]))]
    if kind == 3:
        return [Execute(rng.choice(PORTALS + ["c"]), rng.choice([0, 0, 1, 2, -1]))]
    if kind == 4:
        return [Close(rng.choice("SP"), rng.choice(STATEMENTS + PORTALS))]
    if kind == 5:
        return [Sync]
    if kind == 6:
        return [Flush]
    if kind == 7:
        return [CopyData(rng.choice([b"line\n", b"", b"7\tx\t1\t\\N\n", b"no newline"]))]
    if kind == 8:
        return [rng.choice([CopyDone, CopyFail("generated")])]
    if kind == 9:
        return [FunctionCall(177, ["3", rng.choice(["4", "x"])])]
    if kind == 10:
        return [Raw(wire.message(rng.choice("PBDEC"), b"\0" * rng.randrange(4)), "a message cut short")]
    return [Query(text_of(rng))]


def generate(seed, number):
    """The sequence of that number; the same for the same seed."""
    rng = random.Random(f"{seed}/{number}")
    steps = []
    wildness = rng.choice([0.0, 0.15, 0.5])
    for _ in range(rng.randrange(2, 14)):
        if rng.random() < wildness:
            steps += _wild(rng)
        elif rng.random() < 0.5:
            steps += _proper(rng)
        else:
            steps.append(Query(text_of(rng)))
        if rng.random() < 0.4:
            steps.append(Pace())
    steps.append(End())
    return Sequence(f"random/{seed}/{number}", tuple(steps), frozenset({"state"}))
