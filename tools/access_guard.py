"""What has to be true before anything is written to a device: it is the device we
think, and we are the latest of the books that wrote to it."""

from dataclasses import dataclass

from .access_types import IdentityError, Mark

# So many logins can't all have been deleted by hand.
MANY_LOGINS = 20


@dataclass(frozen=True)
class Guard:
    """What one exchange checks before it writes.

    :param Mark mark: what this run leaves on the device
    :param int written: greatest run proved to stand on the device, 0 for none
    :param str accepted: the foreign mark that a person took for right, as `show` has it
    :param frozenset[str] known: `login_key` of the logins proved to be on the device
    """

    mark: Mark
    written: int = 0
    accepted: str = ""
    known: frozenset[str] = frozenset()

    def check(self, found, observed):
        """Compare with what the device says; no I/O.

        :param Mark|None found: the mark that stands on the device
        :param dict observed: `login_key` → `Observed`
        :raise IdentityError: a person has to decide
        """
        if found is None:
            self._check_unmarked()
        elif show(found) != self.accepted:
            self._check_mark(found)
        known = [key for key in self.known if key in observed]
        if len(known) >= MANY_LOGINS and not any(observed[k].present for k in known):
            raise IdentityError(
                f"The gateway knows none of {len(known)} logins that were written to "
                "it: it was reset or exchanged, or it shows us less than it holds. "
                "Nothing was written. If it is the right device, press This Is the "
                "Right Device.",
                show(found),
            )

    def _check_unmarked(self):
        if self.written:
            raise IdentityError(
                "The gateway no longer has the mark that this database left on it: it "
                "was reset or exchanged. Nothing was written. If it is the right "
                "device, press This Is the Right Device; its logins are then written "
                "again."
            )

    def _check_mark(self, found):
        if found.database != self.mark.database:
            raise IdentityError(
                "Another database of this program controls this gateway. Nothing was "
                "written. Press This Is the Right Device only if the other one no "
                "longer runs.",
                show(found),
            )
        if found.run > self.mark.run:
            raise IdentityError(
                f"The gateway was last written by run {found.run} of this database, "
                f"which itself knows of {self.mark.run - 1} only: these books are a "
                "restored backup, or another copy of them runs, or another gateway "
                "here is the same device by another address. Nothing was written. "
                "Catch up the payments first, then press This Is the Right Device.",
                show(found),
            )
        if found.run < self.written:
            raise IdentityError(
                f"The gateway has the mark of run {found.run}, and run {self.written} "
                "of this database was written to it: it was put back to an older "
                "state, by a backup of its own or a cut of its power. Nothing was "
                "written. If it is the right device, press This Is the Right Device; "
                "its logins are then written again.",
                show(found),
            )

    def check_driver(self, driver, observed):
        """Check and leave the mark alone; return what was found.

        :param AccessDriver driver: connected
        :raise DriverError: "identity", or what reading the mark raises
        """
        found = driver.read_mark() if driver.keeps_mark else self.mark
        self.check(found, observed)
        return found

    def pass_driver(self, driver, observed):
        """Check, and leave the mark where an older one or none stands.

        :raise DriverError: as `check_driver`, or what writing the mark raises
        """
        if self.check_driver(driver, observed) != self.mark:
            driver.write_mark(self.mark)


def show(mark):
    """Return a mark as the text it is on a device, "" for none."""
    return f"{mark.database}:{mark.run}" if mark else ""


def parse(text):
    """Return the `Mark` that a text of a device stands for; what is not one of ours
    is a mark of run 0, which no database of ours has."""
    database, _colon, run = text.rpartition(":")
    if database and run.isascii() and run.isdigit():
        return Mark(database, int(run))
    return Mark(text, 0)
