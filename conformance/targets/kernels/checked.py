"""A kernel library behind the checks that every call goes through.

Kernels read and write where they are told. What they are told is checked before, so that a mistake
of the caller is a sentence and not a crash of a GPU; what they return is checked after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.targets.kernels.contract import (
    Array,
    KernelCapabilities,
    KernelLibrary,
    capabilities_of,
    check_output,
)
from fixtures.kernels import arguments


class Checked:
    """A `KernelLibrary` around another.

    Raises, from each operation:
        ArgumentError: the caller's arguments are none that the operation is defined for.
        KernelError: the library returned what is no result.
    """

    def __init__(self, library: KernelLibrary) -> None:
        self.name = library.name
        self.library = library
        self._capabilities = capabilities_of(library)

    def capabilities(self) -> KernelCapabilities:
        return self._capabilities

    def reshape_and_cache(
        self, key: Array, value: Array, key_cache: Array, value_cache: Array, slot_mapping: Array
    ) -> None:
        given = (key, value, key_cache, value_cache, slot_mapping)
        arguments.check_reshape_and_cache(*given)
        self.library.reshape_and_cache(*given)

    def copy_blocks(self, key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
        arguments.check_copy_blocks(key_cache, value_cache, block_mapping)
        self.library.copy_blocks(key_cache, value_cache, block_mapping)

    def paged_attention(
        self, query: Array, key_cache: Array, value_cache: Array, **named: Any
    ) -> Array:
        arguments.check_paged_attention(query, key_cache, value_cache, **named)
        output = self.library.paged_attention(query, key_cache, value_cache, **_given(named))
        return check_output(output, query)


def _given(named: Mapping[str, Any]) -> dict[str, Any]:
    """Features that are asked for: a library without one need not take its name."""
    return {name: value for name, value in named.items() if value is not None}
