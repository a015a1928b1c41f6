import csv
import io

from odoo.tools import file_open


def uninstall_hook(env):
    """Take the database's guard away; keep a record of whose money was whose.

    The columns that tell it go with the addon, the posted documents stay.
    """
    _export_operations(env)
    _drop_empty_radius_schema(env)
    with file_open("mybizna_isp/security/ledger_guard_drop.sql") as script:
        env.cr.execute(script.read())


def _drop_empty_radius_schema(env):
    """Drop FreeRADIUS's tables in this database unless they hold logins.

    Subscribers are not put in the dark by the removal of a program: those who are let
    in stay so until their `Expiration`. A person drops the schema when it is done with.
    """
    env.cr.execute("SELECT to_regclass('isp_radius.radcheck') IS NOT NULL")
    if not env.cr.fetchone()[0]:
        return
    env.cr.execute("SELECT EXISTS (SELECT FROM isp_radius.radcheck)")
    if not env.cr.fetchone()[0]:
        env.cr.execute("DROP SCHEMA isp_radius CASCADE")


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
