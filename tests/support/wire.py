# SPDX-License-Identifier: PostgreSQL
"""Raw client of PostgreSQL's protocol 3 (documentation, chapter "Frontend/Backend Protocol").

Builds any message, legal or not, sends bytes cut wherever the test wants, reads frames against a deadline and prints
them readably. It keeps no state of the protocol: the test says what to send and what to expect.
"""
import base64
import hashlib
import hmac
import os
import re
import socket
import struct
import time
from typing import NamedTuple

PROTOCOL_3_0 = 3 << 16
PROTOCOL_3_2 = (3 << 16) | 2
CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104

BACKEND_NAMES = {
    "R": "Authentication", "K": "BackendKeyData", "S": "ParameterStatus", "Z": "ReadyForQuery", "T": "RowDescription",
    "D": "DataRow", "C": "CommandComplete", "E": "ErrorResponse", "N": "NoticeResponse", "I": "EmptyQueryResponse",
    "1": "ParseComplete", "2": "BindComplete", "3": "CloseComplete", "t": "ParameterDescription", "n": "NoData",
    "s": "PortalSuspended", "G": "CopyInResponse", "H": "CopyOutResponse", "W": "CopyBothResponse", "d": "CopyData",
    "c": "CopyDone", "V": "FunctionCallResponse", "A": "NotificationResponse", "v": "NegotiateProtocolVersion",
}
ERROR_FIELDS = "SVCMDHPpqWstcdnFLR"


class Frame(NamedTuple):
    """One message of the server: type letter and body without the length."""
    type: str
    body: bytes

    @property
    def name(self):
        return BACKEND_NAMES.get(self.type, f"?{self.type!r}")

    def fields(self):
        """Fields of an ErrorResponse or NoticeResponse."""
        parts = self.body.split(b"\0")
        return {p[:1].decode("latin-1"): p[1:].decode("utf-8", "replace") for p in parts if p}

    def values(self):
        """Columns of a DataRow; None for NULL."""
        (count,), position, found = struct.unpack_from("!H", self.body), 2, []
        for _ in range(count):
            (length,) = struct.unpack_from("!i", self.body, position)
            position += 4
            if length < 0:
                found.append(None)
            else:
                found.append(self.body[position:position + length])
                position += length
        return found

    def columns(self):
        """(name, table oid, attribute, type oid, size, modifier, format) of a RowDescription."""
        (count,), position, found = struct.unpack_from("!H", self.body), 2, []
        for _ in range(count):
            end = self.body.index(b"\0", position)
            name = self.body[position:end].decode("utf-8", "replace")
            found.append((name,) + struct.unpack_from("!IhIhih", self.body, end + 1))
            position = end + 19
        return found

    def __str__(self):
        return f"{self.name} {describe(self)}".rstrip()


def shorten(data, limit=80):
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else str(data)
    text = text.replace("\n", "\\n").replace("\0", "\\0")
    return text if len(text) <= limit else f"{text[:limit]}…({len(data)})"


def describe(frame):
    """The body in words; malformed bodies as hexadecimal."""
    try:
        if frame.type in "EN":
            known = frame.fields()
            order = sorted(known, key=lambda f: ERROR_FIELDS.find(f) % 99)
            return " ".join(f"{key}={shorten(known[key])!r}" for key in order)
        if frame.type == "D":
            return str([None if v is None else shorten(v, 40) for v in frame.values()])
        if frame.type == "T":
            return str(frame.columns())
        if frame.type == "R":
            return str(struct.unpack_from("!I", frame.body)[0])
        if frame.type in "SCAdZ":
            return repr(shorten(frame.body))
    except (struct.error, ValueError, IndexError):
        pass
    return shorten(frame.body.hex()) if frame.body else ""


# --- messages of the client ---
def message(kind, body=b"", length=None):
    """A typed message; `length` lies about the length field where the test wants that."""
    kind = kind.encode("latin-1") if isinstance(kind, str) else kind
    return kind + struct.pack("!I", (len(body) + 4 if length is None else length) & 0xFFFFFFFF) + body


def cstring(text):
    return (text.encode() if isinstance(text, str) else text) + b"\0"


def startup(parameters, version=PROTOCOL_3_0):
    body = struct.pack("!I", version) + b"".join(cstring(k) + cstring(v) for k, v in parameters.items()) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def cancel_request(pid, key):
    return struct.pack("!IIII", 16, CANCEL_REQUEST, pid, key)


def query(text):
    return message("Q", cstring(text))


def parse(name, text, types=()):
    return message("P", cstring(name) + cstring(text) + struct.pack(f"!H{len(types)}I", len(types), *types))


def _sized(value):
    if value is None:
        return struct.pack("!i", -1)
    data = value if isinstance(value, bytes) else str(value).encode()
    return struct.pack("!I", len(data)) + data


def bind(portal="", statement="", values=(), formats=(), result_formats=()):
    body = cstring(portal) + cstring(statement) + struct.pack(f"!H{len(formats)}H", len(formats), *formats)
    body += struct.pack("!H", len(values)) + b"".join(_sized(v) for v in values)
    return message("B", body + struct.pack(f"!H{len(result_formats)}H", len(result_formats), *result_formats))


def describe_message(kind, name=""):
    return message("D", kind.encode() + cstring(name))


def execute(portal="", limit=0):
    return message("E", cstring(portal) + struct.pack("!i", limit))


def close_message(kind, name=""):
    return message("C", kind.encode() + cstring(name))


def function_call(oid, values=(), formats=(), result_format=0):
    body = struct.pack(f"!IH{len(formats)}H", oid, len(formats), *formats)
    return message("F", body + struct.pack("!H", len(values)) + b"".join(_sized(v) for v in values)
                   + struct.pack("!H", result_format))


SYNC, FLUSH, TERMINATE = message("S"), message("H"), message("X")
COPY_DONE = message("c")


def copy_data(data):
    return message("d", data)


def copy_fail(reason=""):
    return message("f", cstring(reason))


def password_message(text):
    return message("p", cstring(text))


class Timeout(Exception):
    """Nothing came before the deadline."""


class Closed(Exception):
    """The server closed the connection."""


class Connection:
    """A socket with frames. timeout: seconds for each reading step."""

    def __init__(self, host, port, timeout=10.0):
        self.address, self.timeout = (host, port), timeout
        if host.startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(f"{host}/.s.PGSQL.{port}")
        else:
            self.socket = socket.create_connection(self.address, timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.pid = self.key = 0
        self.parameters = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # --- writing ---
    def send(self, *messages):
        """All messages in as few segments as the kernel likes. A reset by the server is seen when reading."""
        try:
            self.socket.settimeout(self.timeout)
            self.socket.sendall(b"".join(messages))
        except (BrokenPipeError, ConnectionResetError):
            pass

    def send_split(self, data, size=1, pause=0.0):
        """The same bytes in pieces of `size`."""
        for start in range(0, len(data), size):
            self.send(data[start:start + size])
            if pause:
                time.sleep(pause)

    # --- reading ---
    def _fill(self, deadline):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise Timeout
        self.socket.settimeout(remaining)
        try:
            data = self.socket.recv(1 << 18)
        except socket.timeout:
            raise Timeout from None
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed
        self.buffer += data

    def read_bytes(self, count, timeout=None):
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while len(self.buffer) < count:
            self._fill(deadline)
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def read_frame(self, timeout=None):
        """The next frame. Raises Timeout or Closed."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while len(self.buffer) < 5:
            self._fill(deadline)
        (length,) = struct.unpack_from("!I", self.buffer, 1)
        assert length >= 4, f"length {length} in a frame of the server: {bytes(self.buffer[:20])!r}"
        while len(self.buffer) < length + 1:
            self._fill(deadline)
        frame = Frame(chr(self.buffer[0]), bytes(self.buffer[5:length + 1]))
        del self.buffer[:length + 1]
        return frame

    def read_until(self, kinds="Z", count=1, timeout=None):
        """Frames up to and including the `count`th of one of these types."""
        frames, deadline = [], time.monotonic() + (self.timeout if timeout is None else timeout)
        while count > 0:
            frames.append(self.read_frame(max(0.0, deadline - time.monotonic())))
            count -= frames[-1].type in kinds
        return frames

    def drain(self, quiet=0.1):
        """What comes until nothing has come for `quiet` seconds or the server has closed."""
        frames = []
        try:
            while True:
                frames.append(self.read_frame(quiet))
        except (Timeout, Closed):
            return frames

    def is_closed(self, timeout=None):
        """True if the server closes within the time and sends nothing more."""
        try:
            self._fill(time.monotonic() + (self.timeout if timeout is None else timeout))
            return False
        except Closed:
            return True
        except Timeout:
            return False

    # --- conversations ---
    def start(self, user, database=None, password=None, version=PROTOCOL_3_0, **parameters):
        """Startup and authentication up to ReadyForQuery; all frames. Stops at an ErrorResponse."""
        self.send(startup({"user": user, **({"database": database} if database else {}), **parameters}, version))
        return self.finish_start(user, password)

    def finish_start(self, user, password=None):
        frames = []
        while True:
            frame = self.read_frame()
            frames.append(frame)
            if frame.type == "R":
                self._authenticate(frame, user, password)
            elif frame.type == "K":
                self.pid, self.key = struct.unpack("!II", frame.body)
            elif frame.type == "S":
                name, value = frame.body.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
            elif frame.type in "EZ":
                return frames

    def _authenticate(self, frame, user, password):
        (kind,) = struct.unpack_from("!I", frame.body)
        if kind == 3:
            self.send(password_message(password))
        elif kind == 5:
            self.send(password_message(md5_answer(user, password, frame.body[4:8])))
        elif kind == 10:
            self.scram = Scram(password)
            self.send(self.scram.first())
        elif kind == 11:
            self.send(self.scram.final(frame.body[4:]))
        elif kind == 12:
            self.scram.verify(frame.body[4:])

    def query(self, text, timeout=None):
        """Simple query; frames up to ReadyForQuery."""
        self.send(query(text))
        return self.read_until("Z", timeout=timeout)

    def rows(self, text):
        """Rows of a simple query as lists of text; raises ServerError."""
        frames = self.query(text)
        for frame in frames:
            if frame.type == "E":
                raise ServerError(frame.fields())
        return [[None if v is None else v.decode() for v in f.values()] for f in frames if f.type == "D"]

    def cancel(self):
        """Sends a cancel request for this connection and waits until the server has closed that socket."""
        with Connection(*self.address, timeout=self.timeout) as other:
            other.send(cancel_request(self.pid, self.key))
            other.is_closed()


class ServerError(Exception):
    def __init__(self, fields):
        super().__init__(f"{fields.get('C')}: {fields.get('M')}")
        self.fields, self.sqlstate = fields, fields.get("C")


def connect(host, port, user="postgres", database="postgres", password=None, timeout=10.0, **parameters):
    """An authenticated connection; raises ServerError where the server refuses."""
    connection = Connection(host, port, timeout)
    frames = connection.start(user, database, password, **parameters)
    if frames[-1].type == "E":
        connection.close()
        raise ServerError(frames[-1].fields())
    return connection


def md5_answer(user, password, salt):
    inner = hashlib.md5((password + user).encode()).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt).hexdigest()


class Scram:
    """Client side of SCRAM-SHA-256 without channel binding (RFC 5802, 7677)."""

    def __init__(self, password, nonce=None):
        self.password = password.encode()
        self.nonce = nonce or base64.b64encode(os.urandom(18)).decode()
        self.first_bare = f"n=,r={self.nonce}"

    def first(self):
        text = f"n,,{self.first_bare}".encode()
        return message("p", cstring("SCRAM-SHA-256") + struct.pack("!I", len(text)) + text)

    def final(self, server_first):
        server_first = server_first.decode()
        found = re.fullmatch(r"r=([^,]+),s=([^,]+),i=(\d+)", server_first)
        nonce, salt, rounds = found.group(1), base64.b64decode(found.group(2)), int(found.group(3))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, salt, rounds)
        without_proof = f"c=biws,r={nonce}"
        signed = f"{self.first_bare},{server_first},{without_proof}".encode()
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature))).decode()
        self.expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        return message("p", f"{without_proof},p={proof}".encode())

    def verify(self, server_final):
        assert server_final == b"v=" + base64.b64encode(self.expected), "the server does not know the password"
