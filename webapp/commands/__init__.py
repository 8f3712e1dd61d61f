"""The commands of ``kallos``: each adds its arguments to the parser and has a function that runs it.

A command imports what it needs when it runs, so that the others answer at once. Begin with ``running.py``.
"""

from __future__ import annotations

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # what a command adds its parser to
