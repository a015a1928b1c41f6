"""How long 100,000 logins take to read, compare and repair, on each kind of database.

    python bench/radius.py [LOGINS]

Starts its own PostgreSQL and MariaDB, and throws them away.
"""

import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from servers.freeradius import create_schema  # noqa: E402
from servers.mariadb import MariaDbServer  # noqa: E402
from servers.postgres import PostgresServer  # noqa: E402

from tools.access_types import Desired  # noqa: E402
from tools.radius_sql import RadiusSettings, RadiusSql  # noqa: E402

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


def timed(words, work):
    before, processor = time.monotonic(), time.process_time()
    result = work()
    processor = time.process_time() - processor
    seconds = time.monotonic() - before
    print(f"  {words}: {seconds:.2f} s ({processor:.2f} s of them computing here)")
    return result


def measure(server, dialect, count):
    server.create_database("radius")
    connection = server.connect("radius")
    create_schema(connection, dialect)

    def run(statement):
        with connection.cursor() as cursor:
            cursor.execute(statement)

    settings = RadiusSettings(
        host=server.host,
        port=server.port,
        database="radius",
        user=server.user,
        dialect=dialect,
        statement_timeout=60,
    )
    desired = wishes(count)
    print(f"{dialect}, {count} logins")
    with RadiusSql(settings) as driver:
        outcomes = timed("written anew", lambda: driver.converge(desired))
        assert {o.state for o in outcomes.values()} == {"applied"}
        damage(run)
        observed = timed("read whole", driver.read)
        timed("compared", lambda: driver.plan(desired, observed))
        outcomes = timed("1 % repaired, in all", lambda: driver.converge(desired))
        print("   ", sum(o.changed for o in outcomes.values()), "logins changed")
        assert {o.state for o in outcomes.values()} == {"applied"}
        outcomes = timed("nothing to do", lambda: driver.converge(desired))
        assert not any(o.changed for o in outcomes.values())
        off = [Desired(**{**vars(wish), "on": False}) for wish in desired[:10_000]]
        timed("10,000 switched off", lambda: driver.converge(off))


if __name__ == "__main__":
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for kind, name in ((PostgresServer, "postgresql"), (MariaDbServer, "mysql")):
        with kind() as its:
            measure(its, name, total)
