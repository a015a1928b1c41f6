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
    :raise ValueError: on a duration below 1 or an unknown unit
    """

    duration: int
    unit: str

    def __post_init__(self):
        if self.unit not in UNITS:
            raise ValueError(f"unknown unit of a cycle: {self.unit!r}")
        if self.duration < 1:
            raise ValueError("the duration of a cycle must be at least 1")

    @property
    def is_hourly(self):
        """Whether periods of this cycle begin and end at a moment, not at a date."""
        return self.unit == "hours"

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
        return anchor + relativedelta(**{self.unit: self.duration * number})

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
    """One service period.

    ``date_start`` and ``date_end`` are local dates, both inclusive; ``start_at`` and
    ``end_at`` are naive UTC moments, the end exclusive.
    """

    date_start: date
    date_end: date
    start_at: datetime
    end_at: datetime


def period_from_date(cycle, anchor, day, zone):
    """Return the period of a cycle of days, weeks or months that begins on ``day``.

    :param Cycle cycle: not hourly
    :param date anchor: the local date all periods are counted from
    :param date day: the local date the period begins
    :param str zone: an IANA zone name
    :rtype: Period
    """
    number = cycle.number_at(anchor, day)
    following = cycle.start(anchor, number + 1)
    return Period(
        day,
        following - timedelta(days=1),
        to_utc(day, zone),
        to_utc(following, zone),
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
    last = to_local(end_at - timedelta(seconds=1), zone).date()
    return Period(to_local(moment, zone).date(), last, moment, end_at)
