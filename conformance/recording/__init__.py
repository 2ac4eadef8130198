"""Recording production through its API: a snapshot from any endpoint that shows logprobs.

For those who have production's URL and no access to its GPUs. `record_over_api` finds the strongest
route that the server offers, and says in the snapshot what that route could not see.
"""

from conformance.recording.endpoint import RecordingError
from conformance.recording.record import record_over_api

__all__ = ["RecordingError", "record_over_api"]
