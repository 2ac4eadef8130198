"""The suite: what is required of a target. Never imports `reference`."""
