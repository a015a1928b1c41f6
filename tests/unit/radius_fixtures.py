"""The pytest plugin that starts what `radius_lab` describes."""

import pytest
from radius_lab import PASSWORD, ROLE, TABLES, MyLab, PgLab
from servers.freeradius import FreeRadius, create_schema
from servers.mariadb import MariaDbServer
from servers.postgres import PostgresServer


def grant(lab, role):
    lab.sql(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO {role}; "
        "GRANT SELECT, UPDATE ON radacct TO {0}; GRANT SELECT ON nas TO {0}; "
        "GRANT SELECT (id, username, reply, authdate, callingstationid) "
        "ON radpostauth TO {0}; "
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {0}".format(role)
    )


@pytest.fixture(scope="session")
def _postgres(tmp_path_factory):
    with PostgresServer() as postgres:
        postgres.create_database("radius")
        connection = postgres.connect("radius")
        create_schema(connection)
        connection.close()
        folder = tmp_path_factory.mktemp("raddb")
        place = {"port": postgres.port, "user": postgres.user}
        with FreeRadius(folder, host=postgres.host, **place) as radius:
            lab = PgLab(postgres, radius)
            lab.sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD %s", PASSWORD)
            grant(lab, ROLE)
            postgres.require_password(ROLE)
            yield lab
            lab.connection.close()


@pytest.fixture(scope="session")
def _mariadb(tmp_path_factory):
    with MariaDbServer() as mariadb:
        mariadb.create_database("radius")
        connection = mariadb.connect("radius")
        create_schema(connection, "mysql")
        connection.close()
        folder = tmp_path_factory.mktemp("raddb_my")
        place = {"port": mariadb.port, "user": mariadb.user, "dialect": "mysql"}
        with FreeRadius(folder, host=mariadb.host, **place) as radius:
            lab = MyLab(mariadb, radius)
            lab.sql(f"CREATE USER {ROLE}@'127.0.0.1' IDENTIFIED BY %s", PASSWORD)
            for table in TABLES:
                rights = "SELECT, INSERT, UPDATE, DELETE"
                lab.sql(f"GRANT {rights} ON radius.{table} TO {ROLE}@'127.0.0.1'")
            for table, rights in (
                ("radacct", "SELECT, UPDATE"),
                # All but the passwords that were tried.
                ("radpostauth", "SELECT (id, username, reply, authdate)"),
                ("nas", "SELECT"),
            ):
                lab.sql(f"GRANT {rights} ON radius.{table} TO {ROLE}@'127.0.0.1'")
            yield lab
            lab.connection.close()


@pytest.fixture
def pg_lab(_postgres):
    """The servers with empty tables, on PostgreSQL."""
    _postgres.empty()
    return _postgres


@pytest.fixture
def my_lab(_mariadb):
    """The same on MariaDB."""
    _mariadb.empty()
    return _mariadb


@pytest.fixture(params=["postgresql", "mysql"])
def lab(request):
    """The servers with empty tables, on each kind of database."""
    return request.getfixturevalue(
        {"postgresql": "pg_lab", "mysql": "my_lab"}[request.param]
    )
