"""Packages as a consumer of the C API has them: precond and tests/capi, as wheels in an environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | os.PathLike[str], **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PRECOND_", "PYTHON"))}
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=False)


def pip(*arguments: str | os.PathLike[str], **environment: str) -> None:
    """Without an index: what a build needs is installed where the tests run."""
    options = ["--disable-pip-version-check", "--quiet"]
    done = run(sys.executable, "-m", "pip", *options, *arguments, "--no-index", "--no-deps", **environment)
    assert done.returncode == 0, done.stdout + done.stderr


def wheel(source: Path, **environment: str) -> Path:
    pip("wheel", "--no-build-isolation", "--wheel-dir", source / "wheel", source, **environment)
    (built,) = (source / "wheel").iterdir()
    return built


def build(directory: Path) -> Path:
    """The interpreter of a new environment, with a wheel of the tree and one of tests/capi built on that."""
    unwanted = shutil.ignore_patterns("*.so", "*.pyd", "*.c", "__pycache__", "*.egg-info", "build")
    shutil.copytree(ROOT / "src", directory / "tree" / "src", ignore=unwanted)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, directory / "tree")
    shutil.copytree(ROOT / "tests" / "capi", directory / "consumer", ignore=unwanted)
    venv.create(directory / "environment", with_pip=False)
    python = directory / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip("--python", python, "install", wheel(directory / "tree"))
    against = str(site_packages(python))
    pip("--python", python, "install", wheel(directory / "consumer", PYTHONPATH=against))
    return python


def site_packages(python: Path) -> Path:
    return Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))").stdout.strip())


def module(name: str, python: Path) -> ModuleType:
    """A module of the consumer's; it calls the extension that this process has."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    spec = importlib.util.spec_from_file_location(name, site_packages(python) / f"{name}{suffix}")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded
