import time

from odoo import api, fields, models
from odoo.exceptions import AccessError

MAX_NAMED = 200


class IspLedgerAudit(models.Model):
    """One row is one proof of a company's ledger, with the differences it found."""

    _name = "isp.ledger.audit"
    _description = "Ledger Audit"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    user_id = fields.Many2one("res.users", string="Run by", readonly=True)
    started_at = fields.Datetime(required=True, readonly=True)
    duration = fields.Float(string="Duration (s)", digits=(10, 3), readonly=True)
    state = fields.Selection(
        [("exact", "Exact"), ("differs", "Differs")], required=True, readonly=True
    )
    contract_count = fields.Integer(string="Contracts", readonly=True)
    operation_count = fields.Integer(string="Operations", readonly=True)
    line_count = fields.Integer(string="Receivable Lines", readonly=True)
    period_count = fields.Integer(string="Periods", readonly=True)
    saldo_count = fields.Integer(string="Saldos", readonly=True)
    difference_count = fields.Integer(string="Count", readonly=True)
    differences = fields.Text(
        readonly=True, help="Which contract or document, what was expected and found."
    )

    # === RUN === #

    def action_audit(self):
        """Prove the ledger of the current company now."""
        if not self.env.user.has_group("mybizna_isp.isp_group_accountant"):
            raise AccessError(self.env._("Only accountants audit the ledger."))
        audit = self._audit(self.env.company)
        return audit._get_records_action(name=self.env._("Ledger Audit"))

    @api.model
    def _cron_audit(self):
        """Prove the ledger of every company that keeps one."""
        groups = self.env["isp.contract"].sudo()._read_group([], ["company_id"])
        for (company,) in groups:
            self._audit(company)
            self.env["ir.cron"]._commit_progress()

    @api.model
    def _audit(self, company):
        """Compare all that must agree, in one snapshot of the database.

        :param company: res.company record
        :return: the row of this run
        """
        self.env.flush_all()
        started_at, started = fields.Datetime.now(), time.monotonic()
        # Rows of an audit are written by the audit alone.
        Audit = self.sudo().with_context(lang=self.env.lang)
        found, total = [], 0
        for check in self._get_checks():
            sentences = check(Audit, company)
            total += len(sentences)
            found += sentences[: MAX_NAMED - len(found)]
        if total > len(found):
            found.append(self.env._("… and %s more.", total - len(found)))
        audit = Audit.create(
            {
                "name": self.env._(
                    "%(company)s %(date)s", company=company.name, date=started_at.date()
                ),
                "company_id": company.id,
                "user_id": self.env.uid,
                "started_at": started_at,
                "duration": time.monotonic() - started,
                "state": "differs" if total else "exact",
                "difference_count": total,
                "differences": "\n".join(found) or False,
                **Audit._count_rows(company),
            }
        )
        if total:
            audit._tell()
        return audit.with_env(self.env)

    def _tell(self):
        """Ask a person to look: a ledger that differs is never put right by itself."""
        user = self.company_id.isp_attention_user_id or self.env.ref("base.user_admin")
        self.activity_schedule(
            "mail.mail_activity_data_warning",
            summary=self.env._("The ledger differs"),
            note=self.differences.replace("\n", "<br/>"),
            user_id=user.id,
        )
