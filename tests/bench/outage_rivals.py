# SPDX-License-Identifier: PostgreSQL
"""How keepalived with pgbouncer, and pgpool2, run on the members of a lab: their files, and the commands that start them."""
import os
import pathlib

from lab import appliance, nodes

KEEPALIVED = """global_defs {{
  router_id {name}
  script_user root
  enable_script_security
}}
vrrp_script port {{
  script "{check}"
  interval 1
  timeout 1
  fall 1
  rise 1
}}
vrrp_instance vip {{
  version 3
  state BACKUP
  nopreempt
  interface eth0
  virtual_router_id 51
  priority {priority}
  advert_int 0.1
  virtual_ipaddress {{
    {address}/32 dev eth0
  }}
  track_script {{
    port
  }}
}}
"""
PGBOUNCER = """[databases]
* = host={node} port={node_port} user=postgres
[pgbouncer]
listen_addr = 0.0.0.0
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 20
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
"""
PGPOOL = """backend_clustering_mode = 'streaming_replication'
listen_addresses = '*'
port = {port}
pcp_listen_addresses = ''
socket_dir = '/run'
pcp_socket_dir = '/run'
wd_ipc_socket_dir = '/run'
pid_file_name = '/run/pgpool.pid'
logdir = '/run'
num_init_children = 16
max_pool = 1
sr_check_period = 1
sr_check_user = 'postgres'
sr_check_database = 'postgres'
health_check_period = 1
health_check_timeout = 2
health_check_user = 'postgres'
health_check_max_retries = 1
health_check_retry_delay = 1
failover_on_backend_error = on
failover_command = '/usr/bin/psql -X -h %H -p %r -U postgres -c "select pg_promote(false)"'
use_watchdog = on
delegate_IP = '{address}'
if_cmd_path = '/sbin'
arping_path = '/usr/bin'
if_up_cmd = '/sbin/ip addr add $_IP_$/32 dev eth0 label eth0:0'
if_down_cmd = '/sbin/ip addr del $_IP_$/32 dev eth0'
arping_cmd = '/usr/bin/arping -U $_IP_$ -w 1 -I eth0'
ping_path = '/bin'
enable_consensus_with_half_votes = on
wd_interval = 1
wd_lifecheck_method = 'heartbeat'
wd_heartbeat_keepalive = 1
wd_heartbeat_deadtime = 3
"""


def write(path, text, mode=0o644):
    path.write_text(text)
    path.chmod(mode)
    return path


def keepalived(lab, member):
    node, number = lab.nodes[0], lab.members.index(member)
    check = write(member.folder / "check", f"#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/{appliance.PORT}\n", 0o755)
    config = write(member.folder / "keepalived.conf", KEEPALIVED.format(name=member.name, check=check, priority=100 - 10 * number,
                                                                        address=appliance.VIRTUAL))
    pool = write(member.folder / "pgbouncer.ini", PGBOUNCER.format(node=node.address, node_port=nodes.PORT, port=appliance.PORT))
    return [["/usr/sbin/pgbouncer", pool], ["/usr/sbin/keepalived", "--dont-fork", "--log-console", "--use-file", config]]


def forget(member):
    """What killed daemons leave and their successors stumble over: pid files, and the address, which nobody else removes."""
    for path in pathlib.Path(f"/proc/{member.init()}/root/run").glob("*.pid"):
        path.unlink()
    member.run(["ip", "addr", "del", f"{appliance.VIRTUAL}/32", "dev", "eth0"], check=False)


def pgpool(lab, member):
    folder = member.folder / "pgpool"
    folder.mkdir(exist_ok=True)
    text = PGPOOL.format(port=appliance.PORT, address=appliance.VIRTUAL)
    for i, node in enumerate(lab.nodes):
        text += f"backend_hostname{i} = '{node.address}'\nbackend_port{i} = {nodes.PORT}\nbackend_weight{i} = 1\n"
        text += f"backend_application_name{i} = '{node.name}'\n"
    for i, one in enumerate(lab.members):
        text += f"hostname{i} = '{one.address}'\nwd_port{i} = 9000\npgpool_port{i} = {appliance.PORT}\n"
        text += f"heartbeat_hostname{i} = '{one.address}'\nheartbeat_port{i} = 9694\n"
    write(folder / "pgpool_node_id", f"{lab.members.index(member)}\n")
    write(folder / "pcp.conf", "")
    write(folder / "pgpool.conf", text)
    return [["/usr/sbin/pgpool", "-n", "-D", "-f", folder / "pgpool.conf", "-F", folder / "pcp.conf"]]


def takes_writes(host):
    return nodes.answers(host) and nodes.sql(host, "select not pg_is_in_recovery()")


def versions():
    asked = {"keepalived": "/usr/sbin/keepalived --version 2>&1 | head -1", "pgbouncer": "/usr/sbin/pgbouncer --version | head -1",
             "pgpool2": "/usr/sbin/pgpool --version 2>&1 | head -1"}
    return {name: os.popen(command).read().strip() for name, command in asked.items()}
