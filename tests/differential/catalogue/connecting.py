# SPDX-License-Identifier: PostgreSQL
"""The startup phase. Raw sequences write their own first bytes.

GSSENCRequest is not here: Debian's server speaks GSSAPI, the proxy answers N (tests/cluster/test_bad_input.py).
"""
import struct

from ..steps import *

sequence = Catalogue("connecting")

ME = {"user": "diff", "database": "diff"}


def start(parameters=None, version=wire.PROTOCOL_3_0):
    parameters = ME if parameters is None else parameters
    return Raw(wire.startup(parameters, version), f"Startup({parameters}, {version >> 16}.{version & 0xFFFF})")


def code(number, body=b""):
    return Raw(struct.pack("!II", 8 + len(body), number) + body, f"request {number}")


def length(number, body=b""):
    return Raw(struct.pack("!i", number) + body, f"startup packet with length {number}")


sequence("plain", start(), Ready(), Q("select current_user, current_database()"), Terminate, Eof(), raw=True)
sequence("database_defaults_to_user", start({"user": "diff"}), Ready(), Q("select current_database()"), Terminate, Eof(), raw=True)
sequence("empty_database_name", start({"user": "diff", "database": ""}), Ready(), Q("select current_database()"), Terminate, Eof(), raw=True)
sequence("unknown_database", start({"user": "diff", "database": "nowhere"}), Eof(), raw=True)
sequence("unknown_user", start({"user": "nobody_at_all", "database": "diff"}), Eof(), raw=True)
sequence("no_user", start({"database": "diff"}), Eof(), raw=True)
sequence("empty_user", start({"user": "", "database": "diff"}), Eof(), raw=True)
sequence("no_parameters", start({}), Eof(), raw=True)
sequence("no_terminator", Raw(struct.pack("!II", 8, wire.PROTOCOL_3_0), "startup without terminator"), Eof(), raw=True)
sequence("parameter_without_value", Raw(struct.pack("!II", 18, wire.PROTOCOL_3_0) + b"user\0diff\0", "no terminator at the end"), Eof(), raw=True)
sequence("settings", start({**ME, "datestyle": "SQL, DMY", "timezone": "Europe/Prague", "application_name": "me", "work_mem": "5MB"}), Ready(), Q("show work_mem"), Q("select date '2020-12-31'"), Terminate, Eof(), raw=True)
sequence("setting_in_upper_case", start({**ME, "DateStyle": "German", "TimeZone": "UTC"}), Ready(), Q("show datestyle"), Terminate, Eof(), raw=True)
sequence("setting_invalid_value", start({**ME, "datestyle": "nonsense"}), Eof(), raw=True)
sequence("setting_unknown", start({**ME, "no_such_setting": "1"}), Eof(), raw=True)
sequence("setting_forbidden", start({**ME, "log_statement": "all"}), Eof(), raw=True)
sequence("setting_postmaster_only", start({**ME, "port": "1"}), Eof(), raw=True)
sequence("setting_custom", start({**ME, "my.thing": "x"}), Ready(), Q("show my.thing"), Terminate, Eof(), raw=True)
sequence("client_encoding", start({**ME, "client_encoding": "LATIN1"}), Ready(), Q("show client_encoding"), Terminate, Eof(), raw=True)
sequence("client_encoding_unknown", start({**ME, "client_encoding": "KLINGON"}), Eof(), raw=True)
sequence("options", start({**ME, "options": "-c work_mem=6MB -c datestyle=German"}), Ready(), Q("show work_mem"), Q("show datestyle"), Terminate, Eof(), raw=True)
sequence("options_long_form", start({**ME, "options": "--work-mem=7MB --search_path=a,b"}), Ready(), Q("show work_mem"), Q("show search_path"), Terminate, Eof(), raw=True)
sequence("options_escaped", start({**ME, "options": r"-c application_name=a\ b\\c"}), Ready(), Q("show application_name"), Terminate, Eof(), raw=True)
sequence("options_bad", start({**ME, "options": "-c"}), Eof(), raw=True)
sequence("options_unknown_switch", start({**ME, "options": "-Z"}), Eof(), raw=True)
sequence("application_name_with_odd_characters", start({**ME, "application_name": "tab\tž"}), Ready(), Q("show application_name"), Terminate, Eof(), raw=True)
sequence("minor_version_2", start(version=wire.PROTOCOL_3_2), Ready(), Q("select 1"), Terminate, Eof(), raw=True)
sequence("minor_version_9999", start(version=(3 << 16) | 9999), Ready(), Q("select 1"), Terminate, Eof(), raw=True)
sequence("protocol_options_unknown", start({**ME, "_pq_.first": "1", "_pq_.second": "x"}), Ready(), Q("select 1"), Terminate, Eof(), raw=True)
sequence("protocol_options_and_minor", start({**ME, "_pq_.first": "1"}, wire.PROTOCOL_3_2), Ready(), Q("select 1"), Terminate, Eof(), raw=True)
sequence("protocol_2", start(version=2 << 16), Eof(), raw=True)
sequence("protocol_4", start(version=4 << 16), Eof(), raw=True)
sequence("protocol_1", start(version=1 << 16), Eof(), raw=True)
sequence("protocol_0", start(version=0), Eof(), raw=True)
sequence("unknown_request_code", code(80877105), Eof(), raw=True)
sequence("cancel_of_nobody", code(wire.CANCEL_REQUEST, struct.pack("!II", 12345, 67890)), Eof(), raw=True)
sequence("cancel_too_short", code(wire.CANCEL_REQUEST, b"abcd"), Eof(), raw=True)
sequence("cancel_too_long", code(wire.CANCEL_REQUEST, b"abcdefghijkl"), Eof(), raw=True)
sequence("ssl_refused_then_plain", code(wire.SSL_REQUEST), Byte(), start(), Ready(), Q("select 1"), Terminate, Eof(), raw=True)
sequence("ssl_twice", code(wire.SSL_REQUEST), Byte(), code(wire.SSL_REQUEST), Eof(), raw=True)
sequence("cancel_after_ssl", code(wire.SSL_REQUEST), Byte(), code(wire.CANCEL_REQUEST, struct.pack("!II", 1, 2)), Eof(), raw=True)
sequence("length_0", length(0), Eof(), raw=True)
sequence("length_4", length(4), Eof(), raw=True)
sequence("length_7", length(7, b"abc"), Eof(), raw=True)
sequence("length_10005", length(10005), Eof(), raw=True)
sequence("length_2_31_minus_1", length(2**31 - 1), Eof(), raw=True)
sequence("length_negative", length(-1), Eof(), raw=True)
sequence("http_request", Raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "an HTTP request"), Eof(), raw=True)
sequence("tls_hello", Raw(bytes.fromhex("16030100a5010000a10303") + b"\0" * 155, "a TLS hello without SSLRequest"), Eof(), raw=True)
sequence("query_before_startup", Raw(wire.query("select 1")), Eof(), raw=True)
sequence("packet_of_9000_bytes", start({**ME, "options": " " * 8900}), Ready(), Q("select 1"), Terminate, Eof(), raw=True)
sequence("query_in_the_same_write", Raw(wire.startup(ME) + wire.query("select 1"), "Startup + Query"), Ready(2), Terminate, Eof(), raw=True)
sequence("extended_in_the_same_write", Raw(wire.startup(ME) + wire.parse("", "select 1") + wire.bind() + wire.execute() + wire.SYNC, "Startup + batch"), Ready(2), Terminate, Eof(), raw=True)
sequence("terminate_in_the_same_write", Raw(wire.startup(ME) + wire.TERMINATE, "Startup + Terminate"), Eof(), raw=True)
sequence("packet_in_pieces", Raw(wire.startup(ME)[:5], "5 bytes"), Pause(0.05), Raw(wire.startup(ME)[5:12], "7 bytes"), Pause(0.05), Raw(wire.startup(ME)[12:], "the rest"), Ready(), Terminate, Eof(), raw=True)
sequence("name_longer_than_63", start({"user": "u" * 100, "database": "diff"}), Eof(), raw=True)
sequence("database_longer_than_63", start({"user": "diff", "database": "d" * 100}), Eof(), raw=True)
sequence("user_twice", Raw(struct.pack("!II", 45, wire.PROTOCOL_3_0) + b"user\0nobody\0user\0diff\0database\0diff\0\0", "user twice"), Ready(), Terminate, Eof(), raw=True)
sequence("replication_unknown_value", start({**ME, "replication": "maybe"}), Eof(), raw=True)
