"""From samples to figures: medians over the rounds of what was compared within a round."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

Samples = dict[str, dict[str, list[float]]]
"""By group and label: one number a round."""


def median_ratio(values: Sequence[float], others: Sequence[float]) -> float:
    return median(one / other for one, other in zip(values, others, strict=True))


def median_difference(values: Sequence[float], others: Sequence[float]) -> float:
    return median(one - other for one, other in zip(values, others, strict=True))
