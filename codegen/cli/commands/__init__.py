"""The commands of `gen-conv`, one file each: `arguments(parser)` declares its options, `run(…)` does it.

`generate` is the command that needs no word: `gen-conv SPEC`.
"""

from __future__ import annotations

COMMANDS = {
    "show": "shapes, cost and plan of each layer",
    "verify": "compile, run, and compare with the float64 reference",
    "size": "bytes, instructions and cycles of each layer on a microcontroller",
    "bench": "our kernels and their peers on the same layers, timed in one run",
    "warm": "the kernels of all layers compiled into the cache, several at a time",
    "quantize": "layers of int8 from layers of floats and samples of their input",
    "import": "a model of another tool as a .conv file and its weights",
    "report": "a page of each layer and model: graph, plan, roofline, memory, C",
    "doctor": "the compiler, target and cache that this machine offers",
    "explain": "the rule behind an error code, with a wrong and a right example",
    "new": "a commented .conv file to start from",
    "fmt": ".conv files laid out alike, comments and meaning as they were",
    "lsp": "a language server for editors, over standard input and output",
}

MODULES = {"import": "importing"}  # whose own name is a word of Python

__all__ = ["COMMANDS", "MODULES"]
