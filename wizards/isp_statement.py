from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date

from ..tools import statement_sheet
from ..tools.intervals import preset_interval

REPORT = "mybizna_isp.isp_statement_report"


class IspStatement(models.TransientModel):
    """One row is a person's question: whose statement, from when to when."""

    _name = "isp.statement"
    _description = "Statement of Account"
    # A screen of more rows helps nobody; on paper they cost minutes.
    _max_on_screen = 300
    _max_on_paper = 5000

    partner_id = fields.Many2one(
        "res.partner",
        string="Client",
        domain="[('isp_contract_ids', '!=', False)]",
    )
    contract_id = fields.Many2one(
        "isp.contract",
        domain="partner_id and [('partner_id', '=', partner_id)] or []",
        help="Empty: all contracts of the client, one after the other.",
    )
    preset = fields.Selection(
        [
            ("this_month", "This Month"),
            ("last_month", "Last Month"),
            ("this_year", "This Year"),
            ("all", "From the Beginning"),
        ],
        string="Interval",
        default="this_month",
        help="Fills in the days; they can be changed.",
    )
    date_from = fields.Date(
        string="From",
        compute="_compute_interval",
        store=True,
        readonly=False,
        help="Accounting dates count, both days inclusive. Empty: from the beginning.",
    )
    date_to = fields.Date(
        string="To", compute="_compute_interval", store=True, readonly=False
    )
    for_customer = fields.Boolean(
        string="As the Client Will See It",
        help="In the client's words and language, without notes of staff, and with how "
        "to pay.",
    )
    show_hidden = fields.Boolean(
        string="Show Cancelled Pairs",
        help="Show documents that were cancelled within their reporting period, and "
        "their counter-entries. The balances are the same with and without them.",
    )
    content = fields.Html(compute="_compute_content", sanitize=False)

    # === COMPUTE === #

    @api.depends("preset")
    def _compute_interval(self):
        for wizard in self:
            company = wizard.contract_id.company_id or wizard.env.company
            if wizard.preset:
                wizard.date_from, wizard.date_to = preset_interval(
                    wizard.preset, company._isp_today()
                )

    @api.onchange("partner_id")
    def _onchange_partner_id(self):
        if self.contract_id.partner_id != self.partner_id:
            self.contract_id = False

    @api.onchange("contract_id")
    def _onchange_contract_id(self):
        if self.contract_id:
            self.partner_id = self.contract_id.partner_id

    @api.depends(
        "partner_id",
        "contract_id",
        "date_from",
        "date_to",
        "for_customer",
        "show_hidden",
    )
    def _compute_content(self):
        for wizard in self:
            wizard.content = wizard._render_content() if wizard._is_answerable() else ""

    def _is_answerable(self):
        """Whether there is something to show yet; half a form is no error."""
        in_order = not (self.date_from and self.date_to) or (
            self.date_from <= self.date_to
        )
        return bool(in_order and self._get_contracts())

    def _render_content(self):
        values = self._get_values(self._max_on_screen)
        return self.env["ir.qweb"]._render(
            "mybizna_isp.isp_statement_body", values, lang=values["lang"]
        )

    # === WHAT IS ASKED === #

    @api.model
    def _open(self, **values):
        """Return the action that opens the dialog with these values filled in."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Statement of Account"),
            "res_model": self._name,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "dialog_size": "extra-large",
                **{f"default_{name}": value for name, value in values.items()},
            },
        }

    def _get_contracts(self):
        if self.contract_id:
            return self.contract_id
        if not self.partner_id:
            return self.env["isp.contract"]
        domain = Domain("partner_id", "=", self.partner_id.id)
        domain &= Domain("company_id", "in", self.env.companies.ids)
        return self.env["isp.contract"].search(domain, order="id")

    def _require_contracts(self):
        contracts = self._get_contracts()
        if not contracts:
            raise UserError(
                self.env._("Choose the contract, or a client who has one, first.")
            )
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise UserError(
                self.env._(
                    "The statement would end on %(end)s, before it begins on "
                    "%(start)s. Exchange the two days.",
                    start=format_date(self.env, self.date_from),
                    end=format_date(self.env, self.date_to),
                )
            )
        return contracts

    def _get_values(self, max_rows=None):
        """Return what the templates show."""
        return self._prepare_values(
            self._require_contracts(),
            self.date_from or None,
            self.date_to or None,
            for_customer=self.for_customer,
            hidden=self.show_hidden,
            max_rows=max_rows,
        )

    @api.model
    def _prepare_values(
        self,
        contracts,
        date_from,
        date_to,
        for_customer=False,
        hidden=False,
        max_rows=None,
    ):
        """Return the templates' values for a statement of contracts.

        :param contracts: isp.contract records, of one client
        :param bool for_customer: in the client's words and language
        :param max_rows: of each contract only so many latest rows; None is all
        """
        partner = contracts.partner_id[:1]
        lang = self.env.lang
        if for_customer:
            lang = partner.lang or lang
            contracts = contracts.with_context(lang=lang)
            hidden = False
        statement = contracts._get_statements(date_from, date_to, hidden)
        if for_customer:
            contracts._word_for_customer(statement)
        for section in statement["sections"]:
            section["count"] = len(section["rows"])
            if max_rows:
                section["rows"] = section["rows"][-max_rows:]
            section["left_out"] = section["count"] - len(section["rows"])
        return {
            **statement,
            "partner": contracts.partner_id[:1],
            "company": contracts.company_id[:1],
            "today": contracts.company_id[:1]._isp_today(),
            "for_customer": for_customer,
            "lang": lang,
        }

    # === PAPER AND SHEET === #

    def action_print(self):
        self.ensure_one()
        self._require_pdf(self._get_values())
        return self.env.ref(REPORT).report_action(self, config=False)

    @api.model
    def _require_pdf(self, values):
        """Refuse what can't be printed, with a way out.

        :param dict values: of `_prepare_values`
        """
        if self.env["ir.actions.report"].get_wkhtmltopdf_state() == "install":
            raise UserError(
                self.env._(
                    "This server can't make a PDF: the program wkhtmltopdf is missing. "
                    "Ask who runs the server to install it. The spreadsheet works "
                    "without it."
                )
            )
        count = sum(section["count"] for section in values["sections"])
        if count > self._max_on_paper:
            raise UserError(
                self.env._(
                    "This statement has %(count)s rows, paper takes %(limit)s. Choose "
                    "a shorter interval, or take the spreadsheet.",
                    count=count,
                    limit=self._max_on_paper,
                )
            )

    def action_export(self):
        self.ensure_one()
        self._require_contracts()
        return {
            "type": "ir.actions.act_url",
            "url": f"/isp/statement/{self.id}/xlsx",
            "target": "download",
        }

    def _get_file_name(self):
        name = (self.contract_id.name or self.partner_id.name or "").replace("/", "-")
        days = [str(day) for day in (self.date_from, self.date_to) if day]
        return " ".join([self.env._("Statement"), name, *days])

    def _export_sheet(self):
        """Return the statement as the bytes of an XLSX file."""
        values = self._get_values()
        env = self.with_context(lang=values["lang"]).env
        return statement_sheet.build(
            values["sections"], self._get_sheet_words(env, values["for_customer"])
        )

    @api.model
    def _get_sheet_words(self, env, for_customer):
        words = {
            "sheet": env._("Statement"),
            "contract": env._("Contract"),
            "date": env._("Date"),
            "document_date": env._("Document Date"),
            "document": env._("Document"),
            "kind_label": env._("Kind"),
            "service": env._("Service"),
            "connection": env._("Connection"),
            "description": env._("Description"),
            "due_date": env._("Due"),
            "debit": env._("Charged"),
            "credit": env._("Paid or Credited"),
            "balance": env._("Balance"),
            "open": env._("Still Open"),
            "opening": env._("Opening balance"),
            "closing": env._("Closing balance"),
            "total": env._("Total"),
        }
        if for_customer:
            words["kind_label"] = env._("What")
        return words


class ReportIspStatement(models.AbstractModel):
    """What the printed statement shows: of the dialog, or of the portal's own page."""

    _name = "report.mybizna_isp.isp_statement_page"
    _description = "Statement of Account (PDF)"

    @api.model
    def _get_report_values(self, docids, data=None):
        Statement = self.env["isp.statement"]
        if docids:
            statements = Statement.browse(docids)
            statements.check_access("read")
            pages = [
                statement._get_values(Statement._max_on_paper)
                for statement in statements
            ]
        else:
            pages = [self._get_asked(data or {})]
        return {"doc_ids": docids, "docs": Statement.browse(docids), "pages": pages}

    @api.model
    def _get_asked(self, data):
        """Return the values of a statement without a dialog.

        Whoever asks must be allowed to read the contracts: `_get_statements` looks.
        """
        contracts = self.env["isp.contract"].browse(data.get("contract_ids") or [])
        contracts.check_access("read")
        return self.env["isp.statement"]._prepare_values(
            contracts.exists(),
            fields.Date.to_date(data.get("date_from")) or None,
            fields.Date.to_date(data.get("date_to")) or None,
            for_customer=True,
            max_rows=self.env["isp.statement"]._max_on_paper,
        )
