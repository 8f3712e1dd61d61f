from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from db.tables import Fit, Four, Listener, Offer, Vote
from webapp.app import create_app
from webapp.context import Context
from webapp.listeners import accounts, restore
from webapp.listening import newcomers
from webapp.runtime.errors import NotAllowed, NotReady
from webapp.runtime.identity import MOST_LETTERS, Arrival, Claim
from webapp.supervision import Supervision
from webapp.ui.endpoints import listening, pictures
from webapp.ui.pages import fit as fit_page
from webapp.ui.pages import picking

LOOKS = 12
LOOKED_AT = ("/api/offers", "/api/fours", "/api/fits", "/api/listener")
HEARD = {"left": 4000, "right": 4200.4}


def stored(context: Context) -> dict[str, int]:
    """How many rows there are that a listener may leave, and how many files."""

    def count(session) -> dict[str, int]:
        tables = (Listener, Offer, Four, Fit, Vote)
        return {table.__tablename__: session.scalar(select(func.count()).select_from(table)) for table in tables}

    files = len(list(context.journal.folder.glob("*.jsonl")))
    return context.database.transaction(count) | {"files": files}


NOTHING = {"listeners": 0, "offers": 0, "fours": 0, "fits": 0, "votes": 0, "files": 0}


@pytest.fixture
def another_process(context, generator_url, space):
    """A second web process on the same database, journal and secret."""
    other = Context(context.settings, generator_url=generator_url, space=space)
    app = create_app(supervision=Supervision(other, children=False), pages=False)
    with TestClient(app, headers={"Sec-Fetch-Site": "same-origin"}) as client:
        assert client.app.state.supervision.ready.wait(60)
        yield client
    other.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def come(client) -> tuple[str, list[dict]]:
    """Somebody new: their token, and their pairs."""
    token = client.get("/api/listener", headers={"Cookie": ""}).json()["listener_token"]
    return token, client.get("/api/offers", headers=bearer(token)).json()


@pytest.mark.slow
def test_looks_without_a_cookie_leave_no_row_and_no_file(context, client, visitor, stock):
    stock(clips=16)
    for _ in range(LOOKS):
        looker = visitor()
        looked = {path: looker.get(path).json() for path in LOOKED_AT}
        assert len(looked["/api/offers"]) == len(looked["/api/fours"]) == len(looked["/api/fits"]["open"]) == 2
        assert (looked["/api/listener"]["picks"], looked["/api/listener"]["domain"]) == (0, "pop")
        for path, found in looked.items():
            assert looker.get(path).json() == found, "a reload gives the same"
    assert visitor().post("/api/listener").status_code == 201
    assert stored(context) == NOTHING


def test_the_compare_page_and_a_notebook_that_only_look_leave_nothing_either(context, client, stock):
    stock(clips=16)
    token = listening.new_listener(context)
    assert picking.arrive(context, token)[0] == ["pop"]
    pair = listening.next_pair(context, token)
    assert listening.next_four(context, token).four_id
    assert pictures.next_fit(context, token).fit_id
    assert pictures.tie(context, token)["picks"] == 0
    assert "Nothing yet" in fit_page.overview(context, token)
    assert stored(context) == NOTHING
    with pytest.raises(NotAllowed, match="fewer than two clips were heard"):
        listening.vote(context, token, pair.offer_id, "left")
    listening.vote(context, token, pair.offer_id, "left", heard_left_ms=4000, heard_right_ms=4000)
    assert stored(context)["votes"] == 1


@pytest.mark.durability
@pytest.mark.slow
def test_the_first_vote_stores_all_of_it_and_survives_a_lost_database(  # noqa: PLR0917 (fixtures)
    context, client, stock, vote, tables, another_context
):
    stock(clips=16)
    token, offers = come(client)
    fours = client.get("/api/fours", headers=bearer(token)).json()
    answer = vote(client, offers[0]["offer_id"], **bearer(token)).json()
    assert (answer["offer_id"], answer["picks"], answer["open"][0]) == (offers[0]["offer_id"], 1, offers[1])
    assert client.get("/api/offers", headers=bearer(token)).json() == answer["open"]
    assert stored(context) == NOTHING | {"listeners": 1, "offers": 3, "votes": 1, "files": 1}
    assert client.get("/api/fours", headers=bearer(token)).json() == fours, "seen before, and open all the same"
    rebuilt = another_context(context.settings.home, migrated=False)
    assert restore.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    mine, theirs = tables(context), tables(rebuilt)
    for name in ("listeners", "offers", "fours", "votes", "predictions", "listening", "heads"):
        assert theirs[name] == mine[name], name


@pytest.mark.slow
def test_the_second_pair_may_be_answered_first_and_a_four_may(  # noqa: PLR0917 (fixtures)
    context, client, stock, vote, tables, another_context
):
    stock(clips=16)
    token, (first, second) = come(client)
    assert vote(client, second["offer_id"], **bearer(token)).json()["open"][0] == first
    other, pairs = come(client)
    four = client.get("/api/fours", headers=bearer(other)).json()[1]
    pick = {"outcome": "b", "heard_ms": [2000] * 4}
    answer = client.post(f"/api/fours/{four['four_id']}/pick", json=pick, headers=bearer(other)).json()
    assert answer["picks"] == 1
    assert vote(client, pairs[1]["offer_id"], **bearer(other)).json()["picks"] == 2, "of a page that was open before"
    assert stored(context)["listeners"] == 2
    rebuilt = another_context(context.settings.home, migrated=False)
    assert restore.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    assert {name: tables(rebuilt)[name] for name in ("offers", "fours")} == {
        name: tables(context)[name] for name in ("offers", "fours")
    }


def test_another_token_of_somebody_new_finds_the_same_pairs(context, client, stock, vote):
    stock(clips=16)
    token, offers = come(client)
    signed = client.post("/api/listener/sign-out", headers=bearer(token)).json()["listener_token"]
    assert client.get("/api/offers", headers=bearer(signed)).json() == offers
    assert vote(client, offers[0]["offer_id"], **bearer(signed)).json()["picks"] == 1
    assert client.get("/api/offers", headers=bearer(token)).status_code == 401


@pytest.mark.durability
@pytest.mark.slow
def test_two_processes_show_the_same_and_store_one_vote_however_often_it_is_sent(
    context, client, another_process, stock, vote
):
    stock(clips=16)
    token, offers = come(client)
    assert another_process.get("/api/offers", headers=bearer(token)).json() == offers
    with ThreadPoolExecutor(8) as together:
        sent = [
            together.submit(vote, each, offers[0]["offer_id"], "right", **bearer(token))
            for each in (client, another_process) * 6
        ]
        answers = [each.result() for each in sent]
    assert {each.status_code for each in answers} == {200}
    assert all(each.json() == answers[0].json() for each in answers)
    assert stored(context) == NOTHING | {"listeners": 1, "offers": 3, "votes": 1, "files": 1}
    assert vote(another_process, offers[0]["offer_id"], "left", **bearer(token)).status_code == 409


def test_a_token_that_is_forged_or_altered_and_an_offer_of_somebody_else_are_refused(context, client, stock, vote):
    clips = stock(clips=16)
    token, (offer, _) = come(client)
    _, (others, _) = come(client)
    claim = context.tokens.read(token)
    start, signature = token[: token.rindex(".") + 1], token[token.rindex(".") + 1 :]
    mine = [[[clip.hex for clip in clips[:2]], 7.0, "mine", 1.0, 1.0]]
    forged = Claim(claim.listener_id, 0, Arrival(datetime.now(UTC), {"offers": mine}))
    for bad in (
        start + ("a" if signature[0] != "a" else "b") + signature[1:],
        token[5:],
        type(context.identity)("another secret").token_of(forged),
    ):
        refused = vote(client, offer["offer_id"], **bearer(bad))
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
    for stranger in (others["offer_id"], str(uuid4())):
        assert vote(client, stranger, **bearer(token)).status_code == 404
    assert vote(client, "not-an-id", **bearer(token)).status_code == 422
    assert stored(context) == NOTHING, "a vote that is refused stores nobody"


def test_who_comes_back_too_late_or_was_deleted_is_somebody_new(context, client, stock, vote, monkeypatch):
    stock(clips=16)
    token, (offer, second) = come(client)
    with monkeypatch.context() as later:
        later.setattr(newcomers, "WAITS", timedelta(0))
        late = vote(client, offer["offer_id"], **bearer(token))
        assert (late.status_code, late.json()["code"]) == (404, "unknown_listener")
        assert client.get("/api/listener", headers=bearer(token)).json()["listener_token"] != token
        assert stored(context) == NOTHING
    vote(client, offer["offer_id"], **bearer(token))
    client.delete("/api/listener", headers=bearer(token))
    context.tokens._known.clear()  # as a few seconds later
    gone = vote(client, second["offer_id"], **bearer(token))
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_listener")
    assert client.get("/api/listener", headers=bearer(token)).json()["listener_token"] != token
    assert stored(context)["listeners"] == 0, "nobody comes back who was deleted"


@pytest.mark.durability
def test_whom_the_database_has_lost_is_not_begun_anew_over_their_file(context, client, stock, vote):
    stock(clips=16)
    token, (first, second) = come(client)
    vote(client, first["offer_id"], **bearer(token))
    listener = context.tokens.read(token).listener_id
    file = context.journal.segment(listener).path
    before = file.read_bytes()
    context.database.transaction(lambda session: session.delete(session.get_one(Listener, listener)))
    context.tokens._known.clear()
    assert vote(client, second["offer_id"], **bearer(token)).status_code == 404
    assert file.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/listener", {"domain": "dance"}),
        ("GET", "/api/listener/export", None),
        ("GET", "/api/listener/votes", None),
        ("GET", "/api/taste", None),
        ("GET", "/api/compose", None),
    ],
)
def test_whatever_else_needs_a_listener_stores_them_with_the_pairs_that_they_saw(  # noqa: PLR0917 (fixtures)
    context, client, stock, method, path, body
):
    stock(clips=16)
    token, offers = come(client)
    assert client.request(method, path, json=body, headers=bearer(token)).status_code == 200
    assert stored(context) == NOTHING | {"listeners": 1}
    client.patch("/api/listener", json={"domain": "pop"}, headers=bearer(token))
    assert client.get("/api/offers", headers=bearer(token)).json() == offers


def test_a_clip_that_has_gone_meanwhile_takes_only_its_pair_along(context, client, stock, vote):
    stock(clips=16)
    token, (first, second) = come(client)
    claim = context.tokens.read(token)
    (clips, *rest), other = claim.arrival.drawn["offers"]
    gone = replace(claim.arrival, drawn={"offers": [[[uuid4().hex, clips[1]], *rest], other]})
    token = context.identity.token_of(replace(claim, arrival=gone))
    assert vote(client, first["offer_id"], **bearer(token)).status_code == 404
    assert vote(client, second["offer_id"], **bearer(token)).json()["picks"] == 1


def test_who_comes_before_there_is_anything_to_draw_is_not_stored_and_gets_it_with_another_token(
    client, context, stock, vote
):
    token, waiting = come(client)
    assert "error" in waiting
    stock(clips=16)
    answer = client.get("/api/offers", headers=bearer(token))
    offers, later = answer.json(), answer.headers["Listener-Token"]
    assert len(offers) == 2
    assert answer.headers["Cache-Control"] == "no-store"
    assert context.tokens.read(later).listener_id == context.tokens.read(token).listener_id
    for path in LOOKED_AT:
        again = client.get(path, headers=bearer(later))
        assert "Listener-Token" not in again.headers, path
        assert again.status_code == 200
    assert client.get("/api/offers", headers=bearer(later)).json() == offers
    assert vote(client, offers[0]["offer_id"], **bearer(token)).status_code == 404, "not in that token"
    assert stored(context) == NOTHING
    assert vote(client, offers[0]["offer_id"], **bearer(later)).json()["picks"] == 1
    assert client.get("/api/offers", headers=bearer(token)).status_code == 200, "the same listener"


def test_two_looks_that_draw_at_once_mix_nothing_up(client, context, stock, vote):
    token, _ = come(client)
    stock(clips=16)
    one, other = (client.get("/api/offers", headers=bearer(token)) for _ in range(2))
    drawn = {offer["offer_id"]: (offer["left"], offer["right"]) for offer in (*one.json(), *other.json())}
    for answer in (one, other):
        for offer in answer.json():
            assert drawn[offer["offer_id"]] == (offer["left"], offer["right"]), "one id, one pair"
    first = other.json()[0]
    assert vote(client, first["offer_id"], **bearer(other.headers["Listener-Token"])).json()["picks"] == 1


def test_a_notebook_that_came_too_early_is_told_to_come_again(context, client, stock):
    token = listening.new_listener(context)
    for ask in (listening.next_pair, listening.next_four, pictures.next_fit):
        with pytest.raises(NotReady, match="being composed"):
            ask(context, token)
    stock(clips=16)
    with pytest.raises(NotReady, match="call new_listener"):
        listening.next_pair(context, token)
    assert stored(context) == NOTHING
    assert listening.next_pair(context, listening.new_listener(context)).offer_id


@pytest.mark.durability
@pytest.mark.slow
def test_the_first_answer_to_what_fits_stores_the_questions_and_survives_a_lost_database(  # noqa: PLR0917 (fixtures)
    context, client, stock, vote, tables, another_context
):
    stock(clips=16)
    token, offers = come(client)
    first, second = client.get("/api/fits", headers=bearer(token)).json()["open"]
    address, heard = f"/api/fits/{first['fit_id']}/answer", [4000] * len(first["clips"])
    unheard = {"outcome": "left", "heard_ms": [0] * len(first["clips"])}
    assert client.post(address, json=unheard, headers=bearer(token)).status_code == 422
    assert client.post(address, json=unheard, headers=bearer(come(client)[0])).status_code == 404, "somebody else's"
    assert stored(context) == NOTHING, "what is refused stores nobody"
    answers = [
        client.post(address, json={"outcome": "left", "heard_ms": heard}, headers=bearer(token)).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert (answers[0]["picks"], answers[0]["open"][0]) == (1, second)
    assert stored(context) == NOTHING | {"listeners": 1, "fits": 3, "files": 1}
    assert client.get("/api/fits", headers=bearer(token)).json()["open"] == answers[0]["open"]
    assert client.get("/api/offers", headers=bearer(token)).json() == offers, "seen before, and open all the same"
    rebuilt = another_context(context.settings.home, migrated=False)
    assert restore.rebuild(rebuilt.database, rebuilt.journal, rebuilt.space).problems == []
    for name in ("listeners", "offers", "fits"):
        assert tables(rebuilt)[name] == tables(context)[name], name


@pytest.mark.slow
def test_questions_that_were_seen_before_the_first_vote_are_still_open_after_it(context, client, stock, vote):
    stock(clips=16)
    token, offers = come(client)
    seen = client.get("/api/fits", headers=bearer(token)).json()["open"]
    vote(client, offers[0]["offer_id"], **bearer(token))
    assert client.get("/api/fits", headers=bearer(token)).json()["open"] == seen


def test_a_question_whose_piece_has_gone_is_nobodys(context, client, stock):
    stock(clips=16)
    token, _ = come(client)
    claim = context.tokens.read(token)
    (question, other) = claim.arrival.drawn["fits"]
    lost = uuid4().hex
    gone = [
        lost if (place in {2, 4} and question[1] == "pictures") or place == 2 else part
        for place, part in enumerate(question)
    ]
    token = context.identity.token_of(replace(claim, arrival=replace(claim.arrival, drawn={"fits": [gone, other]})))
    first, second = client.get("/api/fits", headers=bearer(token)).json()["open"]
    for asked, status in ((first, 404), (second, 200)):
        given = {"outcome": "left", "heard_ms": [4000] * len(asked["clips"])}
        assert (
            client.post(f"/api/fits/{asked['fit_id']}/answer", json=given, headers=bearer(token)).status_code == status
        )


def test_who_was_stored_and_left_nothing_is_somebody_new_again_once_forgotten(context, client, stock, vote):
    stock(clips=16)
    token, (first, _) = come(client)
    client.get("/api/taste", headers=bearer(token))
    listener = context.tokens.read(token).listener_id
    aged = update(Listener).where(Listener.id == listener).values(created_at=func.now() - timedelta(days=8))
    context.database.transaction(lambda session: session.execute(aged))
    assert accounts.expire(context.records) == 1
    context.tokens._known.clear()
    assert vote(client, first["offer_id"], **bearer(token)).json()["picks"] == 1


def test_a_token_with_all_that_was_drawn_stays_small(client, stock):
    stock(clips=16)
    token, _ = come(client)
    assert len(token) < MOST_LETTERS / 2
