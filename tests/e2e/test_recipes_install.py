"""Backends that Maccord installs are there afterwards, as their recipes pin them.

Most of the time is pip's: the servers of `test_real_servers` find their environments made.
"""

from __future__ import annotations

import pytest

from conformance.targets import recipes
from conformance.targets.environment import backend_version, prepare
from conformance.targets.progress import quiet


@pytest.mark.parametrize("name", ["mlx-lm", "reference"])
def test_a_backend_is_installed_as_pinned(name: str) -> None:
    """The reference lies over vLLM's CPU build, where there is one."""
    recipe = recipes.load(name)
    python = prepare(recipe, python=None, progress=quiet)
    pinned = f"{recipe.install.distribution}=={backend_version(recipe, python)}"
    assert pinned in recipe.install.requirements

    def installing(stage: str, detail: str) -> None:
        pytest.fail(f"installed twice: {stage} {detail}")

    assert prepare(recipe, python=None, progress=installing) == python
