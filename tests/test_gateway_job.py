from datetime import timedelta

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..tools.access_jobs import Answer, ask
from .radius_common import Mute, RadiusCommon


@tagged("post_install", "-at_install")
class TestGatewayJob(RadiusCommon):
    def setUp(self):
        super().setUp()
        self.Job = self.env["isp.gateway.job"]

    def _take(self, limit=8):
        return self.Job._claim(limit)

    def test_a_gateway_answers_what_it_is_asked(self):
        job = self.Job._ask(self.gateway, "probe")
        self._work()
        self.assertEqual(job.state, "done")
        self.assertIn("missing rights: none", job.summary)

    def test_the_same_question_waits_once(self):
        job = self.Job._ask(self.gateway, "probe")
        self.assertEqual(self.Job._ask(self.gateway, "probe"), job)
        self.assertNotEqual(self.Job._ask(self.gateway, "probe", of="mary"), job)

    def test_a_gateway_that_is_not_reached_fails_with_a_sentence_and_no_secret(self):
        with Mute() as mute:
            port = mute.port
        gateway = self._create_gateway("Gone", port=port, password="tops3cret")
        job = self.Job._ask(gateway, "probe")
        with mute_logger("odoo.addons.mybizna_isp.tools.access_jobs"):
            self._work()
        self.assertEqual(job.state, "failed")
        self.assertIn("127.0.0.1", job.summary)
        self.assertNotIn("tops3cret", job.summary)

    def test_one_gateway_is_asked_one_thing_at_a_time(self):
        first = self.Job._ask(self.gateway, "probe")
        second = self.Job._ask(self.gateway, "probe", of="mary")
        self.assertEqual([taken.job_id for taken in self._take()], [first.id])
        self.assertFalse(self._take())
        self.assertEqual(second.state, "waiting")

    def test_a_job_whose_worker_died_is_asked_again_once_and_then_fails(self):
        job = self.Job._ask(self.gateway, "probe")
        for state in ("waiting", "failed"):
            self._take()
            job.sudo().lease_until = fields.Datetime.now() - timedelta(seconds=1)
            self.Job._free_lost()
            self.assertEqual(job.state, state)
        self.assertIn("cut short", job.summary)

    @mute_logger("odoo.addons.mybizna_isp.models.isp_gateway_job")
    def test_a_question_that_cant_be_asked_fails_and_holds_up_no_other(self):
        """F14."""
        other = self._create_gateway("Other")
        # Its parameters are missing.
        broken = self.Job._ask(self.gateway, "fetch")
        good = self.Job._ask(other, "probe")
        later = self.Job._ask(self.gateway, "probe")
        self._work()
        self.assertEqual((good.state, later.state), ("done", "done"))
        self.assertEqual(broken.state, "failed")
        self.assertIn("failed unexpectedly", broken.summary)

    @mute_logger("odoo.addons.mybizna_isp.models.isp_gateway_job")
    def test_an_answer_that_cant_be_written_down_fails_its_job_alone(self):
        """F14."""
        job = self.Job._ask(self.gateway, "acceptance")
        [question] = self._take()
        self.Job._record(question, Answer(content={"steps": []}))
        self.assertEqual(job.state, "failed")
        self.assertIn("KeyError", job.summary)

    def test_an_answer_that_comes_after_the_lease_was_lost_counts_for_nothing(self):
        job = self.Job._ask(self.gateway, "probe")
        [late] = self._take()
        job.sudo().lease_until = fields.Datetime.now() - timedelta(seconds=1)
        self.Job._free_lost()
        [question] = self._take()
        self.Job._record(late, ask(late, self._soon_monotonic()))
        self.assertEqual(job.state, "running")
        self.Job._record(question, ask(question, self._soon_monotonic()))
        self.assertEqual(job.state, "done")
