from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import content_disposition, request

from odoo.addons.portal.controllers.portal import CustomerPortal

from ..tools.intervals import PRESETS, preset_interval

REPORT = "mybizna_isp.isp_statement_report"


class IspStatementFile(http.Controller):
    """Hands out the spreadsheet of a statement that a person of staff asked for."""

    @http.route(
        "/isp/statement/<int:statement_id>/xlsx",
        type="http",
        auth="user",
        methods=["GET"],
        readonly=True,
    )
    def download(self, statement_id):
        statement = request.env["isp.statement"].browse(statement_id)
        # Another person's question is none of theirs: the record rule says so.
        statement.check_access("read")
        if not statement.exists():
            raise NotFound()
        return _send_file(
            statement._export_sheet(),
            f"{statement._get_file_name()}.xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        )


class IspPortal(CustomerPortal):
    """The client's own statement, and nobody else's."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "isp_contract_count" in counters:
            values["isp_contract_count"] = len(self._get_isp_contracts())
        return values

    def _get_isp_contracts(self):
        return request.env.user.partner_id._isp_get_own_contracts()

    @http.route(
        ["/my/statement", "/my/statement/<int:contract_id>"],
        type="http",
        auth="user",
        methods=["GET"],
        website=True,
        readonly=True,
    )
    def statement(self, contract_id=None, interval="this_month", as_pdf=None, **_kw):
        """Show one of the client's own contracts, or all of them.

        Which contract exists is nobody's business: a foreign number and one that was
        never given lead to the same place.
        """
        own = self._get_isp_contracts()
        chosen = own.filtered(lambda c: c.id == contract_id) if contract_id else own
        if not chosen:
            return request.redirect("/my")
        interval = interval if interval in PRESETS else "this_month"
        today = chosen.company_id[:1]._isp_today()
        date_from, date_to = preset_interval(interval, today)
        refusal = ""
        if as_pdf:
            try:
                return self._print_statement(chosen, date_from, date_to)
            except UserError as error:
                refusal = str(error)
        Statement = request.env["isp.statement"].sudo()
        values = Statement._prepare_values(
            chosen,
            date_from,
            date_to,
            for_customer=True,
            max_rows=Statement._max_on_screen,
        )
        return request.render(
            "mybizna_isp.isp_portal_statement",
            {
                **self._prepare_portal_layout_values(),
                **values,
                "page_name": "isp_statement",
                "own": own,
                "chosen": chosen,
                "interval": interval,
                "refusal": refusal,
            },
        )

    def _print_statement(self, contracts, date_from, date_to):
        Statement = request.env["isp.statement"].sudo()
        Statement._require_pdf(
            Statement._prepare_values(contracts, date_from, date_to, for_customer=True)
        )
        # As the client's own page: `contracts` are known to be theirs.
        content, _kind = (
            request.env["ir.actions.report"]
            .sudo()
            ._render_qweb_pdf(
                REPORT,
                data={
                    "contract_ids": contracts.ids,
                    "date_from": date_from,
                    "date_to": date_to,
                },
            )
        )
        name = " ".join(contracts.mapped("account_no"))
        return _send_file(
            content, f"{request.env._('Statement')} {name}.pdf", "application/pdf"
        )


def _send_file(content, name, mimetype):
    return request.make_response(
        content,
        [
            ("Content-Type", mimetype),
            ("Content-Disposition", content_disposition(name)),
            ("Content-Length", len(content)),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ],
    )
