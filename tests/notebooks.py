"""The notebooks of conf/databricks/, run as they stand one after the other in one process."""

import sys
from pathlib import Path

from tests.processes import ROOT, run

FOLDER = ROOT / "conf" / "databricks"
NOTEBOOKS = ("train", "score", "evaluate", "look")
ONE_AFTER_THE_OTHER = "import runpy, sys\nfor notebook in sys.argv[1:]:\n    runpy.run_path(notebook)\n"


def run_notebooks(folder: Path, **where: str) -> None:
    """Run them with this folder to write to, and check what they print and leave there."""
    files = [FOLDER / f"{name}.py" for name in NOTEBOOKS]
    variables = {"LSTM_FCN_FOLDER": str(folder), "PYTHONPATH": str(ROOT), **where}
    done = run(sys.executable, "-c", ONE_AFTER_THE_OTHER, *files, **variables)
    assert done.returncode == 0, done.stderr[-5000:]
    assert "beats to train on" in done.stdout
    assert "macro_f1" in done.stdout
    made = {path.name for path in folder.iterdir()}
    assert made == {"records", "beats", "model.safetensors", "predictions", "report", "unsure.png"}
    assert "Wrong, and sure of it" in (folder / "report" / "report.html").read_text()
