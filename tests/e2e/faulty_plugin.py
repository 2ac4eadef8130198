"""A plugin of vLLM, for tests: MLX fails in the first step of more than `ROWS` tokens."""

from __future__ import annotations

from typing import Any

ROWS = 200
SAID = "[malloc_or_wait] Unable to allocate 17179869184 bytes."
"""What MLX says where a Mac's memory is used up."""


def register() -> None:
    from reference.model_runner.loading import Model

    hidden = Model.hidden

    def failing(self: Model, step: Any, pool: Any) -> Any:
        if len(step.token_ids) > ROWS:
            raise RuntimeError(SAID)
        return hidden(self, step, pool)

    Model.hidden = failing  # type: ignore[method-assign]
