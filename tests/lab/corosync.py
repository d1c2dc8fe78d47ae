# SPDX-License-Identifier: PostgreSQL
"""Corosync of the members: configuration, start, and whom each sees. Profile fast: token 300, consensus 100 for two."""
import os
import re


def configuration(addresses):
    """addresses: member -> address. knet's pings are set because those that follow from so small a token make links
    flap; the coefficient, or the token would grow with each member."""
    consensus = "  consensus: 100\n" if len(addresses) == 2 else ""
    nodes = "".join(f"  node {{\n    nodeid: {i}\n    name: {name}\n    ring0_addr: {address}\n  }}\n"
                    for i, (name, address) in enumerate(addresses.items(), 1))
    return ("totem {\n  version: 2\n  cluster_name: lab\n  transport: knet\n  ip_version: ipv4\n  crypto_cipher: aes256\n"
            "  crypto_hash: sha256\n  keyfile: /etc/corosync/authkey\n  token: 300\n" + consensus +
            "  join: 50\n  token_coefficient: 0\n  interface {\n    linknumber: 0\n    knet_ping_interval: 200\n"
            "    knet_ping_timeout: 1000\n  }\n}\nnodelist {\n" + nodes + "}\nquorum {\n  provider: corosync_votequorum\n"
            f"  two_node: {int(len(addresses) == 2)}\n}}\nsystem {{\n  state_dir: /etc/corosync/state\n}}\n"
            "logging {\n  to_syslog: no\n  to_stderr: yes\n  timestamp: hires\n}\n")


def prepare(hosts):
    """The same configuration and key for all members."""
    text, key = configuration({h.name: h.address for h in hosts}), os.urandom(256)
    for host in hosts:
        etc = host.folder / "etc"
        (etc / "state").mkdir(parents=True, exist_ok=True)
        (etc / "uidgid.d").mkdir(exist_ok=True)
        (etc / "corosync.conf").write_text(text)
        (etc / "authkey").write_bytes(key)
        (etc / "authkey").chmod(0o400)


def start(host):
    host.start(["corosync", "-f"])


def members(host):
    """Names of the members that this one sees, itself too; empty: its Corosync does not answer."""
    text = host.run(["timeout", "2", "corosync-quorumtool", "-l"], check=False)
    return sorted(re.findall(r"^\s+\d+\s+\d+\s+(\S+)", text, re.MULTILINE))
