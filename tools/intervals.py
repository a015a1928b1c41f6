"""Intervals that people ask for by name."""

from datetime import timedelta

from dateutil.relativedelta import relativedelta

PRESETS = ("this_month", "last_month", "this_year", "all")


def preset_interval(preset, today):
    """Return the first and the last day of a named interval; None is without bound.

    :param str preset: one of `PRESETS`; anything else is taken for this month
    :param date today: the day that "this" is seen from
    :rtype: tuple[date | None, date | None]
    """
    first = today.replace(day=1)
    if preset == "last_month":
        return first - relativedelta(months=1), first - timedelta(days=1)
    if preset == "this_year":
        return today.replace(month=1, day=1), today.replace(month=12, day=31)
    if preset == "all":
        return None, None
    return first, first + relativedelta(day=31)
