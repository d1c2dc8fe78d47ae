# SPDX-License-Identifier: PostgreSQL
"""Clients that share server connections never see each other's state.

Every client does random things to its session and keeps a model of what its session must look like; after every few
acts it asks the server and compares. A foreign setting, role, temp table, statement or lock shows as a difference. A client
whose state pins it to a connection gives it back by DISCARD ALL after a few checks, so that fifty share five.
"""
import random
import threading
import time

import pytest

from support import wire
from support.pgcluster import wait_for, wait_until_runs

SETTINGS = {"work_mem": ["1MB", "2MB", "3MB"], "datestyle": ["German, DMY", "SQL, MDY", "ISO, YMD"], "timezone": ["Asia/Tokyo", "Europe/Prague", "UTC"],
            "my.own": ["a", "b"], "search_path": ["leaks_a", "leaks_b"], "client_encoding": ["LATIN1", "UTF8"], "extra_float_digits": ["1", "0"]}
ASK = ("select current_user, coalesce(current_setting('my.own', true), ''), "
       + ", ".join(f"current_setting('{s}')" for s in SETTINGS if s != "my.own"))
CHECKS_TO_DISCARD = 6


class Client(threading.Thread):
    def __init__(self, proxy, number, checks, seed):
        super().__init__(daemon=True)
        self.rng = random.Random(f"{seed}/{number}")
        self.connection, self.number, self.checks, self.seed = proxy.wire(user="leaks", database="leaks", timeout=60), number, checks, seed
        self.failure, self.done = None, 0
        self.defaults = self.ask()
        self.expected = dict(self.defaults)
        self.has_temp, self.has_statement, self.has_lock, self.listens = False, False, False, False

    def ask(self):
        names = ["role", "my.own"] + [s for s in SETTINGS if s != "my.own"]
        return dict(zip(names, self.connection.rows(ASK)[0]))

    def do(self, text):
        errors = [f.fields() for f in self.connection.query(text) if f.type == "E"]
        assert not errors, f"{text}: {errors[0]}"

    def run(self):
        try:
            while self.done < self.checks:
                for _ in range(self.rng.randrange(1, 4)):
                    self.act()
                self.check()
                if self.done % CHECKS_TO_DISCARD == 0:
                    self.discard()
        except Exception as error:  # reported by the test, which knows the seed
            self.failure = f"client {self.number}, check {self.done}: {type(error).__name__}: {error}"
        finally:
            self.connection.close()

    def check(self):
        found = self.ask()
        assert found == self.expected, {k: (self.expected[k], found[k]) for k in found if found[k] != self.expected[k]}
        if self.has_temp:
            assert self.connection.rows("select n from pg_temp.mine") == [[str(self.number)]]
        elif self.done % 5 == 0:
            errors = [f.fields()["C"] for f in self.connection.query("select n from pg_temp.mine") if f.type == "E"]
            assert errors == ["42P01"], f"somebody's temp table: {errors}"
        if self.has_statement:
            self.connection.send(wire.bind("", "own"), wire.execute(), wire.SYNC)
            found = [str(f) for f in self.connection.read_until("Z") if f.type in "DE"]
            assert found == [f"DataRow ['{self.number}']"], found
        if self.has_lock:
            held = self.connection.rows("select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and objid = %d" % self.number)
            assert held == [["1"]], f"advisory lock: {held}"
        self.done += 1

    def act(self):
        self.rng.choice([self.set, self.set, self.set_local, self.rolled_back, self.savepoint, self.role, self.temp, self.statement,
                         self.lock, self.listen, self.reset])()

    def pick(self):
        name = self.rng.choice(list(SETTINGS))
        return name, self.rng.choice(SETTINGS[name])

    def set(self):
        name, value = self.pick()
        self.do(f"set {name} = {value}" if name in ("datestyle", "search_path") else f"set {name} = '{value}'")
        self.expected[name] = value

    def set_local(self):
        name, value = self.pick()
        self.do("begin")
        self.do(f"select set_config('{name}', '{value}', true)")
        assert self.ask()[name] == value
        self.do("commit")

    def rolled_back(self):
        name, value = self.pick()
        self.do("begin")
        self.do(f"select set_config('{name}', '{value}', false)")
        self.do("set local role leaks_other")
        self.do("rollback")

    def savepoint(self):
        (first, one), (second, two) = self.pick(), self.pick()
        self.do("begin")
        self.do(f"select set_config('{first}', '{one}', false)")
        self.do("savepoint s")
        self.do(f"select set_config('{second}', '{two}', false)")
        self.do("rollback to s")
        self.do("commit")
        self.expected[first] = one

    def role(self):
        if self.expected["role"] == "leaks":
            self.do("set role leaks_other")
            self.expected["role"] = "leaks_other"
        else:
            self.do("reset role")
            self.expected["role"] = "leaks"

    def temp(self):
        if self.expected["role"] != "leaks":
            return  # the table belongs to the first role
        if self.has_temp:
            self.do("drop table pg_temp.mine")
        else:
            self.do(f"create temp table mine as select {self.number} as n; grant select on mine to public")
        self.has_temp = not self.has_temp

    def statement(self):
        if not self.has_statement:
            self.connection.send(wire.parse("own", f"select {self.number}"), wire.SYNC)
        else:
            self.connection.send(wire.close_message("S", "own"), wire.SYNC)
        errors = [f.fields()["M"] for f in self.connection.read_until("Z") if f.type == "E"]
        assert not errors, errors[0]
        self.has_statement = not self.has_statement

    def lock(self):
        self.do(f"select pg_advisory_{'unlock' if self.has_lock else 'lock'}({self.number})")
        self.has_lock = not self.has_lock

    def listen(self):
        self.do("unlisten *" if self.listens else f"listen channel_{self.number}")
        self.listens = not self.listens
        found = self.connection.rows("select pg_listening_channels()")
        assert found == ([[f"channel_{self.number}"]] if self.listens else []), found

    def discard(self):
        self.do("discard all")
        self.expected = dict(self.defaults)
        self.has_temp = self.has_statement = self.has_lock = self.listens = False

    def reset(self):
        self.do("reset all")
        self.expected = {**self.defaults, "role": self.expected["role"]}


@pytest.fixture(scope="module")
def leaks(pair):
    primary = pair.primary
    for role in ("leaks", "leaks_other"):
        primary.sql(f"create role {role} login")
    primary.sql("grant leaks_other to leaks")
    primary.sql("create database leaks owner leaks")
    for schema in ("leaks_a", "leaks_b"):
        primary.sql(f"create schema {schema}", dbname="leaks")
    pair.wait_caught_up()
    return pair


def fifty_over_five(leaks, make_proxy, kind, checks):
    seed = random.randrange(10**6)
    print("seed", seed)
    proxy = make_proxy(leaks, {"pool": {"mode": "auto", "size": 5, "wait_timeout": "60s"}})
    clients = [kind(proxy, n, checks, seed) for n in range(50)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    failures = [c.failure for c in clients if c.failure]
    assert not failures, f"seed {seed}, {len(failures)} clients:\n" + "\n".join(failures[:8])


@pytest.mark.deadline(240)
def test_no_client_sees_the_state_of_another(leaks, make_proxy, sized):
    fifty_over_five(leaks, make_proxy, Client, sized(60, 20000))


REPLAYABLE = ("set", "set_local", "rolled_back", "savepoint", "role", "statement", "reset")


class SharingClient(Client):
    """Only what the proxy can replay: nobody is ever pinned, nobody gives anything back."""

    def discard(self):
        pass

    def act(self):
        getattr(self, self.rng.choice(REPLAYABLE))()


@pytest.mark.deadline(240)
def test_replayable_state_pins_nobody(leaks, make_proxy, sized):
    fifty_over_five(leaks, make_proxy, SharingClient, sized(80, 20000))


JANUARY = "select date '02/01/2020' - date '01/01/2020'"  # 31 where the month comes first, 1 where the day does


@pytest.mark.parametrize("change", [
    wire.query("set datestyle = 'SQL, DMY'"),
    wire.parse("", "set datestyle = 'SQL, DMY'") + wire.bind() + wire.execute(),
    wire.parse("", "select set_config('datestyle', 'SQL, DMY', false)") + wire.bind() + wire.execute(),
    wire.parse("", "select set_config($1, $2, false)") + wire.bind("", "", ["datestyle", "SQL, DMY"]) + wire.execute(),
    wire.query("begin") + wire.query("set local datestyle = 'SQL, DMY'")], ids=range(5))
@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known"])
def test_statements_prepared_behind_a_setting_are_not_shared(leaks, make_proxy, change, is_known):
    """Literals are read when a statement is prepared: a statement shared with who reads dates otherwise would be wrong."""
    proxy = make_proxy(leaks, {"workers": 1, "pool": {"mode": "auto", "size": 1}})

    def run(connection, name):
        connection.send(wire.bind("", name), wire.execute(), wire.SYNC)
        return [f.values() for f in connection.read_until("Z") if f.type == "D"]

    with proxy.wire(user="leaks", database="leaks") as usual, proxy.wire(user="leaks", database="leaks") as other:
        if is_known:
            usual.send(wire.parse("before", JANUARY), wire.SYNC)
            usual.read_until("Z")
        other.send(change, wire.parse("s", JANUARY), wire.SYNC)
        other.read_until("Z", 1 + change.count(b"Q", 0, 1) + change.count(b"set local"))
        assert run(other, "s") == [[b"1"]]
        other.query("rollback")
        other.query("discard all" if b"$1" in change else "reset all")  # the statements stay, where nothing pins
        usual.send(wire.parse("s", JANUARY), wire.SYNC)
        usual.read_until("Z")
        assert run(usual, "s") == [[b"31"]]


def execute(connection, name):
    connection.send(wire.bind("", name), wire.execute(), wire.SYNC)


@pytest.fixture
def two_links(leaks, make_proxy):
    """Connect; a client that holds the connection that was used last, so that others get another."""
    proxy = make_proxy(leaks, {"workers": 1, "pool": {"mode": "auto", "size": 2}, "routing": {"read_write_split": False}})
    opened = []

    def connect(*statements):
        opened.append(proxy.wire(user="leaks", database="leaks", timeout=20))
        for statement in statements:
            opened[-1].query(statement)
        return opened[-1]
    yield connect
    for connection in opened:
        connection.close()


def test_statement_prepared_again_is_shared_by_the_settings_of_then(two_links):
    owner, other = two_links(), two_links()
    owner.send(wire.parse("s", JANUARY), wire.SYNC)
    owner.read_until("Z")
    owner.query("set datestyle = 'SQL, DMY'")
    holder = two_links("begin", "select 1")
    execute(owner, "s")
    owner.read_until("Z")
    other.send(wire.parse("s", JANUARY), wire.SYNC)
    other.read_until("Z")
    execute(other, "s")
    assert [f.values() for f in other.read_until("Z") if f.type == "D"] == [[b"31"]]
    holder.query("rollback")


def test_cancel_behind_a_statement_that_the_proxy_prepares(two_links, leaks):
    owner = two_links()
    owner.send(wire.parse("s", "select pg_sleep(15)"), wire.SYNC)
    owner.read_until("Z")
    holder = two_links("begin", "select 1")
    execute(owner, "s")
    wait_until_runs(leaks.nodes, "select pg_sleep(15)")
    owner.cancel()
    assert [f.fields()["C"] for f in owner.read_until("Z") if f.type == "E"] == ["57014"]
    holder.query("rollback")


def test_state_behind_a_statement_that_the_proxy_cannot_prepare(two_links):
    owner = two_links("create table going()")
    owner.send(wire.parse("a", "select * from going"), wire.SYNC)
    owner.read_until("Z")
    owner.query("drop table going")
    frames = owner.query("select pg_advisory_lock(77); execute a")
    assert [f.fields()["C"] for f in frames if f.type == "E"] == ["26000"]
    locks = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
    assert two_links().rows(locks) == [["0"]] and owner.rows(locks) == [["1"]]
    owner.query("select pg_advisory_unlock_all()")


@pytest.mark.parametrize("statements", [
    ["create table made as select set_config('work_mem', '64MB', false) as v", "drop table made"],
    ["begin", "declare c cursor for select set_config('work_mem', '64MB', false)", "fetch c", "commit"],
    ["prepare p as select set_config('work_mem', '64MB', false) as v", "create table made as execute p", "drop table made"]], ids=range(3))
def test_settings_made_within_other_statements_stay_with_their_client(leaks, make_proxy, statements):
    proxy = make_proxy(leaks, {"workers": 1, "pool": {"mode": "auto", "size": 1}})
    with proxy.wire(user="leaks", database="leaks") as setter:
        before = setter.rows("show work_mem")
        for statement in statements:
            assert [f.fields() for f in setter.query(statement) if f.type == "E"] == []
        assert setter.rows("show work_mem") == [["64MB"]]
    with proxy.wire(user="leaks", database="leaks") as other:
        assert other.rows("show work_mem") == before


@pytest.mark.deadline(240)
def test_cancel_hits_only_its_own_query(leaks, make_proxy, sized):
    """Cancels between other clients' queries: whoever did not ask must never see 57014."""
    proxy = make_proxy(leaks, {"pool": {"mode": "auto", "size": 4}})
    foreign, is_over = [], threading.Event()

    def bystander():
        with proxy.wire(user="leaks", database="leaks", timeout=60) as connection:
            while not is_over.is_set():
                frames = connection.query("select count(*) from generate_series(1, 2000)")
                foreign.extend(f.fields()["C"] for f in frames if f.type == "E")

    bystanders = [threading.Thread(target=bystander) for _ in range(12)]
    for thread in bystanders:
        thread.start()
    own = 0
    with proxy.wire(user="leaks", database="leaks", timeout=60) as connection:
        for turn in range(sized(200, 1000)):
            connection.send(wire.query("select pg_sleep(0.02)" if turn % 2 else "select 1"))
            time.sleep(0.001 * (turn % 5))
            connection.cancel()
            own += sum(f.type == "E" for f in connection.read_until("Z"))
    is_over.set()
    for thread in bystanders:
        thread.join()
    assert foreign == [], f"foreign errors: {foreign[:5]}"
    assert own > 0, "no cancel ever hit"


LEAVE = """create function leave(int default 1) returns int language plpgsql immutable
    as $$begin perform set_config('my.own', 'left', false); return $1; end$$; """
# Code that changes the session, and the statements that run it without calling it by name.
UNSEEN = {
    "writes": ("""
        create table t (id int); insert into t values (1);
        create table defaulted (id int, a int default leave(1));
        create table checked (id int check (leave(id) = id));
        create table generated (id int, a int generated always as (leave(id)) stored)""", [
            "insert into defaulted (id) values (1)", "insert into checked values (1)", "insert into generated values (1)",
            "alter table t add column b int default leave(3)", "create index on t (leave(id))", "alter table t add check (leave(id) = 1)"]),
    "reads": ("""
        create table t (id int); insert into t values (1);
        create function left_by(t) returns int language plpgsql as $$begin return leave(1); end$$;
        create view v as select t.left_by from t;
        create function argument(a int default leave(1)) returns int language sql stable as 'select $1'""", [
            "select t.left_by from t", "select (t).left_by from t", "/* pgpool: standby */ select t.left_by from t", "select argument()",
            "explain select leave(1)", "explain insert into t select leave(2)", "select table_to_xml('v', true, false, '')",
            "prepare p as select leave(1); execute p", "prepare p as select leave(1); create table made as execute p"]),
    "operators": ("""
        create function opaque(int, int) returns int language plpgsql as $$begin return leave($1); end$$;
        create operator ### (leftarg = int, rightarg = int, function = opaque)""", ["select 1 ### 2"]),
    "conversions": ("""
        create domain kept as int check (leave(value) = value);
        create table t (id kept)""", [
            "select 1::kept", "insert into t values (1)", "select json_populate_record(null::t, '{\"id\": 1}')"]),
}


def assert_leaves_nothing(proxy, database, statement):
    with proxy.wire(database=database) as amy:
        amy.query(statement)
        amy.send(wire.TERMINATE)
    for node in ["primary", "standby"]:
        with proxy.wire(database=database) as bob:
            found = bob.rows(f"/* pgpool: {node} */ select coalesce(current_setting('my.own', true), '')")
            assert found == [[""]], f"{statement}: left on the {node}"


@pytest.mark.parametrize("name", UNSEEN)
def test_code_that_no_statement_names_leaves_nothing(pair, make_proxy, name):
    code, statements = UNSEEN[name]
    pair.primary.sql(f"create database unseen_{name}")
    pair.primary.sql(LEAVE + code, dbname=f"unseen_{name}")
    pair.wait_caught_up()
    proxy = make_proxy(pair, {"pool": {"size": 1}, "workers": 1})
    with proxy.wire(database=f"unseen_{name}") as connection:
        connection.rows("select upper('a')")  # loads the facts
        wait_for(lambda: "read: reads only" in str(connection.rows("show route for select upper('a')")), 10, "the facts are loaded")
    for statement in statements:
        assert_leaves_nothing(proxy, f"unseen_{name}", statement)
    proxy.stop()
    pair.primary.sql(f"drop database unseen_{name} with (force)")
