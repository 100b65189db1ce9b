"""What an incremental run scores of a table that has versions, and into one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_fcn.data.beats import Beats
from tests.spark.formats.conftest import BY_DAY, TRANSACTIONAL, Kind, Night, each, named, sites_and_days

Open = Callable[[Kind], Night]
Source = Callable[..., str]
Write = Callable[..., Path]

DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]
COMPACT = {
    "delta": "OPTIMIZE {0}",
    "iceberg": "CALL ice.system.rewrite_data_files('{1}', options => map('rewrite-all', 'true'))",
}
MERGE_ON_READ = {
    "delta": "TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
    "iceberg": "TBLPROPERTIES ('write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read')",
}


@pytest.mark.parametrize("kind", ["delta", pytest.param("iceberg", marks=pytest.mark.nightly)])
def test_only_partitions_whose_rows_are_others_are_scored_again(
    kind: str, open_night: Open, source: Source, beats: Beats, monkeypatch: pytest.MonkeyPatch
):
    night = open_night(named("folder"))
    name = source(kind, {"d1": 4, "d2": 4, "d3": 4}, {"d3": 2}, properties=MERGE_ON_READ[kind])

    def scored() -> list[str]:
        before = night.runs() if Path(night.place.output).exists() else {}
        log = night.score(name, "--partition-by", "day", "--incremental")
        changed = sorted(day for day, run in night.runs().items() if before.get(day) != run)
        assert ("nothing is new" in log) == (not changed and set(before) == set(night.runs()))
        return changed

    assert scored() == DAYS
    with monkeypatch.context() as patched:  # the same version is not looked into
        patched.setattr("lstm_fcn.spark.scoring.job.survey", None)
        assert scored() == []
    night.spark.sql(COMPACT[kind].format(name, name.removeprefix("ice.")))
    assert scored() == []
    night.spark.sql(f"DELETE FROM {name} WHERE id = 101")  # noqa: S608
    assert scored() == DAYS[:1]
    night.spark.sql(f"UPDATE {name} SET beat = transform(beat, x -> x / 2) WHERE id = 201")  # noqa: S608
    assert scored() == DAYS[1:2]
    sites_and_days(night.spark, beats, d3=1).selectExpr("id + 50", "site", "label", "beat", "day").write.insertInto(
        name
    )
    assert scored() == DAYS[2:]
    night.spark.sql(f"DELETE FROM {name} WHERE day = date'2026-01-01'")  # noqa: S608
    assert scored() == []
    assert sorted(night.runs()) == DAYS[1:]
    assert len(night.ids()) == 11


def test_a_view_is_scored_incrementally_too(open_night: Open, source: Source):
    night, name = open_night(named("folder")), source("iceberg", {"d1": 3, "d2": 2})
    view = "results.view_of_beats"
    night.spark.sql(f"CREATE VIEW {view} AS SELECT * FROM {name} WHERE id <> 100")  # noqa: S608
    night.score(view, "--partition-by", "day", "--incremental")
    assert "nothing is new" in night.score(view, "--partition-by", "day", "--incremental")
    first = night.runs()
    night.spark.sql(f"DELETE FROM {name} WHERE id = 200")  # noqa: S608
    night.score(view, "--partition-by", "day", "--incremental")
    assert night.runs()["2026-01-01"] == first["2026-01-01"]
    assert night.ids() == [101, 102, 201]


@pytest.mark.parametrize("kind", each(TRANSACTIONAL))
def test_an_incremental_run_scores_what_is_new_and_what_the_results_have_lost(
    kind: Kind, open_night: Open, write_sites: Write
):
    night = open_night(kind)
    night.make()

    def score(**days: int) -> str:
        return night.score(write_sites(**days), *BY_DAY, "--incremental")

    score(d1=4, d2=3)
    first = night.runs()
    assert "nothing is new" in score(d1=4, d2=3)
    night.spark.sql(f"DELETE FROM {night.place.output} WHERE day = date'2026-01-02'")  # noqa: S608
    score(d1=4, d2=3, d3=2)
    second = night.runs()
    assert second == {**first, "2026-01-02": second["2026-01-02"], "2026-01-03": second["2026-01-02"]}
    assert second["2026-01-02"] != first["2026-01-02"]
    score(d2=3, d3=2)
    assert night.runs() == {day: run for day, run in second.items() if day != "2026-01-01"}
    assert night.ids() == [200, 201, 202, 300, 301]
