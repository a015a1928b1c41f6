from collections import defaultdict

from odoo import api, models
from odoo.tools import frozendict

# What two documents of one shape may differ in; all else of their values is the same.
DOCUMENT_OWN = {
    "partner_id",
    "isp_contract_id",
    "invoice_origin",
    "payment_reference",
    "invoice_line_ids",
}
LINE_OWN = {"name", "isp_connection_id"}
# Values that no shape is made of: such documents are rare, and Odoo makes each.
UNUSUAL = {
    "reversed_entry_id",
    "invoice_payment_term_id",
    "invoice_cash_rounding_id",
    "line_ids",
    "ref",
}


class IspBilling(models.Model):
    """Documents of one shape are computed once.

    Odoo computes an invoice's taxes, accounts, totals and receivable; that is most of
    a billing run's time. Hundreds of invoices of a batch differ in their client and
    texts only: the first of them is made by Odoo, the others get its very values.
    """

    _inherit = "isp.billing"

    @api.model
    def _create_documents(self, vals_list):
        """Create draft documents from values for `account.move`, in their order.

        :param list[dict] vals_list: as `account.move.create` takes them
        :return: account.move records
        """
        # Read together, not one by one.
        partners = self.env["res.partner"].browse(
            dict.fromkeys(vals["partner_id"] for vals in vals_list)
        )
        partners = {partner.id: partner for partner in partners}
        shapes = defaultdict(list)
        for index, vals in enumerate(vals_list):
            # What has no shape is a group of its own.
            shape = self._get_shape(vals, partners[vals["partner_id"]])
            shapes[shape or index].append(index)
        first = [indexes[0] for indexes in shapes.values()]
        Move = self.env["account.move"]
        moves = dict(
            zip(first, Move.create([vals_list[index] for index in first]), strict=True)
        )
        formed, rest = {}, []
        for indexes in shapes.values():
            others = indexes[1:]
            form = others and moves[indexes[0]]._isp_get_form()
            if form:
                formed |= {
                    index: moves[indexes[0]]._isp_fill_form(
                        form, vals_list[index], partners[vals_list[index]["partner_id"]]
                    )
                    for index in others
                }
            else:
                rest += others
        if formed:
            created = Move._isp_create_formed(list(formed.values()))
            moves |= dict(zip(formed, created, strict=True))
        if rest:
            created = Move.create([vals_list[index] for index in rest])
            moves |= dict(zip(rest, created, strict=True))
        return Move.concat(*(moves[index] for index in range(len(vals_list))))

    @api.model
    def _get_shape(self, vals, partner):
        """Return what a document's computed values depend on; None: form none."""
        if any(vals.get(name) for name in UNUSUAL):
            return None
        company = self.env["res.company"].browse(vals["company_id"])
        lines = [line for _command, _id, line in vals["invoice_line_ids"]]
        connections = list(dict.fromkeys(line["isp_connection_id"] for line in lines))
        return (
            frozendict({k: v for k, v in vals.items() if k not in DOCUMENT_OWN}),
            bool(vals["payment_reference"]),
            tuple(
                (
                    frozendict({k: v for k, v in line.items() if k not in LINE_OWN}),
                    bool(line["name"]),
                    connections.index(line["isp_connection_id"]),
                )
                for line in lines
            ),
            partner.with_company(company)._isp_get_invoice_traits(),
        )


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _increase_rank(self, field, n=1):
        """Override of `account`: who gets a first invoice in a batch becomes a
        customer together with the others, not one by one."""
        ranks = self.env.context.get("isp_new_customers")
        if ranks is None or field != "customer_rank":
            return super()._increase_rank(field, n)
        fresh = self.sudo().filtered(lambda partner: not partner.customer_rank)
        for partner in fresh:
            ranks[partner.id] += n
        return super(ResPartner, self - fresh.with_env(self.env))._increase_rank(
            field, n
        )

    @api.model
    def _isp_set_ranks(self, ranks):
        """Write the ranks that `_increase_rank` has collected, one write a rank."""
        by_rank = defaultdict(list)
        for partner_id, rank in ranks.items():
            by_rank[rank].append(partner_id)
        for rank, ids in by_rank.items():
            self.sudo().browse(ids).write({"customer_rank": rank})

    def _isp_get_invoice_traits(self):
        """Return what of a client an invoice's computed values depend on."""
        self.ensure_one()
        commercial = self.commercial_partner_id
        return (
            self.lang,
            commercial.property_account_receivable_id,
            self.property_inbound_payment_method_line_id,
            self.user_id or commercial.user_id,
        )
