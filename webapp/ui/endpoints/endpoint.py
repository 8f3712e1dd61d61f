"""How a function becomes a named endpoint: checked arguments in, plain typed values out, refusals in words.

An endpoint is a function of its module, so that a test can call it. Its types and its docstring are what
``/gradio_api/info`` and ``?view=api`` tell; arguments are held to their types as those of the HTTP interface are.
"""

from __future__ import annotations

import inspect
import types
import typing
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import gradio as gr
from gradio.events import api
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, validate_call
from pydantic_core import to_jsonable_python
from typing_extensions import TypedDict, is_typeddict

from webapp.context import Context
from webapp.runtime.errors import NotAllowed, Problem, in_words
from webapp.runtime.identity import MOST_LETTERS
from webapp.runtime.listener_files import Downloads
from webapp.ui import handlers, waits

BY_PLACE = inspect.Parameter.POSITIONAL_OR_KEYWORD  # as Gradio gives them
GENERIC: dict[Any, Any] = {list: list, Sequence: list, tuple: tuple, dict: dict, Mapping: dict}

Token = Annotated[str, Field(max_length=MOST_LETTERS)]


@dataclass(frozen=True)
class Lane:
    """Endpoints that share their threads: ``at_once`` of them run together, the others wait for their turn."""

    name: str
    at_once: int


# votes and sound on the pages need the other threads of the forty that there are
QUICK, SLOW = Lane("quick", 8), Lane("slow", 4)
WAITING = Lane("waiting", 64)  # holds no thread while it waits


class _Meta(TypedDict):
    _type: Literal["gradio.FileData"]


class File(TypedDict):
    """A file as ``gradio_client`` uploads and downloads it: there it is a path."""

    path: str
    orig_name: str
    meta: _Meta


def _named_source(name: str) -> str:
    """``clips/ID`` or ``pieces/ID``; a bare id is a clip's."""
    kind, _, number = name.rpartition("/")
    try:
        if kind in {"", "clips", "pieces"}:
            return f"{kind or 'clips'}/{uuid.UUID(number)}"
    except ValueError:
        pass
    raise ValueError("name a clip as clips/ID, or a piece of your studio as pieces/ID")


SourceName = Annotated[str, AfterValidator(_named_source)]


def file_for(context: Context, listener_id: uuid.UUID, name: str, data: bytes) -> File:
    """A file for this listener to download."""
    return file_at(Downloads(context.settings.home).write(listener_id, name, data))


def file_at(path: Path) -> File:
    """A file that lies in a folder of ``Downloads``."""
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def taken(context: Context, files: Sequence[File], most_bytes: int) -> list[tuple[str, bytes]]:
    """Names and contents of uploaded files, whose copies are deleted; raises ``NotAllowed``."""
    downloads = Downloads(context.settings.home)
    try:
        return [(each["orig_name"], downloads.take_upload(each["path"], most_bytes)) for each in files]
    except ValueError as error:
        raise NotAllowed(str(error)) from error


@dataclass(frozen=True)
class Endpoint:
    """A function whose first argument is the ``Context``, under the name by which notebooks and assistants call it."""

    name: str
    call: Callable[..., Any]
    lane: Lane = QUICK
    progress: bool = False

    def offer(self, site: gr.Blocks, context: Context) -> None:
        """Add the endpoint to the site that is being built."""
        dependency = api(
            bound(self, context),
            api_name=self.name,
            api_description=inspect.getdoc(
                self.call
            ),  # all of it: by itself Gradio would leave out arguments and result
            concurrency_id=f"endpoints.{self.lane.name}",
            concurrency_limit=self.lane.at_once,
        )
        # gr.api has no place among its arguments for the gr.Progress by which Gradio knows this
        site.fns[dependency["id"]].tracks_progress = self.progress


def bound(endpoint: Endpoint, context: Context) -> Callable[..., Any]:
    """The endpoint's function with its context, as Gradio reads and calls it."""
    function = endpoint.call
    hints = typing.get_type_hints(function)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    names = [each.name for each in parameters]
    checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(function)
    answer: TypeAdapter[Any] = TypeAdapter(hints["return"])

    def plainly(result: Any) -> Any:
        return answer.dump_python(answer.validate_python(to_jsonable_python(result)), mode="json")

    def call(*given: Any) -> Any:
        handlers.note_address()
        with refusing(endpoint.name), waits.heeded():
            return plainly(checked(context, **dict(zip(names, given, strict=True))))

    async def call_waiting(*given: Any) -> Any:
        handlers.note_address()
        with refusing(endpoint.name):
            return plainly(await checked(context, **dict(zip(names, given, strict=True))))

    offered: Any = call_waiting if inspect.iscoroutinefunction(function) else call
    told = {name: plain(hints[name]) for name in (*names, "return")}
    offered.__name__ = offered.__qualname__ = endpoint.name
    offered.__doc__ = inspect.getdoc(function)
    offered.__annotations__ = told
    offered.__signature__ = inspect.Signature(
        [
            inspect.Parameter(each.name, BY_PLACE, default=each.default, annotation=told[each.name])
            for each in parameters
        ],
        return_annotation=told["return"],
    )
    return typing.cast("Callable[..., Any]", offered)


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """What the HTTP interface answers as an error, as Gradio's."""
    with handlers.refusing(name, _refusal):
        try:
            yield
        except ValidationError as error:
            raise NotAllowed(in_words(error.errors())) from error


def _refusal(problem: Problem) -> gr.Error:
    return gr.Error(str(problem), title=problem.code or "refused", print_exception=False)


def plain(hint: Any) -> Any:
    """A type in the words that Gradio has for types: models become dicts of what they hold, ids and times text."""
    origin, inner = get_origin(hint), get_args(hint)
    if inspect.isclass(hint) and origin is None:
        return _plain_class(hint)
    if origin is Annotated:
        return plain(inner[0])
    if origin is types.UnionType or origin is typing.Union:
        return typing.Union[tuple(plain(each) for each in inner)]  # noqa: UP007 (made of a list)
    if origin in GENERIC:
        return GENERIC[origin][tuple(each if each is ... else plain(each) for each in inner)]
    return hint


def _plain_class(hint: type) -> Any:
    if issubclass(hint, BaseModel):
        fields = {name: field.annotation for name, field in hint.model_fields.items()}
    elif is_typeddict(hint) or is_dataclass(hint):
        fields = typing.get_type_hints(hint)
    else:
        return str if hint in {uuid.UUID, datetime} else hint
    return TypedDict(hint.__name__, {name: plain(each) for name, each in fields.items()})  # type: ignore[operator]
