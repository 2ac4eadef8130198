"""What is made of a library's own words, and of what it is given and returns."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import library_own
import numpy as np
import pytest

from conformance.targets.errors import TargetError
from conformance.targets.kernels import (
    Checked,
    Feature,
    KernelCapabilities,
    KernelError,
    capabilities_of,
    load,
)
from conformance.targets.kernels.target import ADAPTERS
from fixtures.kernels import ArgumentError
from fixtures.kernels.cases import NUMPY, Case
from fixtures.kernels.latents import LatentCase

SLOT = np.array([3])
CASE = Case("float32", (20, 5), (3, 1))


def run(library, case=CASE, **changed):
    call = case.call()
    return library.paged_attention(
        call.query, call.key_cache, call.value_cache, **(call.named | changed)
    )


def test_a_mapping_says_what_a_library_does_and_the_rest_is_everything():
    said = capabilities_of(library_own.Own())
    assert said == KernelCapabilities(("float32",), (64,), None, ("prefill",))
    everything = KernelCapabilities()
    assert set(everything.features) == set(Feature)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"dtype": "float16"}, "no kernels for float16"),
        ({"head_size": 80}, "no kernels for a head size of 80"),
        ({"block_size": 8}, "no kernels for a block size of 8"),
        ({"sinks": True, "alibi": True}, "no alibi"),
        ({"query_lens": (1, 1)}, "no"),
    ],
)
def test_a_case_that_a_library_lacks_is_told_why(changed, reason):
    features = () if reason == "no" else ("prefill",)
    said = KernelCapabilities(("float32",), (64,), (16,), features)
    case = replace(CASE, **changed)
    found = said.lacks(
        dtype=case.dtype,
        head_size=case.head_size,
        block_size=case.block_size,
        features=case.features,
    )
    assert found == (None if reason == "no" else reason)


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        ({"dtypes": ("float8",)}, "Capabilities name the dtype 'float8'; there are float16, "),
        (
            {"features": ("speed",)},
            "Capabilities name the feature 'speed'; there are grouped-heads",
        ),
        ({"dtypes": ()}, "Capabilities name no dtype"),
        (
            {"fast": True},
            r"own: capabilities\(\) returned .*; expected KernelCapabilities or a map",
        ),
        (None, r"own: capabilities\(\) returned None"),
    ],
)
def test_capabilities_that_are_none_are_refused(says, sentence):
    library = library_own.Own()
    library.says = says
    with pytest.raises(KernelError, match="^" + sentence):
        Checked(library)


def test_arguments_are_checked_before_any_library_sees_them():
    library = load("library_own:Own")
    with pytest.raises(ArgumentError, match=r"^seq_lens\[0\] is 99"):
        run(library, seq_lens=np.array([99, 5], np.int32))
    pool = np.zeros((2, 8, 1, 8), np.float32)
    with pytest.raises(ArgumentError, match=r"^slot_mapping\[0\] is 16"):
        library.reshape_and_cache(pool[0, :1], pool[0, :1], pool, pool, np.array([16]))
    with pytest.raises(ArgumentError, match=r"^block_mapping\[0, 1\] is 2"):
        library.copy_blocks(pool, pool, np.array([[0, 2]]))


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (
            "Float64",
            r"paged_attention returned float64 \[4, 4, 64\]; expected float32 \[4, 4, 64\]",
        ),
        ("Nothing", "paged_attention returned NoneType; expected an array"),
    ],
)
def test_what_is_no_result_is_refused(kind, sentence):
    with pytest.raises(KernelError, match="^" + sentence):
        run(load(f"library_own:{kind}"))


def test_a_library_need_not_take_the_names_of_features_that_it_lacks():
    found = run(load("library_own:OneFeature"), sliding_window=None, sinks=None)
    assert np.array_equal(found, run(load("torch")))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "cuda",
            "There is no kernel library 'cuda': name one of reference-metal, reference-mlx, torch,",
        ),
        ("no_such:Thing", "no_such:Thing cannot be loaded: ModuleNotFoundError: No module"),
        ("library_own:Gone", "library_own:Gone cannot be loaded: AttributeError: module"),
        ("library_own:broken", "The kernel library 'library_own:broken' does not start: no GPU"),
        (
            "library_own:Incomplete",
            "'library_own:Incomplete' is no kernel library: it has no 'resh",
        ),
        (
            "library_own:NoLatents",
            "'library_own:NoLatents' says that it has mla, and has no 'mla_attention': add it, or",
        ),
    ],
)
def test_what_is_no_library_is_told_why(name, sentence):
    with pytest.raises(TargetError, match="^" + sentence):
        load(name)


def test_a_library_has_the_name_that_it_is_asked_for_by():
    pytest.importorskip("mlx.core", reason="reference-mlx needs MLX, which is not installed")
    here = [name for name in ADAPTERS if not name.startswith("vllm-")]  # see test_kernel_vllm
    assert [load(name).name for name in here] == here


def test_a_library_that_lives_elsewhere_says_how_it_is_reached():
    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vLLM is installed here")
    with pytest.raises(TargetError, match=r"^vllm-cpu is not installed here .*--kernels-p"):
        load("vllm-cpu")


def test_arrays_go_to_mlx_and_back_by_their_bits():
    pytest.importorskip("mlx.core", reason="MLX is not installed")
    from conformance.targets.kernels.on_vllm_metal import to_mlx, to_numpy

    for dtype, kind in NUMPY.items():
        numbers = np.array([[1.5, -0.0], [np.inf, 3e-3]], kind)[:, ::-1]
        there = to_mlx(numbers)
        assert there.dtype.__repr__().endswith(dtype)
        assert to_numpy(there, numbers.dtype).tobytes() == numbers.tobytes()


def test_latents_go_through_the_same_checks():
    case = LatentCase("float32", (20, 5), (1, 1), latent_size=32, rope_size=8)
    call = case.call()
    output = load("torch").mla_attention(call.query, call.latent_cache, **call.named)
    assert output.shape == (2, 4, 32)
    library = load("library_own:LatentsTooLong")
    with pytest.raises(KernelError, match=r"^mla_attention returned float32 \[2, 4, 40\]"):
        library.mla_attention(call.query, call.latent_cache, **call.named)
    with pytest.raises(ArgumentError, match=r"^seq_lens\[0\] is 99"):
        named = call.named | {"seq_lens": np.array([99, 5], np.int32)}
        library.mla_attention(call.query, call.latent_cache, **named)
    with pytest.raises(KernelError, match=r"^own says of itself: no mla"):
        load("library_own:Own").mla_attention(call.query, call.latent_cache, **call.named)


def test_a_library_without_caches_of_8_bits_need_not_take_their_names():
    found = run(load("library_own:OneFeature"), kv_cache_dtype="auto", k_scale=1.0, v_scale=1.0)
    assert np.array_equal(found, run(load("torch")))
    pool = np.zeros((2, 8, 1, 8), np.float32)
    library = load("library_own:PlainWrites")
    named = {"kv_cache_dtype": "auto", "k_scale": 1.0}
    library.reshape_and_cache(pool[0, :1] + 1, pool[0, :1] + 2, pool, pool.copy(), SLOT, **named)
    assert pool[0, 3].all()


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (LatentCase("float16", (3,), (1,)), None),
        (LatentCase("float16", (3,), (2,)), "no prefill"),
        (LatentCase("float16", (3,), (1,), block_size=32), "no kernels for a block size of 32"),
        (LatentCase("float16", (3,), (1,), rope_size=32), "no kernels for latents of 512 + 32"),
    ],
)
def test_latents_that_a_library_lacks_are_told_why(case, reason):
    said = KernelCapabilities(
        head_sizes=(64,), block_sizes=(16,), features=("mla",), latent_sizes=[[512, 64]]
    )
    found = said.lacks(
        dtype=case.dtype,
        latent_size=(case.latent_size, case.rope_size),
        block_size=case.block_size,
        features=case.features,
    )
    assert found == reason
