"""Billed periods learn what they are a part of: until now they were whole. Posted
documents get the kind and the date that say what they are."""


def migrate(cr, version):
    cr.execute(
        """
        UPDATE isp_billing billing
           SET cycle_start = billing.date_start,
               cycle_end = billing.date_end,
               package_id = connection.package_id,
               quantity = 1
          FROM isp_connection connection
         WHERE connection.id = billing.connection_id
           AND billing.kind = 'period' AND billing.cycle_start IS NULL
        """
    )
    cr.execute(
        """
        UPDATE isp_billing_item item
           SET kind = CASE billing.kind WHEN 'setup' THEN 'setup' ELSE 'charge' END,
               date_start = billing.date_start,
               date_end = billing.date_end,
               full_amount = item.amount * item.quantity
          FROM isp_billing billing
         WHERE billing.id = item.billing_id AND item.full_amount IS NULL
        """
    )
    # The ledger's own guard stands before posted documents.
    cr.execute("SET LOCAL isp.maintenance = 'on'")
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
    cr.execute("SET LOCAL isp.maintenance = 'off'")
    # Others serve the list better; Odoo leaves what a field no longer asks for.
    cr.execute(
        "DROP INDEX IF EXISTS isp_operation__time_index, "
        "isp_operation__company_id_index"
    )
