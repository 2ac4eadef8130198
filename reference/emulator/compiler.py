"""Runs the C++ compiler and keeps what it made, by content.

Three things are made: the host program (runtime/), the precompiled header of the metal_stdlib shim
(include/), and one shared library for each kernel. A file appears in the cache under its final
name only when it is complete, so that processes can share it without locks.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from reference.emulator.checks import BUILDS, CLANG_BUILDS, Build
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
# For the processor of this machine; arm64 compilers know the one, the other, or none.
_NATIVE = ("-march=native", "-mcpu=native")
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
    command: tuple[str, ...]  # the compiler
    flags: tuple[str, ...]
    builds: Mapping[Build, tuple[str, ...]]  # flags in addition
    is_clang: bool
    fingerprint: str  # of the compiler, the processor, the emulator itself and where it is


@functools.lru_cache(maxsize=1)
def toolchain() -> Toolchain:
    """The compiler of this machine.

    Raises EmulatorError when there is none.
    """
    command = _found_compiler()
    if command is None:
        raise EmulatorError(
            "the emulator needs a C++ compiler and found none: install g++ 12 or newer, or clang++,"
            " or name one in CXX"
        )
    version, flags = _asked(command)
    # What is compiled names the emulator's files, and findings tell its frames from a kernel's by
    # these names: another checkout has another cache.
    is_clang = "clang" in version
    builds = CLANG_BUILDS if is_clang else BUILDS
    parts = (version, flags, builds, _processor(), FOLDER)
    digest = hashlib.sha256("".join(map(str, parts)).encode())
    for folder in (INCLUDE, RUNTIME, FOLDER / "translate"):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"):
            digest.update(path.relative_to(FOLDER).as_posix().encode())
            digest.update(path.read_bytes())
    return Toolchain(command, flags, builds, is_clang, digest.hexdigest()[:16])


def _found_compiler() -> tuple[str, ...] | None:
    """A command that compiles C++: what CXX says ("ccache g++", too), or the usual names."""
    usual = "clang++" if platform.system() == "Darwin" else "g++"
    for name in (os.environ.get("CXX", ""), usual, "g++", "clang++", "c++"):
        words = shlex.split(name)
        if words and (program := shutil.which(words[0])) is not None:
            return (program, *words[1:])
    return None


def _asked(command: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The version of a compiler and the flags for kernels, kept so that a kernel that is compiled
    already starts no compiler."""
    program = Path(command[0]).resolve()
    # A program that stands in for others (Apple's xcrun, ccache) does not change when they do.
    if platform.system() == "Darwin" or not re.search(r"(g\+\+|clang)", program.name):
        version, flags = _ask(command)
    else:
        found = program.stat()
        stamp = f"{found.st_mtime_ns} {found.st_size}"
        key = content_hash(*command, str(program), stamp, *_LANGUAGE)
        folder = _cache_root() / "compilers"
        folder.mkdir(parents=True, exist_ok=True)
        kept = _kept(
            folder / f"{key}.json", lambda path: path.write_text(json.dumps(_ask(command)))
        )
        version, flags = json.loads(kept.read_text())
    return version, tuple(flags)


def _ask(command: tuple[str, ...]) -> tuple[str, list[str]]:
    version = _run([*command, "--version"]).stdout

    def accepts(option: str) -> bool:
        probe = [*command, option, "-x", "c++", "-fsyntax-only", "-"]
        return _run(probe, "int x;").returncode == 0

    native = next(filter(accepts, _NATIVE), None)
    flags = [*_LANGUAGE, *([native] if native else [])]
    if "clang" in version:
        # Else libc++ brings the C library's math functions, ambiguous with Metal's.
        flags += ["-D_LIBCPP_REMOVE_TRANSITIVE_INCLUDES"]
    else:
        flags += ["-fno-gnu-unique", *filter(accepts, ["-fexcess-precision=16"])]
    return version, flags


def cache_folder() -> Path:
    """Where compiled kernels are kept: in $MACCORD_CACHE, or the user's cache folder."""
    folder = _cache_root() / toolchain().fingerprint
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _cache_root() -> Path:
    chosen = os.environ.get("MACCORD_CACHE")
    return (Path(chosen) if chosen else platformdirs.user_cache_path("maccord")) / "emulator"


def content_hash(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode())
        digest.update(part.encode())
    return digest.hexdigest()[:32]


def host_program() -> Path:
    """The program that kernels run in, built on first use."""

    def build(path: Path) -> None:
        # As one text: the standard headers are read once, and calls between files are inlined.
        text = "".join(f'#include "{source}"\n' for source in sorted(RUNTIME.glob("*.cpp")))
        dynamic = "-Wl,-export_dynamic" if platform.system() == "Darwin" else "-rdynamic"
        native = [flag for flag in toolchain().flags if flag in _NATIVE]
        command = [*toolchain().command, "-std=gnu++17", "-O2", *native, "-pthread"]
        command += [dynamic, "-xc++", "-", "-o", str(path), "-ldl"]
        _checked(_run(command, text), "the emulator's runtime")

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
    command = [*tools.command, "-E", "-x", "c++", "-std=gnu++17", "-w", "-nostdinc", "-nostdinc++"]
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
            link = [*tools.command, "-shared", *undefined, str(part), "-o", str(path)]
            _checked(_run(link), name)
            if platform.system() == "Darwin" and build == "checked":
                # Its lines stay in the object file otherwise, which goes.
                _run(["dsymutil", str(path), "-o", f"{cache_folder() / path.name}.dSYM"])
        finally:
            part.unlink(missing_ok=True)

    return _kept(cache_folder() / f"{content_hash(unit, build)}.so", make)


def optimized_statements(unit: str, name: str, build: Build, pattern: str) -> list[str]:
    """Lines of GCC's optimised form of a kernel that match `pattern`.

    They begin with `[file:line:column]`. Raises CompileError.
    """

    def make(path: Path) -> None:
        dump = path.with_suffix(".dump")
        options = [f"-fdump-tree-optimized-lineno={dump}", "-S", "-", "-o", os.devnull]
        _checked(_run([*_command(build), *options], unit), name)
        lines = dump.read_text().splitlines()
        path.write_text("\n".join(line.strip() for line in lines if re.search(pattern, line)))

    key = content_hash(unit, build, pattern)
    return _kept(cache_folder() / f"{key}.txt", make).read_text().splitlines()


def compiler_notes(unit: str, name: str, options: Sequence[str]) -> list[str]:
    """The notes to the warnings or remarks on a kernel that `options` ask for."""

    def make(path: Path) -> None:
        command = [option for option in _command("zeroed") if option != "-w"]
        done = _run([*command, *options, "-gline-tables-only", "-c", "-", "-o", os.devnull], unit)
        _checked(done, name)
        said = [line for line in done.stderr.splitlines() if ": note: " in line]
        path.write_text("\n".join(said))

    key = content_hash(unit, *options)
    return _kept(cache_folder() / f"{key}.txt", make).read_text().splitlines()


def _command(build: Build) -> list[str]:
    """Compiles C++ text that follows on the standard input, the shim being there already."""
    tools = toolchain()
    return [
        *tools.command,
        *tools.flags,
        *tools.builds[build],
        "-include",
        str(_prelude(build)),
        "-xc++",
    ]


def _prelude(build: Build) -> Path:
    """A header with the shim and the launch thunks, precompiled: `X.hpp.gch` beside `X.hpp`."""
    tools = toolchain()
    header = cache_folder() / f"{build}.hpp"
    text = f'#include "{INCLUDE}/metal_stdlib"\n#include "{RUNTIME}/thunk.hpp"\n'

    def write(path: Path) -> None:
        path.write_text(text)

    def make(path: Path) -> None:
        flags = [*tools.flags, *tools.builds[build]]
        command = [*tools.command, *flags, "-x", "c++-header", str(header), "-o", str(path)]
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


def _kept(path: Path, build: Callable[[Path], object]) -> Path:
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
