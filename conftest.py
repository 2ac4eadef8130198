"""Makes the suite's options and fixtures known to a plain `pytest` in this checkout."""

pytest_plugins = ["conformance.plugin"]
