"""A provider for measurements: company, package, paybill, and as many lines as asked.

Everything goes through the addon's own methods, in batches.
"""

BATCH = 200
PRICE = 1500.0
COUNTRY = "base.ke"


def make_company(env):
    """Give the first company Kenya's currency and zone, a chart and one sales tax."""
    company = env.company
    currency = env.ref("base.KES")
    currency.active = True
    country = env.ref(COUNTRY)
    company.write({"country_id": country.id, "isp_tz": "Africa/Nairobi"})
    env["account.chart.template"].try_loading("generic_coa", company, False)
    # The generic chart brings its own currency.
    company.currency_id = currency
    env.cr.commit()
    return company


def make_package(env, **values):
    """Make a monthly package whose product carries exactly one tax."""
    package = env["isp.package"].create(
        {
            "name": "Home 10M",
            "amount": PRICE,
            "billing_cycle_id": env.ref("mybizna_isp.isp_billing_cycle_monthly").id,
            "speed_download": 10,
            "speed_upload": 5,
            **values,
        }
    )
    tax = env.company.account_sale_tax_id
    if len(package.product_id.taxes_id) != 1:
        package.product_id.taxes_id = tax
    env.cr.commit()
    return package


def make_collection(env):
    """Make an M-Pesa paybill with a wallet of its own."""
    collection = env["isp.collection"].create(
        {
            "name": "Paybill 123456",
            "provider": "mpesa_ke",
            "country_id": env.ref(COUNTRY).id,
            "short_code": "123456",
        }
    )
    env.cr.commit()
    return collection


def make_lines(env, package, count, prefix):
    """Make clients with a line in service each, whose next period is due for billing.

    :return: isp.connection records; committed
    """
    env = env(context={**env.context, "tracking_disable": True})
    lines = env["isp.connection"]
    for first in range(0, count, BATCH):
        names = [f"{prefix}{n}" for n in range(first, min(first + BATCH, count))]
        lines |= _make_batch(env, package, names)
        env.cr.commit()
    return lines


def _make_batch(env, package, names):
    partners = env["res.partner"].create([{"name": f"Client {name}"} for name in names])
    contracts = env["isp.contract"].create(
        [{"partner_id": partner.id} for partner in partners]
    )
    sites = env["isp.site"].create([{"contract_id": c.id} for c in contracts])
    lines = env["isp.connection"].create(
        [
            {
                "site_id": site.id,
                "contract_id": contract.id,
                "package_id": package.id,
                "username": name,
                "password": f"pw-{name}",
            }
            for site, contract, name in zip(sites, contracts, names, strict=True)
        ]
    )
    today = env.company._isp_today()
    lines.write(
        {
            "state": "active",
            "is_setup": True,
            "anchor_date": today,
            "billing_date": today,
        }
    )
    return lines
