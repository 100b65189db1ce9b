"""Which partitions a run has to score, to remove and to leave as they are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lstm_fcn.spark.scoring.manifest import Key, PartitionState, key_text


@dataclass(frozen=True)
class PartitionContent:
    """What a table holds of one partition.

    Attributes
    ----------
    rows : int
    checksum : Decimal
        Of the columns that are carried along, whatever the order of the rows.
    fingerprint : str or None
        Of the files that the rows are in, where the source names them.
    bytes : int
        Size of these files.
    content : str or None
        Of the rows, with every column that decides a prediction or is carried along, where it was looked at.
    """

    rows: int
    checksum: Decimal
    fingerprint: str | None = None
    bytes: int = 0
    content: str | None = None


@dataclass(frozen=True)
class Plan:
    """The partitions to score, to remove and to keep.

    Attributes
    ----------
    found : mapping
        What the input holds of the partitions that the run is about.
    score, remove, keep : tuple of Key
    """

    found: Mapping[Key, PartitionContent]
    score: tuple[Key, ...]
    remove: tuple[Key, ...]
    keep: tuple[Key, ...]

    @property
    def rows(self) -> int:
        """Rows to score."""
        return sum(self.found[key].rows for key in self.score)

    @property
    def bytes(self) -> int:
        """Size of the files with these rows."""
        return sum(self.found[key].bytes for key in self.score)


def make_plan(
    found: Mapping[Key, PartitionContent],
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
        Of the model and the settings. Partitions that were scored so from the same files, or the same rows, are not
        scored again; None scores all.
    """
    same = {
        key
        for key, content in found.items()
        if recipe is not None and key in existing and key in state
        if has_same_files(content, state[key])
        or (content.content is not None and content.content == state[key].content)
        if (state[key].recipe, state[key].rows) == (recipe, content.rows)
    }
    return Plan(
        found=found,
        score=tuple(sorted(found.keys() - same, key=str)),
        remove=tuple(sorted(set(existing) - found.keys(), key=str)),
        keep=tuple(sorted(same | (state.keys() & set(others) - found.keys()), key=str)),
    )


def has_same_files(content: PartitionContent, state: PartitionState) -> bool:
    """Check whether the files of a partition are those that were scored."""
    return content.fingerprint is not None and content.fingerprint == state.fingerprint


def state_after(
    plan: Plan, before: Mapping[Key, PartitionState], run_id: str, recipe: str, *, whole: bool
) -> list[PartitionState]:
    """Return what the output holds when the plan is carried out.

    Parameters
    ----------
    plan : Plan
    before : mapping
    run_id, recipe : str
    whole : bool
        Whether partitions are replaced as a whole. Of one that is not, the rows are of several runs, and it is left
        out, so that an incremental run scores it anew.
    """
    # Files that compacting has written anew hold the same rows.
    kept = [
        before[key].model_copy(update={"fingerprint": plan.found[key].fingerprint})
        if key in plan.found
        else before[key]
        for key in plan.keep
        if key in before
    ]
    if not whole:
        return kept
    new = [
        PartitionState(
            key=key,
            rows=each.rows,
            run_id=run_id,
            fingerprint=each.fingerprint,
            content=each.content,
            recipe=recipe,
        )
        for key, each in ((key, plan.found[key]) for key in plan.score)
    ]
    return kept + new


def describe_plan(plan: Plan, partition_by: Sequence[str]) -> str:
    """Describe what a run would do."""
    lines = [f"would score {plan.rows:,} rows in {len(plan.score)} partitions:"]
    lines += _listed([f"{key_text(key, partition_by)}  {plan.found[key].rows:,} rows" for key in plan.score])
    lines += [f"would remove {len(plan.remove)} partitions that the input does not have any more:"]
    lines += _listed([key_text(key, partition_by) for key in plan.remove])
    return "\n".join([*lines, f"would leave {len(plan.keep)} partitions as they are"])


def _listed(lines: list[str], most: int = 20) -> list[str]:
    more = [f"  and {len(lines) - most} more"] if len(lines) > most else []
    return [f"  {line}" for line in lines[:most]] + more
