"""The oracle: what each operation of a paged KV cache is, in float64.

Written to be read beside the papers, never to be fast. Arrays of any float dtype go in; numbers are
taken as they are stored and nothing is rounded before the result, which is float64. What a correct
kernel may lose on the way is in `bounds`.

| module | operation | source |
|---|---|---|
| `attention` | one query over the keys that it sees | Vaswani et al. 2017, and per feature |
| `paged` | attention over block tables | Kwon et al. 2023 (PagedAttention) |
| `cache` | `reshape_and_cache`, `copy_blocks` | the same |
| `merge` | parts of a context into the whole | Milakov and Gimelshein 2018; Dao et al. 2023 |
| `mla` | multi-head latent attention | DeepSeek-V2, 2024 |
| `quantised` | K/V in fp8 (e4m3) and int8 | OCP 8-bit floating point specification, 2023 |
| `arguments` | what may be asked for at all | |
| `bounds` | how far a correct kernel may be off | Higham 2002; Higham and Mary 2019 |
"""
