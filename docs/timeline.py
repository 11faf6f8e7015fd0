"""Draws timeline.svg beside it: when a write can still share a validator, and when the validator is sent.

python docs/timeline.py             # write it
python docs/timeline.py --check     # exit status 1 where it is not what this script makes
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

PICTURE: Final = Path(__file__).with_suffix(".svg")
WIDTH, HEIGHT, LEFT, RIGHT = 760, 304, 24, 736
# Not to scale. The names of the instants, and where they stand.
INSTANTS: Final = {
    "stamp": 150,
    "+ tick": 230,
    "+ 20 ms": 310,
    "L": 480,
    "L + tick": 560,
    "L + 20 ms": 640,
}
INK, GROUND, LINE, UNSAFE, SENT = "#1f2328", "#f6f8fa", "#8c959f", "#c62828", "#1b7f3b"


def text(x: int, y: int, words: str, colour: str = INK, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}">{words}</text>'


def bar(start: int, end: int, y: int, colour: str) -> str:
    return f'<rect x="{start}" y="{y}" width="{end - start}" height="12" rx="3" fill="{colour}"/>'


def instant(name: str, x: int) -> list[str]:
    line = f'<line x1="{x}" y1="62" x2="{x}" y2="288" stroke="{LINE}" stroke-dasharray="2 4"/>'
    return [line, text(x, 52, name, anchor="middle")]


def validator(name: str, y: int, shared: tuple[int, int], sent: int, words: str) -> list[str]:
    """Two bars: while a write can still get the same one, and from when on it is sent."""
    return [
        text(LEFT, y, name),
        bar(*shared, y + 12, UNSAFE),
        text(shared[0] + 4, y + 42, words, UNSAFE),
        bar(sent, RIGHT, y + 52, SENT),
        text(sent + 4, y + 82, "it is sent", SENT),
    ]


def svg() -> str:
    at = INSTANTS
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' font-family="system-ui, sans-serif" font-size="14">',
        "<title>When a validator can still be shared, and when it is sent</title>",
        # A ground of its own: the picture is as legible on a dark page as on a light one.
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{GROUND}"/>',
        text(LEFT, 26, "A file written at 0.6 s, on a file system whose stamps have fractions of a second"),
        f'<line x1="{LEFT}" y1="62" x2="{RIGHT}" y2="62" stroke="{INK}" stroke-width="2"/>',
        *(part for name, x in at.items() for part in instant(name, x)),
        text(RIGHT, 52, "time", anchor="end"),
        *validator("ETag", 90, (at["stamp"], at["+ tick"]), at["+ 20 ms"], "a write gets the same stamp"),
        *validator(
            "Last-Modified, L: the stamp rounded up to 1 s",
            198,
            (LEFT, at["L + tick"]),
            at["L + 20 ms"],
            "a write gets the same date",
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main(arguments: list[str]) -> int:
    if arguments != ["--check"]:
        PICTURE.write_text(svg(), encoding="utf-8", newline="\n")
    elif not PICTURE.exists() or PICTURE.read_text(encoding="utf-8") != svg():
        print(f"{PICTURE.name} is not what {Path(__file__).name} makes: run it", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
