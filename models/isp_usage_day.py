from odoo import api, fields, models


class IspUsageDay(models.Model):
    """One row is what one line moved on one gateway on one day.

    Sessions are forgotten in time; this stays.
    """

    _name = "isp.usage.day"
    _description = "Usage of a Day"
    _log_access = False
    _order = "day desc, id desc"
    _rec_name = "day"
    _check_company_auto = True

    gateway_id = fields.Many2one(
        "isp.gateway", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    connection_id = fields.Many2one(
        "isp.connection",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Empty: logins that are no line's.",
    )
    day = fields.Date(
        required=True, readonly=True, help="In the company's billing time zone."
    )
    sessions = fields.Integer(readonly=True, help="Sessions that began on this day.")
    # Bytes; whole numbers are exact far beyond what four bytes would hold.
    upload = fields.Float(string="Upload (bytes)", readonly=True)
    download = fields.Float(string="Download (bytes)", readonly=True)

    # Two jobs add to one row.
    _day_uniq = models.UniqueIndex(
        "(gateway_id, day, COALESCE(connection_id, 0))",
        "A line has one row per gateway and day.",
    )

    @api.model
    def _add(self, gateway, deltas):
        """Add what was moved.

        :param dict deltas: (connection id or None, day) → [upload, download, sessions]
        """
        rows = [
            (gateway.id, gateway.company_id.id, connection_id, day, *amounts)
            for (connection_id, day), amounts in sorted(
                deltas.items(), key=lambda item: (item[0][1], item[0][0] or 0)
            )
        ]
        if not rows:
            return
        self.env.cr.execute_values(
            """
            INSERT INTO isp_usage_day AS usage (gateway_id, company_id, connection_id,
                   day, upload, download, sessions) VALUES %s
                ON CONFLICT (gateway_id, day, COALESCE(connection_id, 0)) DO UPDATE
               SET upload = usage.upload + excluded.upload,
                   download = usage.download + excluded.download,
                   sessions = usage.sessions + excluded.sessions
            """,
            rows,
            page_size=1000,
        )
        self.invalidate_model()
