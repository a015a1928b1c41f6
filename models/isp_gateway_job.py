import logging
import time
import uuid
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import timedelta

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..tools.access_jobs import Answer, Question, ask

_logger = logging.getLogger(__name__)

# One job, and how long a run goes on taking new ones: together less than the server
# grants a scheduled action.
JOB_SECONDS = 60.0
RUN_SECONDS = 20.0
OVERRUN_SECONDS = 2.0
POLL_SECONDS = 0.5
POOL_SIZE = 8
# Longer than a job may take: who took it and died frees it by this.
LEASE = timedelta(seconds=120)
TRIES = 2


class IspGatewayJob(models.Model):
    """One row is one question to a gateway, asked by a person or by the clock.

    Jobs never hold up the exchange that switches access. For each kind there are two
    methods, `_prepare_KIND` (the matter, within the claim) and `_record_KIND` (what is
    made of the answer), and a function in `tools.access_jobs`.
    """

    _name = "isp.gateway.job"
    _description = "Gateway Job"
    _order = "id desc"
    _check_company_auto = True

    gateway_id = fields.Many2one(
        "isp.gateway", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="gateway_id.company_id", store=True, index=True
    )
    kind = fields.Selection(
        [("probe", "Test of the connection")], required=True, readonly=True
    )
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("running", "Running"),
            ("done", "Done"),
            ("failed", "Failed"),
        ],
        required=True,
        default="waiting",
        readonly=True,
        index=True,
    )
    user_id = fields.Many2one(
        "res.users",
        string="Asked By",
        readonly=True,
        default=lambda self: self.env.user,
    )
    started_at = fields.Datetime(readonly=True)
    done_at = fields.Datetime(readonly=True)
    progress = fields.Integer(readonly=True, help="Percent of the work that is done.")
    summary = fields.Text(readonly=True, help="What came of it, in words.")
    params = fields.Json(readonly=True)
    attempts = fields.Integer(readonly=True)
    lease_until = fields.Datetime(readonly=True)
    lease_token = fields.Char(readonly=True)
    is_outdated = fields.Boolean(
        readonly=True, help="The gateway's settings were changed since it was asked."
    )

    # === BUSINESS === #

    @api.model
    def _ask(self, gateway, kind, **params):
        """Ask a gateway something, or return the job that waits to ask it the same."""
        waiting = self.sudo().search(
            [
                ("gateway_id", "=", gateway.id),
                ("kind", "=", kind),
                ("state", "=", "waiting"),
            ]
        )
        for job in waiting:
            if (job.params or {}) == params:
                return job.sudo(False)
        job = self.sudo().create(
            {"gateway_id": gateway.id, "kind": kind, "params": params}
        )
        self._wake()
        return job.sudo(False)

    @api.model
    def _wake(self):
        cron = self.env.ref(
            "mybizna_isp.isp_gateway_job_cron_work", raise_if_not_found=False
        )
        if cron:
            # Whoever asks may wake the worker, not read it.
            cron.sudo()._trigger()

    # === CRON: the worker === #

    @api.model
    def _cron_work(self):
        """Ask what waits to be asked; safe to run at any time, anywhere."""
        step = self.env["isp.access"]._step
        pool = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="isp-job")
        started = time.monotonic()
        running, told = {}, {}
        try:
            while True:
                if time.monotonic() - started < RUN_SECONDS:
                    for question in step(self._claim, POOL_SIZE - len(running)):
                        running[self._submit(pool, question, told)] = (
                            question,
                            time.monotonic() + JOB_SECONDS,
                        )
                if not running:
                    break
                done, _others = wait(running, POLL_SECONDS, FIRST_COMPLETED)
                for future in done:
                    question, _ends = running.pop(future)
                    step(self._record, question, future.result(), processed=1)
                self._give_up_overdue(step, running)
                if told:
                    step(self._record_progress, told)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if self._count_waiting():
            self._wake()
            step(self._count_waiting)

    @staticmethod
    def _submit(pool, question, told):
        def tell(done, total):
            told[question.job_id] = min(99, 100 * done // max(total, 1))

        return pool.submit(ask, question, time.monotonic() + JOB_SECONDS, tell)

    def _give_up_overdue(self, step, running):
        for future, (question, ends) in list(running.items()):
            if time.monotonic() > ends + OVERRUN_SECONDS and not future.done():
                del running[future]
                answer = Answer(error=self.env._("The gateway took too long."))
                step(self._record, question, answer)

    # === CRON: claim and record === #

    @api.model
    def _count_waiting(self):
        """Return how many jobs could be taken now; others wait for the next turn."""
        asked = self.sudo().search([("state", "=", "running")]).gateway_id
        return self.sudo().search_count(
            [
                ("state", "=", "waiting"),
                ("gateway_id.active", "=", True),
                ("gateway_id", "not in", asked.ids),
            ]
        )

    @api.model
    def _claim(self, limit):
        """Take jobs under a lease, one for a gateway; to be committed at once.

        :return: list of `tools.access_jobs.Question`
        """
        if limit <= 0:
            return []
        self._free_lost()
        token = uuid.uuid4().hex
        self.flush_model()
        now = fields.Datetime.now()
        # Who claims the same at the same time fails and looks again.
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE isp_gateway_job
                   SET state = 'running', started_at = %(now)s, progress = 0,
                       attempts = COALESCE(attempts, 0) + 1,
                       lease_until = %(until)s, lease_token = %(token)s,
                       is_outdated = FALSE
                 WHERE id IN (
                       SELECT min(job.id)
                         FROM isp_gateway_job job
                         JOIN isp_gateway gateway ON gateway.id = job.gateway_id
                        WHERE job.state = 'waiting' AND gateway.active
                          AND NOT EXISTS (
                              SELECT FROM isp_gateway_job busy
                               WHERE busy.gateway_id = job.gateway_id
                                 AND busy.state = 'running')
                        GROUP BY job.gateway_id
                        ORDER BY 1
                        LIMIT %(limit)s)
             RETURNING id
                """,
                now=now,
                until=now + LEASE,
                token=token,
                limit=limit,
            )
        )
        self.invalidate_model()
        # The worker reads the gateways' secrets.
        jobs = self.sudo().browse(row[0] for row in rows)
        questions = [job._isolate(job._prepare_question, token) for job in jobs]
        return [question for question in questions if question]

    def _isolate(self, method, *args):
        """Call a method; a fault of this job fails it, and holds up no other."""
        try:
            with self.env.cr.savepoint():
                return method(*args)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            _logger.exception("Job %s of kind %s failed", self.id, self.kind)
            self._fail(
                self.env._(
                    "It failed unexpectedly (%(kind)s); the server's log has the "
                    "details.",
                    kind=type(error).__name__,
                )
            )
        return None

    @api.model
    def _free_lost(self):
        """Let jobs whose worker died wait again, once."""
        now = fields.Datetime.now()
        # A lease that long was given by a clock which ran ahead.
        lost = self.sudo().search(
            [
                ("state", "=", "running"),
                "|",
                ("lease_until", "<", now),
                ("lease_until", ">", now + timedelta(hours=1)),
            ]
        )
        for job in lost:
            if job.attempts < TRIES:
                job.state = "waiting"
            else:
                job._fail(self.env._("It was cut short. Ask again."))

    def _prepare_question(self, token):
        self.ensure_one()
        gateway = self.gateway_id
        return Question(
            job_id=self.id,
            kind=self.kind,
            gateway_id=gateway.id,
            gateway_type=gateway.type,
            settings=gateway._prepare_settings(),
            matter=getattr(self, f"_prepare_{self.kind}")(),
            token=token,
        )

    @api.model
    def _record(self, question, answer):
        """Write down an answer, if the job is still this question's."""
        job = self.sudo().browse(question.job_id).exists()
        if job.lease_token != question.token or job.state != "running":
            return
        if job.is_outdated:
            job._fail(
                self.env._(
                    "The gateway's settings were changed meanwhile: the answer is of "
                    "the old ones. Ask again."
                )
            )
            return
        if job.kind in ("probe", "acceptance"):
            job.gateway_id._record_probe_health(answer)
        if answer.error:
            job._fail(answer.error)
            return
        job._isolate(job._finish, answer.content)

    def _finish(self, content):
        summary = getattr(self, f"_record_{self.kind}")(content)
        self.write(
            {
                "state": "done",
                "done_at": fields.Datetime.now(),
                "progress": 100,
                "summary": summary,
                "lease_until": False,
            }
        )

    def _fail(self, sentence):
        self.write(
            {
                "state": "failed",
                "done_at": fields.Datetime.now(),
                "summary": sentence,
                "lease_until": False,
            }
        )

    @api.model
    def _record_progress(self, told):
        while told:
            job_id, percent = told.popitem()
            job = self.sudo().browse(job_id).exists()
            if job.state == "running":
                job.progress = percent

    # === KINDS === #

    def _prepare_probe(self):
        return {}

    def _record_probe(self, content):
        return content["facts"]
