"""What a profile's folders hold is the whole profile."""

from __future__ import annotations

import pytest

from conformance import catalogue
from conformance.kinds import PARTS
from conformance.plugin import FOLDERS
from conformance.requirements import requirement_of


class Collected:
    """Ids that pytest collects."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.ids = {found.id for item in session.items if (found := requirement_of(item))}


@pytest.mark.parametrize("profile", FOLDERS)
def test_a_profile_is_collected_whole(profile):
    collected = Collected()
    catalogue.run_pytest(["--collect-only", "--profile", profile], [collected], PARTS)
    stated = {each.id for each in catalogue.requirements() if profile in each.profiles}
    assert collected.ids == stated and stated
