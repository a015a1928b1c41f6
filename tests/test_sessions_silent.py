from odoo.tests import tagged

from .session_common import SessionCommon


@tagged("post_install", "-at_install")
class TestSessionsSilent(SessionCommon):
    """Sessions that nothing is heard of, and which of them are over."""

    def _cut_power(self, lines):
        """200 homes were online a day ago, and their router said nothing since."""
        for line in lines:
            self._open(line)
        self._converge()
        self.radius_db.query(
            "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress,"
            " acctstarttime, acctupdatetime, acctinterval, acctinputoctets, "
            "acctoutputoctets) SELECT 'old' || n, 'old' || n, 'home' || n, '10.9.9.9', "
            "now() - interval '1 day', now() - interval '16 minutes', 60, 0, 0 "
            "FROM generate_series(0, 199) AS n"
        )

    def test_after_a_power_cut_all_are_let_in_again_by_themselves(self):
        """U-20: a login that may be used once is refused while an old session lives."""
        self.package.simultaneous_use = 1
        lines = [self._create_line(f"home{number}") for number in range(3)]
        self._cut_power(lines)
        self.assertFalse(any(self._is_accepted(line.username) for line in lines))
        job = self._read_sessions()
        # Of whom nobody asks for, nobody knows.
        self.assertIn("nothing was heard of them: 3", job.summary)
        self.assertEqual(self.gateway.session_count, 0)
        self.assertFalse(any(line.is_online for line in lines))
        ended = self.Session.search([("state", "=", "ended")])
        self.assertEqual(ended.connection_id, self.env["isp.connection"].union(*lines))
        for line in lines:
            self.assertTrue(self._is_accepted(line.username))
            self._account("Start", line.username, "new")
        self._read_sessions()
        self.assertEqual(self.gateway.session_count, 3)
        self.assertTrue(all(line.is_online for line in lines))

    def test_while_the_accounting_is_cut_off_lines_stay_up_and_can_be_dropped(self):
        """F3: FreeRADIUS was away for a quarter hour, the homes were not."""
        lines = [self._create_line(f"home{number}") for number in range(3)]
        self._cut_power(lines)
        self._read_sessions()
        [[count]] = self.radius_db.query(
            "SELECT count(*) FROM radacct WHERE acctstoptime IS NULL"
        )
        self.assertEqual(count, 200)
        self._account("Interim-Update", "home9", "other")
        self._read_sessions()
        [[count]] = self.radius_db.query(
            "SELECT count(*) FROM radacct WHERE acctstoptime IS NULL"
        )
        self.assertEqual(count, 201)

    def test_on_a_gateway_that_is_watched_what_is_silent_stops_counting_only(self):
        lines = [self._create_line(f"home{number}") for number in range(3)]
        self._cut_power(lines)
        self.gateway.action_watch_only()
        self._read_sessions()
        self.assertEqual(self.gateway.session_count, 0)
        self.assertEqual(self.Session.search_count([("state", "=", "stale")]), 200)
        self.assertFalse(
            self.radius_db.query(
                "SELECT FROM radacct WHERE acctstoptime IS NOT NULL LIMIT 1"
            )
        )
