"""The figures: each one function from the run to a matplotlib figure on a light card that reads in both themes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from aigc_bench.report.drawing import STYLE, new_axes, part_labels, plain_numbers, png, svg
from aigc_bench.report.run.tables import Cell, columns, frechet_metric, table
from aigc_bench.runs.records import Exhibits, Run, exhibit_of
from aigc_bench.stats import binomial

MOST_LABELS = 6
"""points that are named where they stand"""
Palette = dict[str, Any]


def palette(run: Run) -> Palette:
    """One colour per generator, safe for the colour-blind; the anchors are grey."""
    names = [entry.name for entry in run.suite.generators]
    colours = sns.color_palette("colorblind", max(len(names), 3))
    return {
        **dict(zip(names, colours, strict=False)),
        "floor": "#3d5a4c",
        "noise": "#9a9a9a",
        "reference": "#3d5a4c",
    }


def _point(axes: Axes, x: Cell, y: Cell, label: str, colour: Any) -> None:
    """A point with its 95 % intervals, and a faint one per training seed."""
    if x.value is None or y.value is None:
        return
    axes.scatter(x.values, y.values, s=14, color=colour, alpha=0.45, linewidths=0)
    bars: dict[str, Any] = {}
    for key, cell in (("xerr", x), ("yerr", y)):
        if cell.interval and cell.value is not None:
            low, high = cell.interval
            bars[key] = [[max(cell.value - low, 0)], [max(high - cell.value, 0)]]
    axes.errorbar(x.value, y.value, **bars, fmt="o", ms=7, capsize=3, color=colour, label=label)
    axes.annotate(label, (x.value, y.value), xytext=(7, 6), textcoords="offset points", color=colour, weight="bold")


def _named(axes: Axes, num: int) -> None:
    """Names beside their points, or of more than would find room there, in a legend beside the axes."""
    if num <= MOST_LABELS:
        part_labels(axes)
        return
    for label in [text for text in axes.texts if isinstance(text, Annotation) and text.get_fontweight() == "bold"]:
        label.remove()
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)


def quality_against_speed(run: Run, exhibits: Exhibits) -> Figure | None:
    """Fréchet distance against throughput at the largest common batch size."""
    quality, speed = table(run, "quality"), table(run, "speed")
    metric = frechet_metric(quality)
    rates = [m for m in columns(speed) if m.startswith("samples_per_s@")]
    if metric is None or not rates:
        return None
    rate = "samples_per_s@64" if "samples_per_s@64" in rates else rates[-1]
    figure, axes = new_axes("Quality against speed: the lower right is better")
    colours = palette(run)
    for name in speed:
        if metric in quality.get(name, {}) and rate in speed[name]:
            _point(axes, speed[name][rate], quality[name][metric], name, colours[name])
    floor = quality.get("floor", {}).get(metric)
    if floor and floor.value:
        axes.axhline(floor.value, color=colours["floor"], ls="--", lw=1)
        axes.annotate(
            "floor",
            (0.01, floor.value),
            xycoords=("axes fraction", "data"),
            va="bottom",
            color=colours["floor"],
        )
    axes.set(xscale="log", yscale="log", xlabel=rate.replace("@", " at batch "), ylabel=metric)
    axes.margins(0.25)
    plain_numbers(axes)
    _named(axes, len(speed))
    return figure


def precision_recall(run: Run, exhibits: Exhibits) -> Figure | None:
    """Precision against recall, with the floor."""
    rows = {name: row for name, row in table(run, "quality").items() if {"precision", "recall"} <= set(row)}
    if not rows:
        return None
    figure, axes = new_axes("Precision and recall: the upper right is better", 5.2, 4.4)
    colours = palette(run)
    for name, row in rows.items():
        _point(axes, row["recall"], row["precision"], name, colours[name])
    axes.set(xlabel="recall (diversity)", ylabel="precision (fidelity)", xlim=(-0.05, 1.1), ylim=(-0.05, 1.1))
    _named(axes, len(rows))
    return figure


def losses(run: Run, exhibits: Exhibits) -> Figure | None:
    """Every loss of every trained generator; one line per training seed."""
    trained = [case for case in run.cases if case.training and case.training.losses]
    names = list(dict.fromkeys(case.generator for case in trained))
    if not names:
        return None
    figure = Figure(figsize=(3.6 * len(names), 3.2), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        for case in trained:
            if case.generator == name and case.training:
                for (loss, values), style in zip(case.training.losses.items(), ("-", "--", ":", "-."), strict=False):
                    first = case.training_seed in (0, None)
                    axes.plot(case.training.loss_steps, values, style, lw=1, color=palette(run)[name],
                              alpha=1 if first else 0.45, label=loss if first else None)  # fmt: skip
        axes.set_title(name, loc="left")
        axes.set(xlabel="step", ylabel="loss")
        axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return figure


def latency(run: Run, exhibits: Exhibits) -> Figure | None:
    """Empirical distribution of single calls, pooled over training seeds."""
    pooled = _pooled(exhibits, "latency")
    if not pooled:
        return None
    figure, axes = new_axes("Latency of one sample")
    colours = palette(run)
    for name, seconds in pooled.items():
        sns.ecdfplot(x=np.concatenate(seconds) * 1e3, ax=axes, color=colours[name], label=name)
    for share in (0.5, 0.95, 0.99):
        axes.axhline(share, color="#b8bcc4", lw=0.8, ls=":")
        axes.annotate(
            f"p{share * 100:.0f}",
            (1.0, share),
            xytext=(3, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=8,
            va="center",
        )
    axes.set(xscale="log", xlabel="milliseconds", ylabel="share of calls")
    plain_numbers(axes)
    _legend_below(figure)
    return figure


def class_balance(run: Run, exhibits: Exhibits) -> Figure | None:
    """Share of every predicted class."""
    pooled = _pooled(exhibits, "classes")
    if "reference" not in pooled:
        return None
    order = ["reference", *(entry.name for entry in run.suite.generators)]
    counts = {name: np.sum(pooled[name], axis=0).astype(int) for name in order if name in pooled}
    frame = pd.DataFrame(
        {"class": str(k), "share": count / total.sum(), "": name}
        for name, total in counts.items()
        for k, count in enumerate(total)
    )
    figure, axes = new_axes("Predicted classes, with 95 % sampling error", 7.2, 3.4)
    sns.barplot(frame, x="class", y="share", hue="", ax=axes, palette=palette(run), errorbar=None)
    for bars, total in zip(list(axes.containers), counts.values(), strict=True):
        for bar, count in zip(bars, total, strict=True):
            share = binomial.exact(int(count), int(total.sum()))
            axes.vlines(bar.get_x() + bar.get_width() / 2, share.low, share.high, color="#20242c", lw=0.8)
    axes.set_ylim(top=axes.get_ylim()[1] * 1.12)  # room for the legend
    axes.legend(frameon=False, ncols=4, fontsize=8, loc="upper center")
    return figure


def neighbour_distance(run: Run, exhibits: Exhibits) -> Figure | None:
    """How far samples are from the fit split, against how far held-out real data are."""
    pooled = _pooled(exhibits, "neighbour_distance")
    if not pooled:
        return None
    figure, axes = new_axes("Distance to the nearest training sample")
    for name, distances in pooled.items():
        if name != "noise":
            label = "floor (held-out real)" if name == "floor" else name
            sns.ecdfplot(x=np.concatenate(distances), ax=axes, color=palette(run)[name], label=label,
                         ls="--" if name == "floor" else "-")  # fmt: skip
    axes.set(xlabel="distance in feature space", ylabel="share of samples")
    _legend_below(figure)
    return figure


def _legend_below(figure: Figure) -> None:
    """Where no curve can be; matplotlib's search for the best place takes seconds of a loaded machine, and warns."""
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)


def _pooled(exhibits: Exhibits, kind: str) -> dict[str, list[Any]]:
    """Generator => one array per training seed."""
    found: dict[str, list[Any]] = {}
    for key in sorted(exhibits):
        what, name = exhibit_of(key)
        if what == kind:
            found.setdefault(name, []).append(exhibits[key].numpy())
    return found


FIGURES: dict[str, tuple[Callable[[Run, Exhibits], Figure | None], str]] = {
    "quality-against-speed": (
        quality_against_speed,
        "Bars are 95 % intervals of sampling; where there are several training seeds, faint points are these. The "
        "dashed line is what held-out real data score against the reference.",
    ),
    "precision-recall": (
        precision_recall,
        "Bars are 95 % intervals. Samples that are scattered far, as noise is, can show a high recall: their "
        "neighbourhoods are huge.",
    ),
    "class-balance": (
        class_balance,
        "Classes as the extractor's classifier predicts them; training seeds pooled.",
    ),
    "losses": (losses, "Means over short spans of steps; fainter lines are further training seeds."),
    "latency": (latency, "Single calls with one seed, after a warm-up, in this process."),
    "neighbour-distance": (
        neighbour_distance,
        "A curve well to the left of the floor's means that samples are closer to training data than unseen real "
        "data are: memorisation, or a collapse onto a few typical samples.",
    ),
}


def draw(run: Run, exhibits: Exhibits) -> dict[str, tuple[str, bytes, str]]:
    """Name => (SVG, PNG, caption) of every figure that this run has something to show in."""
    found = {}
    with mpl.rc_context(STYLE):
        for name, (function, caption) in FIGURES.items():
            figure = function(run, exhibits)
            if figure is not None:
                found[name] = (svg(figure), png(figure), caption)
    return found
