from __future__ import annotations

import contextlib
import io
import json
import zipfile

import pytest

from webapp.listeners.accounts import delete
from webapp.runtime import limits
from webapp.runtime.errors import TooMany


def test_listener_gives_its_token_once_and_the_token_alone_is_enough(client, visitor, stock):
    stock()
    new = client.get("/api/listener").json()
    assert new["listener_token"]
    assert new["picks"] == 0
    assert new["domains"] == ["pop", "dance", "chorale", "pictures"]
    assert new["first_composed"] == {"at_picks": 6, "ready": False}
    assert client.get("/api/listener").json()["listener_token"] is None
    offers = client.get("/api/offers").json()
    framed = visitor()
    bearer = {"Authorization": f"Bearer {new['listener_token']}"}
    assert framed.get("/api/offers", headers=bearer).json() == offers
    assert framed.get("/api/listener", headers=bearer).json()["listener_token"] is None


def test_everything_about_a_listener_is_one_file(client, stock, vote):
    stock()
    assert client.get("/api/listener/export").status_code == 401
    client.get("/api/listener")
    vote(client, client.get("/api/offers").json()[0]["offer_id"])
    answer = client.get("/api/listener/export")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="kallos-listener.json"'
    data = answer.json()
    assert [bool(offer["vote"]) for offer in data["offers"]] == [True, False, False]
    packed = client.get("/api/listener/export?form=zip")
    assert packed.headers["content-type"] == "application/zip"
    assert "kallos-listener.zip" in packed.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert json.loads(archive.read("listener.json")) == data
        assert archive.read("votes.csv").count(b"\n") == 2
    refused = client.get("/api/listener/export?form=xml")
    assert refused.status_code == 422
    assert "'json' or 'zip'" in refused.json()["error"]
    assert "'xml'" in refused.json()["error"]


@pytest.mark.slow
def test_a_listener_goes_back_to_an_earlier_vote(client, stock, vote):
    stock()
    assert client.get("/api/listener/votes").status_code == 401
    assert client.post("/api/listener/rewind", json={"votes": 0}).status_code == 401
    client.get("/api/listener")
    open_now = client.get("/api/offers").json()
    tastes = []
    for outcome in ("left", "right", "skipped", "left"):
        open_now = vote(client, open_now[0]["offer_id"], outcome).json()["open"]
        tastes.append(client.get("/api/taste").json()["styles"])
    history = client.get("/api/listener/votes?limit=3").json()
    assert history["total"] == 4
    assert [(each["number"], each["outcome"]) for each in history["votes"]] == [
        (4, "left"), (3, "skipped"), (2, "right"),
    ]  # fmt: skip
    (first,) = client.get("/api/listener/votes?before=2").json()["votes"]
    assert (first["number"], first["outcome"]) == (1, "left")
    answer = client.post("/api/listener/rewind", json={"votes": 2})
    assert (answer.status_code, answer.json()) == (200, {"votes": 2, "picks": 2, "undone": 2})
    assert client.get("/api/taste").json()["styles"] == tastes[1]
    assert client.get("/api/listener").json()["picks"] == 2
    assert vote(client, open_now[0]["offer_id"]).status_code == 404
    again = client.post("/api/listener/rewind", json={"votes": 2})
    assert again.json() == {"votes": 2, "picks": 2, "undone": 0}
    refused = client.post("/api/listener/rewind", json={"votes": 3})
    assert refused.status_code == 422
    assert refused.json()["error"] == "3 votes can't be kept, there are 2; give a number from 0 to 2"


def test_a_malformed_rewind_is_refused_and_undoes_nothing(client, stock, vote):
    stock()
    client.get("/api/listener")
    vote(client, client.get("/api/offers").json()[0]["offer_id"])
    for body in [{}, {"votes": -1}, {"votes": "all"}, {"votes": 1.5}, {"votes": True}, {"vote": 1}, []]:
        refused = client.post("/api/listener/rewind", json=body)
        assert refused.status_code == 422
        assert set(refused.json()) == {"error"}
        assert client.get("/api/listener/votes").json()["total"] == 1


def test_a_part_of_the_history_that_is_none_is_refused(client):
    client.get("/api/listener")
    for query in ["before=0", "limit=0", "limit=201", "before=x"]:
        refused = client.get(f"/api/listener/votes?{query}")
        assert refused.status_code == 422
        assert query.partition("=")[0] in refused.json()["error"]


def test_deleting_forgets_the_listener_their_token_and_their_journal(client, stock, context, vote):
    stock()
    assert client.delete("/api/listener").status_code == 401
    token = client.get("/api/listener").json()["listener_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    vote(client, client.get("/api/offers").json()[0]["offer_id"])
    assert len(context.journal.segments()) == 1
    assert client.delete("/api/listener").json() == {"deleted": True}
    assert context.journal.segments() == []
    assert "kallos_listener" not in client.cookies
    for answer in (
        client.get("/api/listener/export", headers=bearer),
        client.get("/api/listener/votes", headers=bearer),
        client.post("/api/listener/rewind", json={"votes": 0}, headers=bearer),
        client.delete("/api/listener", headers=bearer),
    ):
        assert answer.status_code == 404
        assert "error" in answer.json()


def test_a_link_moves_a_listener_to_another_device(client, visitor, stock):
    stock()
    client.get("/api/listener")
    offers = client.get("/api/offers").json()
    link = client.post("/api/listener/link").json()
    assert link["expires_at"]
    phone = visitor()
    token = link["url"].partition("#link=")[2]
    assert phone.get("/api/listener", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert phone.post("/api/listener/link/look", json={"token": token}).json() == {"picks": 0, "domain": "pop"}
    arrived = phone.post("/api/listener/link/use", json={"token": token}).json()
    assert arrived["listener_token"] not in {None, token}
    assert phone.get("/api/offers").json() == offers


def test_a_link_knows_the_address_behind_a_proxy(client):
    client.get("/api/listener")
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "kallos.example"}
    assert client.post("/api/listener/link", headers=headers).json()["url"].startswith("https://kallos.example/#link=")


def test_too_many_new_listeners_are_told_to_wait(client, visitor, monkeypatch):
    from webapp.listeners import accounts

    monkeypatch.setattr(accounts, "_arrivals", accounts.Buckets(0.001, 2))
    assert [visitor().get("/api/listener").status_code for _ in range(3)] == [200, 200, 429]
    assert visitor().post("/api/listener").status_code == 429
    accounts.admit("192.0.2.1")  # one address locks nobody else out


def test_sixty_newcomers_of_one_address_do_not_pass_at_once(monkeypatch):
    from webapp.listeners import accounts

    usual = limits.Buckets(limits.NEW_LISTENERS_A_SECOND, limits.NEW_LISTENERS_AT_ONCE)
    monkeypatch.setattr(accounts, "_arrivals", usual)
    passed = 0
    with contextlib.suppress(TooMany):
        for number in range(60):
            accounts.admit(f"2001:db8::{number:x}")  # one customer's network
            passed += 1
    assert passed == limits.NEW_LISTENERS_AT_ONCE
    accounts.admit("2001:db8:0:1::1")


@pytest.mark.slow
def test_ones_file_is_brought_by_another_browser_which_becomes_its_listener(client, visitor, stock):
    stock(clips=16)
    client.get("/api/listener")
    offer = client.get("/api/offers").json()[0]["offer_id"]
    client.post(f"/api/offers/{offer}/vote", json={"outcome": "left", "heard_ms": {"left": 3000, "right": 3000}})
    file = client.get("/api/listener/export", params={"form": "zip"}).content
    about_me = client.post("/api/listener/import", content=file)
    assert (about_me.status_code, "about you" in about_me.json()["error"]) == (422, True)
    client.delete("/api/listener")
    other = visitor()
    other.get("/api/listener")
    wrong = other.post("/api/listener/import", content=b"nothing")
    assert (wrong.status_code, "Download my data" in wrong.json()["error"]) == (422, True)
    brought = other.post("/api/listener/import", content=file)
    assert brought.status_code == 201, brought.text
    assert brought.json()["picks"] == other.get("/api/listener").json()["picks"] == 1


def test_an_import_whose_answer_was_lost_is_repeated_by_its_key_alone(client, visitor, live, context):
    who = live(2)
    file = (
        visitor()
        .get("/api/listener/export?form=zip", headers={"Authorization": f"Bearer {context.tokens.give(who)}"})
        .content
    )
    delete(context.records, who)

    def bring(key: str, file: bytes = file):
        return visitor().post("/api/listener/import", content=file, headers={"Idempotency-Key": key} if key else {})

    assert bring("short").status_code == 422
    first, again = bring("k" * 20), bring("k" * 20)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert [bring(key).status_code for key in ("other" * 5, "")] == [422, 422]
    token = first.json()["listener_token"]
    visitor().post("/api/listener/sign-out", headers={"Authorization": f"Bearer {token}"})
    assert bring("k" * 20).status_code == 422


def test_a_token_that_was_taken_back_stays_so_whatever_is_deleted_and_brought(client, visitor, live, context):
    who = live(2)
    tokens = [context.tokens.give(who)]
    file = visitor().get("/api/listener/export", headers={"Authorization": f"Bearer {tokens[0]}"}).content
    for _ in range(2):
        bearer = {"Authorization": f"Bearer {tokens[-1]}"}
        tokens.append(visitor().post("/api/listener/sign-out", headers=bearer).json()["listener_token"])
    assert visitor().delete("/api/listener", headers={"Authorization": f"Bearer {tokens[-1]}"}).status_code == 200
    new = visitor().post("/api/listener/import", content=file).json()["listener_token"]
    context.tokens._known.clear()  # five seconds later
    told = [visitor().get("/api/listener", headers={"Authorization": f"Bearer {each}"}).status_code for each in tokens]
    assert told == [401] * 3
    assert visitor().get("/api/listener", headers={"Authorization": f"Bearer {new}"}).status_code == 200


def test_a_link_works_once_and_only_the_one_that_was_made_last(client, visitor):
    client.get("/api/listener")
    first, second = (client.post("/api/listener/link").json()["url"].partition("#link=")[2] for _ in range(2))
    for path, token, status in (
        ("use", first, 422),
        ("look", second, 200),
        ("use", second, 200),
        ("use", second, 422),
        ("look", second, 422),
        ("use", "nonsense", 422),
    ):
        answer = visitor().post(f"/api/listener/link/{path}", json={"token": token})
        assert answer.status_code == status, (path, answer.text)
    assert "used already" in answer.json()["error"]


def test_signing_out_everywhere_ends_every_other_token_and_link(client, visitor):
    token = client.get("/api/listener").json()["listener_token"]
    link = client.post("/api/listener/link").json()["url"].partition("#link=")[2]
    new = client.post("/api/listener/sign-out").json()["listener_token"]
    assert new not in {None, token}
    assert client.get("/api/listener").json()["listener_token"] is None  # by the cookie, which is new too
    old = visitor().get("/api/listener", headers={"Authorization": f"Bearer {token}"})
    assert (old.status_code, old.json()["code"]) == (401, "invalid_token")
    assert "start afresh" in old.json()["error"]
    assert "set-cookie" not in old.headers
    assert visitor().post("/api/listener/link/use", json={"token": link}).status_code == 422


@pytest.mark.slow
@pytest.mark.parametrize("token", ["nonsense", "MQ.MQ", "x" * 9_000])
def test_an_invalid_token_is_refused_and_replaced_by_nothing(client, visitor, token):
    for refused in (
        visitor().get("/api/listener", headers={"Authorization": f"Bearer {token}"}),
        visitor().get("/api/offers", headers={"Cookie": f"kallos_listener={token}"}),
        visitor().post("/api/listener/link", headers={"Authorization": f"Bearer {token}"}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
        assert "set-cookie" not in refused.headers
    afresh = visitor().post("/api/listener", headers={"Cookie": f"kallos_listener={token}"})
    assert afresh.status_code == 201
    assert afresh.json()["listener_token"]


def test_the_cookie_follows_the_token_that_the_page_has_chosen(client, visitor):
    token = client.get("/api/listener").json()["listener_token"]
    other = visitor()
    other.get("/api/listener")
    assert "set-cookie" in other.get("/api/listener", headers={"Authorization": f"Bearer {token}"}).headers
    assert "set-cookie" not in other.get("/api/listener", headers={"Authorization": f"Bearer {token}"}).headers
