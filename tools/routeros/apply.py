"""Carrying out operations: many rows with one command where they get the same."""

from itertools import groupby

from ..access_types import Result
from .exchange import IDS, Command
from .plan import SHARED, RouterOp
from .refusals import is_gone, to_error

# One row of these may fail for itself; everything else stops the gateway.
_OF_A_ROW = ("row", "dependency")
# A target whose operations found no time.
UNSENT = Result("unsent")


def apply_ops(ops: list[RouterOp], run, settings) -> dict[str, Result]:
    """Carry out `ops` phase by phase; return a `Result` for each target.

    :param ops: in the order `plan` gives them.
    :param run: takes commands, returns their replies in order; None for one that
        found no time, whose targets get `UNSENT`.
    :raise DriverError: the gateway as a whole failed.
    """
    results = dict.fromkeys((op.target for op in ops), Result())
    for _phase, found in groupby(ops, _get_phase):
        groups = _group(_leave_out_needy(found, results))
        failed = _run_groups(groups, run, settings, results)
        if failed:
            # A command that names many stops at the one it can't do: now one each.
            _run_groups([[op] for op in failed], run, settings, results)
    return results


def _get_phase(op):
    return op.phase


def _leave_out_needy(ops, results):
    """Return the operations whose shared object is there, and tell of the others."""
    for op in ops:
        needed = results.get(f"shared {op.needs}", Result())
        if op.phase != SHARED and op.needs and needed.kind:
            is_late = needed is UNSENT
            results[op.target] = (
                UNSENT if is_late else Result("dependency", needed.error)
            )
        else:
            yield op


def _group(ops):
    """Return operations in groups that one command can do."""
    groups = {}
    for op in ops:
        # A new row is a command of its own.
        key = op if op.verb == "add" else (op.menu, op.verb, op.values)
        found = groups.setdefault(key, [[]])
        if len(found[-1]) == IDS:
            found.append([])
        found[-1].append(op)
    return [part for parts in groups.values() for part in parts]


def _run_groups(groups, run, settings, results):
    """Run one command for each group; return operations to be tried apart."""
    commands = [_command(group) for group in groups]
    apart = []
    for group, command, reply in zip(groups, commands, run(commands), strict=True):
        if reply is None:
            results.update((op.target, UNSENT) for op in group)
            continue
        if reply.trap is None:
            continue
        error = to_error(reply.trap, command, settings)
        if error.kind not in _OF_A_ROW:
            raise error
        if len(group) > 1:
            apart += group
        elif not (group[0].verb == "remove" and is_gone(reply.trap)):
            results[group[0].target] = Result(error.kind, str(error))
    return apart


def _command(group):
    op = group[0]
    words = []
    if op.verb != "add":
        words.append("=.id=" + ",".join(each.row_id for each in group))
    if op.verb == "unset":
        words += [f"=value-name={name}" for name, _value in op.values]
    else:
        words += [f"={name}={value}" for name, value in op.values]
    return Command(f"{op.menu.path}/{op.verb}", tuple(words))
