"""Which of vLLM's options are refused, on configurations that have only what is asked about."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reference.vllm_plugin.options import SERVED, refuse

ASKED: dict[str, Any] = {
    "tensor_parallel_size": 2,
    "cache_dtype": "fp8",
    "load_format": "dummy",
    "hf_overrides": {"num_hidden_layers": 1},
    "enable_prompt_embeds": True,
    "speculative_config": object(),
    "cpu_offload_gb": 0.5,
}


def config(path: str, value: object) -> SimpleNamespace:
    """A configuration that has one value at a path, as vLLM's nest."""
    for name in reversed(path.split(".")):
        value = SimpleNamespace(**{name: value})
    assert isinstance(value, SimpleNamespace)
    return value


def test_a_configuration_without_any_of_the_options_is_taken() -> None:
    """An older vLLM, and one that is asked about no model."""
    refuse(SimpleNamespace())
    refuse(SimpleNamespace(model_config=None))


@pytest.mark.parametrize(("option", "path", "served"), SERVED, ids=lambda part: str(part)[:40])
def test_only_the_values_of_the_table_are_taken(
    option: str, path: str, served: tuple[object, ...]
) -> None:
    for value in served:
        refuse(config(path, value))
    with pytest.raises(ValueError, match=rf"^The reference backend does not support {option}"):
        refuse(config(path, ASKED.get(path.rsplit(".", 1)[-1], "another")))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("parallel_config.tensor_parallel_size", "--tensor-parallel-size 2."),
        ("load_config.load_format", "--load-format dummy."),
        ("model_config.enable_prompt_embeds", "--enable-prompt-embeds."),
        ("speculative_config", "--speculative-config."),
        ("model_config.hf_overrides", "--hf-overrides."),
        ("offload_config.uva.cpu_offload_gb", "--cpu-offload-gb 0.5."),
    ],
)
def test_the_sentence_is_what_a_person_wrote(path: str, said: str) -> None:
    """The value too, where it is a word or a number."""
    with pytest.raises(ValueError) as refused:
        refuse(config(path, ASKED[path.rsplit(".", 1)[-1]]))
    assert str(refused.value) == f"The reference backend does not support {said}"
