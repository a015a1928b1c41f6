from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain

from ..tools.access_types import login_key


class IspGatewayImport(models.TransientModel):
    """One row is a look through the logins of a gateway that no line has."""

    _name = "isp.gateway.import"
    _description = "Import Logins of a Gateway"

    gateway_id = fields.Many2one(
        "isp.gateway", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="gateway_id.company_id")
    looked_at = fields.Datetime(string="Read", compute="_compute_looked_at")
    line_ids = fields.One2many("isp.gateway.import.line", "import_id")
    line_count = fields.Integer(string="Logins", compute="_compute_line_count")

    @api.depends("gateway_id")
    def _compute_looked_at(self):
        for wizard in self:
            wizard.looked_at = wizard.gateway_id._get_last_look().done_at

    @api.depends("line_ids")
    def _compute_line_count(self):
        for wizard in self:
            wizard.line_count = len(wizard.line_ids)

    @api.model_create_multi
    def create(self, vals_list):
        """Override: the logins are there with a proposal for each."""
        wizards = super().create(vals_list)
        for wizard in wizards:
            wizard.line_ids = [Command.create(vals) for vals in wizard._propose()]
        return wizards

    def _propose(self):
        findings = self.env["isp.gateway.finding"].search(
            [
                ("gateway_id", "=", self.gateway_id.id),
                ("kind", "=", "foreign"),
                ("state", "in", ["open", "ignored"]),
            ],
            order="login",
        )
        clues = self._get_clues()
        packages = self._get_packages()
        return [self._propose_one(finding, clues, packages) for finding in findings]

    def _propose_one(self, finding, clues, packages):
        facts = finding.facts or {}
        connection, reason = self._match(finding.login, facts, clues)
        rates = facts.get("rate_down"), facts.get("rate_up")
        return {
            "finding_id": finding.id,
            "decision": "link" if connection else "leave",
            "connection_id": connection.id,
            "reason": reason,
            # No speed at all says nothing of the package.
            "package_id": any(rates) and packages.get(rates, finding.browse()).id,
        }

    def _match(self, login, facts, clues):
        """Return the line a login may belong to, and by what."""
        found = [
            (self.env._("login"), clues["login"].get(login_key(login))),
            (self.env._("device"), clues["mac"].get(facts.get("mac"))),
            (self.env._("fixed address"), clues["fixed_ip"].get(facts.get("fixed_ip"))),
        ]
        found += [
            (self.env._("comment"), clues["word"].get(word.strip(",;:#()").lower()))
            for word in (facts.get("comment") or "").split()
        ]
        for reason, connections in found:
            # Two lines of one clue are no clue.
            if connections and len(connections) == 1:
                return connections, reason
        return self.env["isp.connection"], False

    def _get_clues(self):
        """Return what lines are known by, of those on no other gateway."""
        connections = self.env["isp.connection"].search(
            Domain("company_id", "=", self.company_id.id)
            & Domain("state", "!=", "closed")
            & Domain("gateway_id", "in", [False, self.gateway_id.id])
        )
        clues = {"login": {}, "mac": {}, "fixed_ip": {}, "word": {}}

        def note(kind, value, connection):
            if value:
                known = clues[kind].setdefault(value, connection.browse())
                clues[kind][value] = known | connection

        for connection in connections:
            name = login_key(connection.username or "")
            note("login", name, connection)
            note("word", name, connection)
            note("word", (connection.contract_id.account_no or "").lower(), connection)
            note("mac", connection.mac_address, connection)
            note("fixed_ip", connection.fixed_ip, connection)
        return clues

    def _get_packages(self):
        """Return speed → the package that has it, those of this gateway first."""
        packages = self.env["isp.package"].search(
            [("company_id", "in", [False, self.company_id.id])]
        )
        packages = packages.sorted(lambda p: p.gateway_id != self.gateway_id)
        found = {}
        for package in packages:
            found.setdefault(tuple(package._get_rates()), package)
        return found

    def action_confirm(self):
        """Give the chosen logins to lines; the gateway itself is only read."""
        self.ensure_one()
        chosen = self.line_ids.filtered(lambda line: line.decision != "leave")
        if not chosen:
            raise UserError(
                self.env._("Nothing is chosen. Say of a login what it is, or close.")
            )
        linked = chosen.filtered(lambda line: line.decision == "link")
        counts = Counter(line.connection_id.id for line in linked)
        twice = [
            line.login
            for line in linked
            if line.connection_id and counts[line.connection_id.id] > 1
        ]
        if twice:
            raise UserError(
                self.env._(
                    "One line can't take more than one login: %(logins)s.",
                    logins=", ".join(twice),
                )
            )
        lines = [line._adopt() for line in chosen]
        self.env["isp.gateway.job"]._ask_to_fetch(self.gateway_id, lines)
        return self.gateway_id._notify(
            self.env._(
                "%(count)s logins are being taken over; the gateway's questions tell "
                "what came of it.",
                count=len(lines),
            )
        )


class IspGatewayImportLine(models.TransientModel):
    """One row is a login of a gateway and a person's choice whose it is."""

    _name = "isp.gateway.import.line"
    _description = "Login to Import"
    _order = "id"

    import_id = fields.Many2one(
        "isp.gateway.import", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="import_id.company_id")
    finding_id = fields.Many2one(
        "isp.gateway.finding", required=True, ondelete="cascade"
    )
    login = fields.Char(related="finding_id.login")
    device_text = fields.Char(related="finding_id.device_text")
    decision = fields.Selection(
        [
            ("leave", "Leave alone"),
            ("link", "Is of the line"),
            ("new", "New line"),
        ],
        required=True,
        default="leave",
    )
    connection_id = fields.Many2one("isp.connection", string="Line")
    reason = fields.Char(string="Found By", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Client")
    package_id = fields.Many2one("isp.package")

    @api.onchange("connection_id")
    def _onchange_connection_id(self):
        if self.connection_id:
            self.decision = "link"

    @api.onchange("partner_id")
    def _onchange_partner_id(self):
        if self.partner_id and not self.connection_id:
            self.decision = "new"

    def _adopt(self):
        """Return what is to be taken over from the gateway; see the job "fetch"."""
        connection = (
            self.connection_id if self.decision == "link" else self._make_line()
        )
        if not connection:
            raise UserError(
                self.env._(
                    "%(login)s: choose the line it belongs to.", login=self.login
                )
            )
        connection.check_access("write")
        facts = self.finding_id.facts or {}
        names = ["login", "password"]
        names += [name for name in ("mac", "fixed_ip") if facts.get(name)]
        return [self.login, connection.id, names, self.finding_id.id]

    def _make_line(self):
        if not (self.partner_id and self.package_id):
            raise UserError(
                self.env._(
                    "%(login)s: a new line needs a client and a package.",
                    login=self.login,
                )
            )
        return self.env["isp.connection"].create(
            {
                "partner_id": self.partner_id.id,
                "package_id": self.package_id.id,
                "gateway_id": self.import_id.gateway_id.id,
                "username": self.login,
            }
        )
