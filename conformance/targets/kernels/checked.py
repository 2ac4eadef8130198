"""A kernel library behind the checks that every call goes through.

Kernels read and write where they are told. What they are told is checked before, so that a mistake
of the caller is a sentence and not a crash of a GPU; what they return is checked after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from conformance.targets.kernels.contract import (
    Array,
    Feature,
    KernelCapabilities,
    KernelError,
    KernelLibrary,
    LatentLibrary,
    capabilities_of,
    check_output,
)
from fixtures.kernels import arguments

OF_QUANTISED_CACHES = ("kv_cache_dtype", "k_scale", "v_scale")


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

    def close(self) -> None:
        """Ends what the library runs in, if it is a process of its own."""
        close = getattr(self.library, "close", None)
        if callable(close):
            close()

    def reshape_and_cache(
        self,
        key: Array,
        value: Array,
        key_cache: Array,
        value_cache: Array,
        slot_mapping: Array,
        **named: Any,
    ) -> None:
        given = (key, value, key_cache, value_cache, slot_mapping)
        arguments.check_reshape_and_cache(*given, **named)
        self.library.reshape_and_cache(*given, **_given(named))

    def copy_blocks(self, key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
        arguments.check_copy_blocks(key_cache, value_cache, block_mapping)
        self.library.copy_blocks(key_cache, value_cache, block_mapping)

    def paged_attention(
        self, query: Array, key_cache: Array, value_cache: Array, **named: Any
    ) -> Array:
        arguments.check_paged_attention(query, key_cache, value_cache, **named)
        output = self.library.paged_attention(query, key_cache, value_cache, **_given(named))
        return check_output("paged_attention", output, query)

    def mla_attention(self, query: Array, latent_cache: Array, **named: Any) -> Array:
        arguments.check_mla_attention(query, latent_cache, **named)
        if Feature.MLA not in self._capabilities.features:
            raise KernelError(f"{self.name} says of itself: no {Feature.MLA}.")
        library = cast(LatentLibrary, self.library)
        output = library.mla_attention(query, latent_cache, **named)
        return check_output("mla_attention", output, query, named["latent_size"])


def _given(named: Mapping[str, Any]) -> dict[str, Any]:
    """Features that are asked for: a library without one need not take its name."""
    plain = named.get("kv_cache_dtype", "auto") == "auto"
    return {
        name: value
        for name, value in named.items()
        if value is not None and not (plain and name in OF_QUANTISED_CACHES)
    }
