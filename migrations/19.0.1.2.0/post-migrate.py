"""What was entered before learns what the new rules ask of it; no sum changes."""


def migrate(cr, version):
    _fill_billings(cr)
    _fill_items(cr)
    _fill_documents(cr)
    _hide_pairs(cr)
    _turn_signs(cr)
    _fill_pauses(cr)
    _find_sent_back(cr)
    _mark_waiting(cr)
    _send_forward(cr)
    _fill_gaps(cr)
    _close_in_order(cr)
    _write_saldos(cr)
    # Others serve the list better; Odoo leaves what a field no longer asks for.
    cr.execute(
        "DROP INDEX IF EXISTS isp_operation__time_index, "
        "isp_operation__company_id_index"
    )


def _fill_billings(cr):
    """Billed periods learn what they are a part of: until now they were whole."""
    # The package may have changed since: what was sold stands on the items.
    cr.execute(
        """
        UPDATE isp_billing billing
           SET cycle_start = billing.date_start,
               cycle_end = billing.date_end,
               package_id = COALESCE(
                   (SELECT package.id
                      FROM isp_billing_item item
                      JOIN isp_package package ON package.product_id = item.product_id
                     WHERE item.billing_id = billing.id
                       AND package.company_id = billing.company_id
                  ORDER BY (package.id = connection.package_id) DESC, package.id
                     LIMIT 1),
                   connection.package_id),
               quantity = 1
          FROM isp_connection connection
         WHERE connection.id = billing.connection_id
           AND billing.kind = 'period' AND billing.cycle_start IS NULL
        """
    )


def _fill_items(cr):
    cr.execute(
        """
        UPDATE isp_billing_item item
           SET kind = CASE billing.kind WHEN 'setup' THEN 'setup' ELSE 'charge' END,
               date_start = billing.date_start,
               date_end = billing.date_end,
               full_amount = item.amount * item.quantity
          FROM isp_billing billing
         WHERE billing.id = item.billing_id AND item.kind = 'charge'
           AND item.full_amount IS NULL
        """
    )


def _fill_documents(cr):
    """Posted documents say what they are and how they are dated; the guard lets what
    was never said be said once."""
    cr.execute(
        """
        UPDATE account_move move
           SET isp_document_date = COALESCE(
                   move.isp_document_date, move.invoice_date, move.date),
               isp_kind = COALESCE(move.isp_kind, operation.kind)
          FROM isp_operation operation
         WHERE operation.move_id = move.id
           AND (move.isp_document_date IS NULL OR move.isp_kind IS NULL)
        """
    )
    cr.execute(
        """
        UPDATE account_payment payment
           SET isp_document_date = payment.date, isp_period_id = move.isp_period_id
          FROM account_move move
         WHERE move.id = payment.move_id AND move.isp_is_ledger
           AND move.state = 'posted' AND payment.isp_contract_id IS NOT NULL
           AND payment.isp_document_date IS NULL
        """
    )


def _hide_pairs(cr):
    """What was cancelled within its own period is hidden, unless it was sent."""
    cr.execute(
        """
        UPDATE account_move move
           SET isp_hidden = TRUE
          FROM account_move pair
         WHERE (pair.id = move.isp_revoked_by_id AND pair.isp_revokes_id = move.id
                OR pair.id = move.isp_revokes_id AND pair.isp_revoked_by_id = move.id)
           AND move.isp_period_id = pair.isp_period_id
           AND move.state = 'posted' AND pair.state = 'posted'
           AND move.isp_hidden IS NOT TRUE
           AND move.is_move_sent IS NOT TRUE AND pair.is_move_sent IS NOT TRUE
        """
    )


def _turn_signs(cr):
    """The part of an invoice that goes the other way is an operation of that kind."""
    # Operations are never changed: this is what the switch is for.
    cr.execute("SET LOCAL isp.maintenance = 'on'")
    cr.execute(
        """
        UPDATE isp_operation
           SET kind = CASE kind WHEN 'charge' THEN 'credit_note' ELSE 'charge' END
         WHERE kind = 'charge' AND amount > 0 OR kind = 'credit_note' AND amount < 0
        """
    )
    cr.execute("SET LOCAL isp.maintenance = 'off'")


def _fill_pauses(cr):
    """A pause that has begun ends by the new rules, one to come begins by them."""
    cr.execute(
        """
        UPDATE isp_suspension
           SET pause_state = CASE
                   WHEN date_from > now() AT TIME ZONE 'UTC' THEN 'waiting'
                   WHEN date_to <= now() AT TIME ZONE 'UTC' THEN 'ended'
                   ELSE 'begun' END
         WHERE reason = 'paused' AND pause_state IS NULL
        """
    )


def _find_sent_back(cr):
    """Find lines with billed periods behind their next one: a counter-entry sent it
    back to the cancelled one, which now waits apart."""
    cr.execute(
        """
        CREATE TEMPORARY TABLE isp_sent_back ON COMMIT DROP AS
        SELECT line.id, line.billing_date AS first, MAX(billed.date_end) + 1 AS next
          FROM isp_connection line
          JOIN isp_package package ON package.id = line.package_id
          JOIN isp_billing_cycle cycle ON cycle.id = package.billing_cycle_id
          JOIN isp_billing billed ON billed.connection_id = line.id
               AND billed.kind = 'period' AND billed.state <> 'revoked'
         WHERE line.state = 'active' AND cycle.duration_type NOT IN ('hours', 'days')
           AND EXISTS (SELECT FROM isp_billing gone
                        WHERE gone.connection_id = line.id AND gone.kind = 'period'
                          AND gone.state = 'revoked'
                          AND gone.date_start = line.billing_date)
      GROUP BY line.id
        HAVING MAX(billed.date_start) >= line.billing_date
        """
    )


def _mark_waiting(cr):
    """Such cancelled periods are billed again by themselves: those that were served
    (begun and paid before the counter-entry), and those that are not over."""
    cr.execute(
        """
        UPDATE isp_billing gone
           SET is_to_reissue = TRUE, is_served = known.is_served
          FROM (SELECT gone.id,
                       COALESCE(GREATEST(gone.first_paid_at, gone.start_at)
                                < COALESCE(mirror.create_date, gone.write_date)
                                AND gone.first_paid_at IS NOT NULL, FALSE) AS is_served
                  FROM isp_sent_back line
                  JOIN isp_billing gone ON gone.connection_id = line.id
             LEFT JOIN account_move move ON move.id = gone.invoice_id
             LEFT JOIN account_move mirror ON mirror.id = move.isp_revoked_by_id
                 WHERE gone.kind = 'period' AND gone.state = 'revoked'
                   AND gone.date_start >= line.first AND gone.date_start < line.next
                   AND NOT EXISTS (
                       SELECT FROM isp_billing other
                        WHERE other.connection_id = line.id AND other.kind = 'period'
                          AND (other.state <> 'revoked' OR other.id > gone.id)
                          AND other.start_at < gone.end_at
                          AND other.end_at > gone.start_at)) known
         WHERE known.id = gone.id
           AND (known.is_served OR gone.date_end >= (now() AT TIME ZONE 'UTC')::date)
        """
    )


def _send_forward(cr):
    """What is new goes on behind all that is billed."""
    cr.execute(
        """
        UPDATE isp_connection line
           SET billing_date = sent.next,
               reissue_date = waiting.date_start,
               next_invoice_date = LEAST(
                   sent.next - (line.billing_date - line.next_invoice_date),
                   waiting.date_start - company.isp_billing_lead_days)
          FROM isp_sent_back sent
     LEFT JOIN (SELECT connection_id, MIN(date_start) AS date_start
                  FROM isp_billing WHERE is_to_reissue GROUP BY connection_id) waiting
            ON waiting.connection_id = sent.id,
               res_company company
         WHERE line.id = sent.id AND company.id = line.company_id
        """
    )
    cr.execute("DROP TABLE isp_sent_back")


def _fill_gaps(cr):
    """Periods follow one another: a month was opened only where a document was."""
    cr.execute(
        """
        INSERT INTO isp_period (name, company_id, date_start, date_end, state,
                                create_uid, create_date, write_uid, write_date)
        SELECT CASE WHEN date_start = month AND date_end = month_end
                    THEN to_char(month, 'YYYY-MM')
                    ELSE date_start || ' – ' || date_end END,
               company_id, date_start, date_end, 'open',
               1, now() AT TIME ZONE 'UTC', 1, now() AT TIME ZONE 'UTC'
          FROM (SELECT company_id, month::date AS month,
                       (month + interval '1 month -1 day')::date AS month_end,
                       GREATEST(first, month::date) AS date_start,
                       LEAST(last, (month + interval '1 month -1 day')::date)
                           AS date_end
                  FROM (SELECT company_id, date_end + 1 AS first,
                               LEAD(date_start) OVER (
                                   PARTITION BY company_id ORDER BY date_start
                               ) - 1 AS last
                          FROM isp_period) gap,
                       generate_series(date_trunc('month', first::timestamp),
                                       last::timestamp, '1 month') AS month
                 WHERE first <= last) part
        """
    )


def _close_in_order(cr):
    """What lies before a closed period is closed; the rest stays as it was left."""
    cr.execute(
        """
        UPDATE isp_period period
           SET state = 'closed', closed_at = now() AT TIME ZONE 'UTC'
          FROM (SELECT company_id, MAX(date_start) AS date_start
                  FROM isp_period WHERE state = 'closed' GROUP BY company_id) last
         WHERE last.company_id = period.company_id
           AND period.date_start < last.date_start AND period.state = 'open'
        """
    )
    # More may be open than the setting allows: nothing is closed for that by itself.
    cr.execute(
        """
        UPDATE res_company company
           SET isp_max_open_periods = opened.number
          FROM (SELECT company_id, COUNT(*) AS number
                  FROM isp_period WHERE state = 'open' GROUP BY company_id) opened
         WHERE opened.company_id = company.id
           AND opened.number > company.isp_max_open_periods
        """
    )


def _write_saldos(cr):
    """Periods closed before have no balances yet: as closing in order would write."""
    cr.execute(
        """
        INSERT INTO isp_saldo (contract_id, period_id, company_id, currency_id,
                               opening, debit, credit, closing)
        SELECT contract_id, period_id, company_id, currency_id,
               closing - credit + debit, debit, credit, closing
          FROM (SELECT contract.id AS contract_id, period.id AS period_id,
                       contract.company_id, contract.currency_id,
                       COALESCE(moved.debit, 0) AS debit,
                       COALESCE(moved.credit, 0) AS credit,
                       moved.contract_id IS NOT NULL AS is_moved,
                       SUM(COALESCE(moved.credit, 0) - COALESCE(moved.debit, 0)) OVER (
                           PARTITION BY contract.id ORDER BY period.date_start
                       ) AS closing
                  FROM isp_contract contract
                  JOIN isp_period period ON period.company_id = contract.company_id
                       AND period.state = 'closed'
             LEFT JOIN (SELECT contract_id, period_id,
                               -COALESCE(SUM(amount) FILTER (WHERE amount < 0), 0)
                                   AS debit,
                               COALESCE(SUM(amount) FILTER (WHERE amount > 0), 0)
                                   AS credit
                          FROM isp_operation GROUP BY contract_id, period_id) moved
                    ON moved.contract_id = contract.id
                       AND moved.period_id = period.id) balance
         WHERE (is_moved OR closing - credit + debit <> 0)
           AND NOT EXISTS (SELECT FROM isp_saldo)
        """
    )
