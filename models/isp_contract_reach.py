import heapq

from odoo import models
from odoo.exceptions import UserError

# So many periods ahead are counted; nobody plans further.
HORIZON = 36


class IspContract(models.Model):
    """How far credit in hand reaches."""

    _inherit = "isp.contract"

    def _note_reach(self):
        """Note on the lines how far credit in hand reaches, for devices to know."""
        for contract in self:
            reach = contract._get_reach()
            for line in contract.connection_ids:
                if line.credit_until_at != (moment := reach.get(line, False)):
                    line.credit_until_at = moment

    def _get_reach(self):
        """Return how far credit in hand reaches: isp.connection → the moment the last
        period ends that it pays for. Lines that it doesn't reach are missing.

        It is spent as it will be: on the period that begins first, of two on one day
        in the contract's order.
        """
        self.ensure_one()
        left = self.balance
        if self.currency_id.compare_amounts(left, 0) <= 0:
            return {}
        lines = self.connection_ids.filtered(
            lambda c: (
                c.state == "active"
                and c.billing_date
                and c.package_id.billing_timing == "advance"
            )
        ).sorted(lambda c: (c.sequence, c.id))
        queue = [
            (period.start_at, place, period)
            for place, line in enumerate(lines)
            for period in (line._get_renewal_period(),)
        ]
        heapq.heapify(queue)
        reach, prices = {}, {}
        for _count in range(HORIZON):
            if not queue:
                break
            _start, place, period = heapq.heappop(queue)
            line = lines[place]
            try:
                price = line._get_price_of(period, prices)
            except UserError:
                # What a day so far ahead costs may not be known yet.
                continue
            if not price or self.currency_id.compare_amounts(left, price) < 0:
                continue
            left -= price
            reach[line] = period.end_at
            following = line._get_period_after(period)
            heapq.heappush(queue, (following.start_at, place, following))
        return reach
