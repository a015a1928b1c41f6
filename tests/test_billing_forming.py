from unittest.mock import patch

from odoo.tests import tagged

from .common import IspCommon

# Differ between any two records, however they were made.
UNIQUE = {"id", "create_date", "write_date", "move_id", "access_token"}
# Go by the order of creation: what others are formed after comes first.
NUMBERS = {"name", "move_name", "sequence_number"}


@tagged("post_install", "-at_install")
class TestBillingForming(IspCommon):
    """What the billing run forms after Odoo's own is what Odoo would have made."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The reporting period is opened by the first document.
        cls._create_active(partner_id=cls._create_client("First").id)
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.income = cls.company_data["default_account_revenue"]

    def _make_lines(self, count=3, **values):
        """Return lines of as many clients, in service and due for billing."""
        today = self.company._isp_today()
        lines = self.env["isp.connection"]
        for number in range(count):
            lines |= self._create_connection(
                partner_id=self._create_client(f"C{number}").id, **values
            )
        lines.sudo().write(
            {
                "state": "active",
                "is_setup": True,
                "anchor_date": today,
                "billing_date": today,
            }
        )
        return lines.sudo().with_context(tracking_disable=True)

    def _read_document(self, move):
        """Return all stored values of a document and its lines, names made alike."""
        lines = move.line_ids.sorted(
            lambda ln: (ln.display_type, ln.isp_connection_id.id, ln.balance, ln.name)
        )
        return self._read(move), [self._read(line) for line in lines]

    def _read(self, record):
        return {
            name: field.convert_to_write(record[name], record)
            for name, field in record._fields.items()
            if field.store and field.type != "one2many" and name not in UNIQUE
        }

    def _bill_both_ways(self, lines):
        """Bill lines formed, roll back, bill them by Odoo alone; return both.

        Numbers and times then are the same, and every value can be compared.
        """
        results = []
        Billing = type(self.env["isp.billing"])
        for by_odoo in (False, True):
            with self.cr.savepoint() as savepoint:
                self.env.flush_all()
                self.env.invalidate_all()
                if by_odoo:
                    with patch.object(Billing, "_get_shape", lambda *a: None):
                        moves = self._bill(lines)
                else:
                    moves = self._bill(lines)
                self.env.flush_all()
                self.env.invalidate_all()
                results.append([self._read_document(move) for move in moves])
                savepoint.rollback()
            self.env.invalidate_all()
        return results

    def _bill(self, lines):
        self.formed = 0
        Move = type(self.env["account.move"])
        create = Move._isp_create_formed

        def counted(model, vals_list):
            self.formed += len(vals_list)
            return create(model, vals_list)

        with patch.object(Move, "_isp_create_formed", counted):
            invoices = lines._bill_next_period().invoice_id
            return invoices.sorted(lambda move: move.isp_contract_id.id)

    def assertFormedAsOdooWould(self, lines, formed, but=()):
        """As many as `formed` are formed, and equal what Odoo makes `but` for some."""
        ours, odoos = self._bill_both_ways(lines)
        self.assertEqual(len(ours), len(odoos))
        for (our_move, our_lines), (odoo_move, odoo_lines) in zip(
            ours, odoos, strict=True
        ):
            self.assertSameValues([our_move], [odoo_move], but)
            self.assertSameValues(our_lines, odoo_lines, but)
        self.assertEqual(self.formed, 0, "the second time is by Odoo alone")
        with self.cr.savepoint() as savepoint:
            self._bill(lines)
            self.assertEqual(self.formed, formed)
            savepoint.rollback()
        self.env.invalidate_all()

    def assertSameValues(self, ours, odoos, but):
        self.assertEqual(len(ours), len(odoos))
        for our, odoo in zip(ours, odoos, strict=True):
            different = {
                name: (our[name], odoo[name])
                for name in our.keys() - but
                if our[name] != odoo[name]
            }
            self.assertEqual(different, {})

    # === alike in every stored field === #

    def test_a_formed_invoice_has_every_stored_value_that_odoo_would_compute(self):
        self.assertFormedAsOdooWould(self._make_lines(), formed=2)

    def test_with_taxes_included_and_stacked(self):
        excise, vat = self.env["account.tax"].create(
            [
                {
                    "name": name,
                    "amount": amount,
                    "price_include_override": "tax_included",
                    "include_base_amount": number == 1,
                    "sequence": number,
                }
                for number, (name, amount) in enumerate(
                    (("Excise", 15.0), ("VAT", 16.0)), 1
                )
            ]
        )
        self.package.product_id.taxes_id = excise | vat
        lines = self._make_lines()
        self.assertFormedAsOdooWould(lines, formed=2)
        invoice = self._bill(lines)[2]
        self.assertEqual(invoice.amount_total, 1500)
        self.assertLedger(invoice.isp_contract_id)

    def test_with_several_connections_on_one_invoice_each_keeps_its_receivable(self):
        lines = self._make_lines(2)
        lines.contract_id.is_grouped = True
        other = self._create_package("Home 20M", 2200.0)
        for line in lines:
            lines |= self._make_second(line, other)
        self.assertFormedAsOdooWould(lines, formed=1)
        invoices = self._bill(lines)
        for line in lines:
            self.assertEqual(line.invoice_id.isp_contract_id, line.contract_id)
            part = line.invoice_id.line_ids.filtered(
                lambda ln, line=line: (
                    ln.isp_contract_id and ln.isp_connection_id == line
                )
            )
            self.assertAlmostEqual(
                part.balance, line.package_id.amount * 1.15, 2, line.package_id.name
            )
        self.assertEqual(len(invoices), 2)

    def _make_second(self, line, package):
        second = self._create_connection(
            contract_id=line.contract_id.id, package_id=package.id
        )
        second.sudo().write(
            {
                "state": "active",
                "is_setup": True,
                "anchor_date": line.anchor_date,
                "billing_date": line.billing_date,
            }
        )
        return second.sudo()

    def test_with_quantities_and_a_fiscal_position(self):
        other = self.company_data["default_account_revenue"].copy()
        position = self.env["account.fiscal.position"].create(
            {
                "name": "Free zone",
                "account_ids": [
                    (
                        0,
                        0,
                        {"account_src_id": self.income.id, "account_dest_id": other.id},
                    )
                ],
            }
        )
        lines = self._make_lines(6)
        lines[:3].quantity = 3
        lines[::2].contract_id.fiscal_position_id = position
        self.assertFormedAsOdooWould(lines, formed=2, but=NUMBERS)

    def test_with_prices_of_their_own_by_contract(self):
        pricelist = self.env["product.pricelist"].create(
            {
                "name": "Staff",
                "item_ids": [
                    (
                        0,
                        0,
                        {
                            "applied_on": "0_product_variant",
                            "product_id": self.package.product_id.id,
                            "compute_price": "fixed",
                            "fixed_price": 333.33,
                        },
                    )
                ],
            }
        )
        lines = self._make_lines(4)
        lines[1:3].contract_id.pricelist_id = pricelist
        self.assertFormedAsOdooWould(lines, formed=2, but=NUMBERS)

    def test_what_depends_on_the_client_is_that_clients(self):
        lines = self._make_lines(6)
        seller = self.env["res.users"].create({"name": "Seller", "login": "seller"})
        receivable = self.company_data["default_account_receivable"].copy()
        clients = lines.partner_id
        clients[1].lang = "fr_FR"
        clients[2].user_id = seller
        clients[3].property_account_receivable_id = receivable
        clients[4].child_ids = [(0, 0, {"name": "Depot", "type": "delivery"})]
        self.assertFormedAsOdooWould(lines, formed=2)
        invoices = self._bill(lines)
        self.assertEqual(invoices[2].invoice_user_id, seller)
        self.assertIn(receivable, invoices[3].line_ids.account_id)
        self.assertEqual(invoices[4].partner_shipping_id, clients[4].child_ids)

    def test_a_payer_who_belongs_to_a_firm_stands_on_the_invoice_and_the_firm_owes(
        self,
    ):
        lines = self._make_lines(3)
        firm = self._create_client("Firm", is_company=True)
        payer = self._create_client("Clerk", parent_id=firm.id)
        lines[1:].contract_id.payer_id = payer
        self.assertFormedAsOdooWould(lines, formed=2)
        invoice = self._bill(lines)[2]
        self.assertEqual(invoice.partner_id, payer)
        self.assertEqual(invoice.line_ids.partner_id, firm)

    # === what is unusual is Odoo's === #

    def test_analytic_rules_may_depend_on_the_client_so_odoo_makes_each(self):
        lines = self._make_lines()
        plan = self.env["account.analytic.plan"].create({"name": "Towns"})
        account = self.env["account.analytic.account"].create(
            {"name": "Thika", "plan_id": plan.id}
        )
        self.env["account.analytic.distribution.model"].create(
            {
                "partner_id": lines[2].partner_id.id,
                "analytic_distribution": {str(account.id): 100},
            }
        )
        self.assertFormedAsOdooWould(lines, formed=0)
        charged = self._bill(lines)[2].invoice_line_ids
        self.assertEqual(charged.analytic_distribution, {str(account.id): 100})

    def test_invoices_alike_in_nothing_are_made_by_odoo(self):
        lines = self._make_lines(2)
        lines[1].package_id = self._create_package("Home 20M", 2200.0)
        self.assertFormedAsOdooWould(lines, formed=0)

    # === the ledger under it === #

    def test_credit_in_hand_pays_a_formed_invoice(self):
        lines = self._make_lines()
        contract = lines[2].contract_id
        self._pay(contract, 2000)
        self._bill(lines)
        self.assertEqual(self.formed, 2)
        self.assertEqual(lines[2].invoice_id.payment_state, "paid")
        self.assertTrue(lines[2].is_paid)
        self.assertEqual(lines[1].invoice_id.payment_state, "not_paid")
        for contract in lines.contract_id:
            self.assertLedger(contract)

    def test_a_formed_invoice_is_cancelled_whole_by_its_mirror(self):
        lines = self._make_lines()
        invoice = self._bill(lines)[2]
        mirror = invoice._isp_revoke("Wrong")
        self.assertEqual(invoice.payment_state, "reversed")
        self.assertEqual(mirror.amount_total, invoice.amount_total)
        self.assertLedger(invoice.isp_contract_id)

    def test_who_is_billed_is_a_customer_however_many_at_once(self):
        lines = self._make_lines()
        firm = self._create_client("Firm", is_company=True)
        payer = self._create_client("Clerk", parent_id=firm.id)
        lines[1:].contract_id.payer_id = payer
        self._bill(lines)
        self.assertEqual(lines[0].partner_id.customer_rank, 1)
        self.assertEqual((payer | firm).mapped("customer_rank"), [2, 2])

    # === what it costs === #

    def test_an_invoice_more_costs_next_to_no_query(self):
        counts = []
        for size in (20, 60):
            lines = self._make_lines(size)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self._bill(lines)
            self.env.flush_all()
            counts.append(self.cr.sql_log_count - before)
        self.assertEqual(self.formed, 59)
        self.assertLess((counts[1] - counts[0]) / 40, 0.5)
