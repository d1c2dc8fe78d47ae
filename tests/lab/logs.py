# SPDX-License-Identifier: PostgreSQL
"""The logs of all hosts as one, by time. A line without a time goes with the one before it."""
import datetime
import re

# corosync: "Nov 27 03:00:00.123456 notice …", PostgreSQL: "2026-11-27 03:00:00.123 UTC […", ours: "2026-11-27T03:00:00.123+0000 …".
SHORT = re.compile(r"^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d+) ")
LONG = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d\.\d+)([+-]\d\d:?\d\d| UTC) ")


def split_time(line, year):
    """(time in UTC, the rest); (None, line) where there is no time. Corosync writes the machine's local time."""
    if match := LONG.match(line):
        zone = match[3].strip().replace("UTC", "+0000")
        time = datetime.datetime.strptime(f"{match[1]} {match[2]} {zone}", "%Y-%m-%d %H:%M:%S.%f %z")
        return time.astimezone(datetime.timezone.utc), line[match.end():]
    if match := SHORT.match(line):
        time = datetime.datetime.strptime(f"{year} {match[1]}", "%Y %b %d %H:%M:%S.%f")
        return time.astimezone(datetime.timezone.utc), line[match.end():]
    return None, line


def entries(source, path):
    """(time, source, text) of each line of a file."""
    year = datetime.datetime.fromtimestamp(path.stat().st_mtime).year
    last = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    for line in path.read_text(errors="replace").splitlines():
        time, text = split_time(line, year)
        last = time or last
        yield last, source, text


def merged(files):
    """files: source -> path. Lines "time source text"."""
    found = [entry for source, path in files.items() for entry in entries(source, path)]
    found.sort(key=lambda entry: entry[0])
    return [f"{time:%H:%M:%S.%f}"[:-3] + f" {source:<18} {text}" for time, source, text in found]


def stamp():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
