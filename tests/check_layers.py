#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
"""Checks the rules of the source tree that a compiler does not: layers, purity, headers, forbidden patterns.

usage: check_layers.py [--headers] [--compiler CXX] [--build DIR] [--jobs N]

Without options only text is read (well under a second). --headers also compiles every header alone that is not the first
include of its unit, which the build compiles so, with the flags of
DIR/compile_commands.json, so that each is self-contained. Every finding is one line "file:line: rule: what to do".
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# folder -> the folders of ours it may include, besides itself. Mirrors ARCHITECTURE.md; a folder that is not here is an error.
COMMON_PURE = ["common/base", "common/config", "common/wire", "common/cluster", "common/markers",
               "common/nodecheck", "common/bus"]
COMMON_SHELL = COMMON_PURE + ["common/net", "common/obs"]
PROXY_PURE = COMMON_PURE + ["proxy/sql", "proxy/route", "proxy/exec", "proxy/pool", "proxy/auth", "proxy/cache",
                            "proxy/parallel", "proxy/replication"]
PROXY_SHELL = COMMON_SHELL + ["common/ipc", "common/pg"] + [f for f in PROXY_PURE if f not in COMMON_SHELL]
WATCHDOG_PARTS = ["watchdog/lease", "watchdog/decide", "watchdog/group", "watchdog/wire", "watchdog/corosync", "watchdog/store",
                  "watchdog/voters", "watchdog/nodes", "watchdog/decider", "watchdog/hooks"]
LAYERS = {
    "common/base": [],
    "common/config": ["common/base"],
    "common/wire": ["common/base"],
    "common/cluster": ["common/base", "common/config"],
    "common/markers": ["common/base"],
    "common/bus": ["common/base"],
    "common/nodecheck": ["common/base", "common/config", "common/cluster", "common/markers"],
    "common/files": ["common/base"],
    "common/page": ["common/base"],
    "common/net": ["common/base", "common/config", "common/wire", "common/cluster"],
    "common/obs": ["common/base", "common/config", "common/wire", "common/cluster"],
    "common/ipc": COMMON_SHELL,
    "common/pg": COMMON_SHELL,
    "watchdog/lease": ["common/base"],
    "watchdog/store": ["common/base", "common/files", "watchdog/group"],
    "watchdog/voters": COMMON_SHELL + ["common/page", "common/pg", "common/files", "watchdog/lease"],
    "watchdog/nodes": COMMON_SHELL + ["common/pg", "watchdog/lease", "watchdog/decide", "watchdog/voters"],
    "watchdog/decider": COMMON_PURE + ["watchdog/decide", "watchdog/group", "watchdog/nodes", "watchdog/voters"],
    "watchdog/hooks": COMMON_SHELL + ["watchdog/decide"],
    "watchdog/server": COMMON_SHELL + ["common/ipc", "common/page", "common/pg"] + WATCHDOG_PARTS,
    "watchdog": COMMON_SHELL + ["common/files", "common/ipc"] + WATCHDOG_PARTS + ["watchdog/server"],
    "proxy/sql": COMMON_PURE,
    "proxy/route": COMMON_PURE + ["proxy/sql", "proxy/replication"],
    "proxy/cache": COMMON_PURE + ["proxy/sql"],
    "proxy/parallel": COMMON_PURE + ["proxy/sql"],
    "proxy/replication": COMMON_PURE + ["proxy/sql"],
    "proxy/exec": COMMON_PURE + ["proxy/sql", "proxy/route", "proxy/cache", "proxy/parallel", "proxy/replication"],
    "proxy/pool": COMMON_PURE + ["proxy/sql", "proxy/replication", "proxy/route"],
    "proxy/auth": ["common/base", "common/config", "common/wire", "common/cluster"],
    "proxy/health": PROXY_SHELL,
    "proxy/keeper": PROXY_SHELL + ["common/files", "proxy/health"],
    "proxy/member": COMMON_SHELL + ["common/page", "common/ipc"],
    "proxy/admin": PROXY_SHELL + ["proxy/health", "proxy/member", "proxy/session"],
    "proxy/session": PROXY_SHELL + ["common/page", "proxy/health", "proxy/member"],
    "watchdog/decide": ["common/base", "common/config", "common/cluster"],
    "watchdog/group": ["common/base"],
    "watchdog/corosync": COMMON_SHELL + ["watchdog/group"],
    "watchdog/wire": ["common/base", "common/bus", "common/config", "common/cluster", "watchdog/decide", "watchdog/group"],
    "vip/packet": ["common/base", "common/config"],
    "vip/tenure": ["common/base", "common/config", "vip/packet"],
    "vip/kernel": COMMON_SHELL + ["common/page", "vip/packet", "vip/tenure"],
    "vip/holder": COMMON_SHELL + ["common/page", "vip/packet", "vip/tenure", "vip/kernel"],
    "vip/duty": ["common/base", "common/bus", "common/config", "common/page", "vip/packet", "vip/tenure"],
    "vip": COMMON_SHELL + ["common/ipc", "common/page", "vip/packet", "vip/tenure", "vip/kernel", "vip/holder", "vip/duty"],
    "ctl": COMMON_SHELL + ["common/files", "common/ipc", "common/page", "common/pg", "watchdog/decide", "watchdog/lease",
                            "watchdog/voters"],
    "proxy/server": PROXY_SHELL + ["proxy/session", "proxy/health", "proxy/member", "proxy/keeper", "proxy/admin"],
    "proxy": PROXY_SHELL + ["proxy/session", "proxy/health", "proxy/keeper", "proxy/admin", "proxy/server"],
}
# pgpool-ctl is no daemon. It explains to operators what the watchdog decides by, and checks what it needs at the nodes.
EXPLAINED_BY_CTL = ("watchdog/decide", "watchdog/lease", "watchdog/voters")
DAEMONS = ("proxy", "watchdog", "vip", "recovery", "ctl")

# Pure folders: no sockets, clocks, threads, logging, processes or environment.
PURE = COMMON_PURE + ["proxy/sql", "proxy/route", "proxy/exec", "proxy/cache", "proxy/parallel", "proxy/replication",
                      "proxy/pool", "proxy/auth", "watchdog/lease", "watchdog/decide", "watchdog/group", "watchdog/wire", "watchdog/decider",
                      "vip/packet", "vip/tenure", "vip/duty"]
IMPURE_INCLUDES = re.compile(
    r"sys/(socket|epoll|timerfd|eventfd|select|wait|un)\.h|netinet/|arpa/inet\.h|netdb\.h|poll\.h|pthread\.h|unistd\.h"
    r"|fcntl\.h|signal\.h|thread|mutex|shared_mutex|condition_variable|future|coroutine|iostream|spdlog/|libpq-fe\.h"
    r"|libpq/|netlink/|systemd/|syslog\.h")
IMPURE_CODE = [
    (re.compile(r"\b(steady_clock|system_clock|high_resolution_clock|Clock)::now\(\)|\bclock_gettime\(|\bgettimeofday\(|\btime\(nullptr\)"),
     "reads a clock; take the time as an argument"),
    (re.compile(r"\bgetenv\("), "reads the environment"),
    (re.compile(r"\bspdlog::|\blog::(debug|info|warning|error)\("), "logs; return the reason instead"),
    (re.compile(r"\bstd::random_device\b|\brand\(\)"), "draws random numbers; take a generator or the bytes as an argument"),
]
# The one RAII type for descriptors lives in base so that everybody can own one; inet_pton and inet_ntop only convert text.
IMPURE_ALLOWED = {("common/base/unique_fd.h", "unistd.h"), ("common/config/validate.cc", "arpa/inet.h"),
                  ("proxy/auth/access_list.cc", "arpa/inet.h"), ("vip/packet/ip_address.cc", "arpa/inet.h")}

# Only these see PostgreSQL's parser.
PARSER_UNITS = {"proxy/sql/raw_tree.h"}
PARSER_INCLUDE = re.compile(r"^(pg_query|postgres\.h|nodes/|parser/|catalog/|utils/|common/keywords|mb/|server/)")
OPENSSL_FOLDERS = ("common/net", "proxy/auth", "common/base")
LIBNL_FOLDERS = ("vip/kernel",)
LIBPQ_FOLDERS = ("common/pg", "proxy/health", "proxy/session", "watchdog/voters", "watchdog/nodes")

TEXT_RULES = [
    (re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "unfinished work marked in the text; finish it or file an issue"),
]
# GCC 12 miscompiles or leaks with co_await elsewhere than as a whole statement or as the initialiser of a variable, and with
# lambdas that are coroutines (ARCHITECTURE.md, coroutine rules).
LAMBDA_COROUTINE = re.compile(r"\[[^\]\n]*\]\s*\([^)]*\)\s*(mutable\s*)?(noexcept\s*)?->\s*(net::)?Task<")
BLOCK_OPENERS = re.compile(r"(\)|\b(else|do|try|const|noexcept|override|final|mutable)|>)\s*$")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCE_SUFFIXES = {".h", ".cc", ".cpp", ".hpp", ".c"}


def tracked_files():
    """Files of the work tree that git knows or would add; the plain tree where there is no git."""
    try:
        text = subprocess.run(["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}", "ls-files", "-co",
                               "--exclude-standard"], check=True, capture_output=True, text=True).stdout
        names = text.splitlines()
    except (OSError, subprocess.CalledProcessError):
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
    skip = ("build", ".git/")
    return sorted(n for n in names if not n.startswith(skip) and (ROOT / n).is_file())


def strip_comments(text):
    """Blanks comments and string literals, keeping line numbers."""
    def blank(match):
        found = match.group(0)
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return '""' if found.startswith('"') else found
    pattern = r'//[^\n]*|/\*.*?\*/|R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text, flags=re.DOTALL)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def layer_of(name):
    folder = os.path.dirname(name)
    while folder and folder not in LAYERS:
        folder = os.path.dirname(folder)
    return folder


def is_product(name):
    return name.split("/")[0] in DAEMONS + ("common",)


def await_misplaced(code, position):
    """What is wrong with the place of the co_await at `position`; None where it is a statement or an initialiser."""
    start = max(code.rfind(c, 0, position) for c in ";{}") + 1
    prefix = code[start:position]
    if prefix.count("(") > prefix.count(")"):
        return "co_await inside parentheses; give its result a named variable first"
    if re.search(r"\?|&&|\|\||\breturn\b|\bco_return\b", prefix.rsplit(")", 1)[-1]):
        return "co_await inside ?:, &&, || or return; give its result a named variable first"
    if start > 0 and code[start - 1] == "{" and not prefix.strip():
        before = code[:start - 1].rstrip()
        if re.search(r"[\w=,(]$", before) and not BLOCK_OPENERS.search(before):
            return "co_await inside the braces of an initialiser; give its result a named variable first"
    return None


class Checker:
    def __init__(self):
        self.findings = []

    def report(self, name, line, rule, text):
        self.findings.append(f"{name}:{line}: {rule}: {text}")

    def check(self, name):
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return
        suffix = pathlib.PurePath(name).suffix
        base = os.path.basename(name)
        if suffix in SOURCE_SUFFIXES:
            self.check_source(name, text)
        if base == "CMakeLists.txt" or suffix == ".cmake":
            self.check_cmake(name, text)
        if suffix in SOURCE_SUFFIXES or suffix in (".py", ".sh", ".cmake") or base == "CMakeLists.txt":
            self.check_text(name, text)

    def check_source(self, name, text):
        if "SPDX-License-Identifier: PostgreSQL" not in text[:200]:
            self.report(name, 1, "licence", "the first line must be // SPDX-License-Identifier: PostgreSQL")
        if name.endswith(".h") and "#pragma once" not in text:
            self.report(name, 1, "header", "no #pragma once")
        code = strip_comments(text)
        self.check_includes(name, text)
        if is_product(name) and layer_of(name) in PURE:
            self.check_purity(name, code)
        self.check_coroutines(name, code)
        if name.startswith("tests/unit/"):
            self.check_threads(name, code)

    def check_threads(self, name, code):
        started = re.search(r"\bstd::(j?thread|async)\b", code)
        if started and "THREADS" not in ((ROOT / name).parent / "CMakeLists.txt").read_text():
            self.report(name, line_of(code, started.start()), "threads", "pgpool_test() needs THREADS, or preset tsan leaves the unit out")

    def check_includes(self, name, text):
        folder = layer_of(name)
        if is_product(name) and not folder:
            self.report(name, 1, "layers", "folder is not in the table LAYERS of tests/check_layers.py")
            return
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                self.check_include(name, number, folder, match.group(2), match.group(1) == '"')

    def check_include(self, name, number, folder, target, is_quoted):
        if is_quoted and not (ROOT / target).exists():
            self.report(name, number, "include", f'"{target}" is not a path from the root of the tree')
        if PARSER_INCLUDE.match(target) and name not in PARSER_UNITS:
            self.report(name, number, "parser", f"<{target}>: only {', '.join(PARSER_UNITS)} may see PostgreSQL's parser")
        if not is_product(name):
            return
        if is_quoted and is_product(target):
            self.check_layer(name, number, folder, target)
        if target.startswith("openssl/") and folder not in OPENSSL_FOLDERS:
            self.report(name, number, "openssl", f"only {', '.join(OPENSSL_FOLDERS)} may include OpenSSL")
        if target == "libpq-fe.h" and folder not in LIBPQ_FOLDERS:
            self.report(name, number, "libpq", f"only {', '.join(LIBPQ_FOLDERS)} may use libpq")
        if target.startswith("netlink/") and folder not in LIBNL_FOLDERS:
            self.report(name, number, "libnl", f"only {', '.join(LIBNL_FOLDERS)} may use libnl")
        if folder in PURE and IMPURE_INCLUDES.match(target) and (name, target) not in IMPURE_ALLOWED:
            self.report(name, number, "purity", f"<{target}> has no place in {folder}: it is a pure folder")

    def check_layer(self, name, number, folder, target):
        other = layer_of(target)
        if other == folder:
            return
        is_explained = folder == "ctl" and other in EXPLAINED_BY_CTL
        if not is_explained and folder.split("/")[0] != "common" and other.split("/")[0] not in ("common", folder.split("/")[0]):
            self.report(name, number, "layers", f'"{target}": daemons never include each other')
        elif other not in LAYERS.get(folder, []):
            self.report(name, number, "layers", f'"{target}": {folder} may include only {", ".join(LAYERS[folder]) or "itself"}')

    def check_purity(self, name, code):
        for pattern, advice in IMPURE_CODE:
            for match in pattern.finditer(code):
                self.report(name, line_of(code, match.start()), "purity", f"{match.group(0)} {advice}")

    def check_coroutines(self, name, code):
        for match in LAMBDA_COROUTINE.finditer(code):
            self.report(name, line_of(code, match.start()), "coroutine", "a lambda that is a coroutine; make it a function")
        for match in re.finditer(r"\bco_await\b", code):
            advice = await_misplaced(code, match.start())
            if advice:
                self.report(name, line_of(code, match.start()), "coroutine", advice)

    def check_cmake(self, name, text):
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(r"\bfile\s*\(\s*GLOB|aux_source_directory", line, re.IGNORECASE):
                self.report(name, number, "cmake", "no GLOB: list the sources")

    def check_text(self, name, text):
        if name == "tests/check_layers.py":
            return
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, advice in TEXT_RULES:
                if pattern.search(line):
                    self.report(name, number, "text", advice)
            if line.rstrip() != line:
                self.report(name, number, "text", "white space at the end of the line")


def header_flags(build):
    """Include paths and definitions of one of our compile commands; enough for every header of ours."""
    commands = json.loads((build / "compile_commands.json").read_text())
    flags, wanted = [], re.compile(r"^(-I|-isystem|-D|-std=)")
    for entry in commands:
        words = shlex.split(entry["command"])
        for index, word in enumerate(words):
            if word == "-isystem":
                pair = (word, words[index + 1])
            elif wanted.match(word) and not word.startswith("-DPGPOOL_SOURCE_DIR"):
                pair = (word,)
            else:
                continue
            if pair not in flags:
                flags.append(pair)
    return [word for pair in flags for word in pair]


def compile_header(compiler, flags, name):
    """Compiles a unit that only includes the header. An object file, not -fsyntax-only, so that ccache remembers it."""
    out = ROOT / "build" / "headers" / (name.replace("/", "_") + ".o")
    unit = out.with_suffix(".cc")
    source = f'#include "{name}"\n'
    if not unit.exists() or unit.read_text() != source:
        unit.write_text(source)
    command = compiler + flags + ["-Wall", "-Wextra", "-Werror", "-O0", "-c", str(unit), "-o", str(out)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return name, run.returncode, run.stderr


def is_first_of_its_unit(name):
    """Then the build itself has compiled it alone: nothing stands in front of it."""
    unit = (ROOT / name).with_suffix(".cc")
    if not unit.exists():
        return False
    first = next((line for line in unit.read_text().splitlines() if line.startswith("#")), "")
    return first.split("//")[0].strip() == f'#include "{name}"'


def check_headers(checker, names, args):
    build = pathlib.Path(args.build)
    if not (build / "compile_commands.json").exists():
        sys.exit(f"check_layers: {build}/compile_commands.json not found; run: cmake --preset dev")
    (ROOT / "build" / "headers").mkdir(parents=True, exist_ok=True)
    flags = header_flags(build) + [f"-I{ROOT}"]
    compiler = shlex.split(args.compiler)
    headers = [n for n in names if n.endswith(".h") and not is_first_of_its_unit(n)]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, status, errors in pool.map(lambda n: compile_header(compiler, flags, n), headers):
            if status != 0:
                first = next((l for l in errors.splitlines() if "error" in l), errors[:200])
                checker.report(name, 1, "self-contained", f"does not compile alone: {first}")
    return len(headers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headers", action="store_true", help="compile every header alone that the build does not")
    parser.add_argument("--compiler", default="ccache g++")
    parser.add_argument("--build", default=str(ROOT / "build" / "dev"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    checker = Checker()
    names = tracked_files()
    for name in names:
        checker.check(name)
    compiled = check_headers(checker, names, args) if args.headers else 0
    print("\n".join(checker.findings) if checker.findings else
          f"check_layers: {len(names)} files, {compiled} headers compiled alone: no finding")
    sys.exit(1 if checker.findings else 0)


if __name__ == "__main__":
    main()
