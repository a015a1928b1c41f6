"""Read Odoo's log: which tests ran, which failed, which warnings are ours."""

import re
from dataclasses import dataclass, field

from .state import HOME, MODULE, ROOT, RUN

LINE = re.compile(
    r"^\d{4}-\d\d-\d\d [\d:,]+ \d+ (?P<level>[A-Z]+) (?P<db>\S+) (?P<logger>[\w.\-]+): "
    r"(?P<text>.*)$",
    re.S,
)
STARTED = re.compile(r"Starting (?P<test>\S+\.\S+) \.\.\.")
FAILED = re.compile(r"(?:FAIL|ERROR): (?:Subtest )?(?P<test>[^\n]+)")
SKIPPED = re.compile(r"skipped (?P<test>\S+) : (?P<reason>.*)", re.S)
SUMMARY = re.compile(r"\d+ failed, \d+ error\(s\) of (?P<ran>\d+) tests when loading")
# Lines that only repeat what the failing test itself has logged.
REPEATED = ("odoo.tests.result", "odoo.tests.stats")
OURS = re.compile(rf"\b{MODULE}\b|\bisp[._][a-z]\w*|\bIsp[A-Z]\w*")
# Debian's package leaves this file of Odoo's mail module out and says so.
DEBIAN = "selfie_segmentation"
BAD = ("WARNING", "ERROR", "CRITICAL")


@dataclass
class Log:
    """What one run of Odoo said."""

    started: list = field(default_factory=list)
    failed: dict = field(default_factory=dict)
    skipped: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)
    foreign: int = 0
    summary: int | None = None

    @property
    def bad(self):
        """Return the warnings of ours, but for those of a test that failed anyway."""
        return [text for test, text in self.warnings if test not in self.failed]

    @property
    def passed(self):
        wrong = {*self.failed, *self.skipped}
        return sum(test not in wrong for test in self.started)

    def add(self, record, show):
        """Take in one record (all its lines); `show` prints progress."""
        match = LINE.match(record)
        if not match:
            if OURS.search(neutral(record)) and "Traceback (most recent" in record:
                self._warn(record)
            return
        level, logger, text = match["level"], match["logger"], match["text"]
        is_test = ".tests." in logger
        if is_test and (found := STARTED.match(text)):
            self.started.append((logger, found["test"]))
            show(f"  {found['test']}")
        elif is_test and (found := SKIPPED.match(text)):
            self.skipped[logger, found["test"]] = found["reason"].strip()
            show(f"  SKIPPED {found['test']}: {found['reason'].strip()}")
        elif level in BAD and (found := FAILED.match(text)) and is_test:
            test = found["test"].split(" (<")[0].split(" [")[0]
            test = test if test.startswith(("setUp", "tearDown")) else test.split()[0]
            self.failed.setdefault((logger, test), record)
            show(f"  FAILED {found['test']}")
        elif found := SUMMARY.search(text):
            self.summary = int(found["ran"])
        elif level in BAD and not self._repeats(logger, text):
            ours = logger.startswith(f"odoo.addons.{MODULE}")
            if (ours or OURS.search(neutral(text))) and DEBIAN not in text:
                self._warn(record)
                show(f"  {level} {logger}: {text.splitlines()[0][:160]}")
            else:
                self.foreign += 1

    def _warn(self, record):
        running = self.started[-1] if self.started else None
        self.warnings.append((running, record))

    @staticmethod
    def _repeats(logger, text):
        tail = "failures, " in text and text.startswith(f"Module {MODULE}:")
        return logger in REPEATED or tail


def neutral(text):
    """Take out the folders that happen to carry our name."""
    for path, word in (
        (RUN / "addons" / MODULE, f"odoo/addons/{MODULE}"),
        (ROOT, f"odoo/addons/{MODULE}"),
        (HOME, "STATE"),
    ):
        text = text.replace(str(path), word)
    return text


def records(lines):
    """Join the lines of a log into records: a head line and what belongs to it."""
    record = ""
    for line in lines:
        if record and LINE.match(line):
            yield record
            record = ""
        record += line
    if record:
        yield record
