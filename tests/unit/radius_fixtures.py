"""The pytest plugin that starts what `radius_lab` describes."""

import pytest
from radius_lab import PASSWORD, ROLE, TABLES, Lab
from servers.freeradius import FreeRadius, create_schema
from servers.postgres import PostgresServer


def grant(lab, role):
    lab.sql(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO {role}; "
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
    )


@pytest.fixture(scope="session")
def _servers(tmp_path_factory):
    with PostgresServer() as postgres:
        postgres.create_database("radius")
        connection = postgres.connect("radius")
        create_schema(connection)
        connection.close()
        folder = tmp_path_factory.mktemp("raddb")
        place = {"port": postgres.port, "user": postgres.user}
        with FreeRadius(folder, host=postgres.host, **place) as radius:
            lab = Lab(postgres, radius)
            lab.sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD %s", PASSWORD)
            grant(lab, ROLE)
            postgres.require_password(ROLE)
            yield lab
            lab.connection.close()


@pytest.fixture
def lab(_servers):
    """The servers with empty tables."""
    tables = ", ".join((*TABLES, "radacct", "radpostauth"))
    _servers.sql(f"TRUNCATE {tables} RESTART IDENTITY")
    return _servers
