from datetime import datetime, timedelta

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools.access_guard import Guard, parse
from ..tools.access_types import Mark, login_key
from .isp_gateway import ADDRESS_FIELDS

# A question that nobody answered, or answered "not now", is asked again.
ASK_AGAIN = timedelta(hours=24)
CUTS_ACTIVITY = "mail.mail_activity_data_warning"


class IspGateway(models.Model):
    """What a gateway asks of a person before it is written to."""

    _inherit = "isp.gateway"

    # === FIELDS: many cuts at once === #

    max_cut_percent = fields.Integer(
        string="Ask before Cutting (%)",
        default=10,
        tracking=True,
        help="When more than this share of the lines that are on would be cut at once, "
        "none of them is cut before a person has looked. Lines that were bought by the "
        "hour or for some days, and have ended, don't count.",
    )
    max_cut_count = fields.Integer(
        string="But Not below (lines)",
        default=50,
        tracking=True,
        help="Up to so many lines are cut at once without asking.",
    )
    held_count = fields.Integer(
        string="Cuts that Wait",
        compute="_compute_held_count",
        help="Lines that are still on until a person has looked at them.",
    )
    cuts_asked_at = fields.Datetime(readonly=True, copy=False)

    # === FIELDS: whose the device is === #

    # The greatest run that may stand on the device, and the one proved to.
    mark_run = fields.Integer(readonly=True, copy=False)
    mark_written = fields.Integer(readonly=True, copy=False)
    # The mark that was found instead, and the one that a person took for right.
    mark_found = fields.Char(readonly=True, copy=False)
    mark_accepted = fields.Char(readonly=True, copy=False)
    device_accepted_at = fields.Datetime(
        string="Device Accepted", readonly=True, copy=False
    )

    _cut_limits = models.Constraint(
        "CHECK (max_cut_percent BETWEEN 0 AND 100 AND max_cut_count >= 0)",
        "The share of lines that are cut without asking lies between 0 and 100 %, and "
        "their number can't be negative.",
    )

    def _compute_held_count(self):
        groups = self.env["isp.access"]._read_group(
            [("gateway_id", "in", self.ids), *self._get_held_domain()],
            ["gateway_id"],
            ["__count"],
        )
        counts = {gateway.id: count for gateway, count in groups}
        for gateway in self:
            gateway.held_count = counts.get(gateway.id, 0)

    @api.model
    def _get_held_domain(self):
        return [("held", "=", "mass"), ("is_cut_allowed", "!=", True)]

    # === ACTIONS === #

    def action_view_held(self):
        """Show the lines that would be cut, to let them be or not."""
        self.ensure_one()
        self.check_access("write")
        held = self.env["isp.access"].search(
            [("gateway_id", "=", self.id), *self._get_held_domain()]
        )
        if not held:
            raise UserError(
                self.env._(
                    "Gateway %(gateway)s: no cut waits for a decision any more.",
                    gateway=self.name,
                )
            )
        choice = self.env["isp.access.cut"].create(
            {"gateway_id": self.id, "access_ids": [Command.set(held.ids)]}
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Cuts on %(gateway)s", gateway=self.name),
            "res_model": choice._name,
            "res_id": choice.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_accept_device(self):
        """Take the device, as it answers now, for the right one; it is written again.

        All is compared anew: what was proved before says nothing about it.
        """
        self.check_access("write")
        for gateway in self.filtered(lambda g: g.state == "identity_error"):
            found = parse(gateway.mark_found or "")
            is_ours = found.database == self._get_database_uuid()
            reason = gateway.last_error
            gateway.write(
                {
                    "state": "unknown",
                    "fail_count": 0,
                    "next_try": False,
                    "last_error": False,
                    "down_since": False,
                    "mark_accepted": gateway.mark_found,
                    "mark_run": max(gateway.mark_run, found.run + 1 if is_ours else 0),
                    "mark_written": 0,
                    "device_accepted_at": fields.Datetime.now(),
                }
            )
            gateway.message_post(
                body=self.env._(
                    "%(user)s said that this is the right device. It was held because: "
                    "%(reason)s",
                    user=self.env.user.name,
                    reason=reason,
                )
            )
            gateway._mark_all(forced=True)

    # === BUSINESS: many cuts at once === #

    def _get_cut_limit(self):
        """Return how many lines may be cut at once without asking."""
        self.ensure_one()
        on = self.env["isp.access"].search_count(
            [("gateway_id", "=", self.id), ("applied_on", "=", True)]
        )
        return max(self.max_cut_count, on * self.max_cut_percent // 100)

    def _ask_about_cuts(self):
        """Ask the network staff to look at held cuts: once, and again a day later."""
        self.ensure_one()
        again_at = self.cuts_asked_at and self.cuts_asked_at + ASK_AGAIN
        if again_at and again_at > fields.Datetime.now():
            return
        self._postpone_question()
        group = self.env.ref("mybizna_isp.isp_group_network")
        for user in group.all_user_ids.filtered(
            lambda user: self.company_id in user.company_ids
        ):
            self.activity_schedule(
                CUTS_ACTIVITY,
                summary=self.env._("Cuts wait for your decision"),
                note=self.env._(
                    "%(count)s lines would be cut at once. None is before somebody "
                    "has looked at them.",
                    count=self.held_count,
                ),
                user_id=user.id,
            )

    @api.model
    def _ask_again_about_cuts(self):
        """Ask again where nobody decided within a day, or not on all that waits."""
        asked = Domain("cuts_asked_at", "!=", False)
        waiting = Domain("access_ids", "any", self._get_held_domain())
        for gateway in self.search(asked | waiting):
            gateway._stop_asking()
            if gateway.held_count:
                gateway._ask_about_cuts()

    def _stop_asking(self):
        """Take the question back once no cut waits any more."""
        for gateway in self:
            if gateway.cuts_asked_at and not gateway.held_count:
                gateway._postpone_question()
                gateway.cuts_asked_at = False

    def _postpone_question(self):
        """Take the question back for a day."""
        self.activity_unlink([CUTS_ACTIVITY])
        self.cuts_asked_at = fields.Datetime.now()

    # === BUSINESS: whose the device is === #

    def _prepare_guard(self, rows, run=None):
        """Return the `tools.access_guard.Guard` of one exchange; call it under lease.

        A new run is counted only once the device has the one before: a backup that
        can't reach the device would otherwise outrun the books in use.

        :param rows: the rows of `isp.access` that are told of
        :param int|None run: the number this gateway has in this run of the worker
        """
        self.ensure_one()
        twins = self._get_twins()
        latest = max(twins.mapped("mark_run"))
        written = max(twins.mapped("mark_written"))
        if not run:
            run = latest if latest > written else written + 1
        # What was proved before a person accepted the device was another's, maybe.
        since = self.device_accepted_at or datetime.min
        known = rows.filtered(
            lambda row: (
                (row.applied or {}).get("present")
                and (row.applied_at or datetime.min) > since
            )
        )
        return Guard(
            mark=Mark(self._get_database_uuid(), max(run, latest)),
            written=self.mark_written,
            accepted=self.mark_accepted or "",
            known=frozenset(login_key(row.applied["login"]) for row in known),
        )

    def _get_twins(self):
        """Return the gateways, this one included, that are the same device: two
        companies may share one RADIUS database."""
        self.ensure_one()
        if not self.ip_address:
            return self
        gateways = self.with_context(active_test=False)
        return self | gateways.search(
            [(name, "=", self[name]) for name in ADDRESS_FIELDS]
        )

    def _was_overtaken(self, task, outcome):
        """Whether a device refused because a twin of this gateway, in a later run
        that these books know of, was there first."""
        if outcome.health != "identity_error":
            return False
        found = parse(outcome.found)
        latest = max(self._get_twins().mapped("mark_run"))
        return (
            found.database == task.guard.mark.database
            and task.guard.mark.run < found.run <= latest
        )

    def _was_put_back(self, task, outcome):
        """Whether a device refused because it forgot what these books wrote last."""
        if outcome.health != "identity_error":
            return False
        found = parse(outcome.found)
        return (
            found.database == task.guard.mark.database
            and found.run < task.guard.written
        )

    def _write_again(self, found):
        """Have all lines of a device compared anew that has an older state.

        :param Mark found: what stands on it; only after this is it written to
        """
        # Whichever writes first leaves a mark that is new enough for the others.
        for gateway in self._get_twins():
            gateway._write_health({"mark_written": found.run}, SQL("TRUE"))
            gateway._mark_all(forced=True)
            # A log note: nobody has anything to decide.
            gateway._message_log(
                body=self.env._(
                    "The gateway was put back to an older state, by a backup of its "
                    "own or a cut of its power. All its lines are compared anew."
                )
            )
