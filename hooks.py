import csv
import io

from odoo.tools import file_open


def uninstall_hook(env):
    """Take the database's guard away; keep a record of whose money was whose.

    The columns that tell it go with the addon, the posted documents stay.
    """
    _export_operations(env)
    with file_open("mybizna_isp/security/ledger_guard_drop.sql") as script:
        env.cr.execute(script.read())


def _export_operations(env):
    operations = env["isp.operation"].search([], order="id")
    if not operations:
        return
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(
        ["contract", "account", "client", "date", "kind", "amount", "document"]
    )
    for operation in operations:
        contract = operation.contract_id
        writer.writerow(
            [
                contract.name,
                contract.account_no,
                contract.partner_id.display_name,
                operation.date,
                operation.kind,
                operation.amount,
                operation.move_id.name,
            ]
        )
    env["ir.attachment"].create(
        {
            "name": "isp_operations.csv",
            "raw": sheet.getvalue().encode(),
            "mimetype": "text/csv",
            "description": "Operations of contracts, kept at removal of ISP Billing",
        }
    )
