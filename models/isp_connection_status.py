from textwrap import shorten

from odoo import api, models
from odoo.tools import format_date, format_datetime

MAX_LENGTH = 120
# From the least access to the most.
LEVELS = ("off", "limited", "on")


class IspConnection(models.Model):
    _inherit = "isp.connection"

    @api.depends_context("lang")
    @api.depends(
        "state",
        "covered_until_at",
        "expiry_at",
        "is_setup",
        "contract_id.balance",
        "needs_attention",
        "suspension_ids.date_from",
        "suspension_ids.date_to",
        "extension_ids.date_from",
        "extension_ids.date_to",
        "access_ids.state",
        "access_ids.applied",
        "access_ids.applied_on",
        "access_ids.error",
    )
    def _compute_status(self):
        for connection in self:
            decision = connection._decide_access()
            sentence = getattr(connection, f"_say_{decision.reason}")(decision)
            color = {"on": "success", "limited": "warning", "off": "danger"}[
                decision.level
            ]
            if connection.state in ("new", "closed"):
                color = "muted"
            elif connection.state == "ready":
                color = "warning"
            if waiting := connection._say_waiting(decision):
                sentence, color = waiting, "warning"
            # It goes into one SMS with room for a greeting.
            connection.status_text = shorten(sentence, MAX_LENGTH, placeholder=" …")
            connection.status_color = color

    # === SENTENCES: one for each reason, the same on every screen === #

    def _say_covered(self, decision):
        until = self.env._("On until %s", self._say_moment(decision.until))
        # Whoever looks at a line need not be allowed to read what it was billed.
        credit = self.sudo().contract_id.balance > 0 and self.sudo()._say_own_credit()
        return ", ".join(filter(None, (until, self._say_beyond(decision), credit)))

    def _say_beyond(self, decision):
        """Return what keeps the line on when the paid time is over, or ``None``."""
        following = self._decide_access(decision.until)
        if following.reason != "extension" or not following.until:
            return None
        return self.env._(
            "then %(kind)s until %(until)s",
            kind=self._say_label("isp.extension", "kind", following.kind),
            until=self._say_moment(following.until),
        )

    def _say_extension(self, decision):
        kind = self._say_label("isp.extension", "kind", decision.kind)
        if not decision.until:
            return self.env._("On: %s", kind)
        said = self.env._(
            "On until %(until)s: %(kind)s",
            until=self._say_moment(decision.until),
            kind=kind,
        )
        return said + (self._say_debt() if decision.kind == "change" else "")

    def _say_unlimited(self, decision):
        return self.env._("On: this package stays on, paid or not") + self._say_debt()

    def _say_unpaid(self, decision):
        since = self._say_moment(decision.until)
        if decision.level == "limited" and self.package_id.on_expiry == "walled":
            head = self.env._("Pay page only: unpaid since %s", since)
        elif decision.level == "limited":
            head = self.env._(
                "Limited to %(package)s: unpaid since %(since)s",
                package=self.package_id.fallback_package_id.name,
                since=since,
            )
        else:
            head = self.env._("Off: unpaid since %s", since)
        return head + self._say_debt()

    def _say_never(self, decision):
        if decision.level == "off":
            head = self.env._("Off: nothing paid yet")
        elif self.package_id.on_expiry == "walled":
            head = self.env._("Pay page only: nothing paid yet")
        else:
            head = self.env._("Limited: nothing paid yet")
        return head + self._say_debt()

    def _say_suspended(self, decision):
        reason = self._say_label("isp.suspension", "reason", decision.kind)
        if not decision.until:
            return self.env._("Off: %s", reason)
        return self.env._(
            "Off until %(until)s: %(reason)s",
            until=self._say_moment(decision.until),
            reason=reason,
        )

    def _say_new(self, decision):
        if self._is_pay_first() and not self.is_setup:
            return self.env._("New") + self._say_debt()
        if not self.is_setup:
            return self.env._("New: set-up not invoiced yet")
        if self.sudo()._get_pending_billing():
            head = self.env._("New: waiting for set-up and first period to be paid")
            return head + self._say_debt()
        return self.env._("New: waiting for the set-up to be paid") + self._say_debt()

    def _say_ready(self, decision):
        if not self.sudo()._is_first_paid():
            return self.env._("Ready, but no longer paid") + self._say_debt()
        return self.env._("Ready: paid, its time begins when service is started")

    def _say_closed(self, decision):
        if not self.date_end:
            return self.env._("Closed")
        return self.env._("Closed on %s", format_date(self.env, self.date_end))

    # === PARTS === #

    def _say_waiting(self, decision):
        """A line whose gateway does not know yet what it is allowed, or ``None``."""
        access = self.access_ids.filtered(lambda a: a.gateway_id == self.gateway_id)[:1]
        if self.state != "active" or not self._has_login_on_gateway():
            return None
        if self.gateway_id.mode != "control":
            # Nothing is written there, so nothing can be waited for.
            return None
        proved = access._get_proved_level()
        if proved == decision.level and access.state != "error":
            return None
        head = self._say_difference(decision, proved, access)
        if access.error and access.held:
            # The gateway has no part in it, and the moment must not be cut short.
            return self.env._("%(head)s: %(error)s", head=head, error=access.error)
        if access.error:
            return self.env._(
                "%(head)s: %(gateway)s: %(error)s",
                head=head,
                gateway=self.gateway_id.name,
                error=access.error,
            )
        return self.env._(
            "%(head)s: waiting for %(gateway)s", head=head, gateway=self.gateway_id.name
        )

    def _say_difference(self, decision, proved, access):
        """Return what is under way, from the level proved to the one decided."""
        if LEVELS.index(decision.level) < LEVELS.index(proved):
            if access.held == "mass":
                # A person decides; until then nobody cuts it.
                return self.env._("Still on")
            if decision.level == "limited":
                return self.env._("Being limited")
            return self.env._("Being cut")
        if decision.level == "off":
            return self.env._("Being cut")
        if decision.level == proved:
            return self.env._("On, not up to date")
        if decision.reason == "covered":
            return self.env._("Paid, connecting")
        return self.env._("Connecting")

    def _say_debt(self):
        if self._is_pay_first() and self.state in ("new", "active"):
            return self._say_price()
        owed = -self.contract_id.balance
        if self.currency_id.compare_amounts(owed, 0) <= 0:
            return ""
        amount = self.currency_id.format(owed)
        # Where to pay is no secret: the client reads this sentence too.
        collection = self.company_id.sudo().isp_collection_ids[:1]
        if not collection.short_code:
            return self.env._(
                ", owes %(amount)s, account %(account)s",
                amount=amount,
                account=self.account_no,
            )
        return self.env._(
            ", owes %(amount)s, pay %(short_code)s account %(account)s",
            amount=amount,
            short_code=collection.short_code,
            account=self.account_no,
        )

    def _say_price(self):
        """Return what opens a line that is paid first, and where to pay it."""
        amount = self.sudo()._get_amount_to_renew()
        if self.currency_id.compare_amounts(amount, 0) <= 0:
            return ""
        collection = self.company_id.sudo().isp_collection_ids[:1]
        values = {
            "amount": self.currency_id.format(amount),
            "short_code": collection.short_code,
            "account": self.account_no,
        }
        if not collection.short_code:
            return self.env._(", to pay: %(amount)s, account %(account)s", **values)
        return self.env._(
            ", to pay: %(amount)s to %(short_code)s account %(account)s", **values
        )

    def _say_moment(self, moment):
        return format_datetime(
            self.env,
            moment,
            tz=self.company_id._isp_zone(),
            dt_format="EEE d MMM y HH:mm",
        )

    def _say_label(self, model, name, value):
        field = self.env[model]._fields[name]
        return dict(field._description_selection(self.env)).get(value, value)
