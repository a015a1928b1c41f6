from psycopg2.errors import UniqueViolation

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..tools import account_number
from .money_common import MoneyCommon


@tagged("post_install", "-at_install")
class TestMoneyMatching(MoneyCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kenya = cls.env.ref("base.ke")
        cls.client.write({"phone": "0722 333 444", "country_id": cls.kenya.id})
        cls.line = cls._create_active(username="mary.home")
        cls.contract = cls.line.contract_id

    def _match(self, ref, phone="254799000000"):
        return self._read(self._sms(5, ref, phone=phone)).receipt_id

    def assertMatch(self, ref, contract, rule, connection=None, **values):
        receipt = self._match(ref, **values)
        self.assertEqual(receipt.contract_id, contract, ref)
        self.assertEqual(receipt.match_rule, rule, ref)
        if connection is not None:
            self.assertEqual(receipt.connection_id, connection, ref)
        self.assertEqual(receipt.state, "booked")

    def assertNobody(self, ref, reason="", **values):
        receipt = self._match(ref, **values)
        self.assertEqual(receipt.state, "unmatched", ref)
        self.assertFalse(receipt.contract_id)
        self.assertIn(reason, receipt.review_reason)

    # === REFERENCE === #

    def test_account_numbers_match_however_they_are_typed(self):
        number = self.line.account_no
        spaced = f"{number[:3]} {number[3:]}"
        for ref in (number, spaced, f"{number[:2]}-{number[2:]}"):
            self.assertMatch(ref, self.contract, "account_no", self.line)
        self.assertMatch(
            self.contract.account_no,
            self.contract,
            "account_no",
            self.env["isp.connection"],
        )

    def test_the_letter_o_is_a_zero_where_the_check_digit_proves_it(self):
        """U-9."""
        while "0" not in self.line.account_no[1:]:
            self.line = self._create_active()
        typed = self.line.account_no.replace("0", "O")
        self.assertMatch(typed, self.line.contract_id, "account_no", self.line)

    def test_no_slip_of_the_finger_names_another_customer(self):
        """U-9: each wrong digit and each swap, over a whole account number."""
        number = self.line.account_no
        slips = {
            number[:i] + digit + number[i + 1 :]
            for i in range(len(number))
            for digit in "0123456789"
        }
        slips |= {
            number[:i] + number[i + 1] + number[i] + number[i + 2 :]
            for i in range(len(number) - 1)
        }
        slips.discard(number)
        for _i in range(30):
            self._create_connection()
        self.assertTrue(all(not account_number.is_valid(slip) for slip in slips))
        messages = self._read(*(self._sms(5, s, phone="254799000000") for s in slips))
        self.assertEqual(set(messages.receipt_id.mapped("state")), {"unmatched"})

    def test_login_alias_contract_and_invoice_numbers_match(self):
        self.env["isp.account.alias"].create(
            {
                "name": "House 7",
                "contract_id": self.contract.id,
                "connection_id": self.line.id,
            }
        )
        invoice = self.line.invoice_id
        no_line = self.env["isp.connection"]
        self.assertMatch("MARY.Home", self.contract, "login", self.line)
        self.assertMatch("HOUSE  7", self.contract, "alias", self.line)
        self.assertMatch(self.contract.name, self.contract, "contract", no_line)
        self.assertMatch(self.contract.name.lower(), self.contract, "contract", no_line)
        self.assertMatch(invoice.name, self.contract, "invoice", self.line)
        self.assertMatch(invoice.name.lower(), self.contract, "invoice", self.line)

    def test_a_part_of_a_reference_matches_nothing(self):
        """F23: "1" is not an invoice that ends in 1."""
        invoice = self.line.invoice_id.name
        number = self.line.account_no
        for ref in ("1", invoice[-4:], invoice[:-1], "mary", number[:-1], number + "1"):
            self.assertNobody(ref)

    def test_neither_amount_nor_name_matches(self):
        """F23: two owe the same, and one has the payer's name."""
        john = self._create_client("John Otieno")
        self._create_active(partner_id=john.id)
        receipt = self._read(
            self._sms(self._owed(self.line), "rent", phone="254799000000")
        ).receipt_id
        self.assertEqual(receipt.state, "unmatched")

    def test_a_reference_that_names_two_customers_is_left_to_a_person(self):
        other = self._create_active(partner_id=self._create_client("Other").id)
        alias = self.env["isp.account.alias"].create(
            {"name": "Corner-Shop", "contract_id": other.contract_id.id}
        )
        self.line.username = "corner-shop"
        self.assertNobody("corner-shop", "more than one customer", phone="0722333444")
        receipt = self._match("CORNER-Shop")
        for words in (
            f"Alias of {other.contract_id.name}",
            f"Login of {self.contract.name}",
            "look again",
        ):
            self.assertIn(words, receipt.review_reason)
        alias.unlink()
        receipt.action_match_again()
        self.assertEqual(receipt.contract_id, self.contract)
        self.assertEqual(receipt.state, "booked")

    def _set_account_no(self, record, account_no):
        """Set a number as nobody can but who has the database."""
        self.env.cr.execute(
            SQL(
                "UPDATE %s SET account_no = %s WHERE id = %s",
                SQL.identifier(record._table),
                account_no,
                record.id,
            )
        )
        record.invalidate_recordset(["account_no"])

    def test_an_account_number_of_two_customers_is_left_to_a_person(self):
        other = self._create_active(partner_id=self._create_client("Other").id)
        self._set_account_no(other.contract_id, self.line.account_no)
        for _i in range(3):
            self.assertNobody(self.line.account_no, "more than one customer")
        kinds = other.contract_id.operation_ids.mapped("kind")
        self.assertNotIn("payment", kinds)

    def test_an_account_number_that_is_anothers_alias_is_left_to_a_person(self):
        other = self._create_active(partner_id=self._create_client("Other").id)
        alias = self.env["isp.account.alias"].create(
            {"name": "old 17", "contract_id": other.contract_id.id}
        )
        self.env.cr.execute(
            "UPDATE isp_account_alias SET name = %s WHERE id = %s",
            [self.line.account_no, alias.id],
        )
        alias.invalidate_recordset(["name"])
        self.assertNobody(self.line.account_no, "more than one customer")

    # === ALIASES === #

    def test_an_alias_is_never_what_somebody_else_pays_to(self):
        other = self._create_active(partner_id=self._create_client("Other").id)
        Alias = self.env["isp.account.alias"]
        number = self.line.account_no
        taken = {
            number: "account number",
            f" {number[:3]}-{number[3:]} ": "account number",
            self.contract.account_no: "account number",
            "  MARY.home ": "login",
            self.contract.name.lower(): "contract number",
        }
        for name, label in taken.items():
            sentence = f"it is the {label} of contract {self.contract.name}"
            with self.assertRefused(sentence):
                Alias.create({"name": name, "contract_id": other.contract_id.id})
        alias = Alias.create({"name": "house 7", "contract_id": other.contract_id.id})
        with self.assertRefused("it is the login of"):
            alias.name = "Mary.Home"
        with self.assertRefused("is empty"):
            alias.name = "  "
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(UniqueViolation),
            self.cr.savepoint(),
        ):
            Alias.create({"name": " HOUSE  7", "contract_id": self.contract.id})

    def test_the_old_login_of_a_closed_line_may_become_its_clients_alias(self):
        second = self._create_active(username="mary2", contract_id=self.contract.id)
        self.line.action_close()
        self.env["isp.account.alias"].create(
            {
                "name": "mary.home",
                "contract_id": self.contract.id,
                "connection_id": second.id,
            }
        )
        self.assertMatch("mary.home", self.contract, "alias", second)

    def test_who_gives_a_name_to_pay_to_leaves_a_line_on_the_contract(self):
        other = self._create_connection(
            partner_id=self._create_client("Other").id
        ).contract_id
        alias = self.env["isp.account.alias"].create(
            {"name": "house 7", "contract_id": self.contract.id}
        )
        self.assertIn("house 7 added", self.contract.message_ids[0].body)
        alias.contract_id = other
        for contract in self.contract | other:
            self.assertIn("Alias changed from", contract.message_ids[0].body)
        alias.unlink()
        self.assertIn("house 7 removed", other.message_ids[0].body)

    def test_a_login_that_is_another_customers_phone_is_left_to_a_person(self):
        other = self._create_client(
            "Other", phone="0711222333", country_id=self.kenya.id
        )
        self._create_connection(partner_id=other.id)
        self._create_connection(username="0711222333")
        self.assertNobody("0711222333", "more than one customer")

    def test_a_login_that_is_ones_own_phone_matches_that_line(self):
        other = self._create_client(
            "Other", phone="0711222333", country_id=self.kenya.id
        )
        line = self._create_connection(partner_id=other.id, username="0711222333")
        second = self.env["isp.contract"].create({"partner_id": other.id})
        self._create_connection(contract_id=second.id)
        self.assertMatch("0711222333", line.contract_id, "login", line)

    # === PHONE === #

    def test_a_phone_typed_as_account_matches_in_every_spelling(self):
        """U-10."""
        for ref in (
            "0722333444",
            "0722 333 444",
            "722333444",
            "254722333444",
            "+254 722 333 444",
            "+254722333444",
        ):
            self.assertMatch(ref, self.contract, "phone_typed")

    def test_a_new_number_range_matches_too(self):
        """U-10: 01…"""
        self.client.phone = "+254 110 333 444"
        for ref in ("0110333444", "254110333444", "110333444"):
            self.assertMatch(ref, self.contract, "phone_typed")

    def test_a_partner_without_a_country_is_found_by_phone(self):
        self.client.country_id = False
        self.company.country_id = self.env.ref("base.us")
        for stored in ("0722333444", "722 333 444", "+254722333444"):
            self.client.phone = stored
            self.env.add_to_compute(self.client._fields["isp_phone"], self.client)
            self.assertMatch("0722 333444", self.contract, "phone_typed")

    def test_the_payers_phone_matches_when_the_reference_is_unknown(self):
        """S0-7."""
        for phone in ("0722333444", "254722333444"):
            self.assertMatch("internet", self.contract, "payer_phone", phone=phone)

    def test_the_reference_goes_before_the_payers_phone(self):
        """F24: who pays for another names him."""
        other = self._create_active(
            username="tenant", partner_id=self._create_client("Tenant").id
        )
        self.assertMatch(
            "tenant", other.contract_id, "login", other, phone="0722333444"
        )

    def test_a_masked_phone_matches_nobody(self):
        """U-11."""
        for phone in ("0722***444", "2547******44", "0722XXX444"):
            self.assertNobody("internet", "", phone=phone)

    def test_a_phone_of_two_customers_matches_nobody(self):
        other = self._create_client("Other", phone="254722333444")
        self._create_connection(partner_id=other.id)
        self.assertNobody("0722333444", "Several customers")
        self.assertNobody("internet", "Several customers", phone="0722333444")

    def test_a_phone_of_a_mere_contact_disturbs_nobody(self):
        self._create_client("No customer", phone="254722333444")
        self.assertMatch("0722333444", self.contract, "phone_typed")

    def test_a_customer_with_two_contracts_is_not_guessed(self):
        second = self.env["isp.contract"].create({"partner_id": self.client.id})
        self.assertNobody("0722333444", "2 contracts")
        second.action_close()
        self.assertMatch("0722333444", self.contract, "phone_typed")

    # === CLOSED, FOREIGN === #

    def test_a_closed_contract_takes_money_for_its_debt_and_then_no_more(self):
        owed = self._owed(self.line)
        self.contract.action_close()
        self._read(self._sms(owed, self.contract.account_no))
        self.assertEqual(self._owed(self.line), 0)
        self.assertNobody(self.contract.account_no, "is closed and owes nothing")
        self.assertNobody("0722333444", "no open contract")

    def test_a_closed_line_takes_money_for_its_debt_and_then_no_more(self):
        owed = self._owed(self.line)
        self.line.action_close()
        self._read(self._sms(owed, self.line.account_no))
        self.assertEqual(self._owed(self.line), 0)
        self.assertNobody(self.line.account_no, "is closed and owes nothing")

    def test_a_login_given_out_anew_means_the_line_in_service(self):
        self.line.action_close()
        other = self._create_connection(
            username="mary.home", partner_id=self._create_client("New").id
        )
        self.assertMatch("mary.home", other.contract_id, "login", other)

    def test_another_companys_customers_are_never_found(self):
        other = self.setup_other_company(name="Other ISP")["company"]
        till = self._create_collection("Till", company=other)
        invoice = self.line.invoice_id.name
        for ref in (
            self.line.account_no,
            "mary.home",
            self.contract.name,
            invoice,
            "0722333444",
        ):
            receipt = self._read(self._sms(5, ref), collection=till).receipt_id
            self.assertEqual(receipt.state, "unmatched", ref)
            self.assertEqual(receipt.company_id, other)

    def test_a_code_of_another_company_is_not_booked_twice(self):
        other = self.setup_other_company(name="Other ISP")["company"]
        till = self._create_collection("Till", company=other)
        text = self._sms(5, "mary.home")
        first = self._read(text)
        second = self._read(text, collection=till)
        self.assertEqual(second.state, "duplicate")
        self.assertFalse(second.receipt_id)
        self.assertEqual(len(first.receipt_id.payment_ids), 1)

    def test_a_batch_finds_each_its_own(self):
        lines = [
            self._create_connection(partner_id=self._create_client(f"C{i}").id)
            for i in range(5)
        ]
        messages = self._read(*(self._sms(5, line.username) for line in lines))
        self.assertEqual(
            [m.receipt_id.connection_id for m in messages.sorted("id")], lines
        )
