"""OCA `contract`, fetched to be measured beside the billing run.

It is under AGPL-3: it stays in the state directory, is installed into the databases of
measurements alone, and nothing of it is part of this addon.
"""

import subprocess
import sys

from _common import say

from dev.state import HOME, SetupError, fresh_folder, locked

PEER = "odoo-addon-contract==19.0.1.2.1.2"
MODULE = "contract"
FOLDER = HOME / "peers" / PEER
BATCH = 100


def fetch():
    """Unpack the peer's wheel where it is missing; return its addons folder.

    All it depends on (`account`, `product`, `portal`) is Odoo's own; the `odoo` that
    the wheel asks pip for is what runs here already.
    """
    with locked("peers"):
        stamp = FOLDER / "complete"
        if not stamp.exists():
            say(f"Fetching {PEER}")
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq"]
            target = ["--no-deps", "--target", str(fresh_folder(FOLDER)), PEER]
            if subprocess.run([*pip, "install", *target]).returncode:
                raise SetupError(f"{PEER} can't be fetched: check the network.")
            stamp.touch()
    return FOLDER / "odoo" / "addons"


def make_contracts(env, package, partners):
    """Make a contract with one monthly line for each client, due today; committed.

    The same price and product as our lines have, so the same tax and accounts.
    """
    today = env.company._isp_today()
    quiet = env["contract.contract"].with_context(tracking_disable=True)
    contracts = quiet.create(
        [
            {
                "name": f"Contract of {partner.name}",
                "partner_id": partner.id,
                "contract_type": "sale",
                "date_start": today,
                "recurring_rule_type": "monthly",
                "recurring_interval": 1,
                "recurring_invoicing_type": "pre-paid",
                "contract_line_ids": [
                    (
                        0,
                        0,
                        {
                            "product_id": package.product_id.id,
                            "name": f"{package.name} #START# - #END#",
                            "quantity": 1.0,
                            "price_unit": package.amount,
                            "date_start": today,
                            "recurring_rule_type": "monthly",
                            "recurring_interval": 1,
                            "recurring_invoicing_type": "pre-paid",
                        },
                    )
                ],
            }
            for partner in partners
        ]
    )
    env.cr.commit()
    return contracts.with_env(env)


def invoice_and_post(env):
    """Run the peer's own cron method, then post what it made, in batches."""
    before = env["account.move"].search([], order="id desc", limit=1).id or 0
    env["contract.contract"].cron_recurring_create_invoice()
    env.cr.commit()
    drafts = env["account.move"].search(
        [("state", "=", "draft"), ("id", ">", before)], order="id"
    )
    for first in range(0, len(drafts), BATCH):
        drafts[first : first + BATCH].action_post()
        env.cr.commit()
