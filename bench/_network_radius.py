"""100,000 logins in FreeRADIUS's tables: read, compared, repaired, on each database."""

import os
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from _common import say

from dev.state import ROOT

sys.path.insert(0, str(ROOT / "tests"))
from servers.freeradius import create_schema
from servers.mariadb import MariaDbServer
from servers.postgres import PostgresServer

from tools.access_types import Desired
from tools.radius_sql import RadiusSettings, RadiusSql

LOGINS = int(os.environ.get("ISP_BENCH_LOGINS") or 100_000)
LIMIT = 10.0
END = datetime(2030, 1, 1, tzinfo=timezone.utc)


def wishes(count):
    """Return wishes as a provider with twenty packages has them; a tenth is off."""
    return [
        Desired(
            f"user{number:06}",
            password=f"secret{number}",
            on=bool(number % 10),
            rate_up=5_000_000,
            rate_down=1_000_000 * (1 + number % 20),
            plan=f"isp_plan_{number % 20}",
            expires_at=END + timedelta(minutes=number),
            simultaneous=1,
        )
        for number in range(count)
    ]


def damage(run):
    """Break one login of a hundred in every table; half of all are online."""
    ones = "username LIKE 'user%01'"
    run(f"DELETE FROM radcheck WHERE {ones} AND attribute = 'Expiration'")
    run(f"UPDATE radcheck SET value = 'x' WHERE {ones} AND attribute LIKE 'Clear%'")
    run(
        "INSERT INTO radcheck (username, attribute, op, value) SELECT username, "
        f"'Simultaneous-Use', ':=', '9' FROM radusergroup WHERE {ones}"
    )
    run(
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, "
        "acctstarttime, acctupdatetime) SELECT CAST(id AS CHAR(9)), "
        "CAST(id AS CHAR(9)), username, '10.0.0.1', now(), now() FROM radusergroup "
        "WHERE MOD(id, 2) = 0"
    )
    run(f"DELETE FROM radusergroup WHERE {ones}")


def measure_radius(report):
    """Measure and set the targets of `report`."""
    for kind, dialect in ((PostgresServer, "postgresql"), (MariaDbServer, "mysql")):
        with kind() as server:
            say(f"{LOGINS} logins in {dialect}")
            _measure(report, server, dialect)


def _measure(report, server, dialect):
    server.create_database("radius")
    connection = server.connect("radius")
    create_schema(connection, dialect)

    def run(statement):
        with connection.cursor() as cursor:
            cursor.execute(statement)

    def timed(words, work):
        began, processor = time.monotonic(), time.process_time()
        result = work()
        seconds = round(time.monotonic() - began, 1)
        report.figure(f"{dialect}_{words}_seconds", seconds)
        processor = round(time.process_time() - processor, 1)
        report.figure(f"{dialect}_{words}_seconds_computing", processor)
        return result, seconds

    settings = RadiusSettings(
        host=server.host,
        port=server.port,
        database="radius",
        user=server.user,
        dialect=dialect,
        statement_timeout=60,
    )
    desired = wishes(LOGINS)
    with RadiusSql(settings) as driver:
        timed("written", lambda: driver.converge(desired))
        damage(run)
        outcomes, seconds = timed("repaired", lambda: driver.converge(desired))
        changed = sum(outcome.changed for outcome in outcomes.values())
        report.equals(f"{dialect}_repaired", LOGINS // 100, changed)
        report.at_most(f"{dialect}_repair_seconds", LIMIT, seconds)
        outcomes, _seconds = timed("unchanged", lambda: driver.converge(desired))
        changed = sum(outcome.changed for outcome in outcomes.values())
        report.equals(f"{dialect}_changed_if_unchanged", 0, changed)
        off = [replace(wish, on=False) for wish in desired[: LOGINS // 10]]
        timed("switched_off", lambda: driver.converge(off))
