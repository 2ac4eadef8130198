"""Runs the C++ compiler and keeps what it made, by content.

Three things are made: the host program (runtime/), the precompiled header of the metal_stdlib shim
(include/), and one shared library for each kernel. A file appears in the cache under its final
name only when it is complete, so that processes can share it without locks.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from reference.emulator.checks import BUILDS, Build
from reference.emulator.errors import CompileError, EmulatorError

FOLDER = Path(__file__).resolve().parent
RUNTIME = FOLDER / "runtime"
INCLUDE = FOLDER / "include"

METAL_VERSION = 310  # 3.1, the value of __METAL_VERSION__

# What the arithmetic of a kernel depends on: no contraction of a * b + c, half rounded after each
# operation, char signed, and memory seen through pointers of any type, as kernels do.
_LANGUAGE = (
    "-std=gnu++17",
    "-O2",
    "-march=native",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fsigned-char",
    "-fwrapv",
    "-fno-strict-aliasing",
    "-fno-exceptions",
    "-fno-rtti",
    "-fPIC",
    "-fno-plt",
    "-fvisibility=hidden",
    "-w",
)
# Headers of Metal, empty when a source is preprocessed: the shim itself is not translated.
_STANDARD_HEADERS = tuple(
    "metal_" + name
    for name in [
        "array",
        "atomic",
        "common",
        "compute",
        "geometric",
        "integer",
        "limits",
        "math",
        "matrix",
        "numeric",
        "pack",
        "quadgroup",
        "relational",
        "simdgroup",
        "simdgroup_matrix",
        "stdlib",
        "type_traits",
        "types",
        "uniform",
    ]
)


@dataclass(frozen=True)
class Toolchain:
    compiler: str
    flags: tuple[str, ...]
    fingerprint: str  # of the compiler, the processor, the emulator itself and where it is


@functools.lru_cache(maxsize=1)
def toolchain() -> Toolchain:
    """The compiler of this machine.

    Raises EmulatorError when there is none.
    """
    wanted = os.environ.get("CXX") or ("clang++" if platform.system() == "Darwin" else "g++")
    compiler = next(filter(None, map(shutil.which, (wanted, "g++", "clang++", "c++"))), None)
    if compiler is None:
        raise EmulatorError(
            "the emulator needs a C++ compiler and found none: install g++ 12 or newer, or clang++,"
            " or name one in CXX"
        )
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    flags = list(_LANGUAGE)
    if "clang" not in version.stdout:
        flags += ["-fno-gnu-unique", "-fexcess-precision=16"]
        probe = _run([compiler, *flags, "-x", "c++", "-fsyntax-only", "-"], "int x;")
        if probe.returncode != 0:
            flags.remove("-fexcess-precision=16")
    # What is compiled names the emulator's files, and findings tell its frames from a kernel's by
    # these names: another checkout has another cache.
    parts = (version.stdout, flags, BUILDS, _processor(), FOLDER)
    digest = hashlib.sha256("".join(map(str, parts)).encode())
    for folder in (INCLUDE, RUNTIME, FOLDER / "translate"):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"):
            digest.update(path.relative_to(FOLDER).as_posix().encode())
            digest.update(path.read_bytes())
    return Toolchain(compiler, tuple(flags), digest.hexdigest()[:16])


def cache_folder() -> Path:
    """Where compiled kernels are kept: in $MACCORD_CACHE, or the user's cache folder."""
    chosen = os.environ.get("MACCORD_CACHE")
    root = Path(chosen) if chosen else platformdirs.user_cache_path("maccord")
    folder = root / "emulator" / toolchain().fingerprint
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def content_hash(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode())
        digest.update(part.encode())
    return digest.hexdigest()[:32]


def host_program() -> Path:
    """The program that kernels run in, built on first use."""

    def build(path: Path) -> None:
        sources = [str(p) for p in sorted(RUNTIME.glob("*.cpp"))]
        dynamic = "-Wl,-export_dynamic" if platform.system() == "Darwin" else "-rdynamic"
        command = [toolchain().compiler, "-std=gnu++17", "-O2", "-march=native"]
        command += ["-pthread", dynamic]
        _checked(_run([*command, *sources, "-o", str(path), "-ldl"]), "the emulator's runtime")

    return _kept(cache_folder() / "host", build)


def preprocess(
    source: str, name: str, include_folders: Sequence[Path] = (), defines: Sequence[str] = ()
) -> str:
    """`source` with its includes and macros expanded; the standard headers of Metal stay out.

    Raises CompileError with the compiler's words.
    """
    tools = toolchain()
    folders = [
        argument for folder in (_marker_folder(), *include_folders) for argument in ("-I", folder)
    ]
    command = [tools.compiler, "-E", "-x", "c++", "-std=gnu++17", "-w", "-nostdinc", "-nostdinc++"]
    command += [f"-D__METAL_VERSION__={METAL_VERSION}", "-D__METAL__=1", "-D__METAL_MACOS__=1"]
    command += ["-D__HAVE_BFLOAT__=1", "-U__linux__", *(f"-D{define}" for define in defines)]
    command += [*map(str, folders), "-"]
    done = _run(command, f'# 1 "{name}"\n{source}')
    _checked(done, name)
    return done.stdout


def compile_kernel(unit: str, name: str, build: Build = "plain") -> Path:
    """The shared library of one kernel; `unit` is its whole C++ text, `build` a set of BUILDS.

    Raises CompileError.
    """
    tools = toolchain()

    def make(path: Path) -> None:
        undefined = ["-undefined", "dynamic_lookup"] if platform.system() == "Darwin" else []
        part = path.with_suffix(".o")
        try:
            _checked(_run([*_command(build), "-c", "-", "-o", str(part)], unit), name)
            link = [tools.compiler, "-shared", *undefined, str(part), "-o", str(path)]
            _checked(_run(link), name)
        finally:
            part.unlink(missing_ok=True)

    return _kept(cache_folder() / f"{content_hash(unit, build)}.so", make)


def optimized_statements(unit: str, name: str, build: Build, pattern: str) -> list[str]:
    """Lines of GCC's optimised form of a kernel that match `pattern`; none with another compiler.

    They begin with `[file:line:column]`. Raises CompileError.
    """

    def make(path: Path) -> None:
        dump = path.with_suffix(".dump")
        options = [f"-fdump-tree-optimized-lineno={dump}", "-S", "-", "-o", os.devnull]
        _checked(_run([*_command(build), *options], unit), name)
        lines = dump.read_text().splitlines()
        path.write_text("\n".join(line.strip() for line in lines if re.search(pattern, line)))

    if "-fexcess-precision=16" not in toolchain().flags:
        return []
    key = content_hash(unit, build, pattern)
    return _kept(cache_folder() / f"{key}.txt", make).read_text().splitlines()


def _command(build: Build) -> list[str]:
    """Compiles C++ text that follows on the standard input, the shim being there already."""
    tools = toolchain()
    return [tools.compiler, *tools.flags, *BUILDS[build], "-include", str(_prelude(build)), "-xc++"]


def _prelude(build: Build) -> Path:
    """A header with the shim and the launch thunks, precompiled: `X.hpp.gch` beside `X.hpp`."""
    tools = toolchain()
    header = cache_folder() / f"{build}.hpp"
    text = f'#include "{INCLUDE}/metal_stdlib"\n#include "{RUNTIME}/thunk.hpp"\n'

    def write(path: Path) -> None:
        path.write_text(text)

    def make(path: Path) -> None:
        flags = [*tools.flags, *BUILDS[build]]
        command = [tools.compiler, *flags, "-x", "c++-header", str(header), "-o", str(path)]
        _checked(_run(command), "the emulator's metal_stdlib")

    _kept(header, write)
    _kept(header.with_name(header.name + ".gch"), make)
    return header


def _marker_folder() -> Path:
    def build(path: Path) -> None:
        path.mkdir()
        for name in _STANDARD_HEADERS:
            (path / name).touch()
        (path / "simd").mkdir()
        (path / "simd" / "simd.h").touch()

    return _kept(cache_folder() / "standard_headers", build)


def _kept(path: Path, build: Callable[[Path], None]) -> Path:
    """`path`, which `build` makes under another name unless it is there."""
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        build(made)
        try:
            made.rename(path)
        except OSError:
            if not path.exists():  # a folder that another process made meanwhile is as good
                raise
    return path


def _run(command: Sequence[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, env=environment
    )


def _checked(done: subprocess.CompletedProcess[str], name: str) -> None:
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.splitlines() if not line.startswith("In file included")]
    errors = [i for i, line in enumerate(lines) if re.search(r"error:|fatal|undefined", line)]
    start = errors[0] if errors else 0
    shown = "\n".join(lines[start : start + 12])
    raise CompileError(f"{name} does not compile:\n{shown}")


def _processor() -> str:
    """What -march=native depends on."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    return next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), "")
