from collections import defaultdict

from odoo import models
from odoo.tools import SQL

# What the client reads beside these was written for the client; other texts are
# notes of staff.
_CUSTOMER_TEXTS = ("charge", "discount", "credit_note", "deposit")


class IspContract(models.Model):
    """Statement of account: what the balance was, what moved it, what it became."""

    _inherit = "isp.contract"

    # === STATEMENT === #

    def _get_statement(self, date_from=None, date_to=None, hidden=False):
        """Return one contract's statement; see `_get_statements`.

        :return: dict of ``contract``, ``opening``, ``rows``, ``debit``, ``credit``
            and ``closing``; opening + credit − debit = closing
        """
        self.ensure_one()
        return self._get_statements(date_from, date_to, hidden)["sections"][0]

    def _get_statements(self, date_from=None, date_to=None, hidden=False):
        """Return statements of contracts by accounting date, both ends inclusive.

        A balance above zero is the client's money with us. A document and its
        counter-entry in the same reporting period are left out where the interval
        holds both; so openings, closings and totals are the same either way.

        :param date date_from: first day; None is the beginning
        :param date date_to: last day; None is without end
        :param bool hidden: show such pairs too
        :return: dict of ``date_from``, ``date_to``, ``sections`` (one a contract, in
            the order of self) and ``totals`` (one a currency: ``currency``,
            ``opening``, ``debit``, ``credit``, ``closing``)
        """
        openings = self._get_openings(date_from)
        rows = self._get_statement_rows(date_from, date_to, hidden)
        sections = [
            contract._balance_rows(openings.get(contract.id, 0.0), rows[contract.id])
            for contract in self
        ]
        return {
            "date_from": date_from,
            "date_to": date_to,
            "sections": sections,
            "totals": self._total_sections(sections),
        }

    def _get_openings(self, date_from):
        """Return contract id → sum of all operations before a day."""
        self.check_access("read")
        if not date_from or not self:
            return {}
        self.env["isp.operation"].flush_model()
        rows = self.env.execute_query(self._get_openings_sql(date_from))
        return {contract_id: float(amount or 0) for contract_id, amount in rows}

    def _get_openings_sql(self, date_from):
        return SQL(
            "SELECT contract_id, SUM(amount) FROM isp_operation "
            "WHERE contract_id IN %s AND date < %s GROUP BY contract_id",
            tuple(self.ids),
            date_from,
        )

    def _balance_rows(self, opening, rows):
        """Add the running balance to one contract's rows; return its section."""
        currency = self.currency_id
        balance = opening = currency.round(opening)
        debit = credit = 0.0
        for row in rows:
            balance = row["balance"] = currency.round(balance + row["amount"])
            row["debit"] = max(-row["amount"], 0.0)
            row["credit"] = max(row["amount"], 0.0)
            debit += row["debit"]
            credit += row["credit"]
        return {
            "contract": self,
            "currency": currency,
            "opening": opening,
            "rows": rows,
            "debit": currency.round(debit),
            "credit": currency.round(credit),
            "closing": balance,
        }

    def _total_sections(self, sections):
        totals = {}
        for section in sections:
            currency = section["currency"]
            total = totals.setdefault(
                currency,
                dict.fromkeys(("opening", "debit", "credit", "closing"), 0.0),
            )
            for name in total:
                total[name] = currency.round(total[name] + section[name])
        return [{"currency": currency, **total} for currency, total in totals.items()]

    # === ROWS === #

    def _get_statement_rows(self, date_from, date_to, hidden):
        """Return contract id → rows, read by one query whatever their number."""
        found = defaultdict(list)
        if not self:
            return found
        for model, names in (
            ("isp.operation", None),
            ("account.move", None),
            ("account.move.line", ["amount_residual", "date_maturity"]),
        ):
            self.env[model].flush_model(names)
        rows = self.env.execute_query_dict(
            self._get_statement_sql(date_from, date_to, hidden)
        )
        kinds = dict(
            self.env["isp.operation"]._fields["kind"]._description_selection(self.env)
        )
        services = self._name_all("isp.service.type", rows, "service_type_id")
        connections = self._name_all("isp.connection", rows, "connection_id")
        for row in rows:
            row["amount"] = float(row["amount"] or 0)
            row["open"] = float(row["open"] or 0)
            row["kind_label"] = kinds.get(row["kind"], row["kind"])
            row["service"] = services.get(row["service_type_id"], "")
            row["connection"] = connections.get(row["connection_id"], "")
            found[row["contract_id"]].append(row)
        return found

    def _name_all(self, model, rows, key):
        records = self.env[model].browse(sorted({row[key] for row in rows if row[key]}))
        # Who may read the contract may read what its documents were for.
        return {record.id: record.display_name for record in records.sudo()}

    def _get_statement_sql(self, date_from, date_to, hidden):
        bounds = [SQL("operation.contract_id IN %s", tuple(self.ids))]
        pair_bounds = [SQL("move.isp_hidden")]
        if date_from:
            bounds.append(SQL("operation.date >= %s", date_from))
            pair_bounds.append(SQL("pair.date >= %s", date_from))
        if date_to:
            bounds.append(SQL("operation.date <= %s", date_to))
            pair_bounds.append(SQL("pair.date <= %s", date_to))
        if not hidden:
            pair = SQL(" AND ").join(pair_bounds)
            bounds.append(SQL("(%s) IS NOT TRUE", pair))
        return SQL(
            """
            SELECT operation.id, operation.contract_id, operation.date, operation.kind,
                   operation.time, operation.service_type_id, operation.connection_id,
                   operation.description, operation.amount, operation.move_id,
                   COALESCE(move.isp_document_date, operation.date) AS document_date,
                   move.name AS document, move.ref AS reference, pair.name AS pair,
                   move.isp_revokes_id IS NOT NULL AS is_mirror,
                   line.date_maturity AS due_date, line.amount_residual AS open
              FROM isp_operation operation
         LEFT JOIN account_move move ON move.id = operation.move_id
         LEFT JOIN account_move pair
                ON pair.id = COALESCE(move.isp_revokes_id, move.isp_revoked_by_id)
         LEFT JOIN account_move_line line ON line.id = operation.line_id
             WHERE %s
          ORDER BY operation.contract_id, operation.date, operation.id
            """,
            SQL(" AND ").join(bounds),
        )

    # === AS THE CLIENT WILL SEE IT === #

    def _word_for_customer(self, statement):
        """Put the client's words on a statement, and leave staff's notes out.

        :param dict statement: of `_get_statements`; changed in place
        """
        words = self._get_customer_words()
        for section in statement["sections"]:
            # An event moves no money: it is the provider's diary.
            section["rows"] = [row for row in section["rows"] if row["kind"] != "event"]
            for row in section["rows"]:
                row["kind_label"] = words.get(row["kind"], words["adjustment"])
                if row["kind"] == "payment":
                    row["description"] = row["reference"]
                elif row["kind"] not in _CUSTOMER_TEXTS:
                    row["description"] = ""
                row["note"] = row["pair"] and (
                    self.env._("Cancels %s", row["pair"])
                    if row["is_mirror"]
                    else self.env._("Cancelled by %s", row["pair"])
                )
        return statement

    def _get_customer_words(self):
        return {
            "charge": self.env._("Bill"),
            "discount": self.env._("Discount"),
            "payment": self.env._("Payment received, thank you"),
            "transfer": self.env._("Moved between accounts"),
            "opening": self.env._("Brought forward"),
            "adjustment": self.env._("Correction"),
            "goodwill": self.env._("Credit from us"),
            "write_off": self.env._("Credit from us"),
            "refund": self.env._("Paid back to you"),
            "deposit": self.env._("Deposit"),
            "deposit_return": self.env._("Deposit returned"),
            "credit_note": self.env._("Credit"),
            "reversal": self.env._("Correction"),
        }

    def _get_payment_instructions(self):
        """Return how to pay this contract, one sentence for each paybill or till."""
        self.ensure_one()
        # Where to pay is no secret.
        collections = self.company_id.sudo().isp_collection_ids
        return [
            self.env._(
                "%(network)s: pay to %(short_code)s, account number %(account)s",
                network=collection.name,
                short_code=collection.short_code,
                account=self.account_no,
            )
            for collection in collections.filtered("short_code")
        ]

    def _get_coverage_lines(self):
        """Return what each connection is paid up to and what credit still buys, and
        until when it is on beyond that: dicts of ``name``, ``package`` and ``text``."""
        return [
            {
                "name": connection.display_name,
                "package": connection.package_id.name,
                "text": connection._say_coverage(),
            }
            for connection in self.connection_ids.filtered(
                lambda c: c.state != "closed"
            )
        ]

    # === BUTTONS === #

    def action_open_statement(self):
        self.ensure_one()
        return self.env["isp.statement"]._open(contract_id=self.id)

    def action_view_operations(self):
        """Override: pairs that cancel out are left out at first, as in the menu."""
        action = super().action_view_operations()
        action["context"]["search_default_shown"] = 1
        return action


class ResPartner(models.Model):
    _inherit = "res.partner"

    def action_isp_open_statement(self):
        self.ensure_one()
        return self.env["isp.statement"]._open(partner_id=self.id)

    def _isp_get_own_contracts(self):
        """Return the contracts whose statement this person may read: sudo.

        Those of their own, and those of the company or household they belong to.
        """
        owners = self | self.commercial_partner_id
        return (
            self.env["isp.contract"]
            .sudo()
            .search([("partner_id", "in", owners.ids)], order="id")
        )
