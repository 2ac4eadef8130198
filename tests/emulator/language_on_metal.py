"""The cases of the language tests as calls of `metal_kernel`, the form in which MLX runs kernels on
a GPU.

`metal_kernel` takes the body of a kernel and makes the function around it by itself. So a kernel
of kernels/language is taken apart: its body, with its parameters bound in front of it to what MLX
declares, is the `source`; the rest of its file without other kernels is the `header`. The
emulator's `metal_kernel` is called in the same way, so that the same path runs without a GPU.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from emulator_language import FOLDER, Case
from numpy.typing import NDArray

from reference.emulator.compiler import preprocess
from reference.emulator.translate.signature import VECTORS, attributes, split
from reference.emulator.translate.structure import closing, closing_angle, declarations
from reference.emulator.translate.tokens import Token, significant, tokenize

Array = NDArray[np.generic]
# MLX declares inputs of fewer elements `constant`, larger ones `device`.
_CONSTANT_ELEMENTS = 8


class NotExpressible(Exception):
    """What a case needs and `metal_kernel` does not have."""


@dataclass(frozen=True)
class Source:
    """A kernel of a file: `arguments` replaces the parameters of a template, and may be empty."""

    header: str
    parameters: list[list[Token]]
    body: str
    arguments: str


@dataclass(frozen=True)
class Call:
    """What `metal_kernel` and the function that it makes are called with."""

    header: str
    source: str
    inputs: list[Array]
    output: Array  # shape and dtype
    init_value: float
    grid: tuple[int, int, int]
    threadgroup: tuple[int, int, int]

    def run(self, name: str, metal_kernel: Callable[..., Any], to_array: Callable[..., Any]) -> Any:
        """The output, as the backend's array; `to_array` makes its arrays of NumPy's."""
        names = [f"input_{i}" for i in range(len(self.inputs))]
        kernel = metal_kernel(name, names, ["output"], self.source, self.header)
        inputs = [to_array(value) for value in self.inputs]
        return kernel(
            inputs=inputs,
            grid=self.grid,
            threadgroup=self.threadgroup,
            output_shapes=[self.output.shape],
            output_dtypes=[to_array(self.output).dtype],
            init_value=self.init_value,
        )[0]


def as_call(case: Case) -> Call:
    """Raises NotExpressible."""
    source = sources()[case.kernel]
    initial = np.zeros_like(case.expected) if case.initial is None else case.initial
    first = initial.reshape(-1)[0]
    if not np.array_equal(initial, np.full_like(initial, first)) or np.float32(first) != first:
        raise NotExpressible("an output that begins with several values, or one that is no float32")
    bindings, inputs = [], []
    for tokens in source.parameters:
        plain, given = attributes(tokens)
        name = plain[-1].text
        kind = " ".join(t.text for t in plain[:-1])
        attribute = given[0].name
        if attribute == "threadgroup":
            raise NotExpressible("threadgroup memory as an argument")
        if attribute != "buffer":
            bindings.append(_position(kind, name, attribute))
        elif (index := int(given[0].arguments[0].text)) == 0:
            bindings.append(_pointer(kind, name, "output"))
        else:
            inputs.append(_laid_out(case.inputs[index - 1], "constant" in kind.split()))
            bindings.append(_pointer(kind, name, f"input_{len(inputs) - 1}"))
    grid = _size(case.threads)
    return Call(
        header=_with_constants(source.header, case),
        source="\n".join([source.arguments, *bindings, source.body]),
        inputs=inputs,
        output=initial,
        init_value=float(first),
        grid=grid,
        threadgroup=_size(case.threadgroup) if case.threadgroup else grid,
    )


@functools.cache
def sources() -> dict[str, Source]:
    """Every kernel of kernels/language, by name."""
    found: dict[str, Source] = {}
    for path in sorted(FOLDER.glob("*.metal")):
        found |= _taken_apart(path)
    return found


def _taken_apart(path: Path) -> dict[str, Source]:
    every = tokenize(preprocess(path.read_text(), path.name), path.name)
    positions = significant(every)
    tokens = [every[i] for i in positions]
    texts = [t.text if t.kind != "directive" else "" for t in every]
    kernels, instances = [], []
    for declaration in declarations(tokens):
        head = tokens[declaration.start : declaration.body or declaration.end]
        if any(t.text == "kernel" for t in head):
            (kernels if declaration.body is not None else instances).append(declaration)
            for i in range(positions[declaration.start], positions[declaration.end - 1] + 1):
                texts[i] = ""
    kept = [t.text if t.kind != "directive" else "" for t in every]
    header = re.sub(r"\n{2,}", "\n", "".join(texts))
    found: dict[str, Source] = {}
    for declaration in kernels:
        assert declaration.body is not None
        head = tokens[declaration.start : declaration.body]
        template = head[: closing_angle(head, 1) + 1] if head[0].text == "template" else []
        plain, _ = attributes(head[len(template) :])
        name = plain[next(i for i, t in enumerate(plain) if t.text == "(") - 1].text
        opening = next(i for i, t in enumerate(head) if t.text == name) + 1
        parameters = split(head[opening + 1 : closing(head, opening)])
        body = "".join(kept[positions[declaration.body] : positions[declaration.end - 1] + 1])
        if not template:
            found[name] = Source(header, parameters, body, "")
        for instance in instances:
            words = tokens[instance.start : instance.end]
            at = next((i for i, t in enumerate(words) if t.text == name), None)
            if at is None or not template:
                continue
            host_name = next(t.text.strip('"') for t in words if t.kind == "string")
            values = split(words[at + 2 : closing_angle(words, at + 1)])
            pairs = zip(split(template[2:-1]), values, strict=True)
            arguments = " ".join(_argument(*pair) for pair in pairs)
            found[host_name] = Source(header, parameters, body, arguments)
    return found


def _argument(parameter: list[Token], value: list[Token]) -> str:
    kind, name = parameter[0].text, parameter[-1].text
    text = " ".join(t.text for t in value)
    if kind in ("typename", "class"):
        return f"using {name} = {text};"
    return f"constexpr {kind} {name} = {text};"


def _position(kind: str, name: str, attribute: str) -> str:
    """A parameter from the one that MLX declares where the source names it: a uint3 or a uint."""
    if attribute not in VECTORS:
        return f"const {kind} {name} = {kind}({attribute});"
    size = int(kind[-1]) if kind[-1].isdigit() else 1
    return f"const {kind} {name} = {kind}({attribute}.{'xyz'[:size]});"


def _pointer(kind: str, name: str, argument: str) -> str:
    if kind.endswith("&"):
        return f"{kind} {name} = *reinterpret_cast<{kind[:-1]}*>({argument});"
    return f"{kind} {name} = reinterpret_cast<{kind}>({argument});"


def _laid_out(array: Array, constant: bool) -> Array:
    """`array` in as many elements as put it into the address space that the kernel declares."""
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    if not constant:
        return np.pad(data, (0, max(0, _CONSTANT_ELEMENTS - data.size)))
    data = np.pad(data, (0, -data.size % 8)).view(np.uint64)
    if data.size >= _CONSTANT_ELEMENTS:
        raise NotExpressible("constant memory of 64 bytes or more")
    return data


def _with_constants(header: str, case: Case) -> str:
    """Function constants, which MLX sets for its own kernels only, become constants."""
    pattern = r"constant (\w+) (\w+)\s*\[\[function_constant\((\d+)\)\]\];"
    for kind, name, index in re.findall(pattern, header):
        value = case.constants.get(name, case.constants.get(int(index)))
        given = "false" if value is None else "true"
        header = header.replace(f"is_function_constant_defined({name})", given)
        text = str(value or 0).lower()
        header = re.sub(
            rf"constant {kind} {name}\s*\[\[function_constant\({index}\)\]\];",
            f"constant constexpr {kind} {name} = {text};",
            header,
        )
    return header


def _size(size: int | Sequence[int]) -> tuple[int, int, int]:
    x, y, z = (*([size] if isinstance(size, int) else size), 1, 1)[:3]
    return x, y, z
