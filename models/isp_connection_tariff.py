from dataclasses import dataclass
from datetime import date, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_date


@dataclass
class ChangePreview:
    """What a change will do, in figures and in words; taxes are included.

    ``credit`` and ``charge`` are booked at once, ``later`` (a difference) on the day.
    """

    credit: float
    charge: float
    later: float
    balance: float
    next_date: date | bool
    next_total: float
    text: str


class IspConnection(models.Model):
    """Another package or quantity: now, at the next period, or on a day."""

    _inherit = "isp.connection"

    change_ids = fields.One2many(
        "isp.connection.change", "connection_id", string="Changes", copy=False
    )

    # === ACTIONS === #

    def action_change_package(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Change Package"),
            "res_model": "isp.connection.change.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_connection_id": self.id},
        }

    def write(self, vals):
        """Override: what a line in service has changes by the button alone, which
        bills the difference."""
        names = {"package_id", "quantity"} & vals.keys()
        is_manager = self.env.user.has_group("mybizna_isp.isp_group_manager")
        if names and not (self.env.su or is_manager):
            for line in self.filtered(lambda c: c.state == "active"):
                if any(line[name] != line._cast(name, vals[name]) for name in names):
                    raise UserError(
                        self.env._(
                            "%(connection)s is in service: press Change Package, so "
                            "that the difference is billed.",
                            connection=line.display_name,
                        )
                    )
        return super().write(vals)

    def _cast(self, name, value):
        return self._fields[name].convert_to_record(
            self._fields[name].convert_to_cache(value, self), self
        )

    def action_close(self):
        """Override: what was planned doesn't wait for a line that is closed."""
        planned = self._get_engine().change_ids.filtered(
            lambda c: c.state == "planned" and not c.billing_ids
        )
        for change in planned:
            change._undo(self.env._("The line was closed"))
        return super().action_close()

    # === BUSINESS === #

    def _change_package(self, package, quantity=None, day=None, note=None, text=None):
        """Give a line another package or quantity from a day on.

        Today: at once. Later: planned; the billing run carries it out on its day, what
        is billed ahead of it is billed anew at once.

        :param date day: the first day with it; today when empty
        :return: the isp.connection.change, or an empty one for a line not in service
        """
        self.ensure_one()
        quantity = quantity or self.quantity
        day = day or self.company_id._isp_today()
        self._check_change(package, quantity, day)
        Change = self.env["isp.connection.change"]
        if self.state != "active":
            self.write({"package_id": package.id, "quantity": quantity})
            return Change
        is_later = day > self.company_id._isp_today()
        change = Change.create(
            {
                "connection_id": self.id,
                "kind": "package" if package != self.package_id else "quantity",
                "package_from_id": self.package_id.id,
                "package_to_id": package.id,
                "quantity_from": self.quantity,
                "quantity_to": quantity,
                "date": day,
                "state": "planned" if is_later else "done",
                "user_id": self.env.uid,
                "note": note,
                "preview": text,
            }
        )
        if is_later:
            change._apply_ahead()
        else:
            change._apply()
        return change

    def _get_next_change_day(self):
        """Return the day after the period that holds today: where "next" begins."""
        self.ensure_one()
        today = self.company_id._isp_today()
        live = self._get_period_billings()
        if live and self._get_rule().is_bundle:
            # Its last day is the next one's first: bundles change at any hour.
            last = self.company_id._isp_to_local(live[0].end_at).date()
            return max(last, today)
        holding = live.filtered(lambda b: b.date_start <= today <= b.date_end)[:1]
        if holding:
            return holding.date_end + timedelta(days=1)
        ahead = live.filtered(lambda b: b.date_start > today).mapped("date_start")
        return min(ahead, default=max(self.billing_date or today, today))

    def _get_planned_on(self, day):
        """Return the planned change that holds on a service date, if one does."""
        return self.change_ids.filtered(
            lambda c: c.state == "planned" and day and c.date <= day
        )[:1]

    def _get_package_on(self, day):
        """Override: a planned change holds from its day on."""
        planned = self._get_planned_on(day)
        return planned.package_to_id or super()._get_package_on(day)

    def _get_quantity_on(self, day):
        """Override: a planned change holds from its day on."""
        planned = self._get_planned_on(day)
        return planned.quantity_to or super()._get_quantity_on(day)

    def _get_rule(self):
        """Override: the cycle of the package that the next period is billed with."""
        return self._get_rule_of(self._get_package_on(self.billing_date))

    def _get_next_start(self):
        """Override: a planned cycle of another length is counted from its own day."""
        start, anchor = super()._get_next_start()
        planned = self._get_planned_on(start)
        if (
            planned
            and self._get_rule_of(planned.package_to_id)
            != self._get_rule_of(self.package_id)
            and anchor < planned.date
        ):
            anchor = self._get_rule_of(planned.package_to_id).first_start(start)
        return start, anchor

    # === WHAT IS REFUSED === #

    def _check_change(self, package, quantity, day):
        if self.state == "closed":
            self._refuse_change(self.env._("it is closed. Reopen it first."))
        if (package, quantity) == (self.package_id, self.quantity):
            self._refuse_change(self.env._("it has that package already."))
        if not package.active or package.company_id != self.company_id:
            self._refuse_change(
                self.env._("%s is archived or another company's.", package.name)
            )
        if package.access_kind != "none" and not self.username:
            self._refuse_change(
                self.env._("%s needs a login. Fill in Login first.", package.name)
            )
        if day < self.company_id._isp_today():
            self._refuse_change(
                self.env._("a day that has passed can't be billed anew. Take today.")
            )
        planned = self.change_ids.filtered(lambda c: c.state == "planned")
        if planned:
            self._refuse_change(
                self.env._(
                    "a change is planned already (%s). Cancel that one first.",
                    planned.display_name,
                )
            )
        self._check_change_day(package, quantity, day)

    def _check_change_day(self, package, quantity, day):
        """Refuse to break up what is used whole, or what has no days yet."""
        rows = self._get_rows_to_rebill(package, quantity, day)
        now = fields.Datetime.now()
        begun = rows.filtered(lambda b: b.date_start < day or b.start_at <= now)
        cycles = self._get_rule_of(package), self._get_rule_of(self.package_id)
        if begun and any(rule.is_bundle for rule in cycles):
            self._refuse_change(
                self.env._(
                    "a bundle of hours or days is used whole and not by the day. "
                    "Choose 'At the next period', %s.",
                    format_date(self.env, self._get_next_change_day()),
                )
            )
        pending = self.billing_ids.filtered(
            lambda b: b.kind == "period" and b.state == "billed" and not b.date_start
        )
        if pending:
            self._refuse_change(
                self.env._(
                    "its first period is invoiced and has not begun. Start service, or "
                    "cancel %s, first.",
                    pending.invoice_id.name,
                )
            )

    def _refuse_change(self, reason):
        raise UserError(
            self.env._(
                "%(connection)s can't change its package: %(reason)s",
                connection=self.display_name,
                reason=reason,
            )
        )

    # === CRON === #

    @api.model
    def _cron_bill(self, worker=0):
        """Override: changes and pauses whose day has come go before billing."""
        steps = ("_apply_planned_changes", "_begin_pauses", "_end_pauses")
        for step in steps:
            if not self.with_context(isp_worker=worker)._run_step(step):
                self._trigger_billing()
                self.env["ir.cron"]._commit_progress()
                return
        super()._cron_bill(worker)

    @api.model
    def _get_apply_planned_changes_domain(self):
        return Domain("state", "=", "active") & Domain.OR(
            Domain("company_id", "=", company.id)
            & Domain(
                "change_ids",
                "any",
                [("state", "=", "planned"), ("date", "<=", company._isp_today())],
            )
            for company in self.env["res.company"].search([])
        )

    def _apply_planned_changes(self):
        for line in self:
            line._get_planned_on(line.company_id._isp_today())._apply()

    # === PREVIEW === #

    def _preview_change(self, package, quantity, day):
        """Return the `ChangePreview` of a change: prepared by what carries it out.

        :raise UserError: what the change itself would be refused for
        """
        self.ensure_one()
        self._check_change(package, quantity, day)
        if self.state != "active":
            return self._preview_unbilled(package)
        today = self.company_id._isp_today()
        if day > today:
            plan = self._prepare_rebill_ahead(package, quantity, day)
            rest = self._prepare_rebill(
                package,
                quantity,
                day,
                self._get_rows_to_rebill(package, quantity, day) - plan.cut,
            )
        else:
            plan, rest = self._prepare_rebill(package, quantity, day), None
        return self._say_change(package, quantity, plan, rest)

    def _preview_unbilled(self, package):
        return ChangePreview(
            credit=0.0,
            charge=0.0,
            later=0.0,
            balance=self.contract_id.balance,
            next_date=False,
            next_total=0.0,
            text=self.env._(
                "Nothing is billed for it yet: it begins with %s.", package.name
            ),
        )

    def _say_change(self, package, quantity, plan, rest):
        credit = self._get_items_total(plan.get_items("credits"))
        charge = self._get_items_total(plan.get_items("charges"))
        balance = self.currency_id.round(self.contract_id.balance - credit - charge)
        lines = self._say_plan(self.env._("Today"), plan)
        later = 0.0
        if rest and (rest.cut or rest.charges):
            later = self._get_items_total(
                rest.get_items("credits") + rest.get_items("charges")
            )
            head = self.env._("On %s", format_date(self.env, rest.day))
            lines += self._say_plan(head, rest)
        last = rest if rest and rest.cut else plan
        following = last.billing_date
        lines.append(self.env._("Balance after: %s", self.currency_id.format(balance)))
        next_total, sentence = self._say_next(package, quantity, last, following)
        return ChangePreview(
            credit,
            charge,
            later,
            balance,
            following,
            next_total,
            "\n".join(lines + [sentence]),
        )

    def _say_plan(self, head, plan):
        """Return the lines that tell what is booked, row by row."""
        money = self.currency_id.format
        if not plan.cut and not plan.charges:
            return [self.env._("%s: nothing to credit, nothing to charge.", head)]
        total, lines = 0.0, []
        for row in plan.credits + plan.charges:
            items = [item for _command, _id, item in row["item_ids"]]
            amount = self._get_items_total(items)
            total += amount
            sign = "+" if amount > 0 else "−"
            package = self.env["isp.package"].browse(row["package_id"])
            lines.append(
                self.env._(
                    "%(amount)s %(package)s, %(start)s – %(end)s",
                    amount=f"{sign}{money(abs(amount))}",
                    package=package.name,
                    start=format_date(self.env, row["date_start"]),
                    end=format_date(self.env, row["date_end"]),
                )
            )
        total = self.currency_id.round(total)
        if total > 0:
            end = self.env._("to pay %s, taxes included", money(total))
        elif total < 0:
            end = self.env._("given back %s, taxes included", money(-total))
        else:
            end = self.env._("nothing to pay")
        return [f"{head}:", *lines, f"= {end}"]

    def _say_next(self, package, quantity, plan, day):
        """Return what the next period costs, and a sentence about its invoice."""
        if not day:
            return 0.0, ""
        rule = self._get_rule_of(package)
        if rule.is_hourly:
            return 0.0, self.env._("Each further bundle is invoiced when one ends.")
        anchor = plan.anchor or day
        number = rule.number_at(anchor, day)
        end = rule.start(anchor, number + 1) - timedelta(days=1)
        items = self._prepare_period_items(
            package, quantity, (rule.start(anchor, number), end), (day, end)
        )
        total = self._get_items_total(items)
        return total, self.env._(
            "Next invoice: %(total)s for %(start)s – %(end)s",
            total=self.currency_id.format(total),
            start=format_date(self.env, day),
            end=format_date(self.env, end),
        )
