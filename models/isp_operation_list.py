from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

# An interval's rows in the interval's own order come straight from its index;
# by number, PostgreSQL would walk back through all that is newer.
_INTERVAL_ORDERS = {
    "date": "date desc, id desc",
    "time": "time desc, id desc",
    "day": "time desc, id desc",
    "amount": "amount desc, id desc",
}


class IspOperation(models.Model):
    """How the biggest table is listed: what its filters stand on, where rows lead."""

    _inherit = "isp.operation"

    partner_no = fields.Integer(
        related="partner_id.id", string="Client No.", search="_search_partner_id"
    )
    day = fields.Date(
        compute="_compute_day",
        search="_search_day",
        help="The day of the entry in the company's time zone.",
    )

    document_date = fields.Date(
        related="move_id.isp_document_date", string="Document Date"
    )

    # A statement reads one contract in order; a balance is one contract's sum.
    _contract_idx = models.Index("(contract_id, date, id) INCLUDE (amount)")
    # Each filter finds its first page without sorting and without a full read.
    _company_idx = models.Index("(company_id, id)")
    _time_idx = models.Index("(time, id)")
    _date_idx = models.Index("(date, id)")
    _kind_idx = models.Index("(kind, id)")
    _amount_idx = models.Index("(amount, id)")
    _service_idx = models.Index(
        "(service_type_id, id) WHERE service_type_id IS NOT NULL"
    )
    _period_idx = models.Index("(period_id, id) WHERE period_id IS NOT NULL")

    # === COMPUTE AND SEARCH === #

    @api.depends("time", "company_id.isp_tz")
    def _compute_day(self):
        for operation in self:
            company = operation.company_id
            operation.day = company._isp_to_local(operation.time).date()

    def _search_day(self, operator, value):
        """Turn days into moments, each company's own."""
        if operator not in ("<", "<=", ">", ">="):
            return NotImplemented
        day = fields.Date.to_date(value)
        if operator in (">", "<="):
            # Up to the end of the day, both ends inclusive.
            day += timedelta(days=1)
        operator = {"<=": "<", ">": ">="}.get(operator, operator)
        return Domain.OR(
            Domain("company_id", "=", company.id)
            & Domain("time", operator, company._isp_to_utc(day))
            for company in self.env.companies
        )

    @api.model
    def _search(self, domain, offset=0, limit=None, order=None, **kwargs):
        """Override: rows of an interval come in the order of that interval."""
        if order == self._order:
            # More or less than nothing is half of all: no interval.
            names = {
                part.field_expr
                for part in Domain(domain).iter_conditions()
                if part.field_expr != "amount" or part.value
            }
            for name, interval_order in _INTERVAL_ORDERS.items():
                if name in names:
                    order = interval_order
                    break
        return super()._search(domain, offset, limit, order, **kwargs)

    # === WHERE A ROW LEADS === #

    def action_open_client(self):
        self.ensure_one()
        return self.partner_id._get_records_action()

    def action_open_service(self):
        """Open the package of the operation's connection."""
        self.ensure_one()
        if not self.connection_id:
            raise UserError(
                self.env._(
                    "This operation belongs to the contract as a whole, not to one of "
                    "its services."
                )
            )
        return self.connection_id.package_id._get_records_action()

    def action_open_contract(self):
        self.ensure_one()
        return self.contract_id._get_records_action()

    def action_open_document(self):
        self.ensure_one()
        return self.move_id._get_records_action()

    def action_open_statement(self):
        """Ask for a statement: of the rows' contract or client, where they have one."""
        contracts, clients = self.contract_id, self.partner_id
        values = {}
        if len(contracts) == 1:
            values["contract_id"] = contracts.id
        elif len(clients) == 1:
            values["partner_id"] = clients.id
        elif contract_id := self.env.context.get("default_contract_id"):
            values["contract_id"] = contract_id
        return self.env["isp.statement"]._open(**values)
