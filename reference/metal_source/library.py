"""The operations of the contract, by the kernels that a TOML file names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from reference.emulator import Library
from reference.emulator.library import Pipeline
from reference.metal_source.arithmetic import Expression, Number
from reference.metal_source.layout import AXES
from reference.metal_source.reader import read
from reference.metal_source.spec import CACHES, Buffer, Dispatch, Spec, SpecError, Temporary

Array = NDArray[Any]

NOBODY_WROTE = 0xFF
"""Each byte of memory that no kernel has written to: NaN in every float dtype, -1 in integers."""


class MetalSource:
    """A kernel library of `.metal` files.

    Raises:
        SpecError: the TOML file is wrong.
        CompileError: a `.metal` file is none.
    """

    def __init__(self, path: Path) -> None:
        self._spec: Spec = read(path)
        self.name = self._spec.name
        files = {d.file for dispatches in self._spec.operations.values() for d in dispatches}
        self._libraries = {
            file: Library.from_file(
                file,
                include_folders=self._spec.include_folders,
                defines=self._spec.defines,
            )
            for file in sorted(files)
        }
        self._pipelines: dict[tuple[Path, str, tuple[tuple[str | int, object], ...]], Pipeline] = {}

    def capabilities(self) -> Mapping[str, Any]:
        return self._spec.capabilities

    def reshape_and_cache(
        self, key: Array, value: Array, key_cache: Array, value_cache: Array, slot_mapping: Array
    ) -> None:
        if not len(key):
            return  # Metal dispatches no empty grid
        arrays = {
            "key": key,
            "value": value,
            "key_cache": key_cache,
            "value_cache": value_cache,
            "slot_mapping": slot_mapping,
        }
        self._run("reshape_and_cache", arrays, {"num_tokens": len(key)})

    def copy_blocks(self, key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
        if not len(block_mapping):
            return
        arrays = {
            "key_cache": key_cache,
            "value_cache": value_cache,
            "block_mapping": block_mapping,
        }
        self._run("copy_blocks", arrays, {"num_pairs": len(block_mapping)})

    def paged_attention(
        self,
        query: Array,
        key_cache: Array,
        value_cache: Array,
        *,
        block_table: Array,
        seq_lens: Array,
        query_start_loc: Array,
        scale: float,
        sliding_window: int | None = None,
        logits_soft_cap: float | None = None,
        sinks: Array | None = None,
        alibi_slopes: Array | None = None,
    ) -> Array:
        output: Array = np.empty(query.shape, query.dtype)
        if not len(query):
            return output
        output.view(np.uint8).fill(NOBODY_WROTE)
        if self._spec.one_query_per_row:
            block_table, seq_lens, query_start_loc = _rows(block_table, seq_lens, query_start_loc)
        arrays = {
            "query": query,
            "key_cache": key_cache,
            "value_cache": value_cache,
            "block_table": block_table,
            "seq_lens": seq_lens,
            "query_start_loc": query_start_loc,
            "sinks": sinks,
            "alibi_slopes": alibi_slopes,
            "output": output,
        }
        numbers: dict[str, Number] = {
            "num_tokens": len(query),
            "num_heads": query.shape[1],
            "num_seqs": len(seq_lens),
            "max_blocks": block_table.shape[1],
            "max_seq_len": int(seq_lens.max()),
            "max_query_len": int(np.diff(query_start_loc).max()),
            "scale": scale,
            "sliding_window": sliding_window or 0,
            "logits_soft_cap": logits_soft_cap or 0.0,
            "has_sliding_window": int(sliding_window is not None),
            "has_logits_soft_cap": int(logits_soft_cap is not None),
            "has_sinks": int(sinks is not None),
            "has_alibi_slopes": int(alibi_slopes is not None),
        }
        self._run("paged_attention", arrays, numbers)
        return output

    def _run(
        self, operation: str, arrays: Mapping[str, Array | None], numbers: Mapping[str, Number]
    ) -> None:
        """Runs the kernels of an operation; what they write is in `arrays` then.

        Raises:
            EmulatorError: with the finding's sentence, where a kernel does what it may not.
            ExpressionError: an expression cannot be computed for these sizes.
        """
        cache = arrays["key_cache"]
        assert cache is not None
        sizes = dict(zip(AXES, cache.shape, strict=True))
        known: dict[str, Number] = {**sizes, "element_size": cache.itemsize, **numbers}
        for name, expression in self._spec.let.items():
            known[name] = expression.value(known, _no_strides)
        call = _Call(self._spec, arrays, known, cache.dtype)
        for dispatch in self._spec.operations[operation]:
            if dispatch.when is None or dispatch.when.value(known, call.stride_in(dispatch)):
                self._dispatch(dispatch, call)
        call.finish()

    def _dispatch(self, dispatch: Dispatch, call: _Call) -> None:
        spec, strides = self._spec, call.stride_in(dispatch)

        def whole(expressions: tuple[Expression, ...]) -> tuple[int, int, int]:
            x, y, z = (*(e.whole(call.known, strides) for e in expressions), 1, 1)[:3]
            return x, y, z

        constants = {
            name: expression.value(call.known, strides)
            for name, expression in dispatch.function_constants.items()
        }
        words = {"dtype": spec.types[call.dtype.name], **call.known}
        pipeline = self._pipeline(dispatch, dispatch.function.format(**words), constants)
        encoder = pipeline.encoder(check=spec.checks or None, deadline=spec.deadline)
        for buffer in dispatch.buffers:
            if buffer.value is not None:
                value = buffer.value.value(call.known, strides)
                encoder.set_bytes(np.array(value, _dtype(buffer.dtype)), buffer.index)
            else:
                encoder.set_buffer(call.bound(buffer), index=buffer.index)
        for index, length in enumerate(dispatch.threadgroup_memory):
            encoder.set_threadgroup_memory_length(length.whole(call.known, strides), index)
        grid, threads = whole(dispatch.grid), whole(dispatch.threads_per_threadgroup)
        if dispatch.groups:
            encoder.dispatch_threadgroups(grid, threads)
        else:
            encoder.dispatch_threads(grid, threads)

    def _pipeline(
        self, dispatch: Dispatch, function: str, constants: Mapping[str | int, Any]
    ) -> Pipeline:
        library = self._libraries[dispatch.file]
        key = (dispatch.file, function, tuple(constants.items()))
        if key not in self._pipelines:
            self._pipelines[key] = library.new_function(function, constants)
        return self._pipelines[key]


class _Call:
    """The arrays of one call as its kernels see them."""

    def __init__(
        self,
        spec: Spec,
        arrays: Mapping[str, Array | None],
        known: Mapping[str, Number],
        dtype: np.dtype[Any],
    ) -> None:
        self.known, self.dtype = known, dtype
        self._spec, self._arrays = spec, arrays
        self._bound: dict[tuple[str, str, bool], Array] = {}
        self._packed: dict[str, tuple[Array, bytes]] = {}

    def bound(self, buffer: Buffer) -> Array | None:
        """The memory that a buffer is bound to: the same in every dispatch of the call."""
        key = buffer.array, buffer.dtype, buffer.strided
        if key not in self._bound:
            if buffer.array in self._spec.temporaries:
                self._bound[key] = self._temporary(self._spec.temporaries[buffer.array])
            elif (array := self._arrays[buffer.array]) is None:
                return None  # of a feature that is not asked for
            elif buffer.array in CACHES:
                self._bound[key] = self._cache(buffer.array, array)
            elif buffer.strided:
                self._bound[key] = _memory(array)
            else:
                dtype = _dtype(buffer.dtype) if buffer.dtype else array.dtype
                self._bound[key] = np.ascontiguousarray(array, dtype)
        return self._bound[key]

    def stride_in(self, dispatch: Dispatch) -> Callable[[str, int], int]:
        """Strides in elements of the arrays that a dispatch is given."""
        buffers = {buffer.array: buffer for buffer in dispatch.buffers if buffer.array}

        def stride(name: str, axis: int) -> int:
            array = self._arrays[name] if buffers[name].strided else self.bound(buffers[name])
            return 0 if array is None else array.strides[axis] // array.itemsize

        return stride

    def finish(self) -> None:
        """What kernels wrote to copies is put where the caller has it: an output in a dtype of its
        own, and caches in another layout if they were written to."""
        for (name, dtype, _), array in self._bound.items():
            if name == "output" and dtype:
                output = self._arrays[name]
                assert output is not None
                output[...] = array.astype(output.dtype)
        for name, (packed, before) in self._packed.items():
            if packed.tobytes() != before:
                cache = self._arrays[name]
                assert cache is not None
                layout = self._spec.layouts[name]
                cache[...] = layout.unpacked(packed, cache.shape, self.known, _no_strides)

    def _cache(self, name: str, cache: Array) -> Array:
        packed = self._spec.layouts[name].packed(cache, self.known, _no_strides)
        if packed.flags.c_contiguous and np.shares_memory(packed, cache):
            return packed
        packed = packed.copy(order="C")
        self._packed[name] = packed, packed.tobytes()
        return packed

    def _temporary(self, said: Temporary) -> Array:
        shape = tuple(part.whole(self.known, _no_strides) for part in said.shape)
        array: Array = np.empty(shape, self.dtype if said.dtype == "query" else _dtype(said.dtype))
        if said.fill is None:
            array.reshape(-1).view(np.uint8).fill(NOBODY_WROTE)
        else:
            array.fill(said.fill.value(self.known, _no_strides))
        return array


def _rows(
    block_table: Array, seq_lens: Array, query_start_loc: Array
) -> tuple[Array, Array, Array]:
    """Each query token as a sequence of its own, which ends with it: what decode kernels take."""
    counts = np.diff(query_start_loc)
    of = np.repeat(np.arange(len(counts)), counts)
    inside = np.arange(len(of)) - query_start_loc[of]
    lengths = seq_lens[of] - counts[of] + inside + 1
    starts = np.arange(len(of) + 1)
    return block_table[of], lengths.astype(np.int32), starts.astype(np.int32)


def _memory(array: Array) -> Array:
    """The memory from an array's first number to its last, as one axis.

    Raises:
        SpecError: its strides are none that a kernel could be told.
    """
    low, high = byte_bounds(array)
    steps = [stride for stride, size in zip(array.strides, array.shape, strict=True) if size > 1]
    if low != array.ctypes.data or any(step % array.itemsize for step in steps):
        raise SpecError(f"strides of {array.strides} bytes cannot be counted in elements.")
    shape, strides = ((high - low) // array.itemsize,), (array.itemsize,)
    return np.lib.stride_tricks.as_strided(array, shape, strides)


def _dtype(name: str) -> np.dtype[Any]:
    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    return found


def _no_strides(array: str, axis: int) -> int:
    raise SpecError(f"the stride of {array} is not known here.")
