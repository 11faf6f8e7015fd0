// Run tests on CPython for WebAssembly, without a network: `node wasm.mjs WHEEL SITE [PYTEST ARGUMENT ...]`,
// from the directory that has pyproject.toml.
//
// WHEEL         the py3-none-any wheel
// SITE          a directory with pytest and what it needs, all of it plain Python
// NODE_MODULES  in the environment: the directory that has the npm package `pyodide`
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const program = `
import os, sys

os.chdir("/project")
sys.path[:0] = ["/wheel", "/site"]
import precond, pytest

print(f"{sys.implementation.name} {sys.version} {sys.platform}: {precond.__file__}, {precond.BACKEND}")
if sys.platform != "emscripten" or not precond.__file__.startswith("/wheel/"):
    sys.exit("not the wheel, or not WebAssembly")
int(pytest.main(["-p", "no:cacheprovider", *arguments]))
`;

async function run(wheel, site, ...pytestArguments) {
    const url = pathToFileURL(join(process.env.NODE_MODULES, "pyodide", "pyodide.mjs"));
    const { loadPyodide } = await import(url);
    const env = { HOME: "/tmp", PRECOND_NO_EXTENSIONS: "1", PYTHONDONTWRITEBYTECODE: "1" };
    const pyodide = await loadPyodide({ env });
    pyodide.unpackArchive(new Uint8Array(readFileSync(wheel)), "wheel", { extractDir: "/wheel" });
    for (const [mountPoint, root] of [["/site", site], ["/project", "."]]) {
        pyodide.FS.mkdirTree(mountPoint);
        pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: resolve(root) }, mountPoint);
    }
    pyodide.globals.set("arguments", pyodide.toPy(pytestArguments));
    return pyodide.runPython(program);
}

try {
    process.exitCode = await run(...process.argv.slice(2));
} catch (error) {
    // Left to itself, node prints the megabyte of source line that the error came from.
    console.error(String(error).slice(0, 4000));
    process.exitCode = 1;
}
