from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

BATCH_SIZE = 500


class IspBillingRun(models.Model):
    """One row is a look at what is due, and the issuing that follows from it.

    The scheduled action does the work, here or without this row: what is due is
    claimed line by line, so a run that was killed goes on where it stopped.
    """

    _name = "isp.billing.run"
    _description = "Billing Run"
    _order = "id desc"

    name = fields.Char(compute="_compute_name")
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    date = fields.Date(
        string="Due until",
        required=True,
        default=lambda self: self.env.company._isp_today(),
        help="A later day shows what will be invoiced by then; issued is only what is "
        "due today.",
    )
    state = fields.Selection(
        [
            ("preview", "Preview"),
            ("running", "Issuing"),
            ("done", "Done"),
            ("cancel", "Cancelled"),
        ],
        required=True,
        readonly=True,
        default="preview",
    )
    line_ids = fields.One2many("isp.billing.run.line", "run_id")
    line_count = fields.Integer(string="Lines", compute="_compute_progress")
    held_count = fields.Integer(string="On Hold", compute="_compute_progress")
    issued_count = fields.Integer(string="Issued", compute="_compute_progress")
    failed_count = fields.Integer(string="Needs Attention", compute="_compute_progress")
    progress = fields.Float(compute="_compute_progress")
    amount = fields.Monetary(compute="_compute_amount")
    last_amount = fields.Monetary(string="Last Time", compute="_compute_amount")
    started_at = fields.Datetime(readonly=True)
    done_at = fields.Datetime(readonly=True)
    user_id = fields.Many2one("res.users", string="Issued by", readonly=True)

    # === COMPUTE === #

    @api.depends("date")
    def _compute_name(self):
        for run in self:
            run.name = self.env._(
                "Run %(number)s: due until %(date)s",
                number=run._origin.id or self.env._("new"),
                date=format_date(self.env, run.date),
            )

    @api.depends("line_ids.state")
    def _compute_progress(self):
        groups = self.env["isp.billing.run.line"]._read_group(
            [("run_id", "in", self.ids), ("is_included", "=", True)],
            ["run_id", "state"],
            ["__count"],
        )
        counts = {(run.id, state): count for run, state, count in groups}
        for run in self:
            by_state = {
                state: counts.get((run.id, state), 0)
                for state in ("waiting", "held", "issued", "failed")
            }
            run.line_count = sum(by_state.values())
            run.held_count = by_state["held"]
            run.issued_count = by_state["issued"]
            run.failed_count = by_state["failed"]
            finished = by_state["issued"] + by_state["failed"]
            run.progress = 100 * finished / run.line_count if run.line_count else 0

    @api.depends("line_ids.amount", "line_ids.last_amount", "line_ids.is_included")
    def _compute_amount(self):
        groups = self.env["isp.billing.run.line"]._read_group(
            [("run_id", "in", self.ids), ("is_included", "=", True)],
            ["run_id"],
            ["amount:sum", "last_amount:sum"],
        )
        sums = {run.id: (amount, last) for run, amount, last in groups}
        for run in self:
            run.amount, run.last_amount = sums.get(run.id, (0.0, 0.0))

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override: a run begins as a look, whatever is said."""
        runs = super().create([{**vals, "state": "preview"} for vals in vals_list])
        for run in runs:
            run._fill()
        return runs

    @api.ondelete(at_uninstall=False)
    def _unlink_except_issued(self):
        if self.filtered(lambda run: run.state in ("running", "done")):
            raise UserError(
                self.env._("A run that was issued stays: it tells who issued what.")
            )

    # === ACTIONS === #

    def action_refresh(self):
        """Look again at what is due."""
        for run in self.filtered(lambda r: r.state == "preview"):
            run._fill()

    def action_issue(self):
        """Have the invoices issued that are due today, by the scheduled action."""
        self.ensure_one()
        if self.state != "preview":
            raise UserError(
                self.env._("%(run)s was issued or cancelled already.", run=self.name)
            )
        if self.date > self.company_id._isp_today():
            raise UserError(
                self.env._(
                    "%(run)s looks ahead. Only what is due today is issued: make a run "
                    "until today.",
                    run=self.name,
                )
            )
        included = self.line_ids.filtered("is_included")
        stale = included.filtered(lambda line: line._is_stale())
        if not included or stale:
            raise UserError(
                self.env._(
                    "What is due has changed since the preview (%(line)s). Refresh it "
                    "and look again.",
                    line=stale[:1].connection_id.display_name or self.env._("no line"),
                )
            )
        included.connection_id._release_hold()
        self.write(
            {
                "state": "running",
                "started_at": fields.Datetime.now(),
                "user_id": self.env.uid,
            }
        )
        included.filtered(lambda line: line.state == "held").state = "waiting"
        self.env["isp.connection"]._trigger_billing()

    def action_cancel(self):
        self.filtered(lambda run: run.state == "preview").state = "cancel"

    def action_update_progress(self):
        """Count again; the screen's button while a run goes on."""
        self._update_progress()

    def action_view_lines(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mybizna_isp.isp_billing_run_line_action"
        )
        action["domain"] = [("run_id", "=", self.id)]
        return action

    # === BUSINESS === #

    def _fill(self):
        """Write down what is due until the day: who, which period, how much."""
        self.ensure_one()
        self.line_ids.unlink()
        Connection = self.env["isp.connection"].with_company(self.company_id).sudo()
        domain = Connection._get_period_due_domain(self.date) & Domain(
            "company_id", "=", self.company_id.id
        )
        ids = Connection.search(domain, order="next_invoice_date, id").ids
        for first in range(0, len(ids), BATCH_SIZE):
            lines = Connection.browse(ids[first : first + BATCH_SIZE])
            self.env["isp.billing.run.line"].create(
                [{**line._prepare_run_line_vals(), "run_id": self.id} for line in lines]
            )

    @api.model
    def _note_progress(self, connections):
        """Note what has become of lines that were just worked on."""
        self.env["isp.billing.run.line"].search(
            [
                ("run_id.state", "=", "running"),
                ("connection_id", "in", connections.ids),
                ("is_included", "=", True),
                ("state", "=", "waiting"),
            ]
        )._update_state()

    @api.model
    def _update_progress(self):
        """Note what has been issued; a run is done when nothing of it waits."""
        for run in self.search([("state", "=", "running")]):
            waiting = run.line_ids.filtered(
                lambda line: line.is_included and line.state in ("waiting", "failed")
            )
            waiting._update_state()
            waiting._hold_what_is_not_due()
            if not waiting.filtered(lambda line: line.state == "waiting"):
                run.write({"state": "done", "done_at": fields.Datetime.now()})
