"""The figures as two charts, in colours that can be read on a light page and on a dark one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import text

Figures = dict[str, Any]

# Each stands out from white and from black by about the same.
TEXT: Final = "#74797f"
FAINT: Final = "#74797f55"
STOCK: Final = "#c2714f"
OURS: Final = "#1f8a5b"
HOP: Final = "#3d8bd4"

_STYLE: Final[Any] = {
    "svg.hashsalt": "precond",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": FAINT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "ytick.left": False,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
}
_WIDTH: Final = 8.4  # inches
_ROW: Final = 0.27
_MARGIN: Final = 1.8


class Bar(NamedTuple):
    label: str
    value: float
    text: str
    colour: str


def _draw(
    rows: list[Bar | None], title: str, axis: str, measured_on: str, path: Path, *, logarithmic: bool
) -> None:
    """Horizontal bars from top to bottom; None leaves a gap."""
    with mpl.rc_context(_STYLE):
        figure = Figure((_WIDTH, _MARGIN + _ROW * len(rows)), layout="constrained")
        axes: Axes = figure.add_subplot()
        bars = [(-place, row) for place, row in enumerate(rows) if row is not None]
        places = [place for place, _ in bars]
        axes.barh(
            places, [bar.value for _, bar in bars], height=0.8, color=[bar.colour for _, bar in bars], left=0
        )
        axes.set_yticks(places, [bar.label for _, bar in bars])
        for place, bar in bars:  # in a column of their own, where no line crosses them
            axes.text(1, place, bar.text, transform=axes.get_yaxis_transform(), ha="right", va="center")
        if logarithmic:
            axes.set_xscale("log")
            axes.set_xlim(left=0.8, right=max(bar.value for _, bar in bars) * 5)
            axes.xaxis.set_major_formatter("{x:g}")
        else:
            axes.set_xlim(0, max(1.0, *(bar.value for _, bar in bars)) * 1.25)
        axes.axvline(1, color=TEXT, linewidth=1.2)
        figure.supxlabel(
            f"{axis}\n{measured_on}", fontsize=10
        )  # that of the axes is cut off where it is wider than they are
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        # Neither a date nor a version: the same figures give the same bytes.
        figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})


# -- What they show ------------------------------------------------------------------------------------------


def _measured_on(figures: Figures, *packages: str) -> str:
    on = figures["environment"]
    versions = ", ".join(f"{package} {on[package]}" for package in packages)
    return f"{on['python']}, {versions}\n{on['processor']}, {on['system']}"


_COLOURS: Final = {"stock": STOCK, "precond": OURS, "precond, nowait=False": HOP, "": TEXT}


def draw_servers(servers: Figures, path: Path) -> None:
    """What is left of a framework's own speed."""
    rows: list[Bar | None] = []
    before = ""
    for line in servers["results"]:
        if line["job"] != "304" or line["way"] == "constant":
            continue
        place = f"{line['framework']} {line['way']}"
        if before not in ("", place):
            rows.append(None)
        before = place
        rows.append(_of_server(line, place))
    _draw(
        rows,
        "304 responses per second",
        "as a share of a handler of the same framework that returns a constant 304",
        _measured_on(servers, "aiohttp", "starlette", "uvicorn"),
        path,
        logarithmic=False,
    )


def _of_server(line: Figures, place: str) -> Bar:
    share = text(line["rate_ratio"])
    if line["status"] != 304:
        share += " (sends it)"
    label = f"{place}, {line['code']}" if line["code"] else place
    return Bar(label, line["rate_ratio"], share, _COLOURS[line["code"]])


_ENTRIES: Final = ("evaluate_raw", "evaluate_environ")


def draw_decision(ratios: Figures, path: Path) -> None:
    """Ours and peers' answer to the same request, header values as the server hands them over."""
    rows: list[Bar | None] = []
    for entry in _ENTRIES:
        group = ratios["groups"][f"{entry}: If-None-Match"]
        if rows:
            rows.append(None)
        rows.append(_of_call(f"precond {entry}", group["calls"]["cython"], OURS))
        rows.append(_of_call(f"precond {entry}, plain Python", group["calls"]["python"], HOP))
        rows += [_of_call(label, group["calls"][label], STOCK) for label in group["peers"]]
    _draw(
        rows,
        "Deciding that a request with If-None-Match is a 304",
        "times what an empty function with the same arguments takes",
        _measured_on(ratios, "aiohttp", "starlette", "werkzeug", "django", "whitenoise"),
        path,
        logarithmic=True,
    )


def _of_call(label: str, call: Figures, colour: str) -> Bar:
    return Bar(label, call["ratio"], text(call["ratio"]), colour)
