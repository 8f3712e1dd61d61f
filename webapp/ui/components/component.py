"""What all components share: a ``gr.HTML`` that starts the ES module beside its Python file.

The module's ``start({element, props, trigger, server, upload, watch})`` is called once its element is on the page, and
again with a new element where Gradio renders the component anew. It links its own style sheet (``shared/dress.js``).
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import gradio as gr
from gradio.component_meta import ComponentMeta, updateable
from gradio.events import Dependency

FOLDER = Path(__file__).parent
SERVED = frozenset({".js", ".css", ".woff2"})

# A button that is pressed before the module can answer is pressed again once it can.
STARTER = """
element.ariaBusy = "true";
const early = [];
const keep = (event) => early.push(event.target.closest("button"));
element.addEventListener("click", keep, true);
import(new URL("%(module)s", document.baseURI).href).then(async (module) => {
  element.removeEventListener("click", keep, true);
  await module.start(%(given)s);
  element.ariaBusy = "false";
  for (const button of early) button?.click();
});
"""

Event = Callable[..., Dependency]  # how a custom event is annotated on its component

_updateable: Callable[..., Any] = updateable  # Gradio has not typed it
# where a browser finds FOLDER, relative to the document; None: Gradio serves it
_address: ContextVar[str | None] = ContextVar("address", default=None)


@contextmanager
def served_at(folder: str) -> Iterator[None]:
    """Components made within look for their modules at ``folder``: a site with a route of its own for them."""
    token = _address.set(folder.rstrip("/"))
    try:
        yield
    finally:
        _address.reset(token)


class _WithoutStub(ComponentMeta):
    """Makes a component's class as Gradio does, but writes no ``.pyi`` beside it.

    Gradio writes one whenever a class of a component is made; type checkers would then read it instead of the source.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> _WithoutStub:
        if "__init__" in attrs:
            attrs["__init__"] = _updateable(attrs["__init__"])  # a handler may return a component as an update
        return ABCMeta.__new__(cls, name, bases, attrs)


class Component(gr.HTML, metaclass=_WithoutStub):
    """A ``gr.HTML`` whose script is the ES module ``script``, a file of this folder.

    Args:
        value: What the module reads as ``props.value`` and what handlers get.
        html_template: The markup that stands there until the module has started and that it then brings to life. Props
            that change should not stand in it, or Gradio draws it anew over what the module has made of it.
        **settings: Everything else that ``gr.HTML`` takes; what it doesn't know is a prop of the module.
    """

    script: ClassVar[str]
    described: ClassVar[str] = ""  # what its value is, for whoever calls a page's endpoints
    api_type: ClassVar[str] = "object"
    custom_events: ClassVar[Sequence[str]] = ()  # those that Gradio doesn't know by name

    def __init__(self, value: Any = None, *, html_template: str = "", **settings: Any) -> None:
        # Gradio finds the names of custom events as quoted words in this text
        starting = f"{{element, props, trigger, server, upload, watch, events: {list(self.custom_events)}}}"
        super().__init__(
            value,
            html_template=html_template,
            js_on_load=STARTER % {"module": f"{address()}/{self.script}", "given": starting},
            apply_default_css=False,
            **settings,
        )

    def preprocess(self, payload: Any) -> Any:
        """What a handler gets: the value as the module has it."""
        return payload

    def postprocess(self, value: Any) -> Any:
        """What the module gets as its value."""
        return value

    def api_info(self) -> dict[str, Any]:
        """What its value is to a caller of an endpoint; where nothing is ``described``, as Gradio has it."""
        return {"type": self.api_type, "description": self.described} if self.described else super().api_info()


def address() -> str:
    """Where a browser finds the scripts of the components that are made now, relative to the document."""
    return _address.get() or _served_by_gradio()


@cache
def _served_by_gradio() -> str:
    """The address at which Gradio serves our scripts and styles, and of the folder nothing else."""
    gr.set_static_paths([path for path in sorted(FOLDER.rglob("*")) if path.suffix in SERVED])
    return f"gradio_api/file={FOLDER.as_posix()}"
