from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import format_date

SOON_DAYS = 3
USER = "mybizna_isp.isp_group_user"
CLERK = "mybizna_isp.isp_group_clerk"
NETWORK = "mybizna_isp.isp_group_network"


class IspHome(models.AbstractModel):
    """No rows: what needs a person now, counted for whoever looks."""

    _name = "isp.home"
    _description = "Home"

    # === WHAT THE PAGE ASKS === #

    @api.model
    def get_home(self):
        """Return all that Home shows, by the groups of the user.

        :return: dict of ``company``, ``date``, ``counters``, ``tasks``, ``places`` and
            ``takings`` (or ``False``)
        """
        self.env["isp.connection"].check_access("read")
        return {
            "company": self.env.company.name,
            "date": format_date(
                self.env, self.env.company._isp_today(), date_format="EEEE d MMMM y"
            ),
            "counters": self._get_counters(),
            "takings": self._get_takings(),
            "tasks": self._get_tasks(),
            "places": self._get_places(),
        }

    @api.model
    def action_open(self, key):
        """Return the window action behind a counter or a task of Home.

        :param str key: the ``key`` of a counter or a task
        """
        entries = {**self._get_counter_specs(), **self._get_task_specs()}
        spec = entries.get(key)
        if not spec or not self.env.user.has_group(spec["group"]):
            raise AccessError(self.env._("You have no access to this list."))
        action = self.env["ir.actions.actions"]._for_xml_id(spec["action"])
        action["context"] = spec.get("context", {})
        if "domain" in spec:
            action["domain"] = list(spec["domain"])
            action["display_name"] = action["name"] = spec["title"]
        if spec.get("new"):
            action["views"] = [(False, "form")]
        return action

    # === COUNTERS === #

    @api.model
    def _get_counters(self):
        counters = []
        for key, spec in self._get_counter_specs().items():
            if not self.env.user.has_group(spec["group"]):
                continue
            count = self.env[spec["model"]].search_count(
                spec["domain"] & self._get_company_domain(spec["model"])
            )
            counters.append(
                {
                    "key": key,
                    "title": spec["title"],
                    "hint": spec["hint"],
                    "icon": spec["icon"],
                    "count": count,
                    "color": spec["color"] if count else "muted",
                }
            )
        return counters

    @api.model
    def _get_company_domain(self, model):
        # Lists show all chosen companies: count the same.
        return Domain("company_id", "in", self.env.companies.ids)

    @api.model
    def _get_counter_specs(self):
        """Return what is counted: key → title, hint, model, domain, action, group."""
        return {
            **self._get_money_specs(),
            **self._get_network_specs(),
            **self._get_line_specs(),
        }

    @api.model
    def _get_money_specs(self):
        return {
            "unmatched": {
                "title": self.env._("Money without a customer"),
                "hint": self.env._("Received, but nobody could be found for certain"),
                "icon": "fa-question-circle",
                "color": "danger",
                "model": "isp.money.receipt",
                "action": "mybizna_isp.isp_money_receipt_action",
                "group": CLERK,
                "domain": Domain("state", "in", ("unmatched", "review")),
            },
            "messages": {
                "title": self.env._("Messages needing a person"),
                "hint": self.env._(
                    "Failed, or not sent by the network, since yesterday"
                ),
                "icon": "fa-envelope-o",
                "color": "danger",
                "model": "isp.sms.inbox",
                "action": "mybizna_isp.isp_sms_inbox_action",
                "group": CLERK,
                "domain": self._get_message_domain(),
            },
        }

    @api.model
    def _get_network_specs(self):
        return {
            "not_on": {
                "title": self.env._("Paid but not on"),
                "hint": self.env._("Allowed, but the router does not say so yet"),
                "icon": "fa-chain-broken",
                "color": "danger",
                "model": "isp.connection",
                "action": "mybizna_isp.isp_connection_action",
                "group": USER,
                "domain": self._get_not_on_domain(),
            },
            "gateways": {
                "title": self.env._("Gateways down"),
                "hint": self.env._("Not answering, or refusing our login"),
                "icon": "fa-server",
                "color": "danger",
                "model": "isp.gateway",
                "action": "mybizna_isp.isp_gateway_action",
                "group": USER,
                "domain": Domain("state", "not in", ("up", "unknown")),
            },
        }

    @api.model
    def _get_line_specs(self):
        lines = {
            "model": "isp.connection",
            "action": "mybizna_isp.isp_connection_action",
            "group": USER,
        }
        return {
            "attention": {
                **lines,
                "title": self.env._("Lines needing attention"),
                "hint": self.env._("The billing run could not bill them"),
                "icon": "fa-exclamation-triangle",
                "color": "danger",
                "domain": Domain("needs_attention", "!=", False),
            },
            "hold": {
                **lines,
                "title": self.env._("Billing on hold"),
                "hint": self.env._("Behind, or far more than last month: have a look"),
                "icon": "fa-hand-paper-o",
                "color": "danger",
                "action": "mybizna_isp.isp_connection_hold_action",
                "group": CLERK,
                "domain": Domain("billing_hold", "!=", False),
            },
            "new": {
                **lines,
                "title": self.env._("New, waiting for payment"),
                "hint": self.env._("Registered, the set-up is not paid"),
                "icon": "fa-user-plus",
                "color": "info",
                "domain": Domain("state", "=", "new"),
            },
            "expiring": {
                **lines,
                "title": self.env._("Expiring within %s days", SOON_DAYS),
                "hint": self.env._("On today, off soon unless they pay"),
                "icon": "fa-clock-o",
                "color": "warning",
                "domain": self._get_expiring_domain(),
            },
        }

    @api.model
    def _get_message_domain(self):
        """Messages that failed, and of the last day those that were not trusted."""
        since = fields.Datetime.now() - timedelta(days=1)
        return Domain("state", "=", "error") | (
            Domain("is_quarantined", "=", True) & Domain("received_at", ">=", since)
        )

    @api.model
    def _get_not_on_domain(self):
        """Lines that may be on, on a gateway in our control, not proved to be."""
        return (
            Domain("access", "in", ("on", "limited"))
            & Domain("username", "!=", False)
            & Domain("gateway_id.mode", "=", "control")
            & ~Domain(
                "access_ids",
                "any",
                [("applied_on", "=", True), ("state", "=", "applied")],
            )
        )

    @api.model
    def _get_expiring_domain(self):
        now = fields.Datetime.now()
        return (
            Domain("access", "=", "on")
            & Domain("expiry_at", ">", now)
            & Domain("expiry_at", "<=", now + timedelta(days=SOON_DAYS))
        )

    # === TAKINGS === #

    @api.model
    def _get_takings(self):
        """Return the last seven days' money in, each beside the same day a week ago."""
        if not self.env.user.has_group(CLERK):
            return False
        company = self.env.company
        today = company._isp_today()
        rows = self.env["account.payment"]._read_group(
            [
                ("company_id", "=", company.id),
                ("isp_contract_id", "!=", False),
                ("payment_type", "=", "inbound"),
                ("state", "in", ("in_process", "paid")),
                ("isp_revoked", "=", False),
                ("date", ">", today - timedelta(days=14)),
                ("date", "<=", today),
            ],
            ["date:day"],
            ["amount:sum"],
        )
        sums = {fields.Date.to_date(day): amount for day, amount in rows}
        peak = max(sums.values(), default=0.0) or 1.0
        days = [today - timedelta(days=back) for back in range(6, -1, -1)]
        return {
            "today": company.currency_id.format(sums.get(today, 0.0)),
            "last_week": company.currency_id.format(
                sums.get(today - timedelta(days=7), 0.0)
            ),
            "days": [self._prepare_day(day, sums, peak) for day in days],
        }

    @api.model
    def _prepare_day(self, day, sums, peak):
        amount = sums.get(day, 0.0)
        before = sums.get(day - timedelta(days=7), 0.0)
        currency = self.env.company.currency_id
        return {
            "key": str(day),
            "label": format_date(self.env, day, date_format="EEE"),
            "height": round(100 * amount / peak),
            "height_before": round(100 * before / peak),
            "tooltip": self.env._(
                "%(day)s: %(amount)s; a week before: %(before)s",
                day=format_date(self.env, day, date_format="EEE d MMM"),
                amount=currency.format(amount),
                before=currency.format(before),
            ),
        }
