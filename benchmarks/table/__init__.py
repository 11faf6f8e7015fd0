"""The one table of what is timed: GROUPS, which test_core.py, ratios.py and instructions.py run.

A group is one question. Its calls answer it: the no-op of the same arguments, both back ends, and peers.
"""

from __future__ import annotations

from typing import Final

from table import dates, decisions, files, growth, hostile, tags
from table.calls import Group

GROUPS: Final[dict[str, Group]] = {
    **dates.GROUPS,
    **tags.GROUPS,
    **decisions.GROUPS,
    **growth.GROUPS,
    **files.GROUPS,
    **hostile.GROUPS,
}
