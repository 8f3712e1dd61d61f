"""The interface: Gradio with a theme of its own, components that bring their script and style, and pages made of them.

Handlers call a slice and hold no rules of their own. Begin with ``site``; ``docs/architecture.md`` says how to add
to it.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

# Gradio reads these when it is imported: no look-ups, nothing sent anywhere
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

WRITES_STUBS = "gradio.component_meta"


class WithoutStubs(MetaPathFinder):
    """Finds the module by which Gradio writes a ``.pyi`` for each of its components, and leaves that out.

    Gradio compares them with its source whenever it is imported, which is two fifths of the seconds of the import. It
    has no setting for that.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where the one module is; nothing of any other."""
        if fullname != WRITES_STUBS or (spec := PathFinder.find_spec(fullname, path, target)) is None:
            return None
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = _LoaderWithoutStubs(spec.loader.name, spec.loader.path)
        return spec


class _LoaderWithoutStubs(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.__dict__["create_or_modify_pyi"] = lambda *_: None


sys.meta_path.insert(0, WithoutStubs())
