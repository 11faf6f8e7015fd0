"""The Python surface under atheris: both back ends on every input.

    python fuzz/surface.py [OPTION OF LIBFUZZER...] [FOLDER OR FILE...]

What an input is stands in inputs.py. The coverage is that of the plain back end, branch by branch, and of the
compiled one too where it was built for that, as fuzz/run builds it.
"""

import ctypes
import sys
from pathlib import Path

import atheris

# What counts the edges of the compiled back end must be there before that is loaded.
LIBFUZZER = next(Path(atheris.__file__).parent.glob("core_with_libfuzzer*"))
ctypes.CDLL(str(LIBFUZZER), mode=ctypes.RTLD_GLOBAL)

with atheris.instrument_imports(include=["precond"]):
    from compare import one_input

if __name__ == "__main__":
    atheris.enabled_hooks.add("RegEx")
    command = f"{sys.executable} {sys.argv[0]}"  # what -merge=1 has the shell start anew
    atheris.Setup([command, *sys.argv[1:]], one_input, internal_libfuzzer=True)
    atheris.Fuzz()
