from datetime import UTC, timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..tools.sessions import News, SessionRow
from .radius_common import Mute, talk
from .session_common import GIGAWORD, SessionCommon

DAY = 86400


@tagged("post_install", "-at_install")
class TestSessions(SessionCommon):
    # === WHO IS ON === #

    def test_a_line_is_online_while_its_session_is_open(self):
        line = self._create_line("mary")
        self._account("Start", "mary", Framed_IP_Address="10.0.0.7")
        self._read_sessions()
        self.assertTrue(line.is_online)
        self.assertRegex(line.online_text, "^Online since .*, 10.0.0.7$")
        self.assertEqual(self.gateway.session_count, 1)
        self.assertIn(line, line.search([("is_online", "=", True)]))
        self._account("Stop", "mary", Acct_Terminate_Cause="User-Request")
        self._read_sessions()
        self.assertFalse(line.is_online)
        self.assertRegex(line.online_text, "^Offline, last seen ")
        self.assertEqual(line.session_ids.cause, "User-Request")
        self.assertIn(line, line.search([("is_online", "=", False)]))

    def test_a_login_in_other_letters_is_the_same_lines(self):
        line = self._create_line("Mary.Home")
        self._account("Start", "mary.home")
        self._read_sessions()
        self.assertEqual(self._get_sessions("mary.home").connection_id, line)

    def test_who_is_nobodys_is_shown_without_a_line(self):
        self._account("Start", "stranger")
        self._read_sessions()
        session = self._get_sessions("stranger")
        self.assertFalse(session.connection_id)
        self.assertEqual(session.company_id, self.company)

    def test_a_router_that_starts_anew_ends_what_it_had(self):
        self._account("Start", "mary", ago=100)
        self._read_sessions()
        self._account("Accounting-On", "", "")
        self._read_sessions()
        session = self._get_sessions("mary")
        self.assertEqual((session.state, session.cause), ("ended", "NAS-Reboot"))

    def test_a_session_lost_by_a_device_without_a_history_has_ended(self):
        now = fields.Datetime.now()
        at = now.replace(tzinfo=UTC)
        rows = [
            SessionRow(login, login, started_at=at, updated_at=at, upload=5)
            for login in ("mary", "juma")
        ]
        self.Session._record_news(self.gateway, News(rows, is_whole=True), at)
        later = at + timedelta(seconds=30)
        self.Session._record_news(self.gateway, News(rows[:1], is_whole=True), later)
        self.assertEqual(self._get_sessions("mary").state, "live")
        gone = self._get_sessions("juma")
        self.assertEqual(gone.stopped_at, now + timedelta(seconds=30))

    # === WHOSE IT WAS === #

    def test_a_session_is_the_lines_that_had_the_login_then(self):
        before, after = self._create_line("flat7"), self._create_line("flat7b")
        self.cr.execute(
            "UPDATE isp_connection SET create_date = create_date - interval '9 days' "
            "WHERE id = %s",
            [before.id],
        )
        self._account("Start", "flat7", "first", ago=5 * DAY)
        self._account("Stop", "flat7", "first", ago=4 * DAY, Acct_Input_Octets=7)
        self.env.cr.flush()
        tracked = before.with_context(tracking_disable=False, mail_notrack=False)
        tracked.username = "moved-out"
        self.env.cr.flush()
        after.username = "flat7"
        self.env.cr.flush()
        self._account("Start", "flat7", "second")
        self._read_sessions()
        first, second = self._get_sessions("flat7")
        self.assertEqual(first.connection_id, before)
        self.assertEqual(second.connection_id, after)
        self.assertEqual(self._get_usage(before), (7, 0))

    def test_a_login_given_on_to_another_on_the_same_day_is_the_new_lines(self):
        before = self._create_line("flat7")
        self.env.cr.flush()
        self.cr.execute(
            "UPDATE isp_connection SET state = 'closed', date_end = CURRENT_DATE, "
            "create_date = create_date - interval '9 days' WHERE id = %s",
            [before.id],
        )
        self.env.invalidate_all()
        after = self._create_line("flat7")
        self._account("Start", "flat7", "old", ago=5 * DAY)
        self._account("Start", "flat7", "new")
        self._read_sessions()
        self.assertEqual(
            [session.connection_id for session in self._get_sessions("flat7")],
            [before, after],
        )

    # === HOW MUCH === #

    def test_usage_is_exact_by_cumulative_counters_also_beyond_four_gigabytes(self):
        line = self._create_line("mary")
        self._account("Start", "mary", ago=60)
        for octets in (100, 250, 400):
            self._account("Interim-Update", "mary", Acct_Input_Octets=octets)
            self._read_sessions()
        self.assertEqual(self._get_usage(line), (400, 0))
        self._account(
            "Stop",
            "mary",
            Acct_Input_Octets=500,
            Acct_Output_Octets=7,
            Acct_Output_Gigawords=3,
        )
        self._read_sessions()
        self.assertEqual(self._get_usage(line), (500, 3 * GIGAWORD + 7))
        session = line.session_ids
        self.assertEqual(session.download, 3 * GIGAWORD + 7)

    def test_a_stop_that_was_sent_again_takes_nothing_back(self):
        line = self._create_line("mary")
        self._account("Start", "mary", ago=60)
        self._account("Stop", "mary", Acct_Input_Octets=500, Acct_Output_Octets=9)
        self._read_sessions()
        self._account("Stop", "mary")
        self.assertEqual(
            self.radius_db.query("SELECT acctinputoctets FROM radacct"), [(0,)]
        )
        self._read_sessions()
        self.assertEqual(self._get_usage(line), (500, 9))
        self.assertEqual(line.session_ids.upload, 500)

    def test_a_session_without_a_start_counts_from_its_first_update(self):
        line = self._create_line("mary")
        self._account("Interim-Update", "mary", Acct_Input_Octets=70)
        self._read_sessions()
        self.assertEqual(self._get_usage(line), (70, 0))
        self.assertTrue(line.is_online)

    def test_a_name_that_a_restarted_router_uses_again_is_another_session(self):
        line = self._create_line("mary")
        self._account("Start", "mary", "0001", ago=3600)
        self._account("Interim-Update", "mary", "0001", ago=1800, Acct_Input_Octets=900)
        self._read_sessions()
        # It says nothing of its restart, and counts from 0 under the old name.
        self._account("Start", "mary", "0001", ago=600)
        self._account("Interim-Update", "mary", "0001", Acct_Input_Octets=50)
        self._read_sessions()
        sessions = self._get_sessions("mary")
        self.assertEqual(sessions.mapped("upload"), [900, 50])
        self.assertEqual(sessions.mapped("state"), ["ended", "live"])
        self.assertEqual(self._get_usage(line), (950, 0))

    def test_a_router_whose_clock_is_ahead_is_counted_once(self):
        line = self._create_line("mary")
        self._account("Start", "mary", ago=-7200)
        for octets in (100, 250, 400):
            self._account("Interim-Update", "mary", ago=-7200, Acct_Input_Octets=octets)
            self._read_sessions()
            # Five minutes later.
            self.cr.execute(
                "UPDATE isp_session SET started_at = started_at - interval '5 minutes',"
                " updated_at = updated_at - interval '5 minutes'"
            )
        self.assertEqual(self._get_usage(line), (400, 0))
        self.assertEqual(len(line.session_ids), 1)

    def test_a_router_that_learns_the_time_late_moved_it_today(self):
        """Without a battery it begins in 1970, after each power cut."""
        line = self._create_line("mary")
        self._account("Start", "mary", Event_Timestamp=90_000)
        for octets in (100, 250):
            self._account("Interim-Update", "mary", Acct_Input_Octets=octets)
            self._read_sessions()
        usage = self.env["isp.usage.day"].search([("connection_id", "=", line.id)])
        self.assertEqual(usage.mapped("upload"), [250])
        self.assertEqual(usage.sessions, 1)
        self.assertTrue(line.is_online)

    def test_reading_again_counts_nothing_twice(self):
        line = self._create_line("mary")
        self._account("Start", "mary", ago=60)
        self._account("Stop", "mary", Acct_Input_Octets=500)
        for _time in range(3):
            self._read_sessions()
        self.gateway.sudo().sessions_mark = False
        self._read_sessions()
        self.assertEqual(self._get_usage(line), (500, 0))
        [day] = self.env["isp.usage.day"].search([("connection_id", "=", line.id)])
        self.assertEqual(day.sessions, 1)

    def test_usage_is_shown_by_day_up_and_down(self):
        line = self._create_line("mary")
        self._account("Start", "mary", ago=3 * DAY)
        self._account(
            "Stop", "mary", Acct_Input_Octets=10**9, Acct_Output_Octets=3 * 10**9
        )
        self._read_sessions()
        groups = self.env["isp.usage.report"]._read_group(
            [("connection_id", "=", line.id)],
            ["direction", "day:day"],
            ["gigabytes:sum"],
        )
        by_way = {"download": [], "upload": []}
        for direction, _day, gigabytes in groups:
            by_way[direction].append(gigabytes)
        self.assertEqual(len(by_way["download"]), 4)
        self.assertAlmostEqual(sum(by_way["download"]), 3.0, 8)
        self.assertAlmostEqual(sum(by_way["upload"]), 1.0, 8)

    # === HISTORY === #

    def test_a_renewal_leaves_the_usage_history_alone(self):
        line = self._create_active(username="mary")
        self._account("Start", "mary", ago=60)
        self._account("Stop", "mary", Acct_Input_Octets=500)
        self._read_sessions()
        rows = self.radius_db.query("SELECT ctid, xmin, * FROM radacct")
        self._pay_all(line)
        line.action_generate_invoice()
        self._pay_all(line)
        self._converge()
        self.assertTrue(self._is_accepted("mary"))
        self.assertEqual(
            self.radius_db.query("SELECT ctid, xmin, * FROM radacct"), rows
        )
        self.assertEqual(len(line.session_ids), 1)
        self.assertEqual(self._get_usage(line), (500, 0))

    def test_old_sessions_are_forgotten_and_not_counted_again(self):
        line = self._create_line("mary")
        self._account("Start", "mary", "old", ago=40 * DAY)
        self._account("Stop", "mary", "old", ago=39 * DAY, Acct_Input_Octets=500)
        self._account("Start", "mary", "new", ago=60)
        self._account("Stop", "mary", "new", Acct_Input_Octets=30)
        self._read_sessions()
        self.company.isp_session_days = 30
        with self.enter_registry_test_mode():
            self.env.ref("mybizna_isp.isp_session_cron_forget").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(line.session_ids.mapped("session_id"), ["new"])
        self.gateway.sudo().sessions_mark = False
        self._read_sessions()
        self.assertEqual(line.session_ids.mapped("session_id"), ["new"])
        self.assertEqual(self._get_usage(line), (530, 0))
        self.assertEqual(self.radius_db.query("SELECT count(*) FROM radacct"), [(2,)])

    def test_with_0_days_sessions_are_kept_for_ever(self):
        self.company.isp_session_days = 0
        self._account("Start", "mary", ago=900 * DAY)
        self._account("Stop", "mary", ago=899 * DAY)
        self._read_sessions()
        with self.enter_registry_test_mode():
            self.env.ref("mybizna_isp.isp_session_cron_forget").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(len(self._get_sessions("mary")), 1)

    # === THE CLOCK === #

    def _ask_by_clock(self):
        """Return the jobs that the clock asks for."""
        before = self.env["isp.gateway.job"].search([])
        self.env["isp.gateway.job"].sudo()._cron_ask_sessions()
        return self.env["isp.gateway.job"].search([]) - before

    def test_the_clock_asks_each_gateway_that_can_be_asked_and_also_a_watched_one(self):
        watched = self._create_gateway("Watched")
        self._create_gateway("File", by_sql_file=True)
        self._create_gateway("Archived", active=False)
        jobs = self._ask_by_clock().filtered(lambda job: job.company_id == self.company)
        self.assertEqual(jobs.gateway_id, self.gateway | watched)
        self.assertEqual(set(jobs.mapped("kind")), {"sessions"})

    def test_a_gateway_that_failed_is_left_alone_for_an_hour(self):
        with Mute() as mute:
            port = mute.port
        gateway = self._create_gateway("Gone", port=port)
        job = self.env["isp.gateway.job"]._ask(gateway, "sessions")
        with mute_logger("odoo.addons.mybizna_isp.tools.access_jobs"):
            self._work()
        self.assertEqual(job.state, "failed")
        self.assertNotIn(gateway, self._ask_by_clock().gateway_id)
        job.sudo().done_at -= timedelta(minutes=61)
        self.assertIn(gateway, self._ask_by_clock().gateway_id)

    def test_another_database_is_read_from_its_beginning(self):
        self._account("Start", "mary")
        self._read_sessions()
        self.assertTrue(self.gateway.sudo().sessions_mark)
        self.gateway.database = "another"
        self.assertFalse(self.gateway.sudo().sessions_mark)

    # === DISCONNECT === #

    def _claim(self):
        """Return what the worker is about to say to the gateway, of one login."""
        self.env.cr.flush()
        [task] = [
            task
            for task in self.env["isp.access"]._claim()
            if task.gateway_id == self.gateway.id
        ]
        [wish] = task.wishes.values()
        return task, wish

    def _disconnect(self, line, user=None):
        return line.with_user(user or self.env.user).action_disconnect()

    def test_a_kick_makes_all_that_is_open_out_of_date_and_changes_nothing_else(self):
        line = self._create_line("mary")
        self._open(line)
        task, wish = self._claim()
        self.assertIsNone(wish["fresh_since"])
        self.env["isp.access"]._record(task, talk(task))
        self._disconnect(line)
        at = fields.Datetime.now()
        _task, wish = self._claim()
        since = wish["fresh_since"].replace(tzinfo=None)
        self.assertLess(abs(since - at), timedelta(seconds=2))
        self.assertTrue(wish["on"])

    def test_what_came_of_a_kick_is_in_the_access_log(self):
        line = self._create_line("mary")
        self._open(line)
        self._converge()
        logs = self.env["isp.access.log"].search([("connection_id", "=", line.id)])
        self._disconnect(line)
        self._converge()
        new = self.env["isp.access.log"].search([("connection_id", "=", line.id)])
        self.assertEqual(len(new - logs), 1)
        self.assertEqual(self._get_row(line).state, "applied")

    def test_a_session_is_dropped_through_its_line(self):
        line = self._create_line("mary")
        self._account("Start", "mary")
        self._read_sessions()
        line.session_ids.action_disconnect()
        dirty = self.env["isp.access.dirty"].search([("connection_id", "=", line.id)])
        self.assertTrue(any(dirty.mapped("disconnect_at")))

    def test_a_kick_where_nothing_is_sent_is_refused_with_the_reason(self):
        line = self._create_line("mary")
        self.gateway.mode = "watching"
        with self.assertRefused("Take Control"):
            line.action_disconnect()
        line.gateway_id = False
        with self.assertRefused("has no login on a gateway"):
            line.action_disconnect()

    def test_technicians_and_the_office_may_kick_and_lookers_on_may_not(self):
        line = self._create_line("mary")
        for group in ("network", "clerk"):
            user = self._create_user(group, f"mybizna_isp.isp_group_{group}")
            self._disconnect(line, user)
        looker = self._create_user("looker", "mybizna_isp.isp_group_user")
        with self.assertRaises(AccessError):
            self._disconnect(line, looker)

    def test_nobody_writes_sessions_by_hand(self):
        self._account("Start", "mary")
        self._read_sessions()
        technician = self._create_user("tech", "mybizna_isp.isp_group_network")
        session = self._get_sessions("mary").with_user(technician)
        self.assertTrue(session.login)
        for work in (
            lambda: session.write({"download": 1}),
            session.unlink,
            session.copy,
        ):
            with self.assertRaises(AccessError):
                work()
