"""What all figures share: style, colours, axes, points with error bars, ticks, and how they become bytes."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

import numpy as np
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

CJK_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "PingFang SC",
    "Microsoft YaHei", "SimHei",
)  # fmt: skip
"""families with Chinese, Japanese and Korean characters, of which systems have one or another"""
FONTS = ["DejaVu Sans", *(name for name in CJK_FONTS if name in font_manager.get_font_names())]
STYLE = {
    **sns.axes_style("whitegrid"),
    "font.family": FONTS,
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.edgecolor": "#b8bcc4",
    "grid.color": "#e6e8ec",
    "svg.hashsalt": "aigc-bench",
    "svg.fonttype": "none",  # the reader's own fonts have what ours may lack
    "figure.facecolor": "white",
}

DPI = 110

LABEL_SIZE = (70, 20)
"""in a figure's own pixels, of which 100 are an inch: room for a generator's name"""


def new_axes(title: str, width: float = 6.4, height: float = 4.0) -> tuple[Figure, Axes]:
    """A figure of (width, height) inches with one pair of axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left")
    return figure, axes


def part_labels(axes: Axes) -> None:
    """Of two points side by side the left one's label goes to its left; to be called when the limits stand."""
    labels = [text for text in axes.texts if isinstance(text, Annotation)]
    places = axes.transData.transform([label.xy for label in labels])
    for label, place in zip(labels, places, strict=True):
        right, up = (places - place).T
        if np.any((right > 0) & (right < LABEL_SIZE[0]) & (abs(up) < LABEL_SIZE[1])):
            label.set(ha="right", position=(-7, 6))


def plain_numbers(axes: Axes) -> None:
    """Ticks of logarithmic axes as numbers are said, 0.5 and 2,000, and no powers of ten."""
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if axis.get_scale() == "log":
            # Within two decades, decades alone would be one tick or two.
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
            axis.set_minor_formatter(NullFormatter())


@contextlib.contextmanager
def _missing_glyphs_allowed() -> Iterator[None]:
    """Where no installed font has a character, a box stands for it in the PNG, and the SVG leaves it to its reader."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def svg(figure: Figure) -> str:
    """The figure as an element of a page; the same bytes for the same figure, if drawn and saved in `STYLE`."""
    out = io.StringIO()
    with _missing_glyphs_allowed():
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def png(figure: Figure) -> bytes:
    """The figure as a file."""
    out = io.BytesIO()
    with _missing_glyphs_allowed():
        figure.savefig(out, format="png", dpi=DPI)
    return out.getvalue()
