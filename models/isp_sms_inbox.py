from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

CRON = "mybizna_isp.isp_sms_inbox_cron_process"
MAX_STORED = 64 * 1024


class IspSmsInbox(models.Model):
    """One row is a message received, exactly as received."""

    _name = "isp.sms.inbox"
    _description = "Message Received"
    _order = "id desc"
    _rec_name = "id"

    collection_id = fields.Many2one(
        "isp.collection", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        related="collection_id.company_id", store=True, index=True, precompute=True
    )
    sender = fields.Char(
        readonly=True,
        help="As it arrived; playSMS 1.4.8 loses senders made of letters.",
    )
    receiver = fields.Char(readonly=True, help="The SIM the message came in on.")
    text = fields.Text(readonly=True)
    sms_datetime = fields.Char(
        string="Time Stamp",
        readonly=True,
        help="As playSMS sent it. It is often hours off and used for nothing.",
    )
    smsc = fields.Char(string="SMSC", readonly=True)
    raw = fields.Text(string="Request", readonly=True, help="The request as received.")
    received_at = fields.Datetime(
        required=True, readonly=True, default=fields.Datetime.now
    )
    state = fields.Selection(
        [
            ("new", "New"),
            ("booked", "Receipt"),
            ("duplicate", "Known Already"),
            ("other", "Not Booked"),
            ("error", "Needs Attention"),
        ],
        required=True,
        readonly=True,
        default="new",
        index=True,
        help="Receipt: money of its own, see the receipt. Known already: tells again "
        "what another message told. Not booked: no payment, or not trusted; the reason "
        "says which. Needs attention: could not be processed, is tried again.",
    )
    is_quarantined = fields.Boolean(
        string="Not Trusted",
        readonly=True,
        help="Came from a sender or a SIM that is not this collection's.",
    )
    kind = fields.Selection(
        [("payment", "Payment"), ("reversal", "Reversal"), ("other", "Other")],
        readonly=True,
    )
    reason = fields.Char(readonly=True)
    template = fields.Char(
        string="Wording", readonly=True, help="The known wording that it was read by."
    )
    receipt_id = fields.Many2one(
        "isp.money.receipt", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    attempts = fields.Integer(readonly=True)
    next_try = fields.Datetime(readonly=True)

    # Serves the cron: only what waits, in the order it is read.
    _waiting_idx = models.Index("(id) WHERE state IN ('new', 'error')")
    # Serves "last message" of a collection.
    _received_idx = models.Index("(collection_id, received_at)")

    @api.depends("collection_id.name", "received_at")
    def _compute_display_name(self):
        for message in self:
            message.display_name = self.env._(
                "Message %(number)s, %(collection)s",
                number=message.id or "",
                collection=message.collection_id.name or "",
            )

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        messages = super().create(vals_list)
        if any(message.state == "new" for message in messages):
            # The wake-up is part of the same transaction: at commit, not before.
            self._wake_up()
        return messages

    @api.ondelete(at_uninstall=False)
    def _unlink_except_kept(self):
        raise UserError(
            self.env._("Messages are kept: they are what the bookings rest on.")
        )

    @api.model
    def _store(self, collection, message, raw):
        """Store a message; this understands nothing and refuses nothing.

        :param collection: isp.collection it is for
        :param dict message: text (None when missing), sender, receiver, datetime, smsc
        :param str raw: the request as received
        """
        vals = {
            "collection_id": collection.id,
            "sms_datetime": message["datetime"],
            **{key: message[key] for key in ("text", "sender", "receiver", "smsc")},
            "raw": raw[:MAX_STORED],
        }
        if message["text"] is None:
            vals["state"] = "error"
            vals["reason"] = self.env._(
                "The request has no parameter %(name)s. Compare the address in playSMS "
                "with that of the collection; the message stands in the request.",
                name=collection.param_message,
            )
        return self.create(
            {name: self._storable(value) for name, value in vals.items()}
        )

    @api.model
    def _storable(self, value):
        """Replace the few signs that PostgreSQL can't store in a text."""
        if not isinstance(value, str):
            return value
        return (
            value.encode(errors="replace")
            .decode()
            .replace("\x00", "\N{SYMBOL FOR NULL}")
        )

    @api.model
    def _wake_up(self, at=None):
        # Whoever stores a message need not be allowed to see scheduled actions.
        cron = self.env.ref(CRON, raise_if_not_found=False)
        if cron:
            cron.sudo()._trigger(at)

    # === ACTIONS === #

    def action_retry(self):
        """Read messages again, after what was wrong has been set right."""
        if not self.env.user.has_group("mybizna_isp.isp_group_clerk"):
            raise AccessError(
                self.env._("Only back-office staff reads messages again.")
            )
        # Rows are written by code only; the group was checked above.
        waiting = self.sudo().filtered(
            lambda m: m.state in ("error", "other") and m.text and not m.receipt_id
        )
        waiting.write(
            {
                "state": "new",
                "attempts": 0,
                "next_try": False,
                "reason": False,
                "is_quarantined": False,
            }
        )
        self._wake_up()

    def action_view_receipt(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "isp.money.receipt",
            "res_id": self.receipt_id.id,
            "view_mode": "form",
        }
