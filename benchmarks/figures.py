"""From samples to figures, medians over the rounds of what was compared within a round; and to text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

Samples = dict[str, dict[str, list[float]]]
"""By group and label: one number a round."""

QUIET = 4  # one round in so many is taken for undisturbed


def fastest(times: Sequence[float]) -> list[float]:
    """A quarter of them, one at least: those that took least."""
    return sorted(times)[: max(1, len(times) // QUIET)]


def undisturbed(by_label: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """A quarter of the rounds, one at least: those in which all calls of a group together took least.

    A machine that others share slows down for seconds on end, and not every call by as much.
    """
    usual = {label: median(times) for label, times in by_label.items()}
    slowness = [
        sum(time / usual[label] for label, time in zip(by_label, times, strict=True))
        for times in zip(*by_label.values(), strict=True)
    ]
    kept = sorted(sorted(range(len(slowness)), key=slowness.__getitem__)[: max(1, len(slowness) // QUIET)])
    return {label: [times[number] for number in kept] for label, times in by_label.items()}


def median_ratio(values: Sequence[float], others: Sequence[float]) -> float:
    return median(one / other for one, other in zip(values, others, strict=True))


def median_difference(values: Sequence[float], others: Sequence[float]) -> float:
    return median(one - other for one, other in zip(values, others, strict=True))


def text(figure: float | None) -> str:
    """With as many digits as mean something; nothing for None."""
    if figure is None:
        return ""
    digits = 2 if abs(figure) < 10 else 1 if abs(figure) < 100 else 0
    return f"{figure:,.{digits}f}"
