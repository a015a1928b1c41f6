from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import IspCommon

LENGTH = 120


@tagged("post_install", "-at_install")
class TestStatusSentences(IspCommon):
    """Whatever a line is and why: one sentence answers, and is not cut short."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["isp.collection"].create(
            {
                "name": "Paybill",
                "journal_id": cls.wallet.id,
                "provider": "mpesa_ke",
                "short_code": "1234567",
            }
        )
        cls.slow = cls._create_package("Slow family fallback", 0.0)

    def _create_case(self, on_expiry="suspend", **values):
        """A line in service that owes much, of a package with an on_expiry."""
        values = {"on_expiry": on_expiry, **values}
        if on_expiry == "fallback":
            values["fallback_package_id"] = self.slow.id
        name = f"Case {on_expiry}"
        package = self.env["isp.package"].search([("name", "=", name)])
        package = package or self._create_package(name, 987654.32, **values)
        client = self._create_client("A client")
        line = self._create_connection(partner_id=client.id, package_id=package.id)
        line.action_process_new()
        self.assertEqual(line.state, "active")
        return line

    def _say(self, line):
        """Return the decision's reason and the sentence, whole."""
        self.env.flush_all()
        line.invalidate_recordset()
        reason = line._decide_access().reason
        sentence = line.status_text
        self.assertTrue(sentence)
        self.assertLessEqual(len(sentence), LENGTH)
        self.assertFalse(sentence.endswith("…"), sentence)
        return reason, sentence

    def _let_expire(self, line):
        line.sudo().covered_until_at = fields.Datetime.now() - timedelta(days=3)

    def test_each_way_to_end_and_each_way_never_to_begin_has_its_sentence(self):
        heads = {
            "suspend": ("Off: nothing paid yet", "Off: unpaid since"),
            "walled": ("Pay page only: nothing paid", "Pay page only: unpaid since"),
            "fallback": ("Limited: nothing paid", "Limited to Slow family fallback"),
            "nothing": ("On: this package stays on", "On: this package stays on"),
        }
        for on_expiry, (never, unpaid) in heads.items():
            line = self._create_case(on_expiry)
            with self.subTest(on_expiry):
                self.assertTrue(self._say(line)[1].startswith(never))
                self._let_expire(line)
                self.assertTrue(self._say(line)[1].startswith(unpaid))

    def test_each_reason_to_be_off_and_on_has_its_sentence(self):
        for model, field, reason in (
            ("isp.suspension", "reason", "suspended"),
            ("isp.extension", "kind", "extension"),
        ):
            kinds = dict(self.env[model]._fields[field].selection)
            self.assertGreaterEqual(len(kinds), 3)
            for kind, label in kinds.items():
                for end in (False, self._soon(days=9)):
                    line = self._create_case()
                    # Some kinds are the system's own to make.
                    self.env[model].sudo().create(
                        {
                            "connection_id": line.id,
                            field: kind,
                            "date_from": fields.Datetime.now(),
                            "date_to": end,
                        }
                    )
                    with self.subTest(kind=kind, end=end):
                        said, sentence = self._say(line)
                        self.assertEqual(said, reason)
                        self.assertIn(label, sentence)

    def test_each_state_out_of_service_has_its_sentence(self):
        line = self._create_case()
        for state, head in (("new", "New"), ("ready", "Ready"), ("closed", "Closed")):
            line.sudo().state = state
            with self.subTest(state):
                reason, sentence = self._say(line)
                self.assertEqual(reason, state)
                self.assertTrue(sentence.startswith(head))

    def test_what_is_owed_and_where_to_pay_it_stand_in_the_sentence(self):
        line = self._create_case()
        for _case in ("never", "unpaid"):
            sentence = self._say(line)[1]
            self.assertIn(f"pay 1234567 account {line.account_no}", sentence)
            self._let_expire(line)
