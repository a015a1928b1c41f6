from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.access_rule import Span


class IspSpanMixin(models.AbstractModel):
    """What suspensions and extensions share: a reason with its time."""

    _name = "isp.span.mixin"
    _description = "Reason with a Time"
    _order = "date_from desc, id desc"
    # The selection that tells the reason.
    _kind_field = "kind"

    connection_id = fields.Many2one(
        "isp.connection", required=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        related="connection_id.partner_id", string="Client", store=True
    )
    company_id = fields.Many2one(
        related="connection_id.company_id", store=True, index=True, precompute=True
    )
    date_from = fields.Datetime(
        string="From", required=True, default=fields.Datetime.now
    )
    date_to = fields.Datetime(string="To", help="Empty: until it is ended.")
    user_id = fields.Many2one(
        "res.users",
        string="By",
        default=lambda self: self.env.user,
        readonly=True,
        ondelete="restrict",
    )
    note = fields.Char(string="Why")
    is_open = fields.Boolean(compute="_compute_is_open", search="_search_is_open")

    @api.depends("date_from", "date_to")
    def _compute_is_open(self):
        now = fields.Datetime.now()
        for span in self:
            span.is_open = span._get_span().holds(now) if span.date_from else False

    def _search_is_open(self, operator, value):
        if operator != "in":
            return NotImplemented
        domain = self.env["isp.connection"]._get_open_span_domain(fields.Datetime.now())
        return domain if True in value else ~domain

    def _get_span(self):
        self.ensure_one()
        return Span(self[self._kind_field], self.date_from, self.date_to or None)

    def _get_spans(self):
        return tuple(span._get_span() for span in self)

    def action_end(self):
        """End open reasons now; a reason that has not begun never takes effect."""
        now = fields.Datetime.now()
        for span in self.filtered(lambda s: not s.date_to or s.date_to > now):
            span.date_to = max(now, span.date_from)

    @api.model_create_multi
    def create(self, vals_list):
        spans = super().create(vals_list)
        spans._after_change(self.env._("added"))
        return spans

    def write(self, vals):
        if "connection_id" in vals:
            raise UserError(
                self.env._(
                    "A reason can't move to another connection: end it, add one."
                )
            )
        res = super().write(vals)
        self._after_change(self.env._("changed"))
        return res

    def unlink(self):
        self.connection_id._mark_access_dirty()
        return super().unlink()

    def _after_change(self, verb):
        self.connection_id._mark_access_dirty()
        for span in self:
            span.connection_id.message_post(
                body=self.env._(
                    "%(reason)s %(verb)s", reason=span._describe(), verb=verb
                )
            )

    def _describe(self):
        """Return a line for the connection's history."""
        self.ensure_one()
        company = self.company_id
        begin = company._isp_to_local(self.date_from).strftime("%Y-%m-%d %H:%M")
        end = (
            company._isp_to_local(self.date_to).strftime("%Y-%m-%d %H:%M")
            if self.date_to
            else "…"
        )
        label = dict(
            self._fields[self._kind_field]._description_selection(self.env)
        ).get(self[self._kind_field], "")
        return f"{self._description}: {label} {begin} – {end} {self.note or ''}".strip()
