from odoo import models


class IspAccess(models.Model):
    """What differs where access was opened before the worker came."""

    _inherit = "isp.access"

    def _get_changed_at(self, record, now):
        """Override: a line that was off and is on as before has no stale session.

        Whoever dialled in between the payment and the worker did so by what holds now.
        """
        is_local = self.gateway_id.type == "radius_local"
        if is_local and record.get("on") and self._get_differing(record) == {"on"}:
            return self.changed_at
        return super()._get_changed_at(record, now)
