"""Runs demos of components as ``python -m webapp.ui.components.NAME`` does, in forks of a process with Gradio loaded.

A line ``NAME<tab>PORT<tab>LOG`` asks for one; its process id is the answer. Loading Gradio takes three seconds.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys

import gradio as gr


def run(name: str, port: str, log: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, of in ((0, os.open(os.devnull, os.O_RDONLY)), (1, written), (2, written)):
        os.dup2(of, descriptor)
    os.environ["GRADIO_SERVER_PORT"] = port
    runpy.run_module(f"webapp.ui.components.{name}", run_name="__main__", alter_sys=True)


def main() -> None:
    assert gr.__version__
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a demo has ended
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(*line.rstrip("\n").split("\t"))
            return
        print(child, flush=True)


if __name__ == "__main__":
    main()
