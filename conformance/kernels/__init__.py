"""What is required of a kernel library: one file for each operation.

Requirements take a `library`, which is behind the checks of `conformance.targets.kernels.Checked`.
"""
