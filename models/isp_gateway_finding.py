from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.access_compare import KEEPABLE
from ..tools.access_types import login_key

KEEP_DAYS = 400
LIVE = ("open", "repairing", "ignored")


class IspGatewayFinding(models.Model):
    """One row is a login that is on a gateway not what the books say."""

    _name = "isp.gateway.finding"
    _description = "Difference on a Gateway"
    _order = "worth desc, id desc"
    _rec_name = "login"
    _check_company_auto = True

    gateway_id = fields.Many2one(
        "isp.gateway", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="gateway_id.company_id", store=True, index=True
    )
    job_id = fields.Many2one(
        "isp.gateway.job",
        string="Seen By",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    connection_id = fields.Many2one(
        "isp.connection", readonly=True, index="btree_not_null", ondelete="set null"
    )
    partner_id = fields.Many2one(related="connection_id.partner_id", string="Client")
    login = fields.Char(required=True, readonly=True, index=True)
    kind = fields.Selection(
        [
            ("missing", "Not on the gateway"),
            ("changed", "Not in step yet"),
            ("hand_edited", "Changed on the gateway"),
            ("duplicate", "Stands there twice"),
            ("extra", "Ours, and nobody's"),
            ("foreign", "Not ours"),
            ("session", "Session still up"),
            ("conflict", "Can't be made so"),
        ],
        required=True,
        readonly=True,
    )
    leak = fields.Selection(
        [
            ("online_unpaid", "On without money"),
            ("paid_off", "Paid, yet off"),
            ("faster", "Faster than paid for"),
            ("unknown_secret", "Login no line has"),
        ],
        readonly=True,
    )
    effect = fields.Selection(
        [
            ("cut", "Cuts"),
            ("open", "Opens"),
            ("speed", "Changes the speed"),
            ("other", "Changes something else"),
            ("none", "Nothing is sent"),
        ],
        string="In Step It",
        required=True,
        readonly=True,
        help="What bringing the gateway in step does to this login.",
    )
    books_text = fields.Char(string="The Books Say", readonly=True)
    device_text = fields.Char(string="The Gateway Says", readonly=True)
    commands = fields.Text(
        string="Would Be Sent", readonly=True, help="Secrets are masked."
    )
    differs = fields.Json(readonly=True)
    facts = fields.Json(readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    worth = fields.Monetary(
        string="Worth a Month",
        readonly=True,
        help="The price of the line's package for a month.",
    )
    state = fields.Selection(
        [
            ("open", "Open"),
            ("repairing", "Being repaired"),
            ("repaired", "Repaired"),
            ("kept", "Gateway's kept"),
            ("ignored", "Ignored"),
        ],
        required=True,
        default="open",
        readonly=True,
    )
    found_at = fields.Datetime(string="Found", readonly=True)
    done_at = fields.Datetime(string="Settled", readonly=True)
    user_id = fields.Many2one("res.users", string="Decided By", readonly=True)
    asked_at = fields.Datetime(readonly=True)

    # A login of a gateway has one finding that is not settled.
    _live_uniq = models.UniqueIndex(
        "(gateway_id, lower(login)) WHERE state IN ('open', 'repairing', 'ignored')",
        "A difference of this login is open already.",
    )

    # === ACTIONS === #

    def action_repair(self):
        """Have the worker write what the books say."""
        self._check_decision()
        self._repair()
        return self._reload()

    def action_keep(self):
        """Take what the gateway says over into the lines."""
        self._check_decision()
        for finding in self:
            if not finding._is_keepable():
                raise UserError(
                    self.env._(
                        "%(login)s: only password, device and fixed address can be "
                        "taken from the gateway. Speed and access follow from package "
                        "and money: change those on the line.",
                        login=finding.login,
                    )
                )
        self._keep()
        return self._reload()

    def action_ignore(self):
        """Leave it as it is, and don't count it until it changes."""
        self._check_decision()
        self.sudo().user_id = self.env.user
        self.sudo()._close("ignored")
        return self._reload()

    def _check_decision(self):
        """Whoever may change the gateway decides over what is found on it."""
        self.gateway_id.check_access("write")
        if self.filtered(lambda finding: finding.state not in LIVE):
            raise UserError(self.env._("It is settled already. Reload the page."))

    def _reload(self):
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    # === BUSINESS: decisions === #

    def _repair(self):
        for gateway, findings in self.grouped("gateway_id").items():
            if gateway.mode != "control":
                raise UserError(
                    self.env._(
                        "Gateway %(gateway)s is only watched: nothing is written to "
                        "it. Press Take Control on it first.",
                        gateway=gateway.name,
                    )
                )
            findings._repair_on(gateway)

    def _repair_on(self, gateway):
        nobodys = self.filtered(lambda f: f.kind == "extra" and not f.connection_id)
        of_lines = self.filtered("connection_id")
        if rest := self - nobodys - of_lines:
            raise UserError(
                self.env._(
                    "%(login)s: no line has this login, and it was not made by this "
                    "system, so it is never written. Import it, or ignore it.",
                    login=rest[0].login,
                )
            )
        (nobodys | of_lines).sudo().write(
            {
                "state": "repairing",
                "asked_at": fields.Datetime.now(),
                "user_id": self.env.uid,
            }
        )
        if nobodys:
            self.env["isp.gateway.job"]._ask(
                gateway, "remove", logins=sorted(nobodys.mapped("login"))
            )
        # A wake-up: the worker writes, in its own time and transaction.
        self.env["isp.access.dirty"].sudo()._mark(of_lines.connection_id.ids, True)

    def _is_keepable(self):
        names = self.differs or []
        return bool(self.connection_id and names and set(names) <= set(KEEPABLE))

    def _keep(self):
        """Have the gateway asked for its values: secrets are never kept here."""
        for gateway, findings in self.grouped("gateway_id").items():
            lines = [
                [finding.login, finding.connection_id.id, finding.differs, finding.id]
                for finding in findings
            ]
            findings.sudo().user_id = self.env.user
            self.env["isp.gateway.job"]._ask_to_fetch(gateway, lines)

    def _close(self, state):
        self.write({"state": state, "done_at": fields.Datetime.now()})

    def _follow_policy(self):
        """Do what the gateway's policy says about what an audit found."""
        found = self.filtered(lambda f: f.state == "open" and f.connection_id)
        for gateway, findings in found.grouped("gateway_id").items():
            if gateway.audit_policy == "repair" and gateway.mode == "control":
                findings._without_many_cuts(gateway)._repair_on(gateway)
            elif gateway.audit_policy == "keep":
                findings.filtered(lambda f: f._is_keepable())._keep()

    def _without_many_cuts(self, gateway):
        """Leave out what can't be made so, and cuts that a person has to look at."""
        findings = self.filtered(lambda f: f.kind != "conflict")
        cuts = findings.filtered(lambda f: f.effect == "cut")
        return findings - cuts if len(cuts) > gateway._get_cut_limit() else findings

    def _count_effects(self):
        """Return effect → number of findings, for each effect there is."""
        counts = dict.fromkeys(("cut", "open", "speed", "other", "none"), 0)
        for finding in self.filtered(lambda f: f.state in ("open", "ignored")):
            counts[finding.effect] += 1
        return counts

    # === BUSINESS: what a look found === #

    @api.model
    def _take_in(self, job, content):
        """Bring the findings of a gateway up to a look at it; return what was found.

        :param job: isp.gateway.job of kind audit or dry_run
        :param dict content: as `tools.access_look.look` returns it
        """
        owners = self._get_owners(job.gateway_id)
        waiting = self._get_waiting(job, content["versions"])
        live = {
            login_key(finding.login): finding
            for finding in self.search(
                [("gateway_id", "=", job.gateway_id.id), ("state", "in", LIVE)]
            )
        }
        theirs = self._get_logins_of_twins(job.gateway_id) - owners.keys()
        items = [
            item
            for item in content["findings"]
            if owners.get(item["key"]) not in waiting and item["key"] not in theirs
        ]
        lines = [owners[item["key"]] for item in items if item["key"] in owners]
        worths = self.env["isp.connection"].sudo().browse(lines)._get_monthly_worth()
        found = {
            item["key"]: self._prepare_vals(job, item, owners.get(item["key"]), worths)
            for item in items
        }
        asked = content["asked"]
        settled = (
            live.keys() - found.keys() if asked is None else set(asked) - found.keys()
        )
        settled -= {key for key, owner in owners.items() if owner in waiting}
        self.union(*(live[key] for key in settled if key in live))._close("repaired")
        return self._write_found(job, live, found)

    @api.model
    def _write_found(self, job, live, found):
        changed, same, new = [], [], []
        for key, vals in found.items():
            finding = live.get(key)
            if not finding:
                new.append({**vals, "found_at": fields.Datetime.now()})
            elif all(finding._is_same(name, value) for name, value in vals.items()):
                same.append(finding.id)
            else:
                # What was ignored is looked at again once it has become another.
                finding.write({**vals, "state": "open"})
                changed.append(finding.id)
        unchanged = self.browse(same)
        unchanged.job_id = job
        if job.kind == "audit":
            # The worker is done with it, and it differs still.
            unchanged.filtered(lambda f: f.state == "repairing").state = "open"
        return self.browse(changed) + unchanged + self.create(new)

    def _is_same(self, name, value):
        if name == "job_id":
            return True
        old = self[name]
        if isinstance(old, models.BaseModel):
            return old.id == value
        if name == "worth":
            return self.currency_id.compare_amounts(old, value) == 0
        return (old or False) == (value or False)

    @api.model
    def _prepare_vals(self, job, item, owner, worths):
        return {
            "gateway_id": job.gateway_id.id,
            "job_id": job.id,
            "connection_id": owner or False,
            "login": item["login"],
            "kind": item["kind"],
            "leak": item["leak"] or False,
            "effect": item["effect"],
            "books_text": item["books"],
            "device_text": item["device"],
            "commands": "\n".join(item["commands"]) or False,
            "differs": list(item["differs"]) or False,
            "facts": item["facts"] or False,
            "worth": worths.get(owner, 0.0),
        }

    @api.model
    def _get_owners(self, gateway):
        """Return `login_key` → id of the connection whose login it is, or was."""
        self.env["isp.connection"].flush_model(["gateway_id", "username", "state"])
        self.env["isp.access"].flush_model()
        self.env.cr.execute(
            """
            SELECT lower(btrim(old.login)), access.connection_id, FALSE AS is_now
              FROM isp_access access,
                   jsonb_array_elements_text(
                       CASE WHEN jsonb_typeof(access.logins) = 'array'
                            THEN access.logins ELSE '[]' END) AS old(login)
             WHERE access.gateway_id = %(gateway)s
             UNION ALL
            SELECT lower(btrim(username)), id, TRUE
              FROM isp_connection
             WHERE gateway_id = %(gateway)s AND state <> 'closed'
               AND COALESCE(username, '') <> ''
             ORDER BY is_now
            """,
            {"gateway": gateway.id},
        )
        return {key: owner for key, owner, _is_now in self.env.cr.fetchall()}

    @api.model
    def _get_logins_of_twins(self, gateway):
        """Return the keys of logins that lines of another gateway have on the same
        device: they are somebody's, and not this gateway's to judge."""
        twins = gateway._get_twins() - gateway
        return {key for twin in twins for key in self._get_owners(twin)}

    @api.model
    def _get_waiting(self, job, versions):
        """Return ids of lines that the worker brings in step anyway, or just did.

        An audit looks for what nobody would notice; a list of what would change has
        them too.

        :param dict versions: id of the connection, as a string, → version of its row
            when the look began
        """
        if job.kind != "audit" or job.gateway_id.mode != "control":
            return set()
        self.env["isp.access"].flush_model()
        self.env.cr.execute(
            "SELECT connection_id, version, state FROM isp_access "
            "WHERE gateway_id = %s",
            [job.gateway_id.id],
        )
        waiting = {
            connection_id
            for connection_id, version, state in self.env.cr.fetchall()
            if state == "pending" or versions.get(str(connection_id)) != version
        }
        self.env.cr.execute("SELECT connection_id FROM isp_access_dirty")
        return waiting | {row[0] for row in self.env.cr.fetchall()}

    @api.autovacuum
    def _gc_old(self):
        """Delete what was settled long ago."""
        before = fields.Datetime.subtract(fields.Datetime.now(), days=KEEP_DAYS)
        return (
            self.sudo()
            .search([("state", "not in", LIVE), ("done_at", "<", before)], limit=10_000)
            .unlink()
        )
