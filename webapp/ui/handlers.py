"""Between Gradio's events and the slices: what a handler is given besides its inputs, and what becomes of a refusal."""

from __future__ import annotations

import functools
import inspect
import logging
import typing
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.context import LocalContext
from sqlalchemy.exc import DBAPIError

from webapp.context import Context
from webapp.generation.protocol import GenerationError, of_generator
from webapp.runtime import limits
from webapp.runtime.database import of_database
from webapp.runtime.errors import (
    OUR_MISTAKE,
    NoListener,
    NotReady,
    OurMistake,
    Problem,
    UnknownListenerError,
)
from webapp.runtime.identity import Claim
from webapp.ui import waits
from webapp.ui.words import capital

log = logging.getLogger(__name__)

BROKEN = f"{OUR_MISTAKE}. Nothing that was there is lost: load the page again, and tell whoever runs this server"
NOBODY = "no listener's token came with this; load the page again, or call new_listener for one"
GONE = "This listener was deleted, perhaps in another tab. Load the page again to start afresh, or call new_listener."

# A click that the header sees, which takes the listener along where a frame keeps nothing.
GO = """(address) => {
  if (address) Object.assign(document.body.appendChild(document.createElement("a")), {href: address}).click();
}"""


def bound(handler: Callable[..., Any], *given: Any) -> Callable[..., Any]:
    """A handler with its first arguments given, for Gradio to call with the others.

    Handlers are functions of their module, so that a test can call them; a page's ``build`` gives them its context::

        button.click(bound(compose, context), inputs=listener, outputs=said, api_name="compose")

    Whatever it raises is shown to the person who asked, in words. The docstring and the types of what is left are the
    endpoint's.
    """

    @functools.wraps(handler)
    def call(*args: Any) -> Any:
        note_address()
        with refusing(handler.__name__), waits.heeded():
            return handler(*given, *args)

    @functools.wraps(handler)
    def call_often(*args: Any) -> Any:
        note_address()
        with refusing(handler.__name__):
            answers = iter(handler(*given, *args))
            while True:
                with waits.heeded():  # within one step: between two of them others run in this context
                    answer = next(answers, answers)
                if answer is answers:
                    return
                yield answer

    wrapped: Any = call_often if inspect.isgeneratorfunction(handler) else call
    left = list(inspect.signature(handler).parameters.values())[len(given) :]
    hints = typing.get_type_hints(handler)
    del wrapped.__wrapped__  # or Gradio would count the given arguments as well
    wrapped.__signature__ = inspect.Signature(
        [each.replace(annotation=hints.get(each.name, each.annotation)) for each in left]
    )
    wrapped.__annotations__ = {each.name: hints[each.name] for each in left if each.name in hints}
    if "return" in hints:
        wrapped.__annotations__["return"] = hints["return"]
    return typing.cast("Callable[..., Any]", wrapped)


@contextmanager
def refusing(name: str, shown: Callable[[Problem], gr.Error] | None = None) -> Iterator[None]:
    """What goes wrong in the handler of this ``name`` is ``shown`` in words, where Gradio would say “Error” alone."""
    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        raise (shown or _shown)(problem_of(error, name)) from error


def problem_of(error: Exception, name: str) -> Problem:
    """What whoever asked is answered, as by the HTTP interface; what nobody expected is logged."""
    match error:
        case Problem():
            return error
        case GenerationError():
            return of_generator(error)
        case DBAPIError():
            return of_database(error)
    log.error("handler_failed name=%s", name, exc_info=error)
    return OurMistake()


def note_address() -> None:
    """Limits count what follows for whoever asked Gradio for it."""
    request = LocalContext.request.get(None)
    limits.note_address(request.client.host if request and request.client else None)


def listener_of(context: Context, token: str | None) -> uuid.UUID:
    """``claim_of``; the listener is stored now where nothing was stored of them yet."""
    claim = claim_of(context, token)
    context.newcomers.settle(claim)
    return claim.listener_id


def claim_of(context: Context, token: str | None) -> Claim:
    """Whose token it is; raises ``NoListener`` where there is none and ``InvalidToken`` where it is not valid."""
    if not token:
        raise NoListener(NOBODY)
    return context.tokens.read(token)


def claim_of_looking(context: Context, token: str | None) -> Claim:
    """``claim_of`` for what nothing is stored for; raises ``NotReady`` for who came before there was anything to draw.

    An endpoint gives no other token, which would carry what can be drawn by now.
    """
    claim = claim_of(context, token)
    if claim.new and context.newcomers.drawn_for(claim) is not claim:
        raise NotReady("there was nothing to hear yet when this listener was made; call new_listener for another")
    return claim


def _shown(problem: Problem) -> gr.Error:
    text = GONE if isinstance(problem, UnknownListenerError) else str(problem)
    text = BROKEN if isinstance(problem, OurMistake) else text
    return gr.Error(f"{capital(text).rstrip('.')}.", title="That did not work", print_exception=False)
