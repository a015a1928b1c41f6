from collections import defaultdict

from odoo import api, models
from odoo.fields import Command

# Computed by Odoo on the document that others are formed after, and the same on all of
# its shape. What is computed and not named here (by another addon, say) is computed on
# each document as ever.
SHARED_MOVE_FIELDS = {
    "always_tax_exigible",
    "amount_residual",
    "amount_residual_signed",
    "amount_tax",
    "amount_tax_signed",
    "amount_total",
    "amount_total_in_currency_signed",
    "amount_total_signed",
    "amount_untaxed",
    "amount_untaxed_in_currency_signed",
    "amount_untaxed_signed",
    "auto_post_until",
    "checked",
    "company_id",
    "currency_id",
    "date",
    "delivery_date",
    "fiscal_position_id",
    "incoterm_location",
    "invoice_currency_rate",
    "invoice_date_due",
    "invoice_incoterm_id",
    "invoice_payment_term_id",
    "invoice_user_id",
    "journal_id",
    "made_sequence_gap",
    "narration",
    "partner_bank_id",
    "payment_state",
    "preferred_payment_method_line_id",
    "sequence_number",
    "sequence_prefix",
    "taxable_supply_date",
}
SHARED_LINE_FIELDS = {
    "account_id",
    "amount_currency",
    "amount_residual",
    "amount_residual_currency",
    "analytic_distribution",
    "balance",
    "company_currency_id",
    "company_id",
    "credit",
    "currency_id",
    "date",
    "debit",
    "display_type",
    "invoice_date",
    "is_storno",
    "journal_id",
    "move_name",
    "name",
    "no_followup",
    "parent_state",
    "payment_id",
    "price_subtotal",
    "price_total",
    "price_unit",
    "product_uom_id",
    "quantity",
    "reconciled",
    "ref",
    "sequence",
    "statement_id",
    "statement_line_id",
    "tax_group_id",
    "tax_ids",
    "tax_line_id",
}
# Given to each formed document of its own, and computed from nothing else.
OWN_MOVE_FIELDS = {
    "commercial_partner_id",
    "name",
    "partner_shipping_id",
    "payment_reference",
}
OWN_LINE_FIELDS = {"partner_id"}
CHECKED_MOVE_FIELDS = ["isp_contract_id", "partner_id", "partner_shipping_id"]
CHECKED_LINE_FIELDS = ["isp_connection_id", "isp_contract_id", "partner_id"]
NEVER_COPIED = {"id", "create_date", "create_uid", "write_date", "write_uid", "move_id"}
FORMED_LINES = ("product", "tax", "payment_term")


class AccountMove(models.Model):
    """Invoices formed after one that Odoo has made."""

    _inherit = "account.move"

    def _isp_get_form(self):
        """Return what documents of this draft's shape have in common.

        :return: a tuple of the document's values and a list of its lines' values, or
            ``None`` when others can't be formed after this one
        """
        self.ensure_one()
        lines = self.line_ids
        if (
            self.state != "draft"
            or self.currency_id != self.company_id.currency_id
            or any(line.display_type not in FORMED_LINES for line in lines)
            or any(line.analytic_distribution or line.is_storno for line in lines)
            or self._isp_has_analytic_rules()
        ):
            return None
        terms = lines.filtered(lambda line: line.display_type == "payment_term")
        if any(term.name != self.payment_reference for term in terms):
            return None
        return (
            self._isp_copy_values(SHARED_MOVE_FIELDS),
            [line._isp_copy_values(SHARED_LINE_FIELDS) for line in lines.sorted("id")],
        )

    def _isp_has_analytic_rules(self):
        """Whether an analytic distribution may follow from who the client is."""
        Rule = self.env["account.analytic.distribution.model"].sudo()
        return bool(
            Rule.search_count(
                [("company_id", "in", [False, self.company_id.id])], limit=1
            )
        )

    def _isp_fill_form(self, form, vals, partner):
        """Return the values of a formed document, for `_isp_create_formed`.

        :param form: as this document's `_isp_get_form` has returned it
        :param dict vals: as `create` would take them; of this document's shape
        :param partner: the res.partner record they name
        """
        shared, line_forms = form
        mine = self.invoice_line_ids.sorted("id")
        given = [line for _command, _id, line in vals["invoice_line_ids"]]
        texts = {
            line.id: values["name"] for line, values in zip(mine, given, strict=True)
        }
        connections = {
            line.isp_connection_id.id: values["isp_connection_id"]
            for line, values in zip(mine, given, strict=True)
        }
        commercial_id = partner.commercial_partner_id.id
        own = {key: value for key, value in vals.items() if key != "invoice_line_ids"}
        lines = []
        for line, values in zip(self.line_ids.sorted("id"), line_forms, strict=True):
            values = {**values, "partner_id": commercial_id}
            if line.id in texts:
                values["name"] = texts[line.id]
            elif line.display_type == "payment_term":
                values["name"] = vals["payment_reference"]
            if line.isp_connection_id:
                values["isp_connection_id"] = connections[line.isp_connection_id.id]
            if line.isp_contract_id:
                values["isp_contract_id"] = vals["isp_contract_id"]
            lines.append(Command.create(values))
        return {
            **shared,
            **own,
            "name": False,
            "commercial_partner_id": commercial_id,
            "partner_shipping_id": partner.address_get(["delivery"])["delivery"],
            "line_ids": lines,
        }

    @api.model
    def _isp_create_formed(self, vals_list):
        """Create documents whose lines are complete: nothing is computed anew."""
        formed = self.with_context(
            isp_is_formed=True,
            skip_invoice_sync=True,
            skip_invoice_line_sync=True,
            # Odoo checks the balance when they are posted.
            check_move_validity=False,
        )
        moves = formed.create(vals_list).with_env(self.env)
        moves._isp_keep_values(SHARED_MOVE_FIELDS | OWN_MOVE_FIELDS)
        moves.line_ids._isp_keep_values(SHARED_LINE_FIELDS | OWN_LINE_FIELDS)
        return moves

    def _isp_copy_values(self, shared):
        return _copy_values(self, shared)

    def _isp_keep_values(self, names):
        _keep_values(self, names)

    def _post(self, soft=True):
        """Override: new customers of a billing run are marked all at once."""
        if not self.env.context.get("isp_is_issued"):
            return super()._post(soft=soft)
        ranks = defaultdict(int)
        marked = self.with_context(isp_new_customers=ranks)
        posted = super(AccountMove, marked)._post(soft=soft)
        self.env["res.partner"]._isp_set_ranks(ranks)
        return posted.with_env(self.env)

    def write(self, vals):
        """Override: posting changes no line of what the billing run has made."""
        if self.env.context.get("isp_is_issued") and vals.get("state") == "posted":
            unsynced = self.with_context(skip_invoice_sync=True)
            due = self._fields["invoice_date_due"]
            with self.env.protecting([due], self):
                return super(AccountMove, unsynced).write(vals)
        return super().write(vals)

    def _prepare_create_values(self, vals_list):
        if not self.env.context.get("isp_is_formed"):
            return super()._prepare_create_values(vals_list)
        return _complete(self, vals_list, super()._prepare_create_values)

    def _check_company(self, fnames=None):
        """Override: what is shared was checked with the document made by Odoo."""
        if fnames is None and self.env.context.get("isp_is_formed"):
            fnames = CHECKED_MOVE_FIELDS
        return super()._check_company(fnames)


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _isp_copy_values(self, shared):
        return _copy_values(self, shared)

    def _isp_keep_values(self, names):
        _keep_values(self, names)

    @api.model_create_multi
    def create(self, vals_list):
        """Override: totals that were given aren't computed anew from formed lines."""
        lines = super().create(vals_list)
        if self.env.context.get("isp_is_formed"):
            lines._isp_keep_values(SHARED_LINE_FIELDS | OWN_LINE_FIELDS)
            lines.move_id._isp_keep_values(SHARED_MOVE_FIELDS | OWN_MOVE_FIELDS)
        return lines

    def _prepare_create_values(self, vals_list):
        if not self.env.context.get("isp_is_formed"):
            return super()._prepare_create_values(vals_list)
        for vals in vals_list:
            # Odoo takes them out of what it is given: they follow from the balance.
            vals["debit"] = max(vals["balance"], 0.0)
            vals["credit"] = max(-vals["balance"], 0.0)
        return _complete(self, vals_list, super()._prepare_create_values)

    def _check_company(self, fnames=None):
        """Override: what is shared was checked with the document made by Odoo."""
        if fnames is None and self.env.context.get("isp_is_formed"):
            fnames = CHECKED_LINE_FIELDS
        return super()._check_company(fnames)


def _copy_values(record, shared):
    """Return what `create` needs for a record like this one."""
    return {
        name: field.convert_to_write(record[name], record)
        for name, field in record._fields.items()
        if field.store
        and name not in NEVER_COPIED
        and field.type != "one2many"
        and (name in shared or not field.compute)
    }


def _keep_values(records, names):
    """Say of fields that were given that nothing is left to compute.

    Odoo keeps what it is given of computed fields that users may write; of the others,
    such as totals, only what it computes.
    """
    for name in names:
        field = records._fields[name]
        if field.compute and field.store:
            records.env.remove_to_compute(field, records)


def _complete(model, vals_list, prepare):
    """Return values for `create` that need no defaults and no computing before.

    Another addon's field that has to be computed before is; by Odoo, on all of them.
    """
    fields_ = model._fields.values()
    needed = {f.name for f in fields_ if f.precompute}
    inverted = {f for f in fields_ if f.inverse and f.store}
    stamp = {
        "create_uid": model.env.uid,
        "create_date": model.env.cr.now(),
        "write_uid": model.env.uid,
        "write_date": model.env.cr.now(),
    }
    if any(needed - vals.keys() for vals in vals_list):
        return prepare(vals_list)
    return [{**vals, **stamp, "__precomputed__": inverted} for vals in vals_list]
