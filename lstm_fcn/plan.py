"""Which partitions a run has to score, to remove and to leave as they are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lstm_fcn.manifest import Key, PartitionState, key_text


@dataclass(frozen=True)
class Count:
    """What a table holds of one partition.

    Attributes
    ----------
    rows : int
    checksum : Decimal
        Of the columns that are carried along, whatever the order of the rows.
    fingerprint : str or None
        Of the files that the rows are in, where the source tells.
    bytes : int
        Size of these files.
    """

    rows: int
    checksum: Decimal
    fingerprint: str | None = None
    bytes: int = 0


@dataclass(frozen=True)
class Plan:
    """The partitions to score, to remove and to keep."""

    score: tuple[Key, ...]
    remove: tuple[Key, ...]
    keep: tuple[Key, ...]


def make_plan(
    found: Mapping[Key, Count],
    state: Mapping[Key, PartitionState],
    existing: Collection[Key],
    others: Collection[Key],
    recipe: str | None,
) -> Plan:
    """Decide what a run does.

    Parameters
    ----------
    found : mapping
        What the input holds of the partitions that the run is about.
    state : mapping
        What the output holds of all partitions, as the last run wrote it down.
    existing : collection of Key
        What it holds of those that the run is about.
    others : collection of Key
        What it holds besides.
    recipe : str or None
        Of the model and the settings. Partitions that were scored so from the same files are not scored again;
        None scores all.
    """
    same = {
        key
        for key, count in found.items()
        if recipe is not None and key in existing and key in state
        if count.fingerprint is not None and count.fingerprint == state[key].fingerprint
        if (state[key].recipe, state[key].rows) == (recipe, count.rows)
    }
    return Plan(
        score=tuple(sorted(found.keys() - same, key=str)),
        remove=tuple(sorted(set(existing) - found.keys(), key=str)),
        keep=tuple(sorted(same | (state.keys() & set(others) - found.keys()), key=str)),
    )


def state_after(
    plan: Plan, found: Mapping[Key, Count], before: Mapping[Key, PartitionState], run_id: str, recipe: str
) -> list[PartitionState]:
    """Say what the output holds when the plan is carried out."""
    new = [
        PartitionState(key=key, rows=found[key].rows, run_id=run_id, fingerprint=found[key].fingerprint, recipe=recipe)
        for key in plan.score
    ]
    return [before[key] for key in plan.keep if key in before] + new


def describe_plan(plan: Plan, found: Mapping[Key, Count], partition_by: Sequence[str]) -> str:
    """Say what a run would do."""
    lines = [f"would score {sum(found[key].rows for key in plan.score):,} rows in {len(plan.score)} partitions:"]
    lines += _listed([f"{key_text(key, partition_by)}  {found[key].rows:,} rows" for key in plan.score])
    lines += [f"would remove {len(plan.remove)} partitions that the input does not have any more:"]
    lines += _listed([key_text(key, partition_by) for key in plan.remove])
    return "\n".join([*lines, f"would leave {len(plan.keep)} partitions as they are"])


def _listed(lines: list[str], most: int = 20) -> list[str]:
    more = [f"  and {len(lines) - most} more"] if len(lines) > most else []
    return [f"  {line}" for line in lines[:most]] + more
