# SPDX-License-Identifier: PostgreSQL
"""Runs every fuzz target of the preset "fuzz" for a bounded time, seeds from tests/fuzz/corpus/<target>.

New inputs go to build/fuzz-corpus/<target>, inputs that fail to build/fuzz-findings. Exit code 1 if any target fails.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def targets():
    found = (p for p in (ROOT / "build" / "fuzz").rglob("fuzz_*") if p.is_file() and os.access(p, os.X_OK))
    return sorted(found, key=lambda p: p.name)


def run(target, seconds):
    name = target.name.removeprefix("fuzz_")
    corpus, findings = ROOT / "build" / "fuzz-corpus" / name, ROOT / "build" / "fuzz-findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    command = [target, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=3000", "-print_final_stats=1", "-verbosity=0",
               f"-artifact_prefix={findings}/{name}-", corpus]
    seeds = ROOT / "tests" / "fuzz" / "corpus" / name
    command += [seeds] if seeds.is_dir() else []
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=seconds + 120)
    return name, done.returncode, done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("PGPOOL_FUZZ_SECONDS", "30")))
    args = parser.parse_args()
    found, failed = targets(), []
    if not found:
        sys.exit("no fuzz target in build/fuzz; run: cmake --preset fuzz && cmake --build --preset fuzz")
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name, status, output in pool.map(lambda t: run(t, args.seconds), found):
            executed = next((l.split()[-1] for l in output.splitlines() if "number_of_executed_units" in l), "?")
            print(f"{name}: {'ok' if status == 0 else f'exit code {status}'}, {executed} inputs", flush=True)
            if status != 0:
                failed.append(name)
                print(output[-6000:])
    print(f"{len(found)} fuzz targets, {len(failed)} failed {' '.join(failed)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
