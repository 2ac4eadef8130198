"""What "right" looks like, in code: oracle, Metal kernels, emulator and MLX model runner.

Imports neither `conformance` nor `fixtures`; the suite reaches it only as it reaches any target.
"""
