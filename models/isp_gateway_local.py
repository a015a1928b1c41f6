import logging
import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import file_open

from ..tools.access_types import Desired, DriverError
from ..tools.radius_local import RadiusLocal
from ..tools.radius_settings import RadiusSettings

_logger = logging.getLogger(__name__)

SCHEMA = "isp_radius"
_MADE = re.compile(rf"CREATE (?:TABLE|INDEX) (?:{SCHEMA}\.)?(\w+)")
# More lines than this in one go are a bulk: nobody waits for one of them at a desk.
LINES_AT_ONCE = 200


class IspGateway(models.Model):
    """FreeRADIUS's tables in a schema of this database.

    What opens access is written in the transaction that pays, so that it is true once
    the payment is. Everything else, and the proof, is the worker's as ever.
    """

    _inherit = "isp.gateway"

    type = fields.Selection(
        selection_add=[("radius_local", "FreeRADIUS in this database")],
        ondelete={"radius_local": "set default"},
    )

    # One schema can't serve two: each would take the other's logins for its own.
    _local_uniq = models.UniqueIndex(
        "(type) WHERE type = 'radius_local'",
        "There is a gateway for the FreeRADIUS in this database already, perhaps an "
        "archived one. Use that.",
    )

    def init(self):
        """Put back what is missing of the schema, once it is used."""
        self.env.cr.execute(
            "SELECT 1 FROM isp_gateway WHERE type = 'radius_local' LIMIT 1"
        )
        if self.env.cr.fetchone():
            self._make_local_schema()

    # === DEFAULTS === #

    @api.model
    def default_get(self, fields_list):
        """Override: the screen offers this database's FreeRADIUS as long as there is
        none."""
        values = super().default_get(fields_list)
        # Not `default_type`: that would reach attachments, which have a type too.
        is_offered = self.env.context.get("isp_offer_local")
        if is_offered and "type" in values and not self._get_local():
            values["type"] = "radius_local"
        return values

    # === CONSTRAINTS === #

    @api.constrains("type", "by_sql_file")
    def _check_local_has_no_file(self):
        if self.filtered(lambda g: g.type == "radius_local" and g.by_sql_file):
            raise ValidationError(
                self.env._(
                    "The FreeRADIUS in this database is written directly. Untick By "
                    "SQL File."
                )
            )

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        gateways = super().create(vals_list)
        if "radius_local" in gateways.mapped("type"):
            self._make_local_schema()
        return gateways

    def write(self, vals):
        res = super().write(vals)
        if vals.get("type") == "radius_local":
            self._make_local_schema()
        return res

    # === BUSINESS: the schema === #

    @api.model
    def _get_local(self):
        # Whoever makes a gateway need not see those of other companies.
        Gateway = self.env["isp.gateway"].sudo().with_context(active_test=False)
        return Gateway.search([("type", "=", "radius_local")], limit=1)

    @api.model
    def _make_local_schema(self):
        """Make what is missing of the schema; touch nothing that is there."""
        cr = self.env.cr
        cr.execute("SELECT to_regnamespace(%s) IS NULL", [SCHEMA])
        if cr.fetchone()[0]:
            self._check_may_create()
            cr.execute("CREATE SCHEMA isp_radius")
        with file_open("mybizna_isp/security/radius_schema.sql") as script:
            text = re.sub(r"(?m)^--.*$", "", script.read())
        statements = {
            _MADE.search(part)[1]: part.strip()
            for part in text.split(";")
            if part.strip()
        }
        cr.execute(
            "SELECT name FROM unnest(%s) AS name "
            "WHERE to_regclass(%s || '.' || name) IS NULL",
            [list(statements), SCHEMA],
        )
        missing = {name for (name,) in cr.fetchall()}
        for name, statement in statements.items():
            if name in missing:
                cr.execute(statement)

    @api.model
    def _check_may_create(self):
        self.env.cr.execute(
            "SELECT current_user, current_database(), "
            "has_database_privilege(current_database(), 'CREATE')"
        )
        user, database, allowed = self.env.cr.fetchone()
        if not allowed:
            raise UserError(
                self.env._(
                    "Odoo may not make a schema in this database. Have the database's "
                    'administrator run: GRANT CREATE ON DATABASE "%(database)s" TO '
                    '"%(user)s";',
                    database=database,
                    user=user,
                )
            )

    # === BUSINESS: the worker's own connection === #

    def _prepare_radius_local_settings(self):
        """Return how the worker reaches this database; the password is Odoo's own."""
        info = self.env.cr._cnx.info
        return {
            **self._prepare_freeradius_settings(),
            "host": info.host or "/var/run/postgresql",
            "port": info.port,
            "database": info.dbname,
            "user": info.user,
            "password": info.password or "",
            "dialect": "postgresql",
            "schema": SCHEMA,
        }

    def _check_connectable(self):
        """Override: the address is Odoo's own."""
        return self.type == "radius_local" or super()._check_connectable()

    # === BUSINESS: in the transaction that pays === #

    @api.model
    def _write_local(self, connection_ids):
        """Let FreeRADIUS know at once of lines that this transaction opens or extends.

        Never fails: what is not written here, the worker writes.

        :param connection_ids: ids of the lines this transaction changed
        """
        if len(connection_ids) > LINES_AT_ONCE:
            return
        cr = self.env.cr
        cr.execute(
            """
            SELECT gateway.id, array_agg(connection.id)
              FROM isp_connection connection
              JOIN isp_gateway gateway ON gateway.id = connection.gateway_id
             WHERE connection.id = ANY(%s) AND gateway.type = 'radius_local'
             GROUP BY gateway.id
            """,
            [list(connection_ids)],
        )
        # At most one: see `_local_uniq`.
        for gateway_id, line_ids in cr.fetchall():
            gateway = self.browse(gateway_id)
            if gateway._is_open_for_writing():
                gateway._open_lines(line_ids)

    def _is_open_for_writing(self):
        """Whether nothing holds this gateway, and the control taken was of this
        database and not of the one it was copied from."""
        reason, due = self._get_hold()
        return (
            not reason
            and bool(due)
            and due <= fields.Datetime.now()
            and self.state in ("up", "unknown")
            and self.control_uuid == self._get_database_uuid()
        )

    def _open_lines(self, line_ids):
        lines = self.env["isp.connection"].browse(line_ids)
        wishes = [
            Desired.from_mapping(wish)
            for wish in lines._get_desired_access().values()
            if wish["present"] and wish["on"]
        ]
        if not wishes:
            return
        settings = RadiusSettings.from_mapping(self._prepare_settings())
        try:
            with RadiusLocal(settings, self.env.cr) as radius:
                opened = radius.open_up(wishes)
        except DriverError as error:
            # They are in the worker's list already.
            _logger.info("Opening lines is left to the worker: %s", error)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # A fault of ours in here has been undone and must not stop a payment.
            _logger.exception("Opening lines is left to the worker")
        else:
            # What was proved before is no longer there, even if this is taken back.
            self.env["isp.access.dirty"].sudo()._mark(
                lines.filtered(lambda line: line.username in opened).ids, forced=True
            )
