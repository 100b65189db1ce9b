"""The report in a real browser: no message on the console, nothing wider than the window."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lstm_fcn.evaluation.report.page import render
from tests.evaluation.report_content import content

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH to open the report in")

WIDTHS = (1280, 400)
# In frames, because the window itself cannot be as narrow as a telephone.
MEASURE = """<!doctype html><meta charset="utf-8"><body><script>
const found = {};
const widths = [%s];
for (const width of widths) {
  const frame = document.createElement("iframe");
  frame.style = `width: ${width}px; height: 900px; border: 0`;
  frame.onload = () => {
    const page = frame.contentDocument;
    const scrolls = new Set([...page.querySelectorAll(".scroll *")]);
    const beyond = [...page.body.querySelectorAll("*")].filter(
      (each) => !scrolls.has(each) && each.getBoundingClientRect().right > width + 0.5);
    const images = [...page.images];
    found[width] = {
      overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
      beyond: beyond.map((each) => each.outerHTML.slice(0, 80)),
      images: images.length,
      broken: images.filter((each) => !each.complete || each.naturalWidth === 0).length,
    };
    document.title = JSON.stringify(found);
  };
  frame.src = "report.html";
  document.body.append(frame);
}
</script>"""


def open_in_browser(page: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files"]
    command += [f"--user-data-dir={page.parent / 'profile'}", "--enable-logging=stderr", "--virtual-time-budget=20000"]
    return subprocess.run([*command, *flags, page.as_uri()], capture_output=True, text=True, check=True, timeout=120)


def messages(done: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "report.html").write_text(render(content()), encoding="utf-8")
    return folder


def test_nothing_is_wider_than_the_window_and_every_picture_is_drawn(folder: Path):
    (folder / "measure.html").write_text(MEASURE % ",".join(map(str, WIDTHS)))
    done = open_in_browser(folder / "measure.html", "--dump-dom")
    title = re.search(r"<title>(.*)</title>", done.stdout)
    assert title, done.stderr
    found = json.loads(html.unescape(title[1]))
    assert set(found) == set(map(str, WIDTHS))
    for width in WIDTHS:
        assert found[str(width)] == {"overflow": 0, "beyond": [], "images": 9, "broken": 0}
    assert messages(done) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_console_stays_empty_and_the_page_has_ink_on_paper(folder: Path, scheme: str):
    picture = folder / f"{scheme}.png"
    flags = ["--force-dark-mode", "--enable-features=WebContentsForceDark:inversion_method/none"]
    done = open_in_browser(
        folder / "report.html",
        f"--screenshot={picture}",
        "--window-size=1280,3000",
        *(flags if scheme == "dark" else []),
    )
    assert messages(done) == []
    from PIL import Image

    pixels = Image.open(picture).convert("L")
    darkest, lightest = pixels.getextrema()
    assert lightest - darkest > 180
    paper = pixels.getpixel((5, 5))
    assert paper > 240 if scheme == "light" else paper < 40


def test_a_message_on_the_console_would_be_seen(tmp_path: Path):
    (tmp_path / "bad.html").write_text("<script>throw new Error('seen')</script>")
    assert "seen" in messages(open_in_browser(tmp_path / "bad.html", "--dump-dom"))[0]
