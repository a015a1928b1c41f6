"""What PostgreSQL and MySQL call the same thing, for statements on FreeRADIUS's
accounting tables, and a session with either."""

from typing import NamedTuple

from .my_session import MySession
from .pg_session import PgSession
from .radius_settings import RadiusSettings
from .sql_session import SqlSession


class Words(NamedTuple):
    """Pieces of SQL; `{0}` stands for a column.

    :param epoch: seconds since 1970 of a moment.
    :param moment: the moment of a parameter that is such seconds.
    :param age: seconds since a moment, by the clock of the database alone.
    :param address: text of an IP address, or NULL.
    :param among: a column is one of the values of a parameter that is a list.
    """

    epoch: str
    moment: str
    age: str
    address: str
    among: str


_WORDS = {
    "postgresql": Words(
        epoch="extract(epoch FROM {0})::float8",
        moment="to_timestamp(%s)",
        age="extract(epoch FROM clock_timestamp() - {0})::float8",
        address="host({0})",
        among="{0} = ANY(%s)",
    ),
    # Moments are stored there without a zone; those of both ways are the server's.
    "mysql": Words(
        epoch="UNIX_TIMESTAMP({0})",
        moment="FROM_UNIXTIME(%s)",
        age="UNIX_TIMESTAMP(NOW(6)) - UNIX_TIMESTAMP({0})",
        address="{0}",
        among="{0} IN %s",
    ),
}


def words(session: SqlSession) -> Words:
    """Return what the database of a session calls things."""
    return _WORDS[session.dialect]


def make_session(settings: RadiusSettings) -> SqlSession:
    """Return a session with the database of a FreeRADIUS, not opened yet.

    :raise DependencyError: settings are missing or wrong.
    """
    settings.check()
    place = f"the RADIUS database {settings.database} on {settings.host}"
    limits = (
        settings.connect_timeout,
        settings.statement_timeout,
        settings.lock_timeout,
    )
    if settings.dialect == "mysql":
        options = {
            "host": settings.host,
            "port": settings.port or 3306,
            "database": settings.database,
            "user": settings.user,
            "password": settings.password or "",
            "program_name": "mybizna_isp",
        }
        return MySession(place, options, *limits)
    options = {
        "host": settings.host,
        "port": settings.port or 5432,
        "dbname": settings.database,
        "user": settings.user,
        "password": settings.password or None,
        "sslmode": settings.sslmode,
        "application_name": "mybizna_isp",
        "client_encoding": "utf8",
        "keepalives_idle": 10,
    }
    if settings.schema:
        options["options"] = f"-c search_path={settings.schema}"
    return PgSession(place, options, *limits)
