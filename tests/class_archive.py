"""Make the archive of Spark's classes that the tests' Java processes start from; `make test` does it.

A Java process that scores a few beats first reads, checks and links thousands of classes, which is a third of what it
computes. From an archive (`man java`: class data sharing) it takes them as one process has prepared them. An archive
that is missing, or is of another Java or other jars, costs this third again, and nothing else.
"""

import sys
import tempfile
from pathlib import Path

from tests.beat_tables import make_beats, write_days
from tests.processes import CLASS_ARCHIVE, ROOT, java_options, run

SCRIPT = """
import sys
from pyspark import SparkContext
from jobs import score

beats, scored = sys.argv[1:]
score.main(["--beats", beats, "--model", "mitbih", "--output", scored, "--partition-by", "day"])
java = SparkContext._gateway.proc
SparkContext._gateway.shutdown()
java.stdin.close()  # which ends it
java.wait()
"""
"""What loads the classes that most tests need, and waits until they are written."""


def main() -> None:
    """Make it, under another name until it is whole."""
    new = CLASS_ARCHIVE.with_suffix(".new")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        beats = write_days(folder / "beats", make_beats(60), {"2026-01-01": 40, "2026-01-02": 20}, rows_of_a_file=20)
        done = run(
            *(sys.executable, "-c", SCRIPT, beats, folder / "scored"),
            PYTHONPATH=str(ROOT),
            SPARK_SUBMIT_OPTS=java_options(make=new),
        )
    if done.returncode != 0 or not new.exists():
        sys.exit(f"no archive of Spark's classes, so tests take longer: {done.stderr[-2000:]}")
    new.rename(CLASS_ARCHIVE)


if __name__ == "__main__":
    main()
