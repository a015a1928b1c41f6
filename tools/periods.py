"""Arithmetic of service periods: pure, without a clock and without a database.

A period is half-open in moments and closed in dates: a monthly period from
31 January has the dates 31 January to 27 February and ends the moment 28 February
begins. Periods are counted from an anchor, never from their predecessor, so the
anchor day comes back after a short month: 31 Jan, 28 Feb, 31 Mar.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

UNITS = ("hours", "days", "weeks", "months")


@dataclass(frozen=True)
class Cycle:
    """The length of a period.

    :param int duration: how many units, at least 1
    :param str unit: one of :data:`UNITS`
    :param int day: for months, the day they begin: 1 to 31, of which a shorter month
        takes its last one (31 is "the last day of the month"); 0 takes the anchor's
    :raise ValueError: on a duration below 1, an unknown unit or no such day
    """

    duration: int
    unit: str
    day: int = 0

    def __post_init__(self):
        if not 0 <= self.day <= 31:
            raise ValueError("the day of a month lies between 1 and 31")
        if self.unit not in UNITS:
            raise ValueError(f"unknown unit of a cycle: {self.unit!r}")
        if self.duration < 1:
            raise ValueError("the duration of a cycle must be at least 1")

    @property
    def is_hourly(self):
        """Whether periods of this cycle begin and end at a moment, not at a date."""
        return self.unit == "hours"

    @property
    def has_common_day(self):
        """Whether periods of all lines begin on the same day of the month."""
        return self.unit == "months" and bool(self.day)

    @property
    def is_bundle(self):
        """Whether a period is a bundle of hours or days: bought late, used whole."""
        return self.unit in ("hours", "days")

    def start(self, anchor, number):
        """Return where the period with this number begins.

        :param date|datetime anchor: where period 0 begins
        :param int number: 0 is the anchor's own period; negative ones lie before it
        :return: the same type as ``anchor``
        """
        if self.has_common_day:
            return anchor + relativedelta(months=self.duration * number, day=self.day)
        return anchor + relativedelta(**{self.unit: self.duration * number})

    def first_start(self, day):
        """Return the first day on or after ``day`` that the common day falls on.

        :param date day: the first day of service
        :return: ``day`` itself for a cycle without a common day
        :rtype: date
        """
        if not self.has_common_day:
            return day
        start = day + relativedelta(day=self.day)
        return start if start >= day else day + relativedelta(months=1, day=self.day)

    def number_at(self, anchor, moment):
        """Return the number of the period that ``moment`` lies in.

        :param date|datetime anchor: where period 0 begins
        :param date|datetime moment: of the same type as ``anchor``
        :rtype: int
        """
        number = self._estimate(anchor, moment)
        while self.start(anchor, number) > moment:
            number -= 1
        while self.start(anchor, number + 1) <= moment:
            number += 1
        return number

    def _estimate(self, anchor, moment):
        if self.unit == "months":
            months = (moment.year - anchor.year) * 12 + moment.month - anchor.month
            return months // self.duration
        unit = timedelta(**{self.unit: self.duration})
        return (moment - anchor) // unit

    @property
    def shortest_days(self):
        """The fewest whole days a period of this cycle has (0 for parts of a day)."""
        days = {"hours": 1 / 24, "days": 1, "weeks": 7, "months": 28}[self.unit]
        return int(days * self.duration)


def to_utc(day, zone, hour=0):
    """Return the moment a local day begins, as naive UTC.

    A local midnight that does not exist (clocks go forward at midnight) becomes the
    first moment that does.

    :param date day: the local date
    :param str zone: an IANA zone name
    :param int hour: hours after the local midnight
    :rtype: datetime
    """
    local = datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(zone))
    return local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)


def to_local(moment, zone):
    """Return a naive UTC moment as naive local time.

    :param datetime moment: naive UTC
    :param str zone: an IANA zone name
    :rtype: datetime
    """
    utc = moment.replace(tzinfo=ZoneInfo("UTC"))
    return utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@dataclass(frozen=True)
class Period:
    """One service period, or a part of one.

    ``date_start`` and ``date_end`` are local dates, both inclusive; ``start_at`` and
    ``end_at`` are naive UTC moments, the end exclusive. ``whole`` is the first and last
    day of the cycle's own period that this one is, or is a part of: the price is for
    that.
    """

    date_start: date
    date_end: date
    start_at: datetime
    end_at: datetime
    whole: tuple[date, date]

    @property
    def is_part(self):
        """Whether this is less than the cycle's own period."""
        return (self.date_start, self.date_end) != self.whole


def period_from_date(cycle, anchor, day, zone):
    """Return the period of a cycle of days, weeks or months that begins on ``day``.

    It ends where the cycle's next one begins: between two anchors it is a part.

    :param Cycle cycle: not hourly
    :param date anchor: the local date all periods are counted from
    :param date day: the local date the period begins
    :param str zone: an IANA zone name
    :rtype: Period
    """
    number = cycle.number_at(anchor, day)
    following = cycle.start(anchor, number + 1)
    last = following - timedelta(days=1)
    return Period(
        day,
        last,
        to_utc(day, zone),
        to_utc(following, zone),
        (cycle.start(anchor, number), last),
    )


def period_from_moment(cycle, moment, zone):
    """Return the period of a cycle of hours or days that begins at a moment.

    Both are elapsed time: 24 hours are 24 hours on the day clocks change too.

    :param Cycle cycle: a bundle, see :attr:`Cycle.is_bundle`
    :param datetime moment: naive UTC
    :param str zone: an IANA zone name
    :rtype: Period
    """
    end_at = cycle.start(moment, 1)
    first = to_local(moment, zone).date()
    last = to_local(end_at - timedelta(seconds=1), zone).date()
    return Period(first, last, moment, end_at, (first, last))
