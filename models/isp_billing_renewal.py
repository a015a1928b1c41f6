from odoo import api, models


class IspBilling(models.Model):
    """What money buys that is paid first: its price, and taking it back."""

    _inherit = "isp.billing"

    @api.model
    def _get_total(self, vals_list):
        """Return what rows of these values come to on a document, taxes included.

        :param list vals_list: values of isp.billing rows of one contract
        :rtype: float
        """
        Connection = self.env["isp.connection"]
        return sum(
            Connection.browse(vals["connection_id"])._get_items_total(
                [item for _command, _id, item in vals["item_ids"]]
            )
            for vals in vals_list
        )

    def _is_pending(self):
        """Whether this is a first period that waits for service to start."""
        return self.kind == "period" and not self.start_at

    def _is_bought_unpaid(self, today):
        """Whether this was bought with money that is gone, and is not used up."""
        self.ensure_one()
        package = self.package_id or self.connection_id.package_id
        return (
            self.kind in ("period", "setup")
            and self.state == "billed"
            and not self.is_paid
            and package.billing_mode == "pay_first"
            and (not self.date_end or self.date_end >= today)
        )

    def _take_back(self, today, reason):
        """Take back what stands on one invoice; of what has begun, the days left.

        Days that were served stay owed, and a set-up that is installed.

        :param date today: the first day that is not served any more
        :param str reason: stands on the counter-entry
        """
        if not self:
            return
        dated = self.filtered(lambda b: b.kind == "period" and b.start_at)
        is_served = any(row.date_start < today for row in dated) or any(
            row.kind == "setup" and row.connection_id.state == "active" for row in self
        )
        if not is_served and not (self.invoice_id.isp_billing_ids - self):
            self.invoice_id._isp_revoke(reason)
            return
        for row in dated:
            row._keep_dates()
            row._cut(today)._issue_invoices()
            # Whole months again, from the day the line is paid for.
            day = max(row.date_start, today)
            row.connection_id.write({"billing_date": day, "anchor_date": day})
