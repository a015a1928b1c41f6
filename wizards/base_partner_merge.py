from odoo import api, models
from odoo.tools import SQL

# Whom a document names may be merged with another; what it says stays.
MERGED_MODELS = ("res.partner", "account.account")


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """Merging contacts or accounts changes posted documents by SQL, row by row."""

    _inherit = "base.partner.merge.automatic.wizard"

    @api.model
    def _update_foreign_keys_generic(self, model, src_records, dst_record):
        """Override of `base` to let payers and accounts of posted documents follow.

        The database lets nothing else pass meanwhile. Odoo's answer to an error, which
        is to delete the rows, is refused for what is posted: then nothing is merged.
        """
        if model not in MERGED_MODELS:
            return super()._update_foreign_keys_generic(model, src_records, dst_record)
        before = self._isp_set_maintenance("merge")
        res = super()._update_foreign_keys_generic(model, src_records, dst_record)
        # After an error the transaction is rolled back, and the setting with it.
        self._isp_set_maintenance(before)
        return res

    @api.model
    def _isp_set_maintenance(self, mode):
        """Set how far the database's guard is open; return how far it was."""
        rows = self.env.execute_query(
            SQL("SELECT COALESCE(current_setting('isp.maintenance', true), '')")
        )
        # What is open for more stays open.
        if rows[0][0] != "on":
            self.env.cr.execute(
                SQL("SELECT set_config('isp.maintenance', %s, true)", mode)
            )
        return rows[0][0]
