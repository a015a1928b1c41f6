from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .companies_common import CompaniesCommon

# Lists that all companies share, and a queue of bare numbers.
NOBODYS = {
    "isp.access.dirty",
    "isp.billing.cycle",
    "isp.contract.type",
    "isp.service.type",
}
OWNERS = ("connection_id", "billing_id", "package_id", "contract_id")


@tagged("post_install", "-at_install")
class TestCompanyRules(CompaniesCommon):
    def _create_manager(self, company):
        return self._create_user(
            f"manager_{company.id}",
            "mybizna_isp.isp_group_manager",
            company_id=company.id,
            company_ids=company.ids,
        )

    def _get_company_paths(self):
        """Yield each stored model of the addon, with where its rows keep a company."""
        for model in sorted(self.env.registry):
            Model = self.env[model]
            is_ours = model.startswith("isp.") and Model._auto
            if not is_ours or Model._transient or model in NOBODYS:
                continue
            if "company_id" in Model._fields:
                yield model, "company_id"
            else:
                owner = next(name for name in OWNERS if name in Model._fields)
                yield model, f"{owner}.company_id"

    def _fill_far(self):
        """Rows of many models in the second company."""
        self.kiwi_package.setup_item_ids = [
            Command.create({"name": "Router", "amount": 50.0})
        ]
        _near, far = self._create_pair()
        far.action_process_new()
        self._pay_far(far, 500.0)
        self._read(self._sms(5, "mary.home"), collection=self.till)
        self.env["isp.ledger.audit"]._audit(self.kiwi)
        values = {"connection_id": far.id, "company_id": self.kiwi.id}
        for model, more in (
            ("isp.account.alias", {"name": "FLAT7", "contract_id": far.contract_id.id}),
            ("isp.discount", {"name": "Off", "percent": 5}),
            ("isp.extension", {"kind": "free"}),
            ("isp.one.off", {"name": "Visit", "amount": 5}),
            ("isp.suspension", {"reason": "manual"}),
        ):
            names = self.env[model]._fields
            own = {k: v for k, v in values.items() if names[k].store}
            self.env[model].create({**own, **more})

    def test_who_has_one_company_sees_and_writes_nothing_of_the_other(self):
        self._fill_far()
        here, there = map(self._create_manager, (self.company, self.kiwi))
        self.env.flush_all()
        seen = set()
        for model, path in self._get_company_paths():
            foreign = self.env[model].sudo().search([(path, "=", self.kiwi.id)])
            foreign.with_user(there).read(["display_name"])
            self.env.invalidate_all()
            hidden = foreign.with_user(here)
            self.assertFalse(hidden.search([]) & hidden, model)
            for record in hidden:
                for mode in ("read", "write", "unlink"):
                    self.assertFalse(record.has_access(mode), (record, mode))
                with self.assertRaises(AccessError):
                    record.read(["display_name"])
            seen |= {model} if foreign else set()
        self.assertGreaterEqual(len(seen), 18, sorted(seen))
