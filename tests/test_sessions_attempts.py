from odoo.exceptions import UserError
from odoo.tests import tagged

from .session_common import SessionCommon


@tagged("post_install", "-at_install")
class TestSessionsAttempts(SessionCommon):
    """What the gateway tells of attempts to log in, once it is asked."""

    def _ask_attempts(self, line):
        line.action_ask_attempts()
        self._work()

    def test_the_gateway_tells_the_last_attempts_with_the_reason(self):
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        for password in ["wrong"] * 5 + ["secret"]:
            self.radius.auth("mary", password)
        self._ask_attempts(line)
        self.assertEqual(len(line.attempt_ids), 5)
        self.assertEqual(line.attempt_ids.mapped("is_accepted"), [True] + [False] * 4)
        self.assertRegex(line.attempt_ids[1].reason, "^The password .*was wrong")
        self.assertRegex(line.attempts_text, "5 attempts to log in")
        # Those of the next time stand instead of them.
        self.radius_db.query("DELETE FROM radpostauth")
        self._ask_attempts(line)
        self.assertFalse(line.attempt_ids)

    def test_the_question_waits_for_the_worker_and_says_so(self):
        line = self._create_line("mary")
        line.action_ask_attempts()
        self.assertFalse(line.attempt_ids)
        self.assertIn("being asked", line.attempts_text)

    def test_a_line_without_a_login_cant_be_asked_for(self):
        line = self._create_line("mary")
        line.gateway_id = False
        with self.assertRaisesRegex(UserError, "nobody can have tried"):
            line.action_ask_attempts()

    def test_no_password_that_was_tried_reaches_the_books(self):
        line = self._create_line("mary")
        self.radius.auth("mary", "tr1ed-s3cret")
        self._ask_attempts(line)
        self.env.flush_all()
        for table in ("isp_login_attempt", "isp_gateway_job", "isp_session"):
            self.cr.execute(
                f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%%s3cret%%'"
            )
            self.assertEqual(self.cr.fetchone()[0], 0, table)
