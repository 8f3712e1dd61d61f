"""Waiting on a page for what is composed: what it says in the queue and while it goes on, and a button that ends it.

What a handler composes ends, too, when the tab is closed: ``streams`` tells of it.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from statistics import median
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from webapp.context import Context
from webapp.runtime.errors import NobodyWaits
from webapp.runtime.waiting import heeding
from webapp.ui.layout import QUIET, status
from webapp.ui.words import duration, unbroken

A_MOMENT_S = 2.0  # of which nothing is said
NEWEST = 15  # waits by which the next one's is told
ENDS_S = 5.0  # within which what nobody waits for has mostly ended
PATIENCE_S = 15.0  # in which a composer that was stopped starts again
IN_THE_QUEUE = "In the queue…"
UNREACHABLE = (
    "The composer can't be reached just now. It is tried again by itself, and your music comes as soon as it answers."
)


def queueing(context: Context) -> str:
    """That it is in the queue, or that nobody is there to take it from the queue."""
    return UNREACHABLE if unreachable(context) else IN_THE_QUEUE


def going(text: str, seconds_left: float | None) -> str:
    """What goes on, which is read out when it changes, and how long it will take, as far as that is known."""
    told = f'<span role="status" aria-live="polite">{escape(unbroken(text))}</span>'
    return f'<p class="k-explain k-wide">{told} {left(seconds_left)}</p>'


def left(seconds: float | None) -> str:
    """How long it still takes, no more exactly than it is known; "" where it isn't."""
    if seconds is None:
        return ""
    return f"About {duration(seconds)} left." if seconds > 0 else "It takes longer than it did lately."


def unreachable(context: Context) -> bool:
    """Whether the generator has been silent for longer than it takes to start."""
    return context.generator_silence_s() > PATIENCE_S


class _Work:
    """Something that a page waits for: whether somebody has ``left``, and whether it has ``ended``."""

    def __init__(self) -> None:
        self.left, self.ended = threading.Event(), threading.Event()


_under_way: defaultdict[str, set[_Work]] = defaultdict(set)  # by session
_why: dict[str, str] = {}  # by session, until its page says it: why what was waited for last did not come


def cancel_button(**options: Any) -> gr.Button:
    """A button that ends what is waited for, shown as long as that goes on."""
    return gr.Button("Cancel", **{"size": "sm", "scale": 0, "min_width": 100, "visible": False, **options})


class Wait:
    """A place where it says what is being composed, with a button that ends it; made where both are to stand.

    What is said and how long it usually takes are those of one ``text``, whichever event it follows.
    """

    def __init__(self, **place: Any) -> None:
        with gr.Row(elem_classes="k-wait"):
            self.told = gr.HTML(apply_default_css=False, min_width=240, **place)
            self._cancel = cancel_button()
        self._cancel.click(cancel, None, None, **QUIET)
        self._lasted: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=NEWEST))

    def on(
        self, trigger: Callable[..., Any], text: str, handler: Callable[..., Any], inputs: Any, outputs: Any, **how: Any
    ) -> Any:
        """At an event: say this, have it done, and say nothing more where it was not; the last event of these."""
        how = how or QUIET
        lasted = self._lasted[text]

        def begin() -> list[Any]:
            usual = median(lasted) if lasted else 0.0
            return [going(text, usual if usual > A_MOMENT_S else None), gr.update(visible=True)]

        @functools.wraps(handler)  # Gradio reads its signature and its types
        def work(*given: Any) -> Any:
            began = time.monotonic()
            with noting_why():
                done = handler(*given)
            lasted.append(time.monotonic() - began)
            return done

        del work.__wrapped__
        begun = trigger(begin, outputs=[self.told, self._cancel], **how)
        done = begun.then(work, inputs, outputs, **how)
        done.success(_over, outputs=self._cancel, **how)
        done.failure(failed, outputs=[self.told, self._cancel], **how)
        return done


@contextmanager
def noting_why() -> Iterator[None]:
    """Gradio shows for some seconds what went wrong; it is kept for the page to say, where anything is to be said."""
    try:
        yield
    except gr.Error as error:
        request = LocalContext.request.get(None)
        if request and request.session_hash and error.visible:
            _why[request.session_hash] = str(error.message)
        raise


@contextmanager
def heeded() -> Iterator[None]:
    """What a handler does within ends when its page is closed, or somebody there presses Cancel."""
    request = LocalContext.request.get(None)
    session = request.session_hash if request else None
    if not session:
        yield
        return
    work = _Work()
    _under_way[session].add(work)
    try:
        with heeding(lambda: not work.left.is_set()):
            yield
    except NobodyWaits:
        raise gr.Error("Cancelled.", visible=False, print_exception=False) from None
    finally:
        _under_way[session].discard(work)
        if not _under_way[session]:
            _under_way.pop(session, None)
        work.ended.set()


def cancel(request: gr.Request) -> None:
    """End what is composed for this page, so that what is begun after this is not taken for it."""
    for work in leave(request.session_hash or ""):
        work.ended.wait(ENDS_S)


def _over(request: gr.Request) -> dict[str, Any]:
    """The button, as long as something else of this page goes on."""
    return gr.update(visible=request.session_hash in _under_way)


def failed(request: gr.Request) -> list[Any]:
    """Why it failed is said, and the button is gone, where nothing took the place of what failed."""
    why = _why.pop(request.session_hash or "", "")
    return [gr.skip() if request.session_hash in _under_way else status(why) if why else "", _over(request)]


def leave(session: str) -> list[_Work]:
    """Nobody waits any more for what is done for this page, which is given back."""
    _why.pop(session, None)
    works = list(_under_way.get(session, ()))
    for work in works:
        work.left.set()
    return works
