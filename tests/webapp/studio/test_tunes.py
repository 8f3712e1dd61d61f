from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from models.music import corpora, played
from models.music.midi import write_midi

pytestmark = pytest.mark.slow

ABC = "X:1\nT:The Test Jig\nM:6/8\nK:D\n|:dAF DFA|dAF def|gfe fed|cBA Bcd:|\n"


def tunes(client, words: str = "kate", **query) -> dict:
    answer = client.get("/api/studio/tunes", params={"words": words} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def bring(client, data: bytes, name: str, domain: str = "pop", **query):
    return client.post("/api/studio/uploads", params={"name": name, "domain": domain} | query, content=data)


def test_a_tune_is_found_heard_taken_once_and_composed_from(studio, small_collections: Path):
    found = tunes(studio, limit=2)
    assert (found["found"], len(found["tunes"]), found["collections"]) == (3, 2, ["O'Neill's"])
    second = found["tunes"][1]
    assert (second["title"], second["collection"], second["domain"]) == ("Bonnie Kate", "O'Neill's", "dance")
    shown = studio.get(second["notes_url"]).json()
    assert len(shown["bars_s"]) == 9
    assert [pitch for _, _, pitch, _ in shown["notes"]][:3] == [60, 62, 64]  # after the pickup
    assert studio.get(second["audio_url"]).content.startswith(b"fLaC")
    taken = studio.post(second["address"])
    assert taken.status_code == 201, taken.text
    piece = taken.json()
    assert (piece["title"], piece["domain"], piece["recipe"], piece["mine"]) == ("Bonnie Kate", "dance", None, True)
    assert [note[2] for note in piece["notes"]] == [note[2] for note in shown["notes"]]
    assert studio.post(second["address"]).json()["name"] == piece["name"]
    assert bring(studio, ABC.encode(), "jig.abc").status_code == 201
    listed = studio.get("/api/studio/choices").json()
    told = [(each["title"], each["collection"]) for each in listed]
    assert told[:3] == [("The Test Jig", ""), ("Bonnie Kate", "O'Neill's"), ("", "")]
    recipe = {"content": piece["name"], "styles": {"tempo": {"source": listed[2]["name"]}}}
    made = studio.post("/api/studio/pieces", json=recipe).json()
    refused = studio.post(f"/api/studio/{made['name']}/offer")
    assert (refused.status_code, "tune of a collection" in refused.json()["error"]) == (422, True)


def test_what_is_not_there_or_broken_is_said_in_one_line(studio, small_collections: Path, monkeypatch):
    skater = tunes(studio, "skater")["tunes"][0]
    for address in (skater["address"], "/api/studio/tunes/pop1k7/1", "/api/studio/tunes/oneills1850/nothing"):
        refused = studio.post(address)
        assert refused.status_code == 404
        assert refused.json()["error"]
    assert studio.get("/api/studio/tunes/oneills1850/nothing/notes").status_code == 404
    for name in played.PLAYED:
        monkeypatch.setitem(corpora.CORPORA, name, replace(corpora.CORPORA[name], pattern="nothing/*.abc"))
    assert tunes(studio) == {"collections": [], "found": 0, "tunes": []}


def test_a_file_is_recognised_by_its_content_and_keeps_its_name(studio, tune):
    for name in ("song.mid", "jig.abc", "no ending", "<b>x</b>.mid"):
        midi, abc = bring(studio, write_midi(tune), name, "chorale").json(), bring(studio, ABC.encode(), name).json()
        title = re.sub(r"\.(mid|abc)$", "", name)
        assert (midi["read_as"], midi["domain"], midi["title"]) == ("MIDI", "chorale", title)
        assert (abc["read_as"], abc["domain"], abc["title"]) == ("ABC", "pop", "The Test Jig")
        refused = bring(studio, b"nothing", name).json()["error"]
        assert f"“{name}” can't be used" in refused


def test_the_bars_that_are_read_can_be_chosen_and_silent_ones_are_passed_over(studio):
    bars = ["z8", "z8", *(f"{letter}8" for letter in "CDEFGABcdefgab")]
    tune = f"X:1\nT:Long\nM:4/4\nL:1/8\nK:C\nG2|{'|'.join(bars)}|\n".encode()

    def read(first: int) -> dict:
        return bring(studio, tune, "long.abc", first_bar=first).json()

    begin, later, last = read(1), read(7), read(13)
    assert [(each["first_bar"], each["bars"]) for each in (begin, later, last)] == [(3, 16), (7, 16), (13, 16)]
    assert [note[2] for note in begin["notes"]] == [60, 62, 64, 65, 67, 69, 71, 72]
    assert [note[2] for note in later["notes"]] == [67, 69, 71, 72, 74, 76, 77, 79]
    assert [note[2] for note in last["notes"]] == [77, 79, 81, 83]
    assert [each["title"] for each in (begin, later)] == ["Long, from bar 3", "Long, from bar 7"]
    refused = bring(studio, tune, "long.abc", first_bar=17)
    assert refused.status_code == 422
    assert "16 bars" in refused.json()["error"]


def test_bars_in_a_meter_that_the_model_does_not_know_are_passed_over_and_named(studio):
    odd, even = "|".join(["C7"] * 4), "|".join(f"{letter}8" for letter in "CDEFGABc")
    found = bring(studio, f"X:1\nT:Odd\nM:7/8\nL:1/8\nK:C\n{odd}|[M:4/4]{even}|\n".encode(), "odd.abc").json()
    assert (found["first_bar"], found["title"]) == (5, "Odd, from bar 5")
    assert "bars in 7/8" in found["remarks"]
    assert [note[2] for note in found["notes"]] == [60, 62, 64, 65, 67, 69, 71, 72]
