"""The C++ text of one kernel, ready to be compiled: a translation, its constants and its entry."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reference.emulator.errors import EmulatorError
from reference.emulator.translate.signature import SCALARS, VECTORS, Parameter
from reference.emulator.translate.translator import Constant, Kernel, Translation

ENTRY = "<entry>"  # begins the name of the file that the launch entry is in

ConstantValue = bool | int | float | tuple[float, ...]


def unit(
    translation: Translation, kernel: Kernel, values: Mapping[str | int, ConstantValue]
) -> str:
    """The text that defines the launch entry of `kernel`; `values` are function constants by name
    or index.

    Raises EmulatorError for a value whose constant does not exist.
    """
    known: set[str | int] = set()
    lines = []
    for constant in translation.constants.values():
        known |= {constant.name, constant.index}
        value = values.get(constant.name, values.get(constant.index))
        lines.append(_definition(constant, value))
    unknown = [name for name in values if name not in known]
    if unknown:
        raise EmulatorError(f"{kernel.name} has no function constant {unknown[0]!r}")
    bindings = ", ".join(_binding(p) for p in kernel.parameters)
    table = f"static constexpr ::metal_emulator::Parameter parameters[] = {{{bindings}}};"
    if not kernel.parameters:
        table = "static constexpr const ::metal_emulator::Parameter* parameters = nullptr;"
    entry = (
        f'\n# 1 "{ENTRY} {kernel.name}"\n'
        'extern "C" __attribute__((visibility("default"))) void metal_emulator_entry('
        "const ::metal_emulator::Arguments& arguments) {\n"
        f"  {table}\n"
        f"  ::metal_emulator::call(&{kernel.function}, parameters, arguments);\n}}\n"
    )
    return "\n".join([*lines, translation.text, entry])


def _definition(constant: Constant, value: ConstantValue | None) -> str:
    text = "{}" if value is None else _literal(constant, value)
    defined = "false" if value is None else "true"
    return (
        f"#define METAL_EMULATOR_VALUE_{constant.name} {constant.type}{text}\n"
        f"#define METAL_EMULATOR_DEFINED_{constant.name} {defined}"
    )


def _literal(constant: Constant, value: ConstantValue) -> str:
    if isinstance(value, tuple | list | np.ndarray):
        return "(" + ", ".join(_number(constant, v) for v in value) + ")"
    return f"({_number(constant, value)})"


def _number(constant: Constant, value: float) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    return f"{float(value)!r}f" if constant.type != "double" else repr(float(value))


def _binding(parameter: Parameter) -> str:
    if parameter.kind == "buffer":
        return f"::metal_emulator::buffer({parameter.index})"
    if parameter.kind == "threadgroup":
        return f"::metal_emulator::threadgroup_memory({parameter.index})"
    field = VECTORS.get(parameter.attribute) or SCALARS[parameter.attribute]
    return f"::metal_emulator::position(&::metal_emulator::Position::{field})"
