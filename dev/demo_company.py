"""Make the demo's company a Kenyan one; read by `odoo shell`, which gives `env`.

It runs before the addon and its demo data are installed: currency and chart of
accounts can't change once there are entries.
"""

company = env.company
kenya = env.ref("base.ke")
env.ref("base.KES").active = True
company.write(
    {"name": "Savanna Fibre", "country_id": kenya.id, "phone": "0700 000 009"}
)
env["account.chart.template"].try_loading("ke", company, False)
company.currency_id = env.ref("base.KES")
env.user.tz = "Africa/Nairobi"
env.cr.commit()
