"""Questions to a gateway about sessions and attempts to log in; see `access_jobs`."""

from datetime import datetime, timezone


def read_sessions(driver, matter, _deadline, _tell):
    """Return what is new of a gateway's sessions.

    :param dict matter: `since` (a watermark or None), `known` (unique ids of open
        sessions that nothing was heard of) and `is_ours` (whether those may be ended)
    """
    # Before reading, so that their ends are among the news.
    closed = driver.close_stale() if matter["is_ours"] else 0
    news = driver.read_sessions(matter["since"], matter["known"])
    return {"news": news, "at": datetime.now(timezone.utc), "closed": closed}


def read_attempts(driver, matter, _deadline, _tell):
    """Return the last attempts to log in, the newest first.

    :param dict matter: `logins` and `limit`, for each of them
    """
    return {"attempts": driver.read_attempts(matter["logins"], matter["limit"])}
