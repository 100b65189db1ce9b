"""Which partitions a run has to score, to remove and to leave as they are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from lstm_fcn.manifest import Key, PartitionState


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
    recipe : str or None
        Of the model and the settings. Partitions that were scored so from the same files are not scored again;
        None scores all.
    """
    same = {
        key
        for key, count in found.items()
        if recipe is not None and key in existing and key in state
        if count.fingerprint is not None and count.fingerprint == state[key].fingerprint
        if state[key].recipe == recipe
    }
    return Plan(
        score=tuple(sorted(found.keys() - same, key=str)),
        remove=tuple(sorted(set(existing) - found.keys(), key=str)),
        keep=tuple(sorted(same | (state.keys() - found.keys() - set(existing)), key=str)),
    )
