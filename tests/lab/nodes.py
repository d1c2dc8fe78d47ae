# SPDX-License-Identifier: PostgreSQL
"""PostgreSQL nodes of a lab: the first is the primary, the others are streaming standbys, each on a host of its own."""
import contextlib
import pwd
import shutil
import subprocess

import psycopg2

from support import markers, pgcluster

from . import patience
from .host import wait_for

psycopg2.extensions.set_wait_callback(patience.wait)
PORT = 5432
SLOTS = 64
DESCRIBE = """
select case when pg_is_in_recovery()
    then 'standby of ' || coalesce((select sender_host from pg_stat_wal_receiver), 'nobody') || ', at '
         || coalesce(pg_last_wal_replay_lsn()::text, '?')
    else 'primary, at ' || pg_current_wal_lsn() || ', followed by '
         || coalesce((select string_agg(application_name, ' ' order by application_name) from pg_stat_replication
                      where state = 'streaming'), 'nobody') end"""
OWN = {"listen_addresses": "'*'", "port": str(PORT)}


def data_of(host):
    return host.folder / "data"


def configure(host, settings):
    with open(data_of(host) / "postgresql.conf", "a") as file:
        file.writelines(f"{key} = {value}\n" for key, value in settings.items())


def make_equal(hosts):
    """Servers that know nothing of each other, with markers, for mode replication."""
    for host in hosts:
        make_primary(host, {})
        sql(host, markers.setup_sql(SLOTS))


def make_primary(host, settings):
    subprocess.run(["cp", "-a", pgcluster.template(), data_of(host)], check=True)
    configure(host, {**pgcluster.SETTINGS, **OWN, **settings, "cluster_name": host.name})
    (data_of(host) / "pg_hba.conf").write_text("local all all trust\nhost all all all trust\nhost replication all all trust\n")
    start(host)
    wait_for(lambda: answers(host), 60, f"{host.name} accepts connections")


def make_standby(host, primary):
    user = pwd.getpwnam("postgres")
    data_of(host).mkdir(mode=0o700)
    shutil.chown(data_of(host), user.pw_uid, user.pw_gid)
    sql(primary, f"select pg_create_physical_replication_slot('{host.name}', true) where not exists"
                 f" (select from pg_replication_slots where slot_name = '{host.name}')")
    # Where a cable was out a moment ago the kernel still says that there is no route.
    knock = [pgcluster.BIN / "pg_isready", "-h", primary.address, "-p", str(PORT)]
    wait_for(lambda: "accepting connections" in host.run(knock, check=False), 20, f"{host.name} reaches {primary.name}", interval=0.1)
    conninfo = f"host={primary.address} port={PORT} user=postgres application_name={host.name}"
    host.run([pgcluster.BIN / "pg_basebackup", "-D", data_of(host), "-d", conninfo, "-R", "-S", host.name, "-X", "stream",
              "-c", "fast", "--no-sync"], user="postgres")
    configure(host, {"cluster_name": host.name})
    start(host)
    wait_for(lambda: answers(host), 60, f"{host.name} accepts connections")


def copy_anew(host, primary):
    """A standby again, whatever it was; what it had alone is lost."""
    if "postgres" in host.daemons():
        host.kill("postgres")
    shutil.rmtree(data_of(host))
    make_standby(host, primary)


def follows(host, primary):
    is_streaming = "select exists (select from pg_stat_replication where application_name = %s and state = 'streaming')"
    return sql(host, "select pg_is_in_recovery()") and sql(primary, is_streaming, [host.name])


def start(host, **how):
    """After a kill -9 the file of the old postmaster would name a pid of this host that may be somebody else's."""
    (data_of(host) / "postmaster.pid").unlink(missing_ok=True)
    host.start([pgcluster.BIN / "postgres", "-D", data_of(host)], user="postgres", **how)


def connect(host, **options):
    """From the host itself, so that cuts do not matter. psycopg2, autocommit."""
    with host.network.inside(host.name):
        connection = psycopg2.connect(host="127.0.0.1", port=PORT, user="postgres", dbname="postgres",
                                      **options)
    connection.autocommit = True
    return connection


def sql(host, text, parameters=None):
    """First column of the first row, or None."""
    with contextlib.closing(connect(host)) as connection, connection.cursor() as cursor:
        cursor.execute(text, parameters)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def answers(host):
    try:
        return sql(host, "select 1") == 1
    except psycopg2.OperationalError:
        return False


def describe(host):
    """Role, position and who follows whom, for people."""
    try:
        return sql(host, DESCRIBE)
    except psycopg2.OperationalError as error:
        return str(error).splitlines()[0].rsplit("failed: ", 1)[-1]
