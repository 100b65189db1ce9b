"""Pictures inside a page: SVG with a text alternative, in the page's light or dark ink."""

import base64
import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

_INK = "#010203"
"""Stands for the page's ink until the picture is saved."""

COLORS = ("#2f8fd0", "#e07b26", "#2ca26b", "#c45a9c", "#8d8432")
"""Of the classes; they differ on white and on black, and for most who do not see all colours."""

DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
ALARM = "#d9534f"

_STYLE = {
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "font.family": "sans-serif",
    "font.size": 9,
    "grid.alpha": 0.2,
    "grid.color": _INK,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": _INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "lstm-fcn",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_INK_OF_PAGE = "<style>:root{color:#1b1f24}@media (prefers-color-scheme:dark){:root{color:#e4e6e8}}</style>"


@contextmanager
def style() -> Iterator[None]:
    """Draw what is inside in the report's style."""
    with mpl.rc_context(_STYLE):
        yield


def picture(figure: Figure, alternative: str) -> Markup:
    """Turn a figure into an <img> that holds it.

    Parameters
    ----------
    figure : Figure
        Drawn in `style`.
    alternative : str
        What a reader who does not see it has to know.
    """
    text = io.StringIO()
    with style():
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = re.sub(r"^.*?(?=<svg)", "", text.getvalue(), flags=re.DOTALL).replace(_INK, "currentColor")
    drawn = re.sub(r"(<svg[^>]*>)", rf"\1{_INK_OF_PAGE}", drawn, count=1)
    data = base64.b64encode(drawn.encode()).decode()
    return Markup(f'<img src="data:image/svg+xml;base64,{data}" alt="{html.escape(alternative)}">')  # noqa: S704
