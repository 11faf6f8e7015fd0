"""Compile noop.pyx, as setup.py compiles the extension, into a directory that is gone with the process."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Final

from Cython.Build import cythonize
from setuptools import Distribution, Extension

import extension

_SOURCE: Final = Path(__file__).with_name("noop.pyx")

# Those of setup.py.
_COMPILE_ARGS: Final = ["/O2"] if sys.platform == "win32" else ["-O3", "-DNDEBUG", "-g0"]
_MACROS: Final = (
    [] if sys.platform == "win32" else [("CYTHON_INLINE", "inline __attribute__((always_inline))")]
)


def load() -> ModuleType:
    """The compiled module. A failed compile raises what setuptools raises."""
    # Windows does not remove the file of a module that is loaded.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        return extension.load("noop", build(Path(directory)))


def build(directory: Path) -> str:
    """The compiled file, which is in this directory."""
    source = shutil.copy(_SOURCE, directory)
    noop = Extension("noop", [source], extra_compile_args=_COMPILE_ARGS, define_macros=_MACROS)
    modules = cythonize(noop, quiet=True)  # type: ignore[no-untyped-call]
    distribution = Distribution({"name": "noop", "ext_modules": modules})
    command = distribution.get_command_obj("build_ext")
    command.build_lib = command.build_temp = str(directory)
    command.ensure_finalized()
    command.run()
    return str(command.get_ext_fullpath("noop"))
