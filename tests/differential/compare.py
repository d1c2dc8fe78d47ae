# SPDX-License-Identifier: PostgreSQL
"""Are two transcripts the same to a client? Only what must differ is masked:

* the key of a cancel request, process ids (in notifications and in texts like "process 123");
* OIDs of user objects (from 16384): the tables are made anew for each run, so they count by order of appearance;
* the order of the ParameterStatus messages during startup, which no client may depend on;
* the source file, line and routine of an error, where the error seen through the proxy names none: the proxy wrote it;
* what a sequence masks itself by a regular expression;
* what follows where PostgreSQL ends its process by a FATAL internal error (XX000: a savepoint command prepared outside of a
  transaction block): the proxy keeps the client's connection.
"""
import difflib
import re
import struct

from support import wire

FIRST_USER_OID = 16384
SOURCE_FIELDS = {"F", "L", "R"}
PROCESS = re.compile(rb"((?:process|PID|pid) )\d+", re.IGNORECASE)


class Normaliser:
    def __init__(self, masks):
        self.oids = {}
        self.masks = [re.compile(m.encode()) for m in masks]

    def frames(self, frames):
        return self._sort_startup([self._frame(f) for f in frames])

    @staticmethod
    def _sort_startup(frames):
        ready = next((i for i, f in enumerate(frames) if f.type == "Z"), 0)
        head, tail = frames[:ready], frames[ready:]
        statuses = iter(sorted(f for f in head if f.type == "S"))
        return [next(statuses) if f.type == "S" else f for f in head] + tail

    def _oid(self, oid):
        if oid < FIRST_USER_OID:
            return oid
        return self.oids.setdefault(oid, FIRST_USER_OID + len(self.oids))

    def _frame(self, frame):
        body = frame.body
        if frame.type == "K":
            body = b"\0" * len(body)
        elif frame.type == "A":
            body = b"\0\0\0\0" + body[4:]
        elif frame.type == "T":
            body = self._row_description(frame)
        elif frame.type == "t":
            count = len(body) // 4
            oids = struct.unpack(f"!{count}I", body[2:2 + 4 * count])
            body = body[:2] + struct.pack(f"!{count}I", *(self._oid(o) for o in oids))
        elif frame.type in "EN":
            body = PROCESS.sub(rb"\1N", body)
        for mask in self.masks:
            body = mask.sub(b"<masked>", body)
        return wire.Frame(frame.type, body)

    def _row_description(self, frame):
        out = frame.body[:2]
        for name, table, attribute, kind, size, modifier, form in frame.columns():
            out += wire.cstring(name) + struct.pack("!IhIhih", self._oid(table), attribute, self._oid(kind), size, modifier,
                                                    form)
        return out


def until_internal_error(want, got):
    end = next((i for i, f in enumerate(want) if f.type == "E" and (f.fields()["S"], f.fields()["C"]) == ("FATAL", "XX000")), None)
    return (want, got) if end is None else (want[:end], got[:end])


def differences(sequence, expected, actual):
    """Lines that show where two transcripts part; empty where they are the same."""
    lines = []
    for name, frames in expected.items():
        lines += [f"PostgreSQL itself: {f.body.decode()}" for f in frames if f.type == "!" and b"nothing came" in f.body]
    for name in expected.keys() | actual.keys():
        want = Normaliser(sequence.mask).frames(expected.get(name, []))
        got = Normaliser(sequence.mask).frames(actual.get(name, []))
        want, got = until_internal_error(want, got)
        want = without_sources(want, got)
        if want != got:
            lines.append(f"connection {name}:")
            lines += show(want, got)
    return lines


def without_sources(want, got):
    """`want` without the fields F, L and R of errors where the frame at the same place in `got` has none of them."""
    return [strip_source(w) if g.type == w.type and w.type in "EN" and not SOURCE_FIELDS & g.fields().keys() else w
            for w, g in zip(want, got)] + want[len(got):]


def strip_source(frame):
    parts = [p for p in frame.body.split(b"\0") if p and p[:1] not in (b"F", b"L", b"R")]
    return wire.Frame(frame.type, b"".join(p + b"\0" for p in parts) + b"\0")


def show(want, got):
    left, right = [str(f) for f in want], [str(f) for f in got]
    if left == right:  # equal when shortened: show where the bytes part
        index = next(i for i, (a, b) in enumerate(zip(want, got)) if a != b)
        a, b = want[index].body, got[index].body
        at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        return [f"frame {index} {want[index].name}: {len(a)} and {len(b)} bytes, differ from byte {at}: "
                f"{a[at:at + 16].hex()} / {b[at:at + 16].hex()}"]
    diff = [l for l in difflib.unified_diff(left, right, "expected", "actual", lineterm="", n=2)][2:]
    return diff[:60]
