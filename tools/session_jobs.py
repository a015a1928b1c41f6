"""Questions to a gateway about sessions and attempts to log in; see `access_jobs`."""

from datetime import datetime, timezone


def read_sessions(driver, matter, _deadline, _tell):
    """Return what is new of a gateway's sessions.

    :param dict matter: `since` (a watermark or None) and `known` (unique ids of open
        sessions that nothing was heard of)
    """
    news = driver.read_sessions(matter["since"], matter["known"])
    return {"news": news, "at": datetime.now(timezone.utc)}


def read_attempts(driver, matter, _deadline, _tell):
    """Return the last attempts to log in, the newest first.

    :param dict matter: `logins` and `limit`, for each of them
    """
    return {"attempts": driver.read_attempts(matter["logins"], matter["limit"])}
