from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import format_date

from .isp_connection_rebill import Rebill


class IspSuspension(models.Model):
    """A pause at the client's wish: its days cost nothing."""

    _inherit = "isp.suspension"

    pause_state = fields.Selection(
        [("waiting", "Planned"), ("begun", "Paused"), ("ended", "Ended")],
        string="Pause",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Paused: what was billed beyond its first day is credited. Ended: billing "
        "went on.",
    )
    billing_ids = fields.One2many("isp.billing", "suspension_id", readonly=True)

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            for vals in vals_list:
                vals.pop("pause_state", None)
        spans = super().create(vals_list)
        pauses = spans.filtered(lambda s: s.reason == "paused")
        pauses._check_pause()
        pauses.sudo().pause_state = "waiting"
        pauses.connection_id.sudo()._begin_pauses()
        return spans

    def write(self, vals):
        if "pause_state" in vals and not self.env.su:
            raise UserError(self.env._("Whether a pause has begun follows from it."))
        self._check_pause_kept(vals)
        begins = {span: span.date_from for span in self if span.pause_state}
        res = super().write(vals)
        moved = self.filtered(lambda s: begins.get(s, s.date_from) != s.date_from)
        moved._check_pause()
        if "reason" in vals:
            fresh = self.filtered(lambda s: s.reason == "paused" and not s.pause_state)
            fresh._check_pause()
            fresh.sudo().pause_state = "waiting"
        if vals.keys() & {"reason", "date_from", "date_to"}:
            # Ending a reason is anybody's; billing is the engine's.
            self.connection_id.sudo()._begin_pauses()
            self.connection_id.sudo()._end_pauses()
        return res

    def unlink(self):
        begun = self.filtered(lambda s: s.pause_state == "begun")
        if begun:
            begun.action_end()
        return super().unlink()

    def _check_pause(self):
        for pause in self:
            is_clerk = self.env.user.has_group("mybizna_isp.isp_group_clerk")
            if not (self.env.su or is_clerk):
                raise AccessError(
                    self.env._(
                        "A pause credits money: only the back office pauses a line. "
                        "Switch it off by hand instead."
                    )
                )
            company = pause.company_id
            if pause._get_pause_day() < company._isp_today():
                raise UserError(
                    self.env._(
                        "%(connection)s: a pause can't begin in the past. It was on; "
                        "take today.",
                        connection=pause.connection_id.display_name,
                    )
                )

    def _check_pause_kept(self, vals):
        """What was credited stays: a pause that has begun ends, sooner or later."""
        fixed = self.filtered(lambda s: s.pause_state in ("begun", "ended"))
        if not fixed:
            return
        ended = fixed.filtered(lambda s: s.pause_state == "ended")
        moved = any(
            name in vals
            and fixed._fields[name].convert_to_cache(vals[name], span)
            != fixed._fields[name].convert_to_cache(span[name], span)
            for span in fixed
            for name in (
                ("reason", "date_from", "date_to")
                if span in ended
                else ("reason", "date_from")
            )
        )
        if moved:
            raise UserError(
                self.env._(
                    "%(connection)s: this pause has begun and its days are credited. "
                    "End it, and add a new one.",
                    connection=fixed[:1].connection_id.display_name,
                )
            )

    def _get_pause_day(self):
        """Return the first day that costs nothing."""
        return self.company_id._isp_to_local(self.date_from).date()

    def _is_over(self):
        return bool(self.date_to) and self.date_to <= fields.Datetime.now()

    def _get_resume_day(self):
        """Return the first day that is charged again."""
        return self.company_id._isp_to_local(self.date_to).date()


class IspConnection(models.Model):
    """Billing stops where a pause begins and goes on where it ends."""

    _inherit = "isp.connection"

    # === CRON === #

    @api.model
    def _get_begin_pauses_domain(self):
        return Domain("state", "=", "active") & Domain(
            "suspension_ids",
            "any",
            [
                ("pause_state", "=", "waiting"),
                ("date_from", "<=", fields.Datetime.now()),
            ],
        )

    @api.model
    def _get_end_pauses_domain(self):
        return Domain(
            "suspension_ids",
            "any",
            [
                ("pause_state", "=", "begun"),
                ("date_to", "!=", False),
                ("date_to", "<=", fields.Datetime.now()),
            ],
        )

    # === BUSINESS === #

    def _begin_pauses(self):
        """Credit what is billed beyond the beginning of each pause, once."""
        now = fields.Datetime.now()
        for line in self.filtered(lambda c: c.state == "active"):
            due = line.suspension_ids.filtered(
                lambda s: s.pause_state == "waiting" and s.date_from <= now
            )
            for pause in due.sorted("date_from"):
                if pause.date_to and pause.date_to <= pause.date_from:
                    pause.pause_state = "ended"
                    continue
                pause.pause_state = "begun"
                line._book_pause(pause)

    def _book_pause(self, pause):
        self.ensure_one()
        day = pause._get_pause_day()
        if pause._is_over() and not self._is_billed_within(day, pause):
            # Booked late: what was paid since began after it.
            return
        plan = self._prepare_pause(day)
        rows = plan.cut._cut(plan.day)
        rows |= self.env["isp.billing"].create(plan.charges)
        rows.suspension_id = pause
        if rows:
            self.billing_date = plan.billing_date
            rows._issue_invoices()

    def _is_billed_within(self, day, pause):
        last = pause._get_resume_day() - timedelta(days=1)
        return self.billing_date <= last or any(
            b.date_start <= last and b.date_end >= day
            for b in self._get_period_billings()
        )

    def _prepare_pause(self, day):
        """Return the `Rebill` that ends what is billed where a pause begins.

        Time that is sold by the hour runs on.
        """
        self.ensure_one()
        rows = self.env["isp.billing"]
        if not self._get_rule_of(self.package_id).is_hourly:
            rows = self._get_period_billings().filtered(
                lambda b: b.state == "billed" and b.date_end >= day
            )
        parts = self._prepare_unbilled_parts(day)
        return Rebill(
            day,
            rows,
            [row._prepare_credit_billing_vals(day) for row in rows],
            parts,
            self.anchor_date,
            day if rows or parts else self.billing_date,
        )

    def _end_pauses(self):
        """Let billing go on from the day the last pause ended."""
        now = fields.Datetime.now()
        for line in self:
            ended = line.suspension_ids.filtered(
                lambda s: s.pause_state == "begun" and s.date_to and s.date_to <= now
            )
            if not ended:
                continue
            ended.pause_state = "ended"
            if not line.suspension_ids.filtered(lambda s: s.pause_state == "begun"):
                line._resume_on(max(pause._get_resume_day() for pause in ended))
        self._trigger_billing()

    def _resume_on(self, day):
        """The next period begins on a day: a whole one, or a part up to the common
        billing day."""
        self.ensure_one()
        if not self.billing_date or self._get_rule_of(self.package_id).is_hourly:
            return
        billed = self._get_period_billings()[:1].end_at
        if billed and self.company_id._isp_to_local(billed).date() > day:
            # The credit was cancelled: those days are paid for.
            return
        self.write(
            {
                "billing_date": day,
                "anchor_date": self._get_rule_of(self.package_id).first_start(day),
            }
        )

    def _bill_by_hand(self):
        """Override: the days of a pause cost nothing, also by hand."""
        for line in self:
            if line.suspension_ids.filtered(lambda s: s.pause_state == "begun"):
                raise UserError(
                    self.env._(
                        "%(connection)s is paused: its next period is invoiced when "
                        "the pause ends. Press Resume first.",
                        connection=line.display_name,
                    )
                )
        return super()._bill_by_hand()

    # === SCREEN === #

    def action_pause(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Pause"),
            "res_model": "isp.connection.pause",
            "view_mode": "form",
            "target": "new",
            "context": {"default_connection_id": self.id},
        }

    def _pause(self, day, last_day=None, note=None):
        """Pause a line from a day through a last day, or until it is resumed.

        :return: the isp.suspension
        """
        self.ensure_one()
        company, today = self.company_id, self.company_id._isp_today()
        start = fields.Datetime.now() if day == today else company._isp_to_utc(day)
        end = last_day and company._isp_to_utc(last_day + timedelta(days=1))
        return self.env["isp.suspension"].create(
            {
                "connection_id": self.id,
                "reason": "paused",
                "date_from": start,
                "date_to": end,
                "note": note,
            }
        )

    def _preview_pause(self, day, last_day=None):
        """Return the credit of a pause, and what it does in words.

        :return: (amount with taxes, zero or below; text)
        """
        self.ensure_one()
        plan = self._prepare_pause(day)
        total = self._get_items_total(
            plan.get_items("credits") + plan.get_items("charges")
        )
        today = self.company_id._isp_today()
        head = (
            self.env._("Today")
            if day == today
            else self.env._("On %s", format_date(self.env, day))
        )
        lines = self._say_plan(head, plan)
        if last_day:
            back = format_date(self.env, last_day + timedelta(days=1))
            lines.append(self.env._("Off until then; billing goes on %s.", back))
        else:
            lines.append(self.env._("Off until it is resumed; then billing goes on."))
        return total, "\n".join(lines)
