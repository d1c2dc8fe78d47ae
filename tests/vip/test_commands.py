# SPDX-License-Identifier: PostgreSQL
"""The commands of pgpool-vip, its privileges, its exit codes."""
import collections
import json
import pathlib
import re

from support.vip import V4, V6, make_readable

DONE, NO, USAGE, REFUSED = 0, 1, 2, 3
NET_ADMIN, NET_RAW = 12, 13
NOBODY = 65534


def status_of(path):
    return dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)


def assert_has_only_network_privileges(pid, count=2):
    wanted = (1 << NET_ADMIN) | (1 << NET_RAW)
    threads = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    assert len(threads) == count
    for thread in threads:
        status = status_of(thread / "status")
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == wanted
        assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
        assert status["NoNewPrivs"] == "1"
    return status


def test_root_keeps_two_capabilities(lan, program):
    hold = program(lan.one).hold("--for", 30)
    hold.wait("taken", V6)
    status = assert_has_only_network_privileges(hold.process.pid)
    assert int(status["CapBnd"], 16) == 0
    hold.stop()


def test_those_two_are_enough(lan, program, tmp_path):
    make_readable(tmp_path)
    hold = program(lan.one).hold("--for", 30, prefix=[
        "setpriv", "--reuid", NOBODY, "--clear-groups", "--inh-caps", "-all,+net_admin,+net_raw",
        "--ambient-caps", "-all,+net_admin,+net_raw"])
    hold.wait("taken", V4)
    hold.wait("taken", V6)
    assert_has_only_network_privileges(hold.process.pid)
    assert hold.stop() == (DONE, "")


# What the thread that holds addresses may do: wait for all at once, talk to the kernel, take memory.
HOLDER_CALLS = {"poll", "read", "write", "timerfd_settime", "sendmsg", "recvmsg", "sendto", "recvfrom", "socket", "bind",
                "connect", "getsockname", "setsockopt", "ioctl", "close", "clock_nanosleep", "openat", "futex", "getpid", "time",
                "sched_setscheduler", "mmap", "munmap", "mprotect", "madvise", "brk", "rseq", "set_robust_list", "rt_sigprocmask", "exit"}


def test_it_starts_no_process_and_its_timer_waits_for_nothing(lan, program, tmp_path):
    trace = tmp_path / "trace"
    hold = program(lan.one).hold("--for", 3, prefix=["strace", "-f", "-qq", "-o", trace])
    hold.wait("released", V6)
    assert hold.end()[0] == DONE
    calls = collections.defaultdict(list)
    for line in trace.read_text().splitlines():
        if call := re.match(r"(\d+)\s+(\w+)\((.*)", line):
            calls[int(call[1])].append((call[2], call[3]))
    started = [a for made in calls.values() for name, a in made if name in ("fork", "vfork", "clone", "clone3", "execve")]
    assert len(started) == 2, started  # itself, and its thread
    assert "CLONE_THREAD" in started[1]
    holder, = [pid for pid, made in calls.items() if "timerfd_settime" in dict(made)]
    assert {name for name, _ in calls[holder]} <= HOLDER_CALLS
    opened = [a for name, a in calls[holder] if name == "openat"]
    assert all("/proc/sys/net/ipv6/conf/eth0/forwarding" in a for a in opened), opened
    connected = [a for name, a in calls[holder] if name in ("connect", "bind")]
    assert all("AF_NETLINK" in a or "AF_PACKET" in a for a in connected), connected


def test_without_them_it_says_what_is_missing(lan, program, tmp_path):
    make_readable(tmp_path)
    vip = program(lan.one)
    nobody = ["setpriv", "--reuid", NOBODY, "--clear-groups", "--inh-caps", "-all"]
    for command in (["hold", "--for", "5"], ["probe"], ["clean"]):
        code, out, err = vip.run(*command, prefix=nobody)
        assert (code, out) == (REFUSED, "")
        assert err.startswith("pgpool-vip: needs the capabilities CAP_NET_ADMIN and CAP_NET_RAW\nrun it as root")
    for command in ("list", "clients"):  # these only look
        assert vip.run(command, prefix=nobody)[0] == DONE


def test_probe_tells_who_answers(lan, program):
    hold = program(lan.one).hold("--for", 30)
    hold.wait("taken", V4)
    hold.wait("taken", V6)
    two = program(lan.two)
    code, out, _ = two.run("probe")
    assert code == NO
    assert out == f"{V4}/32@eth0: answered by {lan.one.mac}\n{V6}/128@eth0: answered by {lan.one.mac}\n"
    hold.stop()
    code, out, _ = two.run("--json", "probe")
    assert code == DONE
    assert [json.loads(l) for l in out.splitlines()] == [
        {"address": a, "interface": "eth0", "answered_by": None} for a in (V4, V6)]


def test_clean_removes_ours_and_nothing_else(lan, program):
    vip = program(lan.one, lifetime="60s")
    foreign = ["10.77.0.200", "fd77::200"]
    lan.one.run("ip", "address", "add", f"{foreign[0]}/32", "dev", "eth0", "valid_lft", "100", "preferred_lft", "100")
    lan.one.run("ip", "address", "add", f"{foreign[1]}/128", "dev", "eth0", "nodad")
    hold = vip.hold("--for", 300)
    hold.wait("taken", V4)
    hold.wait("taken", V6)
    hold.process.kill()
    hold.process.wait()
    assert set(vip.addresses()) == {V4, V6}
    code, out, _ = vip.run("--json", "list")
    listed = [json.loads(l) for l in out.splitlines()]
    assert code == DONE and {l["address"] for l in listed} == {V4, V6}
    assert all(50 <= l["valid_seconds"] <= 60 for l in listed)
    assert vip.run("clean", "--dry-run")[1].count("would remove") == 2 == len(vip.addresses())
    assert vip.run("clean")[1].count("removed") == 2
    assert vip.addresses() == {}
    told = lan.one.run("ip", "address", "show", "dev", "eth0")
    for address in (*foreign, lan.one.v4, lan.one.v6):
        assert f" {address}/" in told


def test_a_new_holder_cleans_first(lan, program):
    old = program(lan.one, lifetime="60s")
    hold = old.hold("--for", 300)
    hold.wait("taken", V4)
    hold.wait("taken", V6)
    hold.process.kill()
    hold.process.wait()
    new = program(lan.one, addresses=[V4]).hold("--for", 30)
    new.wait("taken", V4)
    assert set(old.addresses()) == {V4}


def test_one_holder_per_host(lan, program):
    vip = program(lan.one)
    vip.hold("--for", 30).wait("taken", V4)
    for command in (["hold", "--for", "5"], ["clean"]):
        code, _, err = vip.run(*command)
        assert (code, err) == (REFUSED, "pgpool-vip: another pgpool-vip holds addresses on this host; end it first\n")
    assert V4 in vip.addresses()
    program(lan.two).run("list")  # another host


def test_errors_of_the_configuration(lan, program):
    vip = program(lan.one)
    code, out, err = vip.run("--check")
    assert (code, out, err) == (DONE, f"{vip.config}: no errors\n", "")
    good = vip.config.read_text()
    for text, expected in (
            (good.replace("eth0", "eth9"), f"pgpool-vip: {vip.config}: {V4}/32@eth9: no such interface\n"),
            (good.replace(V4, "127.0.0.1"), f"pgpool-vip: {vip.config}: vip.addresses[0]: \"127.0.0.1\" is no address of a host\n"),
            (good[:good.index("vip:")], f"pgpool-vip: {vip.config}: vip.addresses is empty\n"),
            (good + "  refresh: 1s\n", f"{vip.config}:4:3: vip.refresh: more than half of vip.lifetime: "
                                       "one late refresh would lose the addresses\n")):
        vip.config.write_text(text)
        assert vip.run("--check") == (USAGE, "", expected)
        assert vip.run("hold", "--for", 5) == (USAGE, "", expected)
    vip.config.write_text(good + "watchdog: {enabled: on, group: nosuchgroup}\n")
    code, _, err = vip.run("--check")
    assert code == USAGE and 'there is no group "nosuchgroup"' in err, "the service would not find the watchdog"


def test_errors_of_the_command_line(lan, program, tmp_path):
    vip = program(lan.one)
    assert vip.run() == (USAGE, "", f"pgpool-vip: {vip.config}: watchdog.enabled is off: nobody would order addresses to be held\n"
                                    "to hold them by hand: pgpool-vip hold --help\n")
    assert vip.run("hold")[0] == USAGE
    assert vip.run("hold", "--for", "0")[0] == USAGE
    assert vip.run("holds")[0] == USAGE
    clients = tmp_path / "clients"
    assert vip.run("hold", "--for", 5, "--clients", clients) == (USAGE, "", f"pgpool-vip: cannot read {clients}\n")
    clients.write_text(f"# two good ones\n{V4}:1 10.77.0.9:2  # end\n\n[{V6}]:1 [fd77::9]:2\n{V4}:1\n")
    assert vip.run("hold", "--for", 5, "--clients", clients)[2] == \
        f"pgpool-vip: {clients}: line 5: two ends of a connection are expected\n"
    code, out, _ = vip.run("--help")
    assert code == DONE and "hold" in out
