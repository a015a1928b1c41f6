from odoo import api, fields, models
from odoo.exceptions import UserError


class IspBilling(models.Model):
    """Rows that a change or a pause made, and what taking them back means."""

    _inherit = "isp.billing"

    change_id = fields.Many2one(
        "isp.connection.change",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The change of package or quantity that this row bills.",
    )
    suspension_id = fields.Many2one(
        "isp.suspension",
        string="Pause",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )

    earlier_invoice_ids = fields.Many2many(
        "account.move",
        "isp_billing_earlier_invoice_rel",
        "billing_id",
        "invoice_id",
        string="Charged Before On",
        readonly=True,
        copy=False,
        help="What charged the very days of this row before a change: its own document "
        "holds the difference only.",
    )

    @api.depends("earlier_invoice_ids.line_ids.amount_residual")
    def _compute_is_paid(self):
        """Override: what is left of an earlier charge of the same days counts too."""
        return super()._compute_is_paid()

    def _get_invoices_to_pay(self):
        """Override: a difference is paid when what it is a difference to is."""
        return super()._get_invoices_to_pay() | self.earlier_invoice_ids

    def _note_earlier_invoices(self):
        """Remember which invoices charged whole periods that these rows replace.

        Of a period that ends early a part stays, and has to be paid before.
        """
        gone = self.filtered(
            lambda b: b.kind == "credit" and b.origin_id.state == "revoked"
        )
        for row in self.filtered(lambda b: b.kind == "period") if gone else ():
            origins = gone.filtered(
                lambda b, r=row: (
                    b.connection_id == r.connection_id
                    and b.start_at < r.end_at
                    and b.end_at > r.start_at
                )
            ).origin_id
            if origins:
                row.earlier_invoice_ids = (
                    origins.invoice_id | origins.earlier_invoice_ids
                )

    def _get_due_date(self, today):
        """Override: the difference of a change is due some days after it, at the end
        of the days it pays for at the latest. It could not be known before."""
        due = super()._get_due_date(today)
        if due > today or not self.change_id:
            return due
        ends = self.filtered(lambda b: b.kind == "period").mapped("date_end")
        later = fields.Date.add(today, days=self.company_id.isp_billing_lead_days)
        return max(min(later, max(ends, default=later)), today)

    def _revoke(self):
        """Override: days given back must be free; the next period follows them."""
        live = self.filtered(lambda b: b.state != "revoked")
        credits_ = live.filtered(lambda b: b.kind == "credit")
        credits_._check_days_free(live)
        res = super()._revoke()
        for connection in credits_.connection_id:
            connection._set_date_behind_billed()
        for change in live.change_id:
            if change.state in ("planned", "done") and all(
                row.state == "revoked" for row in change.billing_ids
            ):
                change._take_back()
        return res

    def _check_days_free(self, going):
        """Days that were charged anew since can't be given back a second time."""
        for row in self:
            taken = (row.connection_id._get_period_billings() - going).filtered(
                lambda b, r=row: b.start_at < r.end_at and b.end_at > r.start_at
            )
            if taken:
                raise UserError(
                    self.env._(
                        "%(credit)s gives days back that %(billing)s charges by now. "
                        "Cancel %(invoice)s first.",
                        credit=row.invoice_id.name,
                        billing=taken[0].name,
                        invoice=taken[0].invoice_id.name,
                    )
                )

    def _refuse_changed_since(self):
        """A charge that a change took days from is cancelled after the change is."""
        changes = self.credit_ids.filtered(lambda b: b.state == "billed").change_id
        if changes:
            raise UserError(
                self.env._(
                    "%(document)s can't be cancelled: a part of it was credited by a "
                    "change (%(change)s). Undo that first.",
                    document=self.invoice_id[:1].name,
                    change=changes[:1].display_name,
                )
            )


class AccountMove(models.Model):
    """A change is cancelled as a whole: all of its documents, the latest first."""

    _inherit = "account.move"

    # The way back: without it, each write on any document searches all billed rows.
    isp_later_billing_ids = fields.Many2many(
        "isp.billing",
        "isp_billing_earlier_invoice_rel",
        "invoice_id",
        "billing_id",
        readonly=True,
        copy=False,
        groups="mybizna_isp.isp_group_user",
    )

    def _isp_post_mirror(self, reason):
        """Override: cancelling one document of a change undoes the change."""
        if self.env.su and self.env.context.get("isp_undo_change"):
            return super()._isp_post_mirror(reason)
        rows = self.sudo().isp_billing_ids
        changes = rows.change_id.filtered(lambda c: c.state in ("planned", "done"))
        if changes and not self.isp_revoked_by_id:
            for change in changes:
                change._undo(reason)
            return self.isp_revoked_by_id.with_env(self.env)
        rows._refuse_changed_since()
        return super()._isp_post_mirror(reason)

    def _isp_get_credited(self, connection):
        """Return the invoices that charged a line what this document takes back.

        What holds a difference leads on to what it is a difference to.
        """
        found, step = self.browse(), self
        while step:
            rows = step.isp_billing_ids.filtered(
                lambda b: b.connection_id == connection and b.kind == "credit"
            )
            origins = rows.origin_id
            step = origins.invoice_id | origins.earlier_invoice_ids
            step -= found
            found |= step
        return found

    def _isp_is_engine_credit(self):
        """Whether unused days were taken back here: the rows themselves tell what that
        means, also where nothing remains of the period."""
        return any(row.kind == "credit" for row in self.sudo().isp_billing_ids)
