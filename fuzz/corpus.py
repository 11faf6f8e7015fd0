"""The corpus: one file of one input a line, in base64, so that the repository holds few files and no bytes.

python fuzz/corpus.py unpack FOLDER     the corpus and the vectors, a file each, as libFuzzer reads them
python fuzz/corpus.py pack FOLDER       make the corpus of what stands in the folder
"""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from inputs import seeds

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE: Final = Path(__file__).with_name("corpus.txt")


def corpus() -> Iterator[bytes]:
    yield from map(base64.b64decode, FILE.read_text("ascii").split())


def unpack(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for data in (*corpus(), *seeds()):
        folder.joinpath(hashlib.sha1(data).hexdigest()).write_bytes(data)


def pack(folder: Path) -> None:
    inputs = sorted(path.read_bytes() for path in folder.iterdir())
    FILE.write_text("".join(f"{base64.b64encode(data).decode()}\n" for data in inputs), "ascii")


if __name__ == "__main__":
    {"unpack": unpack, "pack": pack}[sys.argv[1]](Path(sys.argv[2]))
