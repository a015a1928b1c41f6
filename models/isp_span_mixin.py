from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.access_rule import Span

# A form takes a while to fill in: what begins that short ago begins now.
SLACK = timedelta(minutes=10)


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
        if not self.env.su:
            vals_list = [{**vals, "user_id": self.env.uid} for vals in vals_list]
        spans = super().create(vals_list)
        for span in spans:
            reason = {"reason": span._describe()}
            if span.date_from < fields.Datetime.now() - SLACK:
                span._log(self.env._("%(reason)s added, back-dated", **reason))
            else:
                span._log(self.env._("%(reason)s added", **reason))
        spans.connection_id._mark_access_dirty()
        return spans

    def write(self, vals):
        if "connection_id" in vals:
            raise UserError(
                self.env._(
                    "A reason can't move to another connection: end it, add one."
                )
            )
        if "user_id" in vals and not self.env.su:
            raise UserError(
                self.env._("Who gave a reason stays as it is: end it, add one.")
            )
        before = {span: span._describe() for span in self}
        res = super().write(vals)
        for span in self.filtered(lambda s: s._describe() != before[s]):
            span._log(
                self.env._(
                    "%(reason)s changed, was: %(before)s",
                    reason=span._describe(),
                    before=before[span],
                )
            )
        self.connection_id._mark_access_dirty()
        return res

    @api.ondelete(at_uninstall=False)
    def _unlink_except_kept(self):
        is_manager = self.env.user.has_group("mybizna_isp.isp_group_manager")
        if not (self.env.su or is_manager):
            raise AccessError(
                self.env._(
                    "Reasons are kept: end this one. Only a back office admin deletes "
                    "one."
                )
            )

    def unlink(self):
        for span in self:
            span._log(self.env._("%(reason)s deleted", reason=span._describe()))
        self.connection_id._mark_access_dirty()
        return super().unlink()

    def _log(self, body):
        self.ensure_one()
        self.connection_id.message_post(body=body)

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
