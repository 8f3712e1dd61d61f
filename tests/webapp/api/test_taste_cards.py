"""The taste card: drawn on the server, shared only when asked for, opened without a cookie, withdrawn for good."""

from __future__ import annotations

import io
import re
import uuid

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select, update

from db.queries.clips import get_clip
from db.queries.restore import NotAnExportError
from db.tables import TasteCard, Vote
from webapp.listeners import accounts, rewind
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.listeners.restore import restore
from webapp.sharing import card_picture, taste_cards
from webapp.sharing.card_picture import draw_card

HEARD = {"left": 4000, "right": 4200}


@pytest.fixture
def voter(client, context, stock, vote):
    """Somebody with a taste of which a card can tell: their client."""
    stock(clips=16)
    client.get("/api/listener")
    for _ in range(6):
        offer = client.get("/api/offers").json()[0]
        left, right = (worth(context, offer[side]["clip_id"]) for side in ("left", "right"))
        assert vote(client, offer["offer_id"], "left" if left > right else "right").status_code == 200
    return client


def worth(context, clip: str) -> float:
    """How high a clip is."""
    found = context.database.transaction(lambda s: get_clip(s, uuid.UUID(clip)).summary)
    return float(context.space.features(np.array([found]))[0, context.space.names.index("mean_pitch")])


def stored(context) -> int:
    return context.database.transaction(lambda s: s.scalar(select(func.count()).select_from(TasteCard)))


def size(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png)).size


def path(url: str) -> str:
    return url.removeprefix("http://testserver")


@pytest.mark.slow
def test_the_picture_is_drawn_and_nothing_is_kept(voter, context):
    answer = voter.get("/api/taste/card")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert size(answer.content) == (1200, 630)
    assert answer.headers["cache-control"] == "no-store"
    assert stored(context) == 0
    assert voter.get("/api/taste/cards").json() == []


@pytest.mark.slow
def test_a_shared_card_opens_for_anybody_without_a_cookie_or_another_host(voter, context, visitor):
    made = voter.post("/api/taste/cards").json()
    assert [made] == voter.get("/api/taste/cards").json()
    stranger = visitor()
    page = stranger.get(path(made["url"]))
    assert page.status_code == 200
    assert re.search(r'og:description" content="[a-z]+: .*(in 10|decided)\)', page.text)
    assert "set-cookie" not in page.headers
    assert len(stranger.cookies) == 0
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert set(re.findall(r"https?://([^/\"']+)", page.text)) == {
        "testserver"
    }  # whoever previews a link wants it whole
    picture, sound = (
        re.search(r'<img src="([^"]+)"', page.text)[1],
        re.search(r'<audio[^>]* src="([^"]+)"', page.text)[1],
    )
    shown = stranger.get(f"/card/{picture}")
    assert size(shown.content) == (1200, 630)
    heard = stranger.get(f"/card/{sound}", headers={"Range": "bytes=0-3"})
    assert (heard.status_code, heard.headers["content-type"]) == (206, "audio/mpeg")
    keys = context.clip_store.keys()
    assert heard.content in {context.clip_store.get(key)[:4] for key in keys}
    assert all("set-cookie" not in answer.headers for answer in (shown, heard))


def test_the_picture_of_a_card_is_drawn_once(voter, visitor, monkeypatch):
    made = voter.post("/api/taste/cards").json()
    first = visitor().get(path(made["url"]) + "/card.png")
    monkeypatch.setattr(card_picture, "draw_card", None)
    again = visitor().get(path(made["url"]) + "/card.png")
    assert (again.status_code, again.content) == (200, first.content)


def test_a_card_that_says_more_than_ours_is_cut(context, voter, visitor):
    made = voter.post("/api/taste/cards").json()
    line = {"words": "W" * 2_000, "less": "slow", "more": "fast", "effect": 1.0, "sd": 1.0}
    forged = {"picks": 5, "lines": [line] * 500, "accuracy": None}
    context.database.transaction(lambda s: s.execute(update(TasteCard).values(about=forged)))
    page, picture = (visitor().get(path(made["url"]) + part) for part in ("", "/card.png"))
    assert (page.status_code, page.text.count("<li>")) == (200, 3)
    assert size(picture.content) == (1200, 630)


@pytest.mark.slow
def test_a_withdrawn_link_leads_nowhere_and_only_its_owner_withdraws_it(voter, context, visitor):
    made = voter.post("/api/taste/cards").json()
    other = visitor()
    other.get("/api/listener")
    assert other.delete(f"/api/taste/cards/{made['card_id']}").status_code == 404
    assert other.get("/api/taste/cards").json() == []
    assert voter.delete(f"/api/taste/cards/{made['card_id']}").json() == {"withdrawn": True}
    for part in ("", "/card.png", "/sound.mp3"):
        assert other.get(path(made["url"]) + part).status_code == 404
    assert voter.delete(f"/api/taste/cards/{made['card_id']}").status_code == 404
    assert stored(context) == 0
    assert other.get(f"/card/{'x' * 22}").status_code == 404


@pytest.mark.slow
def test_the_card_goes_with_its_listener(voter, context):
    made = voter.post("/api/taste/cards").json()
    assert voter.delete("/api/listener").status_code == 200
    assert voter.get(path(made["url"])).status_code == 404
    assert stored(context) == 0


@pytest.mark.slow
def test_a_rewind_undoes_cards_that_tell_of_undone_votes(voter, context):
    early = voter.post("/api/taste/cards").json()
    (who,) = context.database.transaction(lambda s: s.scalars(select(TasteCard.listener_id)).all())
    offer = voter.get("/api/offers").json()[0]["offer_id"]
    voter.post(f"/api/offers/{offer}/vote", json={"outcome": "left", "heard_ms": HEARD})
    late = voter.post("/api/taste/cards").json()
    rewind.rewind(context.records, who, 6)
    assert [card["card_id"] for card in voter.get("/api/taste/cards").json()] == [early["card_id"]]
    assert voter.get(path(late["url"])).status_code == 404


@pytest.mark.slow
def test_a_card_is_exported_and_comes_back_but_never_with_somebody_elses_clip(voter, context, stock):
    made = voter.post("/api/taste/cards").json()
    (who,) = context.database.transaction(lambda s: s.scalars(select(TasteCard.listener_id)).all())
    exported = export(context.database, who)
    assert [card["id"] for card in exported["cards"]] == [made["card_id"]]
    other = accounts.create(context.database)
    (theirs,) = stock("pop", 1, composed_for=other)
    delete(context.records, who)
    stolen = exported | {"cards": [exported["cards"][0] | {"clip_id": str(theirs)}]}
    with pytest.raises(NotAnExportError, match="somebody else"):
        restore(context.database, context.journal, stolen)
    restore(context.database, context.journal, exported)
    assert taste_cards.opened(context.database, exported["cards"][0]["link_key"]).about == exported["cards"][0]["about"]


def test_there_is_no_card_before_the_first_vote_nor_without_a_listener(client, stock):
    stock(clips=8)
    assert client.get("/api/taste/card").status_code == 401
    client.get("/api/listener")
    for answer in (client.get("/api/taste/card"), client.post("/api/taste/cards")):
        assert (answer.status_code, "a few pairs" in answer.json()["error"]) == (422, True)


def test_a_card_is_offered_once_it_has_something_to_say(voter, context, visitor):
    (who,) = context.database.transaction(lambda s: s.scalars(select(Vote.listener_id).distinct()).all())
    new = accounts.create(context.database)
    found = [
        taste_cards.has_something_to_say(context.database, context.space, context.playable, each) for each in (who, new)
    ]
    assert found == [True, False]


@pytest.mark.slow
def test_links_have_a_limit(voter, monkeypatch):
    monkeypatch.setattr(taste_cards, "MOST_LINKS", 2)
    assert [voter.post("/api/taste/cards").status_code for _ in range(3)] == [201, 201, 429]


@pytest.mark.parametrize("lines", [0, 1, 3])
def test_what_is_sure_is_drawn_in_another_colour_than_what_is_not(lines):
    def picture(sd: float) -> np.ndarray:
        line = {
            "words": "probably likes it with thinner chords",
            "less": "thin",
            "more": "thick",
            "effect": -1,
            "sd": sd,
        }
        about = {"picks": 9, "lines": [line] * lines, "accuracy": None}
        png = draw_card(about, [[0.0, 1.0, 60, 80], [6.5, 2.0, 72, 40], [9.0, 1.0, 50, 90]], 7.0)
        return np.asarray(Image.open(io.BytesIO(png)))

    felt = np.array([0xA3, 0x24, 0x3B])
    sure, unsure = ((picture(sd)[120:460] == felt).all(axis=2).sum() for sd in (0.1, 2.0))
    assert (sure > 0) == (lines > 0)
    assert unsure == 0
