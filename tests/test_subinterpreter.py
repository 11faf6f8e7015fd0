"""An isolated subinterpreter, with a lock of its own, gets the pure-Python back end and says why."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from conftest import PURE

# The public module came with 3.14; those before it have the same functions under other names.
CREATE = """
import sys
import precond
import precond._backend
print(precond.BACKEND, precond._backend.REASON, sep="|", flush=True)
CODE = '''
import precond
from precond import _backend
st = precond.Validators(chr(34) + "x" + chr(34))
print(precond.BACKEND, precond.evaluate(st, "GET", if_none_match=st.etag).name, _backend.REASON, sep="|")
'''
if sys.version_info >= (3, 14):
    from concurrent import interpreters
    interpreters.create().exec(CODE)
elif sys.version_info >= (3, 13):
    import _interpreters
    failure = _interpreters.exec(_interpreters.create("isolated"), CODE)
    assert failure is None, failure.formatted
else:
    import _xxsubinterpreters
    _xxsubinterpreters.run_string(_xxsubinterpreters.create(isolated=True), CODE)
print(precond.BACKEND, precond.evaluate(None, "GET", if_match="*").name, sep="|")
"""


@pytest.mark.skipif(PURE, reason="PRECOND_NO_EXTENSIONS: every interpreter has the same back end")
@pytest.mark.skipif(sys.version_info < (3, 12), reason="subinterpreters share one lock before 3.12")
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="subinterpreters are CPython's")
def test_an_isolated_subinterpreter_gets_the_fallback() -> None:
    code = [sys.executable, "-c", CREATE]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PRECOND_")}
    done = subprocess.run(code, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    before, inside, after = done.stdout.splitlines()
    assert before == "cython|the extension could be loaded"
    backend, outcome, reason = inside.split("|")
    assert (backend, outcome) == ("python", "NOT_MODIFIED")
    assert "subinterpreter" in reason
    assert after == "cython|PRECONDITION_FAILED"
