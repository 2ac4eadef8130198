"""A server of responses and messages in memory, and one fault each for what requirements see."""
