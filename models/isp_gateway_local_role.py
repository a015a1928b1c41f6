import hashlib
import re
import secrets

from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from odoo import api, models
from odoo.exceptions import UserError

from .isp_gateway_local import SCHEMA

_READ = "radcheck, radreply, radusergroup, radgroupcheck, radgroupreply, nas"
_WRITTEN = "radacct, radpostauth, nasreload"
_ROLE = """
    CREATE ROLE {role} LOGIN PASSWORD {password}
        NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT
"""
_PASSWORD = "ALTER ROLE {role} LOGIN PASSWORD {password}"
# The last grant lets Odoo end FreeRADIUS's connections: a database that somebody is
# connected to can be neither duplicated nor dropped.
_RIGHTS = f"""
    ALTER ROLE {{role}} IN DATABASE {{database}} SET search_path = {SCHEMA};
    ALTER ROLE {{role}} IN DATABASE {{database}} SET synchronous_commit = off;
    GRANT CONNECT ON DATABASE {{database}} TO {{role}};
    GRANT USAGE ON SCHEMA {SCHEMA} TO {{role}};
    GRANT SELECT ON {", ".join(f"{SCHEMA}.{name}" for name in _READ.split(", "))}
        TO {{role}};
    GRANT SELECT, INSERT, UPDATE
        ON {", ".join(f"{SCHEMA}.{name}" for name in _WRITTEN.split(", "))} TO {{role}};
    GRANT {{role}} TO {{user}}
"""
# What somebody has opened to everybody; a fresh database of Odoo's has nothing.
_VISIBLE = f"""
    SELECT relnamespace::regnamespace || '.' || relname
      FROM pg_class
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
       AND relnamespace::regnamespace::text
           NOT IN ('pg_catalog', 'information_schema', '{SCHEMA}')
       AND has_schema_privilege(%(role)s, relnamespace, 'USAGE')
       AND (has_table_privilege(%(role)s, oid, 'SELECT, INSERT, UPDATE, DELETE')
            OR has_any_column_privilege(%(role)s, oid, 'SELECT, INSERT, UPDATE'))
     UNION ALL
    SELECT oid::regprocedure::text
      FROM pg_proc
     WHERE prosecdef
       AND pronamespace::regnamespace::text
           NOT IN ('pg_catalog', 'information_schema')
       AND has_schema_privilege(%(role)s, pronamespace, 'USAGE')
       AND has_function_privilege(%(role)s, oid, 'EXECUTE')
     ORDER BY 1
"""
_MODULE = """sql {{
    dialect = "postgresql"
    driver = "rlm_sql_postgresql"
    server = "{host}"
    port = {port}
    login = "{role}"
    password = "{password}"
    radius_db = "{database}"
    read_groups = yes
    auto_escape = yes
    # The rest as your distribution has it: pool, the names of the tables, queries.conf.
}}"""


class IspGateway(models.Model):
    """The role FreeRADIUS logs in by: it sees its own tables and nothing of Odoo's."""

    _inherit = "isp.gateway"

    # === ACTIONS === #

    def action_make_radius_role(self):
        """Give FreeRADIUS a login of its own, with a new password that is shown once.

        Where Odoo may not make roles, show what the database's administrator runs.
        """
        self.ensure_one()
        self.check_access("write")
        if self.type != "radius_local":
            raise UserError(
                self.env._(
                    "Gateway %(gateway)s has its tables elsewhere: make the role "
                    "there.",
                    gateway=self.name,
                )
            )
        login = self._make_login()
        if not login["statements"]:
            self.message_post(
                body=self.env._(
                    "%(user)s gave FreeRADIUS the role %(role)s with a new password.",
                    user=self.env.user.name,
                    role=login["role"],
                )
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("FreeRADIUS's Login"),
            "res_model": "isp.gateway.role",
            "view_mode": "form",
            "target": "new",
            # Never saved: the password is on the screen, and nowhere else here.
            "context": {
                "default_gateway_id": self.id,
                "default_role": login["role"],
                "default_statements": login["statements"],
                "default_visible": "\n".join(login["visible"]),
                "default_settings": self._get_radius_module(login),
            },
        }

    # === BUSINESS === #

    @api.model
    def _make_login(self):
        """Make FreeRADIUS's role, or give it a new password.

        :return: dict of ``role``, ``password``, ``statements`` (what is left for the
            database's administrator to run, or "") and ``visible`` (what the role
            sees beside its own tables)
        """
        role, password = self._get_radius_role(), secrets.token_urlsafe(24)
        is_there, may_make = self._look_for_role(role)
        statements = self._get_role_sql(role, password, is_there)
        if may_make:
            self.env.cr.execute(statements)
        return {
            "role": role,
            "password": password,
            "statements": "" if may_make else statements,
            "visible": self._get_visible(role) if may_make else [],
        }

    @api.model
    def _get_radius_role(self):
        """Return the role's name; roles are of the whole server, so it has the
        database's in it."""
        name = self.env.cr.dbname
        clean = re.sub(r"[^a-z0-9_]", "_", name.lower())[:40]
        if clean != name:
            clean += f"_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        return f"{SCHEMA}_{clean}"

    @api.model
    def _look_for_role(self, role):
        """Return whether the role is there, and whether Odoo may make or change it."""
        self.env.cr.execute(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s), "
            "rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user",
            [role],
        )
        return self.env.cr.fetchone()

    @api.model
    def _get_role_sql(self, role, password, is_there):
        """Return the statements that make the role, or give it a new password; the
        password is in them as what PostgreSQL keeps of it only."""
        cnx = self.env.cr._cnx
        # As a verifier no log of the server's statements has it in clear.
        verifier = encrypt_password(password, role, cnx, "scram-sha-256")
        statement = sql.SQL((_PASSWORD if is_there else _ROLE) + ";" + _RIGHTS).format(
            role=sql.Identifier(role),
            password=sql.Literal(verifier),
            database=sql.Identifier(self.env.cr.dbname),
            user=sql.Identifier(cnx.info.user),
        )
        lines = statement.as_string(cnx).strip().splitlines()
        return "\n".join(line.removeprefix("    ") for line in lines) + ";"

    @api.model
    def _get_visible(self, role):
        self.env.cr.execute(_VISIBLE, {"role": role})
        return [name for (name,) in self.env.cr.fetchall()]

    @api.model
    def _get_radius_module(self, login):
        """Return the settings of FreeRADIUS's module `sql`."""
        info = self.env.cr._cnx.info
        # By a socket FreeRADIUS would be asked for its Unix user's name.
        host = "127.0.0.1" if (info.host or "/").startswith("/") else info.host
        return _MODULE.format(
            host=host,
            port=info.port,
            database=info.dbname,
            **{key: login[key] for key in ("role", "password")},
        )
