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


@tagged("post_install", "-at_install")
class TestStatusOnRouters(IspCommon):
    """The sentence, where a router was told something else, or nothing."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gateway = (
            cls.env["isp.gateway"]
            .sudo()
            .create(
                {
                    "name": "Tower 1",
                    "type": "freeradius",
                    "ip_address": "127.0.0.1",
                    "mode": "control",
                }
            )
        )

    def _create_line(self, **package):
        package = self._create_package("Case", 100.0, **package)
        return self._create_active(package_id=package.id, gateway_id=self.gateway.id)

    def _prove(self, line, level, **values):
        """The gateway has confirmed a level of access; return the sentence."""
        self.env["isp.access"].sudo().create(
            {
                "connection_id": line.id,
                "gateway_id": self.gateway.id,
                "state": "applied",
                "applied": {"present": True, "access": level},
                "applied_on": level == "on",
                **values,
            }
        )
        return line.status_text

    def test_who_is_walled_in_is_not_connecting(self):
        line = self._create_line(on_expiry="walled")
        self.assertRegex(self._prove(line, "limited"), "^Pay page only: nothing paid")

    def test_who_is_to_be_walled_in_and_is_still_on_is_not_walled_in_yet(self):
        line = self._create_line(on_expiry="walled")
        self.assertEqual(self._prove(line, "on"), "Being limited: waiting for Tower 1")

    def test_who_paid_and_is_still_slow_is_connecting(self):
        slow = self._create_package("Slow", 0.0)
        line = self._create_line(on_expiry="fallback", fallback_package_id=slow.id)
        self._pay_all(line)
        said = self._prove(line, "limited", applied_on=True)
        self.assertEqual(said, "Paid, connecting: waiting for Tower 1")

    def test_a_line_without_login_on_the_router_waits_for_none(self):
        line = self._create_line(access_kind="none")
        self._pay_all(line)
        self.assertRegex(line.status_text, "^On until ")

    def test_a_cut_that_a_person_decides_on_is_not_under_way(self):
        line = self._create_line()
        said = self._prove(
            line, "on", state="pending", held="mass", error="A person decides."
        )
        self.assertEqual(said, "Still on: A person decides.")

    def test_when_a_cut_is_due_stands_in_the_sentence_however_long_a_name(self):
        self.gateway.name = "Tower Three on the northern hill, second mast"
        line = self._create_line()
        moment = self._soon(minutes=15)
        error = self.env["isp.access"].new({"connection_id": line.id})
        error = error._say_settling(moment)
        said = self._prove(line, "on", state="pending", held="settle", error=error)
        self.assertTrue(said.startswith("Being cut: "))
        self.assertIn(line._say_moment(moment), said)

    def test_a_line_that_is_on_is_not_connecting_because_of_a_refused_change(self):
        line = self._create_line()
        self._pay_all(line)
        said = self._prove(line, "on", state="error", error="No such queue.")
        self.assertEqual(said, "On, not up to date: Tower 1: No such queue.")

    def test_free_days_behind_what_is_paid_stand_in_the_sentence(self):
        line = self._create_line()
        line.gateway_id = False
        self._pay_all(line)
        start = line.covered_until_at
        self.env["isp.extension"].create(
            {
                "connection_id": line.id,
                "kind": "free",
                "date_from": start,
                "date_to": start + timedelta(days=2),
            }
        )
        moments = map(line._say_moment, (start, start + timedelta(days=2)))
        self.assertEqual(
            line.status_text, "On until {}, then Free days until {}".format(*moments)
        )

    def test_of_two_reasons_to_be_off_the_one_that_lasts_is_told(self):
        line = self._create_line()
        now = fields.Datetime.now()
        self.env["isp.suspension"].create(
            [
                {"connection_id": line.id, "date_from": now - timedelta(days=2)},
                {
                    "connection_id": line.id,
                    "reason": "quota",
                    "date_from": now - timedelta(days=1),
                    "date_to": now + timedelta(days=1),
                },
            ]
        )
        line.invalidate_recordset()
        self.assertEqual(line.status_text, "Off: Switched off by hand")
