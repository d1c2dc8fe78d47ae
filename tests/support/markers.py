# SPDX-License-Identifier: PostgreSQL
"""Markers of mode replication (common/markers): the SQL that makes them, and redo as a proxy would write it."""
import pathlib
import struct

SETUP = pathlib.Path(__file__).resolve().parent.parent.parent / "common" / "markers" / "setup.sql"


def setup_sql(slots=8):
    return SETUP.read_text().replace(":slots", str(slots))


def prepare(nodes, slots=8, dbname="postgres"):
    for node in nodes:
        node.sql(setup_sql(slots), dbname=dbname)


def encode_redo(user, statements, settings=()):
    """The form of common/markers/redo.h. A statement is a text, or (text, types, parameters), or with the rows that it has changed on main;
    bytes are binary."""
    def text(value):
        value = value.encode() if isinstance(value, str) else value
        return struct.pack(">I", len(value)) + value

    def parameter(value):
        if value is None:
            return b"\0" + struct.pack(">I", 0xFFFFFFFF)
        return (b"\1" if isinstance(value, bytes) else b"\0") + text(value)

    out = b"\2" + text(user) + struct.pack(">I", len(settings)) + b"".join(text(s) for s in settings)
    out += struct.pack(">I", len(statements))
    for statement in statements:
        sql, types, parameters, *rows = (statement, [], []) if isinstance(statement, str) else statement
        out += b"\0" + text(sql) + struct.pack(">I", len(types)) + b"".join(struct.pack(">I", t) for t in types)
        out += struct.pack(">I", len(parameters)) + b"".join(parameter(p) for p in parameters)
        out += struct.pack(">q", *(rows or [-1]))
    return out


def mark(cursor, slot, seq, epoch, redo=b"", owner=None):
    """As the mark of a proxy would leave it, for the user whom the redo names."""
    cursor.execute("update pgpool_replication.slot set seq = %s, redo = %s, owner = %s where id = %s and epoch = %s",
                   [seq, redo, owner or user_of(redo), slot, epoch])
    return cursor.rowcount == 1


def user_of(redo):
    size = struct.unpack(">I", redo[1:5])[0] if len(redo) > 5 else 0
    return redo[5:5 + size].decode() if 0 < size < len(redo) else "postgres"


def epochs(node, dbname="postgres"):
    """Of all slots, each once."""
    return [row[0] for row in node.rows("select distinct epoch from pgpool_replication.slot", dbname=dbname)]
