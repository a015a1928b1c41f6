"""What the soak does to the books: one small change of an owner's or a clerk's."""

import random
from datetime import timedelta

LINES_EACH = 12
TRIES = 5


def make_books(env, gateways):
    """Make gateways in control, and lines on each of them, all off."""
    # Slips are undone by nobody here: what they cost is cut at once.
    env.company.isp_settle_minutes = 0
    package = env["isp.package"].search([("speed_download", "=", 10)], limit=1)
    partner = env["res.partner"].create({"name": "Soak"})
    for number, values in enumerate(gateways):
        gateway = env["isp.gateway"].create({**values, "mode": "control"})
        for index in range(LINES_EACH):
            line = env["isp.connection"].create(
                {
                    "partner_id": partner.id,
                    "package_id": package.id,
                    "gateway_id": gateway.id,
                    "username": f"soak{number}-{index}",
                    "password": f"pw-{index}",
                }
            )
            line.state = "active"


def change_books(env, seed):
    """Make one random change; a colliding worker makes it try again."""
    from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

    for tries_left in reversed(range(TRIES)):
        rng = random.Random(seed)
        lines = env["isp.connection"].search([], order="id")
        change = rng.choice(CHANGES)
        try:
            change(env, rng, rng.choice(lines))
            env.cr.commit()
            return
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            env.cr.rollback()
            if not tries_left:
                raise


def _open(env, rng, line):
    from odoo import fields

    now = fields.Datetime.now()
    env["isp.extension"].create(
        {
            "connection_id": line.id,
            "kind": "free",
            "date_from": now,
            "date_to": now + timedelta(hours=rng.randint(2, 200)),
        }
    )


def _shut(env, _rng, line):
    env["isp.extension"].search([("connection_id", "=", line.id)]).unlink()


def _suspend(env, _rng, line):
    env["isp.suspension"].create({"connection_id": line.id})


def _resume(env, _rng, line):
    from odoo import fields

    open_ones = env["isp.suspension"].search(
        [("connection_id", "=", line.id), ("date_to", "=", False)]
    )
    open_ones.date_to = fields.Datetime.now()


def _reword(_env, rng, line):
    line.password = f"pw-{rng.randint(0, 10**6)}"


def _rename(_env, rng, line):
    line.username = f"soak-{rng.randint(0, 10**9)}"


def _speed(_env, rng, line):
    line.package_id.speed_download = rng.randint(2, 50)


def _move(env, rng, line):
    line.gateway_id = rng.choice(env["isp.gateway"].search([], order="id"))


CHANGES = [_open, _open, _open, _shut, _suspend, _resume, _reword, _rename]
CHANGES += [_speed, _move]
