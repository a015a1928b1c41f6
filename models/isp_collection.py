import re
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ..tools.mobile_money import PROVIDERS

TOKEN_OVERLAP = timedelta(hours=24)
_BRANDS = {
    "airtel": "Airtel Money",
    "bkash": "bKash",
    "emola": "e-Mola",
    "mixx": "Mixx by Yas",
    "mpesa": "M-Pesa",
    "mtn": "MTN Mobile Money",
    "telecel": "Telecel Cash",
    "wallet": "Airtel, HaloPesa",
}
_PARAMETERS = {
    "param_message": "{SANDBOX_MESSAGE}",
    "param_sender": "{SANDBOX_SENDER}",
    "param_receiver": "{SANDBOX_RECEIVER}",
    "param_datetime": "{SANDBOX_DATETIME}",
    "param_smsc": "{SANDBOX_SMSC}",
    "param_payload": None,
}
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def provider_selection():
    """Return the networks that can be read as ``(key, label)`` pairs."""
    pairs = []
    for provider in PROVIDERS:
        brand, _sep, country = provider.partition("_")
        label = _BRANDS.get(brand, brand.title())
        pairs.append((provider, f"{label} ({country.upper()})"))
    return pairs


class IspCollection(models.Model):
    """One row is a paybill, a till or a line that customers pay to."""

    _name = "isp.collection"
    _description = "Paybill or Till"
    _inherit = ["mail.thread"]
    _order = "company_id, name, id"
    _check_company_auto = True

    # === FIELDS === #

    name = fields.Char(
        required=True, help="How staff call it: Paybill 123456, Shop till."
    )
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    provider = fields.Selection(
        lambda self: provider_selection(),
        required=True,
        default=lambda self: self._default_provider(),
        tracking=True,
        help="The network whose messages are booked here; others wait for a person.",
    )
    country_id = fields.Many2one(
        "res.country",
        required=True,
        default=lambda self: self._default_country(),
        help="Phone numbers without a calling code are read as this country's.",
    )
    short_code = fields.Char(
        tracking=True, help="The number customers pay to: paybill, till or phone."
    )
    journal_id = fields.Many2one(
        "account.journal",
        required=True,
        check_company=True,
        ondelete="restrict",
        domain="[('type', 'in', ('bank', 'cash'))]",
        tracking=True,
        help="Payments are booked here. Left empty, a journal is opened.",
    )
    receiver = fields.Char(
        string="Receiving SIM",
        tracking=True,
        help="Number of the SIM that receives the messages, or its SMSC name in "
        "playSMS. Messages that came in on another SIM are not booked. Empty: any.",
    )
    accepted_senders = fields.Char(
        tracking=True,
        help="Names, separated by commas, under which the network sends: MPESA. Short "
        "codes may be listed. Empty: any name. playSMS 1.4.8 loses the name; list + "
        "as well to accept messages without one. A person's number is never accepted.",
    )
    shares_webhook_of_id = fields.Many2one(
        "isp.collection",
        string="Same playSMS As",
        ondelete="restrict",
        index="btree_not_null",
        groups="mybizna_isp.isp_group_manager",
        help="One playSMS forwards to one address only. Name here the collection whose "
        "address it uses; the receiving SIM then tells the two apart.",
    )
    token = fields.Char(
        required=True,
        copy=False,
        readonly=True,
        default=lambda self: self._new_token(),
        groups="mybizna_isp.isp_group_manager",
    )
    previous_token = fields.Char(
        copy=False, readonly=True, groups="mybizna_isp.isp_group_manager"
    )
    previous_token_until = fields.Datetime(
        copy=False,
        readonly=True,
        groups="mybizna_isp.isp_group_manager",
        help="Until then messages to the old address are still taken.",
    )
    param_message = fields.Char(string="Text", required=True, default="message")
    param_sender = fields.Char(string="Sender", required=True, default="sender")
    param_receiver = fields.Char(string="Receiver", required=True, default="receiver")
    param_datetime = fields.Char(string="Time", required=True, default="datetime")
    param_smsc = fields.Char(string="SMSC", required=True, default="smsc")
    param_payload = fields.Char(
        string="Payload",
        required=True,
        default="payload",
        help="Parameter that carries {SANDBOX_PAYLOAD}, where that is used.",
    )
    webhook_url = fields.Char(
        string="Address for playSMS",
        compute="_compute_webhook_url",
        groups="mybizna_isp.isp_group_manager",
        help="Paste it in playSMS: Settings, Route incoming SMS, Forward all sandbox "
        "SMS to a URL.",
    )
    last_message_at = fields.Datetime(compute="_compute_message_figures")
    message_inbox_count = fields.Integer(compute="_compute_message_figures")
    receipt_count = fields.Integer(compute="_compute_receipt_count")

    _token_uniq = models.UniqueIndex("(token)", "Another collection has this token.")
    _name_company_uniq = models.UniqueIndex(
        "(company_id, name) WHERE active", "Another collection has this name."
    )

    # === DEFAULTS === #

    @api.model
    def _new_token(self):
        return secrets.token_urlsafe(24)

    @api.model
    def _default_country(self):
        company = self.env.company
        return company.country_id or company.account_fiscal_country_id

    @api.model
    def _default_provider(self):
        code = (self._default_country().code or "").lower()
        own = [provider for provider in PROVIDERS if provider.endswith(f"_{code}")]
        # The market leader where there are several.
        return next((p for p in own if p.startswith("mpesa")), own[0] if own else False)

    # === COMPUTE === #

    @api.depends(
        "token",
        "shares_webhook_of_id.token",
        *(f"shares_webhook_of_id.{name}" for name in _PARAMETERS),
        *_PARAMETERS,
    )
    def _compute_webhook_url(self):
        for collection in self:
            # The address belongs to one of them, which may be another company's.
            door = collection.sudo().shares_webhook_of_id or collection
            query = "&".join(
                f"{door[name]}={placeholder}"
                for name, placeholder in _PARAMETERS.items()
                if placeholder
            )
            base = collection.get_base_url()
            collection.webhook_url = f"{base}/isp/playsms/{door.token}?{query}"

    def _compute_message_figures(self):
        groups = self.env["isp.sms.inbox"]._read_group(
            [("collection_id", "in", self.ids)],
            ["collection_id"],
            ["__count", "received_at:max"],
        )
        figures = {collection.id: rest for collection, *rest in groups}
        for collection in self:
            count, last = figures.get(collection.id, (0, False))
            collection.message_inbox_count = count
            collection.last_message_at = last

    def _compute_receipt_count(self):
        groups = self.env["isp.money.receipt"]._read_group(
            [("collection_id", "in", self.ids)], ["collection_id"], ["__count"]
        )
        counts = {collection.id: count for collection, count in groups}
        for collection in self:
            collection.receipt_count = counts.get(collection.id, 0)

    # === CONSTRAINTS === #

    @api.constrains("journal_id", "company_id")
    def _check_journal(self):
        for collection in self:
            journal = collection.journal_id
            own_account = journal.default_account_id
            line = journal.inbound_payment_method_line_ids[:1]
            if journal.type not in ("bank", "cash") or not own_account or not line:
                raise ValidationError(
                    self.env._(
                        "Collection %(name)s: journal %(journal)s can't take payments. "
                        "Choose a bank or cash journal that has an account and an "
                        "incoming payment method.",
                        name=collection.name,
                        journal=journal.display_name,
                    )
                )
            if (
                journal.currency_id or collection.currency_id
            ) != collection.currency_id:
                raise ValidationError(
                    self.env._(
                        "Collection %(name)s: journal %(journal)s is not in the "
                        "company's currency %(currency)s. Choose one that is.",
                        name=collection.name,
                        journal=journal.display_name,
                        currency=collection.currency_id.name,
                    )
                )
            if line.payment_account_id != own_account:
                raise ValidationError(
                    self.env._(
                        "Collection %(name)s: journal %(journal)s books incoming "
                        "payments on %(account)s, where they would wait for a bank "
                        "statement. Set the account of its first incoming payment "
                        "method to %(own)s.",
                        name=collection.name,
                        journal=journal.display_name,
                        account=line.payment_account_id.display_name,
                        own=own_account.display_name,
                    )
                )

    @api.constrains("accepted_senders")
    def _check_accepted_senders(self):
        for collection in self:
            for sender in collection._get_accepted_senders():
                if self._is_person(sender):
                    raise ValidationError(
                        self.env._(
                            "Collection %(name)s: %(sender)s is a person's number, and "
                            "money is never announced by one. List names or short "
                            "codes.",
                            name=collection.name,
                            sender=sender,
                        )
                    )

    @api.constrains(*_PARAMETERS)
    def _check_parameters(self):
        for collection in self:
            names = [collection[name] for name in _PARAMETERS]
            bad = next((n for n in names if not _PARAMETER_NAME.fullmatch(n)), None)
            if bad or len(set(names)) < len(names) or "db" in names:
                raise ValidationError(
                    self.env._(
                        "Collection %(name)s: parameter names must differ, and have "
                        "letters, digits, dots, - and _ only; db is taken by Odoo.",
                        name=collection.name,
                    )
                )

    @api.constrains("shares_webhook_of_id", "receiver")
    def _check_shared_webhook(self):
        for collection in self:
            door = collection.sudo().shares_webhook_of_id
            if not door:
                continue
            if not collection.receiver:
                raise ValidationError(
                    self.env._(
                        "Collection %(name)s: fill in Receiving SIM, it alone tells "
                        "its messages from those of %(other)s.",
                        name=collection.name,
                        other=door.name,
                    )
                )
            if door == collection or door.shares_webhook_of_id:
                raise ValidationError(
                    self.env._(
                        "Collection %(name)s: %(other)s has no address of its own. "
                        "Name the collection whose address playSMS uses.",
                        name=collection.name,
                        other=door.name,
                    )
                )

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if not vals.get("journal_id"):
                company = self.env["res.company"].browse(vals.get("company_id"))
                vals["journal_id"] = self._ensure_journal(company).id
        self._pay_into_own_account(vals_list)
        return super().create(vals_list)

    def write(self, vals):
        self._pay_into_own_account([vals])
        return super().write(vals)

    @api.model
    def _ensure_journal(self, company=None):
        """Return a journal of the company for mobile money, opening one if needed.

        :param company: res.company record; default is the current one
        """
        company = company or self.env.company
        # Who sets up a paybill need not be allowed to open journals.
        Journal = self.env["account.journal"].sudo().with_company(company)
        domain = [("company_id", "=", company.id), ("code", "=", "MPESA")]
        return Journal.search(domain, limit=1) or Journal.create(
            {
                "name": self.env._("Mobile Money"),
                "code": "MPESA",
                "type": "bank",
                "company_id": company.id,
            }
        )

    @api.model
    def _pay_into_own_account(self, vals_list):
        """Let journals pay into their own account where nothing else is chosen.

        The message is the bank statement: a payment is paid when it is posted, and
        does not wait on an account of outstanding receipts.
        """
        ids = [vals["journal_id"] for vals in vals_list if vals.get("journal_id")]
        for journal in self.env["account.journal"].sudo().browse(ids):
            line = journal.inbound_payment_method_line_ids[:1]
            if line and not line.payment_account_id:
                line.payment_account_id = journal.default_account_id

    # === ACTIONS === #

    def action_new_token(self):
        """Give a new address; the old one works for another day."""
        if not self.env.user.has_group("mybizna_isp.isp_group_manager"):
            raise AccessError(self.env._("Only a back-office admin changes addresses."))
        for collection in self:
            collection.write(
                {
                    "previous_token": collection.token,
                    "previous_token_until": fields.Datetime.now() + TOKEN_OVERLAP,
                    "token": self._new_token(),
                }
            )
            collection.message_post(
                body=self.env._("New address made. The old one works for 24 hours.")
            )

    def action_view_receipts(self):
        return self._get_related_action("mybizna_isp.isp_money_receipt_action")

    def action_view_messages(self):
        return self._get_related_action("mybizna_isp.isp_sms_inbox_action")

    def _get_related_action(self, xmlid):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(xmlid)
        action["domain"] = [("collection_id", "=", self.id)]
        action["context"] = {}
        return action
