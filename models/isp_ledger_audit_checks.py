from odoo import api, models
from odoo.tools import SQL, format_date

# What must be equal for each contract. Sums of a whole company, one pass a table.
BALANCES = """
    SELECT contract.name, contract.currency_id, COALESCE(contract.balance, 0),
        COALESCE(operations.amount, 0), COALESCE(lines.balance, 0),
        COALESCE(lines.residual, 0)
    FROM isp_contract contract
    LEFT JOIN (
        SELECT contract_id, SUM(amount) AS amount FROM isp_operation
        WHERE company_id = %(company)s GROUP BY contract_id
    ) operations ON operations.contract_id = contract.id
    LEFT JOIN (
        SELECT line.isp_contract_id, -SUM(line.balance) AS balance,
            -SUM(line.amount_residual) AS residual
        FROM account_move_line line
        JOIN account_account account ON account.id = line.account_id
        WHERE line.isp_contract_id IS NOT NULL AND line.parent_state = 'posted'
            AND line.company_id = %(company)s
            AND account.account_type = 'asset_receivable'
        GROUP BY line.isp_contract_id
    ) lines ON lines.isp_contract_id = contract.id
    WHERE contract.company_id = %(company)s
        AND (COALESCE(contract.balance, 0) <> COALESCE(operations.amount, 0)
            OR COALESCE(contract.balance, 0) <> COALESCE(lines.balance, 0)
            OR COALESCE(contract.balance, 0) <> COALESCE(lines.residual, 0))
    ORDER BY contract.name
"""
LINES = """
    SELECT contract.name, move.name, line.currency_id, -line.balance, operation.amount
    FROM account_move_line line
    JOIN account_account account ON account.id = line.account_id
    JOIN account_move move ON move.id = line.move_id
    JOIN isp_contract contract ON contract.id = line.isp_contract_id
    LEFT JOIN isp_operation operation ON operation.line_id = line.id
        AND operation.contract_id = line.isp_contract_id
    WHERE line.isp_contract_id IS NOT NULL AND line.parent_state = 'posted'
        AND line.company_id = %(company)s
        AND account.account_type = 'asset_receivable'
        AND operation.amount IS DISTINCT FROM -line.balance
    ORDER BY line.id
"""
OPERATIONS = """
    SELECT contract.name, operation.id, operation.currency_id, operation.amount
    FROM isp_operation operation
    JOIN isp_contract contract ON contract.id = operation.contract_id
    LEFT JOIN account_move_line line ON line.id = operation.line_id
    WHERE operation.company_id = %(company)s
        AND (operation.line_id IS NOT NULL OR operation.amount <> 0)
        AND (line.id IS NULL OR line.parent_state <> 'posted'
            OR line.isp_contract_id IS DISTINCT FROM operation.contract_id)
    ORDER BY operation.id
"""
DATES = """
    SELECT move.name, move.date, period.name
    FROM account_move move LEFT JOIN isp_period period ON period.id = move.isp_period_id
    WHERE move.isp_is_ledger AND move.state = 'posted' AND move.company_id = %(company)s
        AND (period.id IS NULL OR period.company_id <> move.company_id
            OR move.date NOT BETWEEN period.date_start AND period.date_end
            OR EXISTS (SELECT 1 FROM isp_operation operation
                WHERE operation.move_id = move.id
                AND operation.period_id IS DISTINCT FROM move.isp_period_id))
    ORDER BY move.id
"""
PERIODS = """
    SELECT name, following, date_end, next_start, state, next_state FROM (
        SELECT name, date_end, state, LEAD(name) OVER chain AS following,
            LEAD(date_start) OVER chain AS next_start,
            LEAD(state) OVER chain AS next_state
        FROM isp_period WHERE company_id = %(company)s
        WINDOW chain AS (ORDER BY date_start, id)
    ) pairs
    WHERE next_start <> date_end + 1 OR (state = 'open' AND next_state = 'closed')
    ORDER BY next_start
"""
# By induction over the periods each closing is the sum of all operations up to it.
SALDOS = """
    WITH periods AS (
        SELECT id, name, date_start, LAG(id) OVER (ORDER BY date_start) AS before_id
        FROM isp_period WHERE company_id = %(company)s AND state = 'closed'
    ), moved AS (
        SELECT period_id, contract_id,
            -COALESCE(SUM(amount) FILTER (WHERE amount < 0), 0) AS debit,
            COALESCE(SUM(amount) FILTER (WHERE amount > 0), 0) AS credit
        FROM isp_operation WHERE company_id = %(company)s GROUP BY 1, 2
    ), keys AS (
        SELECT period_id, contract_id FROM moved
        UNION SELECT period_id, contract_id FROM isp_saldo
            WHERE company_id = %(company)s
        UNION SELECT periods.id, saldo.contract_id FROM isp_saldo saldo
            JOIN periods ON periods.before_id = saldo.period_id
            WHERE saldo.closing <> 0
    )
    SELECT contract.name, periods.name, contract.currency_id,
        saldo.opening, COALESCE(prior.closing, 0), saldo.debit,
        COALESCE(moved.debit, 0), saldo.credit, COALESCE(moved.credit, 0),
        saldo.closing,
        COALESCE(prior.closing, 0) + COALESCE(moved.credit, 0)
            - COALESCE(moved.debit, 0)
    FROM keys
    JOIN periods ON periods.id = keys.period_id
    JOIN isp_contract contract ON contract.id = keys.contract_id
    LEFT JOIN isp_saldo saldo ON saldo.period_id = keys.period_id
        AND saldo.contract_id = keys.contract_id
    LEFT JOIN isp_saldo prior ON prior.period_id = periods.before_id
        AND prior.contract_id = keys.contract_id
    LEFT JOIN moved ON moved.period_id = keys.period_id
        AND moved.contract_id = keys.contract_id
    WHERE (saldo.opening, saldo.debit, saldo.credit, saldo.closing) IS DISTINCT FROM (
        COALESCE(prior.closing, 0), COALESCE(moved.debit, 0),
        COALESCE(moved.credit, 0), COALESCE(prior.closing, 0)
            + COALESCE(moved.credit, 0) - COALESCE(moved.debit, 0))
    ORDER BY periods.date_start, contract.name
"""
COUNTS = """
    SELECT (SELECT COUNT(*) FROM isp_contract WHERE company_id = %(company)s),
        (SELECT COUNT(*) FROM isp_operation WHERE company_id = %(company)s),
        (SELECT COUNT(*) FROM account_move_line line WHERE company_id = %(company)s
            AND isp_contract_id IS NOT NULL AND parent_state = 'posted'),
        (SELECT COUNT(*) FROM isp_period WHERE company_id = %(company)s),
        (SELECT COUNT(*) FROM isp_saldo WHERE company_id = %(company)s)
"""


class IspLedgerAudit(models.Model):
    """What must agree, each by one query over a whole company, and how it is told."""

    _inherit = "isp.ledger.audit"

    @api.model
    def _get_checks(self):
        """Return the methods that each return a sentence for every difference."""
        cls = type(self)
        return (
            cls._find_unequal_balances,
            cls._find_unequal_lines,
            cls._find_unequal_operations,
            cls._find_misplaced_documents,
            cls._find_broken_periods,
            cls._find_unequal_saldos,
        )

    def _query(self, query, company):
        return self.env.execute_query(SQL(query, company=company.id))

    def _count_rows(self, company):
        [row] = self._query(COUNTS, company)
        names = ("contract", "operation", "line", "period", "saldo")
        return {f"{name}_count": n for name, n in zip(names, row, strict=True)}

    def _format(self, amount, currency_id):
        if amount is None:
            return self.env._("nothing")
        currency = self.env["res.currency"].browse(currency_id)
        return currency.format(float(amount))

    def _find_unequal_balances(self, company):
        """Σ operations = balance = −Σ receivable = −Σ residual, for each contract."""
        return [
            self.env._(
                "Contract %(contract)s: its balance is %(balance)s; its operations sum "
                "up to %(operations)s, its receivable to %(receivable)s, what is open "
                "of it to %(residual)s.",
                contract=name,
                balance=self._format(balance, currency),
                operations=self._format(operations, currency),
                receivable=self._format(receivable, currency),
                residual=self._format(residual, currency),
            )
            for name, currency, balance, operations, receivable, residual in (
                self._query(BALANCES, company)
            )
        ]

    def _find_unequal_lines(self, company):
        """Each posted receivable line of a contract is one operation."""
        return [
            self.env._(
                "Contract %(contract)s: a receivable of %(document)s is worth "
                "%(expected)s, its operation %(found)s.",
                contract=contract,
                document=document,
                expected=self._format(expected, currency),
                found=self._format(found, currency),
            )
            for contract, document, currency, expected, found in self._query(
                LINES, company
            )
        ]

    def _find_unequal_operations(self, company):
        """Each operation is the shadow of a posted receivable line."""
        return [
            self.env._(
                "Contract %(contract)s: operation %(number)s over %(amount)s stands "
                "for no posted receivable of it.",
                contract=contract,
                number=number,
                amount=self._format(amount, currency),
            )
            for contract, number, currency, amount in self._query(OPERATIONS, company)
        ]

    def _find_misplaced_documents(self, company):
        """Each document's accounting date lies in its period, its operations too."""
        return [
            self.env._(
                "%(document)s of %(date)s does not lie within its reporting period "
                "%(period)s.",
                document=document,
                date=format_date(self.env, day),
                period=period or self.env._("(none)"),
            )
            for document, day, period in self._query(DATES, company)
        ]

    def _find_broken_periods(self, company):
        """Periods follow one another; the closed ones come first."""
        return [
            self.env._(
                "Periods %(before)s (until %(end)s, %(state)s) and %(after)s (from "
                "%(start)s, %(next_state)s) don't follow one another in order.",
                before=before,
                end=format_date(self.env, end),
                state=state,
                after=after,
                start=format_date(self.env, start),
                next_state=next_state,
            )
            for before, after, end, start, state, next_state in self._query(
                PERIODS, company
            )
        ]

    def _find_unequal_saldos(self, company):
        """Opening = closing before; closing = opening + credit − debit = Σ so far."""
        sentences = []
        for contract, period, currency, *amounts in self._query(SALDOS, company):
            opening, prior, debit, is_debit, credit, is_credit, closing, due = (
                self._format(amount, currency) for amount in amounts
            )
            sentences.append(
                self.env._(
                    "Contract %(contract)s, period %(period)s: opening %(opening)s "
                    "(expected %(prior)s), debit %(debit)s (%(is_debit)s), credit "
                    "%(credit)s (%(is_credit)s), closing %(closing)s (%(due)s).",
                    contract=contract,
                    period=period,
                    opening=opening,
                    prior=prior,
                    debit=debit,
                    is_debit=is_debit,
                    credit=credit,
                    is_credit=is_credit,
                    closing=closing,
                    due=due,
                )
            )
        return sentences
