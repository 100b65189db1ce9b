import json

import pytest

from lstm_fcn.errors import DataError
from lstm_fcn.spark.scoring.manifest import Manifest, ScoredRows, parse_manifest


@pytest.fixture
def written() -> dict:
    manifest = Manifest(
        run_id="r",
        status="done",
        started="2026-01-31",
        finished="2026-01-31",
        seconds=1,
        beats="b",
        partition_by=[],
        model="m@1",
        model_sha256="0",
        versions={},
        settings={},
        counts=ScoredRows(rows=3, scored=2, failed=1, errors={"the beat is NULL": 1}),
    )
    return json.loads(manifest.model_dump_json())


def test_what_was_counted_is_read_back_also_under_its_name_of_old(written: dict):
    assert parse_manifest(json.dumps(written), "here").counts.failed == 1
    written["figures"] = written.pop("counts")
    assert parse_manifest(json.dumps(written), "here").counts.errors == {"the beat is NULL": 1}


@pytest.mark.parametrize("text", ["", "{}", '{"run_id": "r"}'])
def test_what_is_no_manifest_is_refused(text: str):
    with pytest.raises(DataError, match="here is no manifest of a scoring run: "):
        parse_manifest(text, "here")
