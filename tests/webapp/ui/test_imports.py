"""How Gradio is imported."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec

import gradio

from webapp.ui import WRITES_STUBS, WithoutStubs


def test_gradio_writes_no_stub_of_a_component():
    (finder,) = (each for each in sys.meta_path if isinstance(each, WithoutStubs))
    spec = finder.find_spec(WRITES_STUBS, gradio.__path__)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    # Gradio's own looks for the source of the class, and there is none
    assert module.ComponentMeta("Component", (), {"EVENTS": [], "__module__": __name__}).EVENTS == []
    assert finder.find_spec("gradio.blocks", gradio.__path__) is None
