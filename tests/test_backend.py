"""Which back end is chosen, by the environment and by what was built, in fresh interpreters."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import precond
from conftest import PURE

NO, REQUIRE = "PRECOND_NO_EXTENSIONS", "PRECOND_REQUIRE_EXTENSIONS"
SHOW = "from precond import BACKEND, _backend; print(BACKEND, _backend.REASON, sep='|')"
HIDE = "import sys; sys.modules['precond._core'] = None; "


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in (NO, REQUIRE)}
    return subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(PURE, reason="PRECOND_NO_EXTENSIONS: there may be no extension to choose")
@pytest.mark.parametrize("environment", [{}, {NO: ""}, {NO: "0"}, {REQUIRE: "1"}])
def test_the_extension_is_used_where_it_is_there(environment: dict[str, str]) -> None:
    assert run(SHOW, **environment).stdout == "cython|the extension could be loaded\n"


def test_the_extension_can_be_refused() -> None:
    assert run(SHOW, **{NO: "1"}).stdout == "python|PRECOND_NO_EXTENSIONS is set\n"


def test_a_missing_extension_is_remembered() -> None:
    backend, _, reason = run(HIDE + SHOW).stdout.partition("|")
    assert backend == "python"
    assert "precond._core" in reason


@pytest.mark.parametrize("code,environment", [(HIDE + SHOW, {}), (SHOW, {NO: "1"})])
def test_a_required_extension_must_be_there(code: str, environment: dict[str, str]) -> None:
    result = run(code, **environment, **{REQUIRE: "1"})
    assert result.returncode == 1
    assert "ImportError: PRECOND_REQUIRE_EXTENSIONS is set, but the extension is not used" in result.stderr


def test_importing_precond_imports_no_framework() -> None:
    code = (
        "import sys; before = set(sys.modules); import precond; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    imported = set(run(code).stdout.split())
    assert not imported & {
        "aiohttp",
        "starlette",
        "anyio",
        "fastapi",
        "werkzeug",
        "asyncio",
        "wsgiref",
        "http",
    }


def test_both_back_ends_share_their_types() -> None:
    code = "import precond, precond._fallback as f; "
    code += "print(f.Policy().evaluate(None, 'GET', if_match='*') is precond.Outcome.PRECONDITION_FAILED, "
    code += "type(f.Policy().validators(None)) is precond.Validators, f.parse_etags('*') is precond.ANY)"
    assert run(code).stdout == "True True True\n"


def test_what_stands_where_no_extension_was_built_says_so() -> None:
    with pytest.raises(ImportError, match="PRECOND_NO_EXTENSIONS=1"):
        runpy.run_path(str(Path(precond.__file__).with_name("_core.py")))


@pytest.mark.skipif(PURE, reason="PRECOND_NO_EXTENSIONS: there may be no extension to choose")
@pytest.mark.parametrize("sender,receiver", [({}, {NO: "1"}), ({NO: "1"}, {})])
def test_a_pickled_policy_travels_between_back_ends(sender: dict[str, str], receiver: dict[str, str]) -> None:
    pickled = run(
        "import pickle, precond; print(pickle.dumps(precond.Policy(weak=True, settle=0.5)))", **sender
    )
    code = f"import pickle, precond; policy = pickle.loads({pickled.stdout.strip()}); "
    code += "print(type(policy) is precond.Policy, policy)"
    assert run(code, **receiver).stdout == "True Policy(weak=True, settle=0.5)\n"
