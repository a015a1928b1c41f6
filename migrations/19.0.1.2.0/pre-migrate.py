"""Items learn the day of their taxes before Odoo would take that of the upgrade."""


def migrate(cr, version):
    cr.execute("ALTER TABLE isp_billing_item ADD COLUMN IF NOT EXISTS tax_date date")
    # A period that was paid late lies later than the one its invoice charged: that
    # one's first day is the day the invoice was due.
    cr.execute(
        """
        UPDATE isp_billing_item item
           SET tax_date = COALESCE(
                   LEAST(billing.date_start, move.invoice_date_due),
                   move.invoice_date, billing.create_date::date)
          FROM isp_billing billing
     LEFT JOIN account_move move ON move.id = billing.invoice_id
         WHERE billing.id = item.billing_id AND billing.kind = 'period'
           AND item.tax_date IS NULL
        """
    )
    cr.execute(
        """
        UPDATE isp_billing_item item
           SET tax_date = COALESCE(move.invoice_date, billing.create_date::date)
          FROM isp_billing billing
     LEFT JOIN account_move move ON move.id = billing.invoice_id
         WHERE billing.id = item.billing_id AND item.tax_date IS NULL
        """
    )
