"""Build the extension; everything else about the package stands in pyproject.toml.

Environment switches (set means: not empty and not "0"):

PRECOND_NO_EXTENSIONS   build without the extension: a pure-Python wheel with the same answers
PRECOND_CYTHON_TRACE    line tracing for coverage (slow)
PRECOND_COVERAGE        counters for gcov, by the lines of .pyx and .pxd files, and no optimisation
PRECOND_SANITIZE        AddressSanitizer and UndefinedBehaviorSanitizer (run with libasan preloaded)
PRECOND_DEBUG           no optimisation, debug symbols, C assertions
"""

import os
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError


def switch(name: str) -> bool:
    return os.environ.get(name, "0") not in ("", "0")


TRACE, COVERAGE, SANITIZE, DEBUG = map(
    switch, ("PRECOND_CYTHON_TRACE", "PRECOND_COVERAGE", "PRECOND_SANITIZE", "PRECOND_DEBUG")
)


class BuildExtension(build_ext):
    """A failed compile stops the build: an optional one would leave a platform wheel without a module."""

    def run(self) -> None:
        try:
            super().run()
        except (CCompilerError, ExecError, PlatformError, OSError) as error:
            raise SystemExit(
                f"precond: the C extension could not be compiled: {error}\n"
                "precond: a C compiler and Python's headers are needed; to install the pure-Python\n"
                "precond: version instead (the same answers, slower), set PRECOND_NO_EXTENSIONS=1"
            ) from error


def compile_args() -> list[str]:
    if sys.platform == "win32":
        return ["/Od", "/Zi"] if DEBUG else ["/O2"]
    # -O3 by name: a CFLAGS in the environment, even an empty one, drops Python's own -O3. -g0, because many a
    # Python hands on its -g, and debug information makes a wheel four times as large.
    args = ["-O0", "-g", "-UNDEBUG"] if DEBUG else ["-O3", "-DNDEBUG", "-g0"]
    if COVERAGE:
        args += ["-O0", "--coverage"]
    if SANITIZE:
        args += ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    return args


def macros() -> list[tuple[str, str]]:
    if TRACE:  # without the last one, tracing is silently empty on Python 3.13 and later
        return [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]
    if sys.platform == "win32" or DEBUG or COVERAGE or SANITIZE:
        return []
    # By itself gcc stops inlining where a unit has grown by two fifths, and a decision costs a sixth more.
    return [("CYTHON_INLINE", "inline __attribute__((always_inline))")]


def extensions() -> list[Extension]:
    if switch("PRECOND_NO_EXTENSIONS"):
        return []
    from Cython.Build import cythonize

    core = Extension(
        "precond._core",
        ["src/precond/_core.pyx"],
        extra_compile_args=compile_args(),
        extra_link_args=["-fsanitize=address,undefined"] * SANITIZE + ["--coverage"] * COVERAGE,
        define_macros=macros(),
    )
    return cythonize(
        core,
        # Coverage looks for the C beside its source.
        build_dir=None if TRACE else "build/cython",
        compiler_directives={"linetrace": TRACE},
        emit_linenums=COVERAGE,
        force=True,
    )


setup(cmdclass={"build_ext": BuildExtension}, ext_modules=extensions())
