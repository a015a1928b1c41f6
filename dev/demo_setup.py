"""Make one more unpaid subscriber; read by `odoo shell`, which gives `env`.

What the demo data brought is used; what is missing (gateway, paybill,
package) is made. Prints one line of JSON for dev/demo.py.
"""

import json
import os
import secrets
from datetime import UTC, datetime

wish = json.loads(os.environ["ISP_DEMO"])
company = env.company
env = env(context={"lang": "en_US"})

link = wish["link"]
# By name: the demo data have a router of their own, which nobody answers for.
gateway = env["isp.gateway"].search(
    [("type", "=", link["type"]), ("name", "=", wish["name"])], limit=1
)
if not gateway:
    gateway = env["isp.gateway"].create({"name": wish["name"], **link})
elif any(gateway[key] != value for key, value in link.items()):
    if link["type"] == "routeros":
        # The simulated router forgets all when it ends: a person would say that this
        # one is right.
        link |= {
            "mark_written": 0,
            "device_accepted_at": datetime.now(UTC).replace(tzinfo=None),
        }
    gateway.write(link)
if gateway.mode != "control":
    gateway._take_control()

Collection = env["isp.collection"]
paybill = Collection.search([("provider", "=", "mpesa_ke")], limit=1)
if not paybill:
    paybill = Collection.create(
        {
            "name": "Paybill 123456",
            "provider": "mpesa_ke",
            "country_id": env.ref("base.ke").id,
            "short_code": "123456",
        }
    )

Package = env["isp.package"]
sold = [
    ("speed_download", ">", 0),
    ("access_kind", "!=", "none"),
    ("setup_item_ids", "=", False),
    ("billing_mode", "=", "invoice_first"),
    ("start_mode", "=", "at_once"),
    ("product_id.list_price", ">", 0),
]
package = Package.search(sold, limit=1)
if not package:
    package = Package.create(
        {
            "name": "Home 10M",
            "amount": 1500.0,
            "billing_cycle_id": env.ref("mybizna_isp.isp_billing_cycle_monthly").id,
            "speed_download": 10,
            "speed_upload": 5,
        }
    )

number = 1 + env["isp.connection"].search_count([("username", "=like", "mary%")])
client = env["res.partner"].create(
    {"name": f"Mary Wanjiru {number}", "country_id": env.ref("base.ke").id}
)
connection = env["isp.connection"].create(
    {
        "partner_id": client.id,
        "package_id": package.id,
        "gateway_id": gateway.id,
        "username": f"mary{number}",
        "password": secrets.token_hex(4),
    }
)
# The button "Process New": set-up, activation, the first period's invoice.
connection.action_process_new()
env.cr.commit()

facts = {
    "connection": connection.id,
    "username": connection.username,
    "password": connection.password,
    "account_no": connection.account_no,
    "client": client.name,
    "package": package.name,
    "invoice": connection.invoice_id.name,
    "amount": connection.invoice_id.amount_residual,
    "currency": company.currency_id.name,
    "status": connection.status_text,
    "token": paybill.token,
    "params": {
        key: paybill[f"param_{key}"]
        for key in ("message", "sender", "receiver", "datetime", "smsc")
    },
    "senders": paybill._get_accepted_senders(),
    "receiver": paybill.receiver or "",
}
print(f"\nISP_DEMO {json.dumps(facts)}")
