from odoo.tests import tagged

from .session_common import SessionCommon


@tagged("post_install", "-at_install")
class TestSessionKick(SessionCommon):
    """Sessions are dropped by a router that takes real Disconnect-Requests."""

    def setUp(self):
        super().setUp()
        self.gateway.write(
            {
                "coa_secret": self.radius.secret,
                "coa_port": self.radius.coa_port,
                "coa_host": "127.0.0.1",
            }
        )
        self.line = self._create_line("mary")
        self._open(self.line)
        self._converge()
        for session in ("s1", "s2"):
            self._account("Start", "mary", session, ago=60)
        self._read_sessions()

    def _get_open(self):
        return self.radius_db.query(
            "SELECT count(*) FROM radacct WHERE acctstoptime IS NULL"
        )[0][0]

    def _get_last_log(self):
        return self.env["isp.access.log"].search(
            [("connection_id", "=", self.line.id)], limit=1
        )

    def test_a_kick_drops_every_session_and_the_line_stays_on(self):
        self.line.action_disconnect()
        self._converge()
        self.assertEqual(self._get_open(), 0)
        self.assertTrue(self._is_accepted("mary"))
        log = self._get_last_log()
        self.assertEqual(log.outcome, "applied")
        self.assertEqual(log.commands.count("drop session"), 2)
        self._read_sessions()
        self.assertFalse(self.line.is_online)

    def _get_told(self):
        return [
            rate
            for (rate,) in self.radius_db.query(
                "SELECT connectinfo_stop FROM radacct WHERE acctstoptime IS NULL"
            )
        ]

    def test_a_new_speed_drops_the_session_unless_the_gateway_says_otherwise(self):
        self.package.speed_download = 40
        self._converge()
        self.assertEqual(self._get_open(), 0)

    def test_a_new_speed_reaches_sessions_that_go_on(self):
        self.gateway.coa_speed = True
        self.package.speed_download = 40
        self._converge()
        self.assertEqual(self._get_told(), ["5M/40M"] * 2)
        log = self._get_last_log()
        self.assertEqual(
            (log.outcome, log.commands.count("change speed")), ("applied", 2)
        )
        # Another change, and one that no router can be told.
        other = self._create_package("Faster", 3000.0, speed_download=60)
        self.line.sudo().package_id = other
        self._converge()
        self.assertEqual(self._get_open(), 2)
        self.line.fixed_ip = "10.9.0.77"
        self._converge()
        self.assertEqual(self._get_open(), 0)

    def test_who_is_suspended_surfs_no_longer(self):
        self.env["isp.suspension"].create({"connection_id": self.line.id})
        self._converge()
        self.assertEqual(self._get_open(), 0)
        self.assertFalse(self._is_accepted("mary"))

    def test_who_is_suspended_while_the_accounting_is_lost_surfs_no_longer(self):
        """F3: the router goes on, its updates don't come through."""
        self.radius_db.query(
            "UPDATE radacct SET acctupdatetime = now() - interval '20 minutes', "
            "acctstarttime = now() - interval '1 day', acctinterval = 60"
        )
        self._read_sessions()
        self.env["isp.suspension"].create({"connection_id": self.line.id})
        self._converge()
        self.assertEqual(self._get_open(), 0)
        self.assertEqual(self._get_last_log().commands.count(": dropped"), 2)

    def test_a_router_that_is_silent_leaves_a_session_and_says_so(self):
        self.gateway.coa_secret = "another"
        self.line.action_disconnect()
        self._converge()
        self.assertEqual(self._get_open(), 2)
        log = self._get_last_log()
        self.assertEqual(log.outcome, "unfinished")
        self.assertIn("may still be up", log.reply)

    def test_a_gateway_that_can_drop_nothing_says_so(self):
        self.gateway.coa_secret = False
        self.line.action_disconnect()
        self._converge()
        self.assertEqual(self._get_open(), 2)
        self.assertIn("can drop none", self._get_last_log().reply)
