from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import format_datetime

REPORT = "mybizna_isp.isp_timeline_report"
DAYS = 60
MAX_ROWS = 100


class IspTimeline(models.Model):
    _inherit = "isp.timeline"

    def action_print(self):
        """Print the timeline that is looked at, whichever rows are chosen."""
        line = self.env.context.get("isp_timeline_line") or 0
        return self.env["isp.connection"].browse(line).exists().action_print_timeline()


class IspConnection(models.Model):
    """The timeline on paper, for a client who disputes a cut.

    The rows are those of the screen without their details: those are for staff, a
    message tells what is in the wallet.
    """

    _inherit = "isp.connection"

    def action_print_timeline(self):
        self.ensure_one()
        return self.env.ref(REPORT).report_action(self, config=False)

    def _prepare_timeline_page(self):
        """Return what the page of one line shows, in the client's language."""
        self.ensure_one()
        self.check_access("read")
        lang = self.partner_id.lang or self.env.lang
        line = self.with_context(lang=lang, isp_timeline_line=self.id)
        now = fields.Datetime.now()
        since = now - timedelta(days=DAYS)
        Timeline = line.env["isp.timeline"]
        domain = [("connection_id", "=", self.id), ("at", ">=", since)]
        rows = Timeline.search(domain, limit=MAX_ROWS)
        count = len(rows)
        if count == MAX_ROWS:
            count = Timeline.search_count(domain)
        is_clerk = self.env.user.has_group("mybizna_isp.isp_group_clerk")
        return {
            "line": line,
            "lang": lang,
            # Its name and address head the page, whoever prints it.
            "company": line.company_id.sudo(),
            "partner": line.partner_id,
            "now": line._say_exactly(now),
            "since": line._say_exactly(since),
            "rows": [line._prepare_timeline_row(row, is_clerk) for row in rows],
            "left_out": count - len(rows),
            "is_clerk": is_clerk,
        }

    def _prepare_timeline_row(self, row, is_clerk):
        kinds = dict(row._fields["kind"]._description_selection(row.env))
        return {
            "at": self._say_exactly(row.at),
            "kind": kinds[row.kind],
            "name": row.name,
            "amount": row.amount if is_clerk else False,
            "currency": row.currency_id,
        }

    def _say_exactly(self, moment):
        """Return a moment to the second, at the client's place, as the language
        writes it."""
        return format_datetime(self.env, moment, tz=self.company_id._isp_zone())

    def _get_timeline_file_name(self):
        name = (self.account_no or self.display_name or "").replace("/", "-")
        return f"{self.env._('Timeline')} {name}"


class ReportIspTimeline(models.AbstractModel):
    """What the printed timeline shows."""

    _name = "report.mybizna_isp.isp_timeline_page"
    _description = "Timeline of a Connection (PDF)"

    @api.model
    def _get_report_values(self, docids, data=None):
        lines = self.env["isp.connection"].browse(docids)
        # A page of another company's line is refused, before what it is is looked at.
        lines.check_access("read")
        return {
            "doc_ids": docids,
            "docs": lines,
            "pages": [line._prepare_timeline_page() for line in lines.exists()],
        }
