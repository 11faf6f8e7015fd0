"""Make one call over and over: python repeat_call.py MODULE FILE CALL.

MODULE is the name of a compiled module, and FILE where it is; CALL a pickle of the name of its function, or
of a method of its Policy, the positional arguments, the keyword arguments, and how often. Nothing else is
imported: under valgrind that takes fifty times as long. getppid() marks where the calls begin and end.
"""

from __future__ import annotations

import os
import pickle
import sys
from itertools import repeat
from pathlib import Path

import extension


def main(module_name: str, file: str, call: str) -> None:
    module = extension.load(module_name, file)
    name, args, keywords, times = pickle.loads(Path(call).read_bytes())
    function = getattr(module.Policy(), name, None) or getattr(module, name)
    os.getppid()
    for _ in repeat(None, times):
        function(*args, **keywords)
    os.getppid()


if __name__ == "__main__":
    main(*sys.argv[1:])
