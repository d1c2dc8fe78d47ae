# SPDX-License-Identifier: PostgreSQL
"""Runs the parts of the test suite one after the other and prints a summary.

Without a part: everything that decides whether a change is good, in about 45 minutes on 2 cores. What later parts need is
built meanwhile, by what the tests leave idle of the processors. A part that cannot run here says so and is SKIPPED. Logs: build/test-logs/<part>.log. Environment: PGPOOL_FUZZ_SECONDS per fuzz target (30),
PGPOOL_TEST_PORTS=LOW-HIGH for servers and proxies.
"""
import argparse
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LOGS = ROOT / "build" / "test-logs"
SKIPPED = 77  # exit code of a command that cannot run here; its last line says why
IDLE = ["chrt", "--idle", "0"]  # runs when no other wants to
PYTHON = "/usr/bin/python3"
REMEMBERING = [PYTHON, "-m", "pytest", "-q", "-o", f"cache_dir={ROOT}/build/pytest", "-o", "addopts=", "--tb=short", "--durations=8"]
PYTEST = [*REMEMBERING, "-p", "no:cacheprovider"]  # it matters to nobody later which tests have failed


@dataclasses.dataclass(frozen=True)
class Part:
    """commands run in order until one fails; timeout in seconds covers all of them, builds of presets come before."""
    name: str
    purpose: str
    presets: tuple
    timeout: int
    commands: tuple
    environment: tuple = ()
    is_quiet: bool = False  # nothing is built beside it
    again: tuple = ()  # of what depends on real time: the command for what has failed, once; both tries are told


def ctest(preset, labels, jobs):
    return ["ctest", "--test-dir", f"build/{preset}", "-L", labels, "--output-on-failure", "--no-tests=error", "-j", str(jobs)]


def parts(jobs):
    differential = "tests/differential/run"
    few = "PGPOOL_SEED=1-100"  # random exchanges of unit_exec, which are slow under sanitizers
    fixed = ["--seed", "1"]  # the same for everybody; "long" draws its own
    found = [
        Part("layers", "layer rules, every header alone", ("dev",), 600, ([PYTHON, "tests/check_layers.py", "--headers"],)),
        Part("unit", "pure units", ("dev",), 300, (ctest("dev", "unit", jobs),)),
        Part("component", "the daemon's parts against scripted peers and real servers", ("dev",), 600, (ctest("dev", "component", 2 * jobs),)),
        Part("clients", "psql, pgbench, drivers", ("dev",), 600, (["tests/clients/run"],)),
        Part("differential", "the same bytes as PostgreSQL", ("dev",), 900, ([differential, "--random", "200", *fixed],)),
        Part("cluster", "real PostgreSQL clusters", ("dev",), 1200,
             (PYTEST + ["-n", str(jobs), "--dist", "loadfile", "-m", "not long", "tests/cluster"],)),
        Part("lab", "members with Corosync and nodes on hosts of their own, cut and killed", ("dev",), 900,
             (REMEMBERING + ["-n", str(jobs), "--dist", "loadfile", "tests/lab"],),
             again=(*REMEMBERING, "--last-failed", "--last-failed-no-failures", "none", "tests/lab")),
        Part("vip", "pgpool-vip on hosts that are network namespaces", ("dev",), 300,
             (PYTEST + ["-n", str(jobs), "--dist", "loadfile", "tests/vip"],)),
        Part("watchdog", "pgpool-watchdog alone with real servers: failover, restart, sleep", ("dev",), 300,
             (PYTEST + ["-n", str(jobs), "--dist", "loadfile", "tests/watchdog"],)),
        Part("sanitizers", "ASan, UBSan and TSan over unit, component and a differential run", ("asan", "tsan"), 1500,
             (["env", few, *ctest("asan", "unit|component", 2 * jobs)], ["env", few, *ctest("tsan", "unit|component", 2 * jobs)],
              ["env", "PGPOOL_BUILD=asan", differential, "--modes", "auto", "--random", "60", "--timeout", "20", *fixed],
              ["env", "PGPOOL_BUILD=tsan", differential, "--modes", "auto", "--random", "20", "--timeout", "20", *fixed,
               "simple/*", "pipelines/*", "session/*"])),
        Part("hunt", "divergence hunt in mode replication, 3 seeds of 90 s with faults and one without", ("dev",), 1200,
             (["tests/hunt/run", "--seeds", "1-4", "--prepared", "3", "--calm", "4", "--jobs", "2", "--seconds", "90", "--unsafe", "refuse"],)),
        Part("fuzz", "every fuzz target", ("fuzz",), 1200, ([PYTHON, "tests/support/fuzz.py", "--jobs", str(2 * jobs)],)),
        Part("bench", "against direct, haproxy, pgbouncer and pgpool2, mode replication too, a few minutes; not in the default", ("release",), 1800,
             (["tests/bench/run", "--quick"], ["tests/bench/replication", "--quick"]), is_quiet=True),
        Part("long", "both full benches, long forms of the tests of clusters and labs, long random runs; not in the default", ("release", "asan"), 10 * 3600,
             (["tests/bench/run"], ["tests/bench/replication"], PYTEST + ["tests/cluster"],
              ["tests/hunt/run", "--seeds", "101-120", "--seconds", "300", "--unsafe", "refuse"],
              ["tests/hunt/run", "--seeds", "121-123", "--seconds", "300", "--unsafe", "refuse", "--no-faults"], [differential, "--split", "--random", "5000"],
              ["env", "PGPOOL_SIMULATIONS=2000", "build/asan/tests/unit/watchdog/decide/unit_decide", "--gtest_filter=Simulation.*"],
              ["env", "PGPOOL_BUILD=asan", differential, "--modes", "auto", "--random", "2000", "--timeout", "20"],
              PYTEST + ["tests/lab"], ["tests/lab/soak", "--seconds", "3600"], ["tests/lab/soak", "--partitions", "20"]),
             (("PGPOOL_LONG", "1"), ("PGPOOL_BUILD", "release")), is_quiet=True),
    ]
    return {p.name: p for p in found}


DEFAULT = ["layers", "unit", "component", "clients", "differential", "cluster", "vip", "watchdog", "lab", "hunt", "sanitizers", "fuzz"]


@dataclasses.dataclass
class Outcome:
    name: str
    verdict: str
    seconds: float
    detail: str


def weigh_little(process):
    """Its session has a share of the processors of its own, whatever the priority within (sched(7), autogroup)."""
    with contextlib.suppress(OSError), open(f"/proc/{process.pid}/autogroup", "w") as group:
        group.write("19")


def run_logged(command, log, timeout, environment, is_idle):
    """Exit code; None after the timeout, when the whole process group was killed."""
    log.write(f"\n$ {' '.join(command)}\n")
    log.flush()
    process = subprocess.Popen([*(IDLE if is_idle else []), *command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               start_new_session=True, env={**os.environ, **dict(environment)})
    if is_idle:
        weigh_little(process)
        Builds.beside = process
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        time.sleep(3)
        return None
    except KeyboardInterrupt:  # tests stop the servers that they have started
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        raise
    finally:
        try:  # what a test left behind would hold ports of the next one
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def last_words(path):
    """The line of a log that says most."""
    lines = [l.strip() for l in path.read_text(errors="replace").splitlines() if l.strip() and not l.startswith("$ ")]
    telling = [l for l in lines if re.search(r"tests passed|\d+ (passed|failed)|differ,|no finding|fuzz targets", l)]
    return (telling or lines or [""])[-1][:100]


def show_tail(name, count=40):
    path = LOGS / f"{name}.log"
    print(f"--- the end of {path.relative_to(ROOT)}:")
    print("\n".join(path.read_text(errors="replace").splitlines()[-count:]), flush=True)


def execute(name, commands, timeout, environment=(), is_idle=False, again=()):
    LOGS.mkdir(parents=True, exist_ok=True)
    path, begin = LOGS / f"{name}.log", time.monotonic()
    verdict, note = "PASS", ""
    print(f"{name} … (log: {path.relative_to(ROOT)})", flush=True)
    with open(path, "w") as log:
        for command in commands:
            status = run_logged(command, log, max(1.0, timeout - (time.monotonic() - begin)), environment, is_idle)
            if status not in (0, SKIPPED, None) and again:
                print(f"{name}: {last_words(path)}; what has failed is run again:", flush=True)
                show_tail(name)
                status = run_logged(list(again), log, max(1.0, timeout - (time.monotonic() - begin)), environment, is_idle)
                note = "at the second try: "
            if status != 0:
                verdict = "SKIP" if status == SKIPPED else "FAIL"
                if status is None:
                    log.write(f"\nkilled after {timeout} s\n")
                break
    outcome = Outcome(name, verdict, time.monotonic() - begin, note + last_words(path))
    print(f"{name}: {verdict} in {outcome.seconds:.0f} s: {outcome.detail}", flush=True)
    return outcome


def build(preset, jobs, is_idle):
    configure = ["cmake", "--preset", preset]
    return execute(f"build-{preset}", [configure, ["cmake", "--build", "--preset", preset, "-j", str(jobs)]], 3600, is_idle=is_idle)


class Builds:
    """Builds presets in order: the first at once, the others beside the tests."""
    beside = None  # the process that runs for it

    def __init__(self, presets, jobs):
        self.thread = concurrent.futures.ThreadPoolExecutor(1)
        self.outcomes = {p: self.thread.submit(build, p, jobs, i > 0) for i, p in enumerate(presets)}

    def outcome(self, preset):
        return self.outcomes[preset].result()

    def stop(self):
        self.thread.shutdown(wait=False, cancel_futures=True)
        if Builds.beside is not None and Builds.beside.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(Builds.beside.pid, signal.SIGKILL)


def summary(outcomes, seconds):
    """What failed is told last, where a log that is cut still has it."""
    failed = [o.name for o in outcomes if o.verdict == "FAIL"]
    for o in outcomes:
        if o.verdict == "FAIL" and o.seconds > 0:
            show_tail(o.name)
    print("\npart             result     time  detail")
    for o in outcomes:
        print(f"{o.name:<16} {o.verdict:<6} {o.seconds:7.0f} s  {o.detail if o.verdict != 'PASS' or 'build' not in o.name else ''}")
    print(f"{'FAILED: ' + ' '.join(failed) if failed else 'all passed'}, {seconds / 60:.1f} minutes", flush=True)
    return 1 if failed else 0


def parse_arguments(known):
    words = "\n".join(f"  {p.name:<13} {p.purpose}" for p in known.values())
    parser = argparse.ArgumentParser(prog="tests/run", description=__doc__.split("\n\nWithout")[0],
                                     epilog=f"parts:\n{words}\ndefault: {' '.join(DEFAULT)}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="what to run, see below; several run in the order given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2,
                        help="how many compilers, and how many tests, run at the same time (default: processors, here %(default)s)")
    parser.add_argument("--fail-fast", action="store_true", help="stop at the first failure")
    args = parser.parse_args()
    unknown = [p for p in args.parts if p not in known]
    if unknown:
        parser.error(f"unknown part '{unknown[0]}'; known: {', '.join(known)}")
    return args


def install_for(chosen):
    if {"bench", "long"} & set(chosen):
        subprocess.run([ROOT / "deploy" / "install-packages", "bench"], check=True)


def main():
    jobs_default = os.cpu_count() or 2
    args = parse_arguments(parts(jobs_default))
    known, chosen = parts(args.jobs), args.parts or DEFAULT
    install_for(chosen)
    begin = time.monotonic()
    builds = Builds(list(dict.fromkeys(p for name in chosen for p in known[name].presets)), args.jobs)
    try:
        outcomes = run_parts([known[name] for name in chosen], builds, args.fail_fast)
    finally:
        builds.stop()
    return summary(outcomes, time.monotonic() - begin)


def run_parts(chosen, builds, fails_fast):
    outcomes = []
    for part in chosen:
        built = [builds.outcome(p) for p in (builds.outcomes if part.is_quiet else part.presets)]
        outcomes += [b for b in built if b not in outcomes]
        broken = [b.name for b in built if b.verdict == "FAIL"]
        if broken:
            outcomes.append(Outcome(part.name, "FAIL", 0.0, f"{broken[0]} failed"))
        else:
            outcomes.append(execute(part.name, part.commands, part.timeout, part.environment, again=part.again))
        if fails_fast and outcomes[-1].verdict == "FAIL":
            break
    return outcomes


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # what ran is ended by then, see run_logged()
        print("\ninterrupted", flush=True)
        sys.exit(130)
