"""Runners: whatever turns token ids into logits, in this process or in an engine's own."""
