"""What runs in a process of its own, in any interpreter: an engine, or somebody's kernels.

| module | side | what it is |
|---|---|---|
| `process` | the suite's | starts the process, asks it over a pipe, with deadlines |
| `answers` | the process's | answers until there are no more questions; standard library only |
"""
