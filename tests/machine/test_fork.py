"""A process that forks while another of its threads compiles: neither it nor its child is ever stuck.

The lock behind machine.compilers keeps a fork out of a compiler's start: the child would hold the writing end of a pipe
whose closing the parent waits for, while it waits itself for the parent's turn at the cache to end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARE = 50  # one fork for so many of --specs: 10000 of them are 200 forks

pytestmark = [
    pytest.mark.compiles,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
]

FORKING = """
import os, signal, sys, threading
import numpy as np
import codegen
from codegen.machine import compilers

assert compilers.find() is not None
rng, forks, ended = np.random.default_rng(1), int(sys.argv[1]), threading.Event()
x = np.ones((1, 9, 1), "f")

def first(taps):
    layer = codegen.Conv1D(1, taps, kernel_initializer="ones", input_shape=(9, 1), target="scalar")
    return float(layer(x)[0, 0, 0])

def compile_until_the_end():
    made = 0
    while not ended.is_set():
        layer = codegen.Conv1D(1 + made % 7, 1 + made // 7 % 9, input_shape=(9 + made, 1), target="scalar")
        layer(np.ones((1, 9 + made, 1), "f"))
        made += 1

first(9)  # and so all is imported: a child born while another thread imports a module waits for it in Python itself
threads = [threading.Thread(target=compile_until_the_end) for _ in range(2)]
for thread in threads:
    thread.start()
wrong = 0
for number in range(forks):
    ended.wait(rng.random() * 0.05)
    child = os.fork()
    if not child:
        signal.alarm(120)  # a child that is stuck ends by this
        os._exit(0 if first(1 + number % 9) == 1 + number % 9 else 1)
    wrong += os.waitpid(child, 0)[1] != 0
ended.set()
for thread in threads:
    thread.join()
print(forks, wrong)
"""


def test_a_fork_while_another_thread_compiles(specs: int) -> None:
    """The child compiles, too, and gets the right sum."""
    forks = max(6, specs // SHARE)
    words = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, str(forks)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert (done.stdout.split(), done.stderr) == ([str(forks), "0"], "")


def test_a_fork_waits_until_a_compiler_has_started() -> None:
    """A child is never born between the making of Popen's pipes and their closing."""
    code = """
import os, subprocess, threading
from codegen.machine import compiler_process

started, go, order = threading.Event(), threading.Event(), []
real = subprocess.Popen.__init__

def slow(self, *arguments, **options):
    started.set()
    go.wait(60)
    real(self, *arguments, **options)
    order.append("started")

subprocess.Popen.__init__ = slow
compiling = threading.Thread(target=compiler_process.run, args=(("true",),), kwargs={"seconds": 60})
compiling.start()
started.wait(60)
threading.Timer(0.2, go.set).start()
child = os.fork()
if not child:
    os._exit(len(order))  # as many compilers as had started when it was born
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
compiling.join()
"""
    words = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("1\n", "")
