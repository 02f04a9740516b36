"""Mutated inputs of every kind: each ends with a result or with one of the library's own errors.

    python -m Testing.fuzz --inputs 5000 --seed 1 --output Testing/fuzz/results

`samples` makes small good inputs, `blind` and `structured` damage them, `targets` reads them as the commands do,
`worker` does so in a process of its own with limits, and `campaign` watches over it. Input N of a seed is always the
same one: `--only N` runs it alone and keeps its files.
"""
