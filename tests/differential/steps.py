# SPDX-License-Identifier: PostgreSQL
"""The words a message sequence is written in.

A sequence is a list of steps. Sending steps carry bytes; contiguous ones leave in one write. Reading steps only pace the
conversation: what is compared is the whole stream of frames that a connection got, so a sequence may read as little as
it likes. Connections have names; "a" is there from the start, Use("b") opens or switches to another one.
"""
import dataclasses

from support import wire

INT2, INT4, INT8, TEXT, FLOAT8, NUMERIC, BYTEA, UNKNOWN, BOOL = 21, 23, 20, 25, 701, 1700, 17, 705, 16


@dataclasses.dataclass(frozen=True)
class Send:
    """Bytes for the server, with words for people."""
    data: bytes
    label: str

    def __str__(self):
        return self.label


@dataclasses.dataclass(frozen=True)
class Read:
    """Reads up to the `count`th frame whose type is one of `kinds`."""
    kinds: str
    count: int = 1

    def __str__(self):
        return f"Ready({self.count})" if self.kinds == "Z" else f"Until({self.kinds!r}, {self.count})"


@dataclasses.dataclass(frozen=True)
class Pause:
    """Sleeps; then reads what has come."""
    seconds: float

    def __str__(self):
        return f"Pause({self.seconds})"


@dataclasses.dataclass(frozen=True)
class Pace:
    """Reads until ReadyForQuery or a short silence. For generated sequences, which do not know what will come."""

    def __str__(self):
        return "Pace()"


@dataclasses.dataclass(frozen=True)
class Eof:
    """Expects the server to close."""

    def __str__(self):
        return "Eof()"


@dataclasses.dataclass(frozen=True)
class Byte:
    """Reads the one byte that answers SSLRequest and GSSENCRequest."""

    def __str__(self):
        return "Byte()"


@dataclasses.dataclass(frozen=True)
class Use:
    """The following steps are for this connection; a new name connects, `startup` adding parameters."""
    name: str
    startup: tuple = ()

    def __str__(self):
        return f"Use({self.name!r})"


@dataclasses.dataclass(frozen=True)
class Cancel:
    """A cancel request for the named connection; wrong_key: with a key that is not its key."""
    name: str
    wrong_key: bool = False

    def __str__(self):
        return f"Cancel({self.name!r})"


@dataclasses.dataclass(frozen=True)
class Drop:
    """Closes the socket without a word."""

    def __str__(self):
        return "Drop()"


@dataclasses.dataclass(frozen=True)
class WaitActive:
    """Waits, by asking the server itself, until a query with this text runs there."""
    text: str

    def __str__(self):
        return f"WaitActive({self.text!r})"


@dataclasses.dataclass(frozen=True)
class End:
    """Leaves COPY and error states and reads until a marker comes back: nothing is owed after it."""

    def __str__(self):
        return "End()"


@dataclasses.dataclass(frozen=True)
class Sequence:
    """tags: "state" = leaves state in the session that plain transaction pooling does not keep; "slow"; "large"."""
    name: str
    steps: tuple
    tags: frozenset = frozenset()
    startup: tuple = ()
    is_raw: bool = False
    mask: tuple = ()

    def __str__(self):
        return "\n".join(f"    {step}" for step in self.steps)


def Ready(count=1):
    return Read("Z", count)


def Until(kinds, count=1):
    return Read(kinds, count)


def Query(text):
    return Send(wire.query(text), f"Query({wire.shorten(text)!r})")


def Parse(name, text, types=()):
    return Send(wire.parse(name, text, types), f"Parse({name!r}, {wire.shorten(text)!r}, {list(types)})")


def Bind(portal="", statement="", values=(), formats=(), results=()):
    label = f"Bind({portal!r}, {statement!r}, {wire.shorten(list(values))}, {list(formats)}, {list(results)})"
    return Send(wire.bind(portal, statement, values, formats, results), label)


def Describe(kind, name=""):
    return Send(wire.describe_message(kind, name), f"Describe({kind!r}, {name!r})")


def Execute(portal="", limit=0):
    return Send(wire.execute(portal, limit), f"Execute({portal!r}, {limit})")


def Close(kind, name=""):
    return Send(wire.close_message(kind, name), f"Close({kind!r}, {name!r})")


def FunctionCall(oid, values=(), formats=(), result=0):
    return Send(wire.function_call(oid, values, formats, result), f"FunctionCall({oid}, {list(values)})")


def CopyData(data):
    return Send(wire.copy_data(data), f"CopyData({wire.shorten(data)!r})")


def CopyFail(reason=""):
    return Send(wire.copy_fail(reason), f"CopyFail({reason!r})")


def Raw(data, label=None):
    return Send(data, label or f"Raw({wire.shorten(data.hex())})")


Sync = Send(wire.SYNC, "Sync")
Flush = Send(wire.FLUSH, "Flush")
CopyDone = Send(wire.COPY_DONE, "CopyDone")
Terminate = Send(wire.TERMINATE, "Terminate")


def Q(text, readies=1):
    """A simple query and its end."""
    return (Query(text), Ready(readies))


def X(text, values=(), types=(), **bind):
    """A query by the unnamed statement and portal, described, and its end."""
    return (Parse("", text, types), Bind("", "", values, **bind), Describe("P"), Execute(), Sync, Ready())


def flatten(steps):
    for step in steps:
        if isinstance(step, (tuple, list)):
            yield from flatten(step)
        else:
            yield step


class Catalogue:
    """Collects sequences; a module of the catalogue makes one and calls it for every sequence."""

    def __init__(self, prefix):
        self.prefix, self.sequences = prefix, []

    def __call__(self, name, *steps, tags="", startup=None, raw=False, mask=()):
        full = f"{self.prefix}/{name}"
        assert full not in {s.name for s in self.sequences}, f"{full} exists twice"
        self.sequences.append(Sequence(full, tuple(flatten(steps)), frozenset(tags.split()),
                                       tuple((startup or {}).items()), raw, tuple(mask)))
