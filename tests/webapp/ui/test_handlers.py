from __future__ import annotations

import inspect
import threading
import typing

import gradio as gr
import pytest
from fastapi import FastAPI
from gradio.context import LocalContext
from sqlalchemy.exc import DataError, OperationalError
from starlette.testclient import TestClient

from webapp.app import answer_errors
from webapp.generation.protocol import BadRequest, DeadlinePassed, GeneratorUnavailable, QueueFull
from webapp.runtime.errors import InvalidToken, NobodyWaits, NoListener, NotReady, UnknownListenerError
from webapp.runtime.waiting import somebody_waits
from webapp.ui import waits
from webapp.ui.endpoints import endpoint
from webapp.ui.handlers import bound, listener_of, problem_of


def greet(context: str, name: str, times: int = 1) -> str:
    """Say hello."""
    if times < 0:
        raise NotReady("not so often")
    return f"{context}: {name}" * times


def count(context: str, upto: int) -> typing.Iterator[int]:
    yield from range(upto)
    raise NotReady(context)


def test_a_bound_handler_is_to_gradio_a_function_of_what_is_left():
    handler = bound(greet, "here")
    assert handler("you") == "here: you"
    assert list(inspect.signature(handler).parameters) == ["name", "times"]
    assert typing.get_type_hints(handler) == {"name": str, "times": int, "return": str}
    assert handler.__doc__ == "Say hello."


def test_a_refusal_is_shown_to_the_person_who_asked():
    with pytest.raises(gr.Error, match="Not so often"):
        bound(greet, "here")("you", -1)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("piece"), "Nothing that was there is lost: load the page again"),
        (GeneratorUnavailable("no generator answers"), "The composer does not answer just now"),
        (OperationalError("select 1", {}, Exception("gone")), "The database does not answer; try again"),
    ],
)
def test_whatever_goes_wrong_is_shown_in_words_that_say_what_to_do(error, said):
    def ask(_: str) -> None:
        raise error

    with pytest.raises(gr.Error, match=said):
        bound(ask)("token")


@pytest.mark.parametrize(
    "error",
    [
        BadRequest("the model reads 3/4 and 4/4"),
        QueueFull(),
        DeadlinePassed("no clip within 30000 ms"),
        GeneratorUnavailable("no generator answers"),
        DataError("select 1", {}, Exception("a zero byte")),
        OperationalError("select 1", {}, Exception("gone")),
        KeyError("piece"),
    ],
)
def test_a_named_endpoint_and_a_route_say_the_same_of_what_goes_wrong(error):
    app = FastAPI()
    answer_errors(app)

    @app.get("/")
    def fail() -> None:
        raise error

    with pytest.raises(gr.Error) as said, endpoint.refusing("fail"):
        raise error
    answered = TestClient(app, raise_server_exceptions=False).get("/")
    assert (answered.json()["error"], answered.status_code) == (said.value.message, problem_of(error, "fail").status)


def test_what_nobody_waits_for_any_more_shows_no_error():
    def ask(_: str) -> None:
        waits.leave("session")
        assert not somebody_waits()
        raise NobodyWaits

    token = LocalContext.request.set(gr.Request(client=None, session_hash="session"))
    try:
        with pytest.raises(gr.Error) as left:
            bound(ask)("token")
    finally:
        LocalContext.request.reset(token)
    assert not left.value.visible


def test_what_was_cancelled_has_ended_when_something_else_is_begun_in_its_place():
    request, began, ended = gr.Request(client=None, session_hash="session"), threading.Event(), threading.Event()

    def ask(_: str) -> None:
        began.set()
        while somebody_waits():
            pass
        ended.set()
        raise NobodyWaits

    def work() -> None:
        LocalContext.request.set(request)
        with pytest.raises(gr.Error, match="Cancelled"):
            bound(ask)("token")

    thread = threading.Thread(target=work)
    thread.start()
    began.wait()
    waits.cancel(request)
    assert ended.is_set()
    thread.join()


def test_why_what_was_waited_for_did_not_come_stays_on_the_page_once():
    def miss(_: str) -> None:
        raise DeadlinePassed("no clip within 30000 ms")

    request = gr.Request(client=None, session_hash="session")
    token = LocalContext.request.set(request)
    try:
        with pytest.raises(gr.Error), waits.noting_why():
            bound(miss)("token")
    finally:
        LocalContext.request.reset(token)
    assert "The composer did not get this done in time" in waits.failed(request)[0]
    assert waits.failed(request)[0] == ""


def test_a_page_of_a_deleted_listener_says_so():
    def ask(_: str) -> None:
        raise UnknownListenerError

    with pytest.raises(gr.Error, match="was deleted, perhaps in another tab"):
        bound(ask)("token")


def test_a_generator_stays_one_and_its_refusal_is_shown_as_well():
    handler = bound(count, "enough")
    assert inspect.isgeneratorfunction(handler)
    numbers = handler(2)
    assert [next(numbers), next(numbers)] == [0, 1]
    with pytest.raises(gr.Error, match="Enough"):
        next(numbers)


def test_a_token_that_is_nobodys_names_no_listener(context):
    for token in (None, ""):
        with pytest.raises(NoListener):
            listener_of(context, token)
    with pytest.raises(InvalidToken, match="What you picked is not lost"):
        listener_of(context, "forged")
