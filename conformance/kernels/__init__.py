"""What is required of a kernel library: one file for each operation.

Requirements take a `library`, which is behind the checks of `conformance.targets.kernels.Checked`.

| module | what it holds |
|---|---|
| `test_reshape_and_cache`, `test_copy_blocks` | what is written, and where |
| `test_paged_attention` | its numbers, against the oracle's and PyTorch's |
| `test_paged_attention_memory` | what it reads and writes, and what changes nothing |
| `test_mla_attention` | the same of attention over latents |
| `test_pool` | a pool that is full, and what it costs |
| `cases` | the calls that every library is measured with |
| `invariants` | what holds of every attention, as `test_…_memory` and `test_mla_attention` ask it |
| `generated` | calls that nobody listed |
| `expect`, `memory`, `pools`, `footprint` | judgements, calls changed, guard bands, bytes |
"""
