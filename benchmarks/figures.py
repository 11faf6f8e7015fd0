"""From samples to figures, medians over the rounds of what was compared within a round; and to text."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

Samples = dict[str, dict[str, list[float]]]
"""By group and label: one number a round."""


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
