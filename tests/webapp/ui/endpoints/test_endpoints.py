"""Every named endpoint as a notebook calls it, through gradio_client and a running application."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import get_args
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import soundfile
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from db.tables import PICTURES
from models.music.midi import read_midi
from models.picture.vector import rendered
from models.rating.mel_bands import SAMPLE_RATE_HZ
from tests.models.rating.conftest import TRACKS, chord, played_folder
from tests.webapp.rating.conftest import rating_model, trained_model
from webapp.api.studio import Form
from webapp.composing import pool, wishes
from webapp.listeners import accounts
from webapp.maps import drawing
from webapp.rating import rated_sounds
from webapp.runtime.listener_files import Downloads
from webapp.studies import studies
from webapp.ui.endpoints import ENDPOINTS, composing
from webapp.ui.endpoints.studies import study_results
from webapp.worker import Worker

pytestmark = pytest.mark.slow

__all__ = ["played_folder", "rating_model", "trained_model"]

CONTRACT = (
    "new_listener", "next_pair", "vote", "next_four", "vote_four", "next_fit", "vote_fit", "tie",
    "taste", "why", "compose", "cancel_composing", "swap", "keep",
    "find_title", "name_tune", "map", "neighbours", "retrieval", "rate", "rated_tracks", "dream", "kept_dream",
    "agent", "agent_play",
    "tension", "open_future", "mood", "to_mood", "film", "canvas", "live_bar", "export", "import", "delete",
    "create_study", "study", "move_study", "dry_run_study", "study_results",
)  # fmt: skip
OF_STUDIES = {"create_study", "study", "move_study", "dry_run_study", "study_results"}
WITHOUT_LISTENER = {"new_listener", "find_title", "retrieval", *OF_STUDIES}


@contextmanager
def working(context):
    """A worker beside what is asked."""
    worker, stop = Worker(context), threading.Event()

    def work():
        while not stop.is_set():
            worker.step()

    beside = threading.Thread(target=work)
    beside.start()
    try:
        yield
    finally:
        stop.set()
        beside.join()


@pytest.fixture
def refused(ask):
    """``refused(endpoint, …)`` → the words of the error that it is answered with."""

    def call(*given, **named):
        with pytest.raises(AppError) as error:
            ask(*given, **named)
        return error.value.message

    return call


def test_the_endpoints_are_those_of_the_contract_with_types_and_words(served):
    info = httpx.get(f"{served}/gradio_api/info", timeout=60).json()
    assert info["unnamed_endpoints"] == {}
    assert sorted(info["named_endpoints"]) == sorted(f"/{name}" for name in CONTRACT)
    for path, endpoint in info["named_endpoints"].items():
        told, names = endpoint["description"], [each["parameter_name"] for each in endpoint["parameters"]]
        assert ("token" in names) == (path[1:] not in WITHOUT_LISTENER), path
        assert len(told.split("\n")[0]) > 20, path
        assert "Returns:" in told, path
        for each in endpoint["parameters"]:
            assert f"\n    {each['parameter_name']}: " in told, (path, each)
            assert each["python_type"]["type"] not in {"", "Any"}, (path, each)
        assert endpoint["returns"], path
        for each in endpoint["returns"]:
            assert each["python_type"]["type"] not in {"", "Any"}, path
    types = {
        path: [each["python_type"]["type"] for each in endpoint["returns"]]
        for path, endpoint in info["named_endpoints"].items()
    }
    assert types["/new_listener"] == types["/import"] == ["str"]
    assert types["/export"] == types["/keep"] == ["filepath"]
    assert "midi: filepath" in types["/compose"][0]


def test_a_page_tells_of_every_endpoint_and_newcomers_do_not_load_them(served):
    for path in ("/?view=api", "/taste?view=api"):
        answer = httpx.get(served + path, timeout=60)
        assert (answer.status_code, answer.headers["location"]) == (307, "endpoints")
    text = httpx.get(f"{served}/endpoints", timeout=60).text
    for name in CONTRACT:
        assert f'"label":"{name}: ' in text, name
    assert "heard_right_ms" not in httpx.get(f"{served}/", timeout=60).text
    assert httpx.get(f"{served}/gradio_api/info?view=api", timeout=60).status_code == 200


def test_there_are_no_tools_unless_they_are_asked_for(served):
    assert httpx.get(f"{served}/gradio_api/mcp/", timeout=30).status_code == 404
    assert httpx.get(f"{served}/gradio_api/mcp/schema", timeout=30).status_code == 404


def test_a_notebook_votes_and_hears_what_was_learned(ask, refused, stock, served):
    stock(clips=40)  # more than wait in pairs and fours: what waits is not among the best
    token = ask("new_listener", domain="pop")
    first = ask("next_pair", token)
    assert ask("next_pair", token) == first
    assert httpx.get(served + first["left"]["audio_url"]).content.startswith(b"sound")
    for side in ("left", "right"):
        for kind in ("audio_url", "notes_url"):  # whosever the clip is: without its key, one's own is for its listener
            assert set(parse_qs(urlsplit(first[side][kind]).query)) == {"playing", "key"}
    voted = ask("vote", token, first["offer_id"], "left", 4000, 4200.4)
    assert voted["picks"] == 1
    assert ask("vote", token, first["offer_id"], "left", 5000, 5000) == voted
    assert "can't become 'right'" in refused("vote", token, first["offer_id"], "right", 4000, 4000)
    assert ask("next_pair", token) == voted["open"][0]
    heard = json.loads(Path(ask("export", token, "json")).read_text())["offers"]
    listening = next(offer["listening"] for offer in heard if offer["id"] == first["offer_id"])
    assert (listening["left_ms"], listening["right_ms"]) == (4000, 4200)

    four = ask("next_four", token)
    picked = ask("vote_four", token, four["four_id"], "b", [3000, 3000, 3000, 3000])
    assert picked["picks"] == 2
    assert ask("vote_four", token, four["four_id"], "b", [3000, 3000, 3000, 3000]) == picked
    assert "give four" in refused("vote_four", token, four["four_id"], "b", [1, 2])

    told = ask("taste", token)
    assert told["picks"] == 2
    assert {style["style"] for style in told["styles"]}
    clip = told["best"][0]["clip_id"]
    explained = ask("why", token, clip)
    assert explained["votes"] == 2
    assert explained["utility"] == pytest.approx(sum(part["utility"] for part in explained["parts"]))
    assert ask("why", token, f"clips/{clip}") == explained


def test_strangers_are_refused_in_words(ask, refused, stock):
    stock(clips=16)
    mine, theirs = ask("new_listener"), ask("new_listener")
    offer = ask("next_pair", theirs)["offer_id"]
    another = "00000000-0000-4000-8000-000000000000"
    words = refused("vote", mine, offer, "left", 4000, 4000)
    assert words.replace(offer, another) == refused("vote", mine, another, "left", 4000, 4000)
    for name, *given in (("next_pair",), ("taste",), ("export",), ("delete",), ("keep", f"clips/{another}")):
        for token in (f"{theirs}x", theirs[:-1]):
            assert "not valid here" in refused(name, token, *given), (name, token)
        assert "call new_listener" in refused(name, "", *given), name
    assert refused("vote", mine, "none", "left").startswith("offer_id: Input should be a valid UUID")
    assert "'left', 'right'" in refused("vote", mine, offer, "up")
    assert "heard_left_ms" in refused("vote", mine, offer, "left", -1)
    assert "fewer than two clips were heard" in refused("vote", mine, offer, "left")
    assert refused("keep", mine, f"clips/{another}") == refused("keep", mine, f"clips/{another}")
    assert "clips/ID" in refused("keep", mine, "../secret")
    ask("delete", theirs)
    assert "not known" in refused("next_pair", theirs)


def test_a_token_that_a_link_carries_is_no_listeners(ask, refused, context, live):
    listener_id = live()
    assert "not valid here" in refused("taste", context.tokens.make_link(listener_id)[0])
    assert ask("taste", context.tokens.give(listener_id))["picks"] == 4


def test_a_clip_composed_for_a_listener_is_given_as_midi_and_is_no_proof_any_more(
    ask, refused, stock, context, notebook
):
    stock(clips=16)
    token = ask("new_listener")
    assert "pick from a first pair" in refused("compose", token)
    ask("vote", token, ask("next_pair", token)["offer_id"], "left", 4000, 4000)
    assert "still being composed after 0 s" in refused("compose", token, wait_s=0)
    assert "asked for before" in refused("compose", token, "surprise", wait_s=0)
    assert "asked for before" in refused("compose", token, mood="sad", wait_s=0)
    assert "asked for before" in refused("compose", token, mood={"valence": 0.5, "arousal": -0.2}, wait_s=0)
    near = ask("next_pair", token)["left"]["clip_id"]
    assert "no mood can be chosen" in refused("compose", token, "near", near, mood="calm")
    assert "calm" in refused("compose", token, mood="merry")
    assert "valence" in refused("compose", token, mood={"valence": 2, "arousal": 0})
    assert 'mode "near"' in refused("compose", token, "near")

    with working(context):
        composed = notebook.submit(token, api_name="/compose").result(timeout=300)
    piece = read_midi(Path(composed["midi"]).read_bytes())
    assert len(piece.notes) > 4
    assert composed["domain"] == "pop"
    exported = json.loads(Path(ask("export", token, "json")).read_text())
    kinds = {clip["id"]: clip["kind"] for clip in exported["clips"] if clip["composed_for"]}
    given = composed["name"].removeprefix("clips/")
    assert kinds.pop(given) == "opened"
    assert "composed" in kinds.values()

    flac = Path(ask("keep", token, composed["name"], "flac"))
    assert flac.read_bytes().startswith(b"fLaC")
    swapped = ask("swap", token, composed["name"], keep=0.5, seed=3)
    assert swapped["recipe"]["seed"] == 3
    assert ask("swap", token, composed["name"], keep=0.5, seed=3)["notes"] == swapped["notes"]
    assert "there are" in refused("swap", token, composed["name"], {"loudness": composed["name"]})
    again = json.loads(Path(ask("export", token, "json")).read_text())
    assert len(again["studio"]) == 2
    other = ask("new_listener")
    assert refused("keep", other, composed["name"]).startswith(f"there is no {composed['name']}")
    assert Path(ask("keep", token, swapped["name"])).read_bytes().startswith(b"MThd")


def test_music_is_kept_in_every_form_that_the_route_has(context, stock):
    (clip,) = stock("pop", 1)
    token = context.identity.token(accounts.create(context.database))
    begins = {
        "mid": b"MThd", "played": b"MThd", "musicxml": b"<?xml", "abc": b"X:", "score": b"X:", "mp3": b"ID3",
        "wav": b"RIFF", "flac": b"fLaC",
    }  # fmt: skip
    assert {*begins, "image", "png"} == {*get_args(Form)}
    for form, beginning in begins.items():
        file = composing.keep_file(context, token, f"clips/{clip}", form)
        assert Path(file["path"]).read_bytes().startswith(beginning), form


def test_results_of_one_study_have_only_as_much_room_as_one_listener(context):
    made = studies.create(context.database, context.journal, {"title": "Room"})
    found = [study_results(context, made.researcher)["report"]["path"] for _ in range(2)]
    assert len({Path(each).parent.parent for each in found}) == 1


def test_what_was_asked_for_on_the_page_and_waits_in_pairs_is_not_handed_over(context, live, monkeypatch):
    listener_id = live()
    wishes.ask(context.database, context.space, listener_id, wishes.Wish())
    assert wishes.hand_over(context.database, context.journal, listener_id).state == "waiting"


def test_data_goes_out_whole_comes_back_and_leaves_nothing(ask, refused, stock, context, tmp_path):
    stock(clips=16)
    token = ask("new_listener")
    for _ in range(3):
        ask("vote", token, ask("next_pair", token)["offer_id"], "left", 4000, 4000)
    zipped = Path(ask("export", token))
    assert "votes.csv" in zipfile.ZipFile(zipped).namelist()
    assert "here already" in refused("import", handle_file(zipped), token)
    folder = Downloads(context.settings.home).home
    assert list(folder.rglob("kallos-listener.zip"))

    ask("delete", token)
    assert not list(folder.rglob("kallos-listener.zip"))
    assert "not known" in refused("taste", token)
    back = ask("import", handle_file(zipped))
    assert context.identity.read(back).listener_id == context.identity.read(token).listener_id
    assert ask("taste", back)["picks"] == 3
    ask("delete", back)
    assert [path for path in folder.rglob("*") if path.is_file()] == []

    wrong = tmp_path / "wrong.zip"
    wrong.write_bytes(b"nothing")
    assert "not the data of a listener" in refused("import", handle_file(wrong))
    assert "file.meta" in refused("import", {"path": "/etc/passwd", "orig_name": "passwd", "meta": {}})
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_sounds_are_rated(ask, refused, rating_model, tmp_path, monkeypatch):
    monkeypatch.setattr(rated_sounds, "model", lambda _: str(rating_model))
    token, files = ask("new_listener"), []
    for number in (5, 8):
        files.append(tmp_path / f"{number}.flac")
        soundfile.write(files[-1], chord(number), SAMPLE_RATE_HZ)
    found = ask("rate", token, [handle_file(each) for each in files])
    assert {each["name"] for each in found} == {"5.flac", "8.flac"}
    assert all(each["low"] <= each["p"] <= each["high"] for each in found if each["p"] is not None)
    assert "1 to 12" in refused("rate", token, [])
    known = {each["name"]: each for each in ask("rated_tracks", token)}
    assert len(known) == TRACKS
    placed = [each for each in found if each["p"] is not None]
    assert all(known.keys() >= {*each["nearest"]} and isinstance(each["x"], float) for each in placed)


def test_clips_are_rated(ask, refused, rating_model, stock, monkeypatch):
    monkeypatch.setattr(rated_sounds, "model", lambda _: str(rating_model))
    token = ask("new_listener")
    found = ask("rate", token, [], [f"clips/{each}" for each in stock(clips=2)])
    assert [each["name"] for each in found] == ["pop piano"] * 2
    assert all(each["seconds"] > 5 for each in found)
    assert "there is no clips/" in refused("rate", token, [], [f"{0:032x}"])
    assert "name a clip as clips/ID" in refused("rate", token, [], ["nothing"])


def test_the_network_dreams_for_a_notebook(ask, refused, rating_model, monkeypatch):
    monkeypatch.setattr(rated_sounds, "model", lambda _: str(rating_model))
    token = ask("new_listener")
    found = ask("dream", token, "naive", 3, 8)
    assert found["steps"][-1]["step"] <= 8
    for name in ("dream", "trail"):
        assert soundfile.read(found[name])[1] == SAMPLE_RATE_HZ, name
    assert "way" in refused("dream", token, "loud")
    assert soundfile.info(ask("kept_dream", token)["dream"]).frames == soundfile.info(found["dream"]).frames
    assert "you keep no dream" in refused("kept_dream", ask("new_listener")).lower()


def test_an_agent_learns_only_from_what_is_there(ask, refused):
    token = ask("new_listener")
    assert "reward" in refused("agent", token, "applause")
    assert "you have not picked yet" in refused("agent", token, "head").lower()
    assert "you keep no agent" in refused("agent_play", token).lower()


def test_notes_are_heard_for_a_notebook(ask, refused, stock, tmp_path):
    token, path = ask("new_listener"), tmp_path / "jig.abc"
    path.write_text("X:1\nT:A jig\nM:6/8\nL:1/8\nK:D\n" + "|dAF DFA|dAF def|gfe fed|cBA Bcd" * 4 + "|]\n", "utf-8")
    (found,) = ask("tension", token, [handle_file(path)])
    assert (found["domain"], len(found["surprise"]), found["problem"]) == ("dance", 16, "")
    assert found["recognised"][0] is None
    (clip,) = stock(clips=1)
    own = ask("open_future", token, f"clips/{clip}")
    assert (own["domain"], len(own["uncertainty"]), own["problem"]) == ("pop", 4, "")
    assert "studio" in refused("open_future", token, f"pieces/{clip}")


def test_a_clip_is_judged_and_moved_to_a_mood_for_a_notebook(ask, refused, stock):
    token = ask("new_listener")
    clip = f"clips/{stock(clips=3)[0]}"
    before = ask("mood", token, clip)
    corner = {"valence": -1 if before["valence"] > 0 else 1, "arousal": -1 if before["arousal"] > 0 else 1}
    after = ask("to_mood", token, clip, **corner)
    away = [
        abs(heard["valence"] - corner["valence"]) + abs(heard["arousal"] - corner["arousal"])
        for heard in (before, after)
    ]
    assert away[1] <= away[0]
    assert after == ask("mood", token, after["name"])
    assert "valence" in refused("to_mood", token, clip, valence=2)


def test_research_is_answered_without_maps_or_studies(ask, refused):
    told = ask("retrieval")
    assert told["studies"] == told["results"] == []
    assert told["odds"]["title_to_melody"]["mrr"]["chance"] > 0
    assert "there is no study" in refused("retrieval", "none")
    for name, *given in (("map", "tunes"), ("neighbours", "tunes", 0), ("find_title", "the lark")):
        assert "has not been drawn yet" in refused(name, *given), name
    assert "exactly one" in refused("neighbours", "tunes")


def test_no_thread_waits_for_music_while_others_vote():
    lanes = {endpoint.lane for endpoint in ENDPOINTS}
    assert len({lane.name for lane in lanes}) == 3
    holding = sum(lane.at_once for lane in lanes if lane.name != "waiting")
    assert holding <= 12  # of the forty threads that votes on the pages have, too


def test_a_slideshow_gets_its_music_for_a_notebook(ask, refused, tmp_path):
    token, path = ask("new_listener"), tmp_path / "red.png"
    Image.new("RGB", (80, 60), "red").save(path)
    found = ask("film", token, [handle_file(path)])
    assert found["seconds"] == pytest.approx(5.2)
    assert len(read_midi(Path(found["midi"])).notes) > 3
    assert Path(found["video"]).stat().st_size > 1000
    assert "1 to 40" in refused("film", token, [])


def test_a_clip_becomes_a_film_for_a_notebook(ask, refused, stock):
    token = ask("new_listener")
    (clip,) = stock(clips=1, bpm=480.0)
    assert Path(ask("canvas", token, f"clips/{clip}")).stat().st_size > 1000
    assert "0 picks of what fits" in refused("canvas", token, f"clips/{clip}", "learned")
    assert "name a clip as clips/ID" in refused("canvas", token, "nothing")


def test_a_notebook_compares_composes_changes_and_keeps_pictures(ask, refused, context, served, notebook):
    pool.fill(context.picture_maker, {"domain": PICTURES, "clips": 24, "seed": 1}, 24)
    token = ask("new_listener", domain=PICTURES)

    def opened(path: str) -> Image.Image:
        return Image.open(io.BytesIO(Path(path).read_bytes()))

    def redness(clip) -> float:
        assert clip["audio_url"] is None
        assert clip["notes_url"] is None
        picture = rendered(httpx.get(served + clip["image_url"]).raise_for_status().text)
        red, _, blue = picture.astype(float).mean(axis=(0, 1))
        return red - blue

    for number in range(1, 7):
        pair = ask("next_pair", token)
        redder = max(("left", "right"), key=lambda side: redness(pair[side]))
        assert ask("vote", token, pair["offer_id"], redder, 4000, 4000)["picks"] == number
    four = ask("next_four", token)
    place = max(range(4), key=lambda each: redness(four["clips"][each]))
    assert ask("vote_four", token, four["four_id"], "abcd"[place], [3000] * 4)["picks"] == 7

    liked = ask("taste", token)
    assert (liked["domain"], liked["picks"]) == (PICTURES, 7)
    assert {style["style"] for style in liked["styles"]} == {"shape", "palette", "light", "line"}
    best = liked["best"][0]["clip_id"]
    assert [part["part"] for part in ask("why", token, best)["parts"]][:4] == ["shape", "palette", "light", "line"]

    assert "no mood" in refused("compose", token, mood="happy")
    with working(context):
        composed = ask("compose", token)
        near = ask("compose", token, "near", best, 0.9)
    for each in (composed, near):
        assert each["domain"] == PICTURES
        assert "midi" not in each
        assert opened(each["png"]).size == (1024, 1024)
    other = pair["left"]["clip_id"]
    plain = ask("swap", token, composed["name"], {"palette": other})
    by = -1.0 if plain["traits"]["size"] > 0.4 else 1.0
    swapped = ask("swap", token, composed["name"], {"palette": other}, turned={"size": by})
    assert swapped["domain"] == PICTURES
    assert swapped["recipe"]["styles"]["palette"]["source"] == f"clips/{other}"
    assert by * swapped["traits"]["size"] > by * plain["traits"]["size"]
    assert b"<svg" in Path(ask("keep", token, swapped["name"], "image")).read_bytes()
    for form in ("png", "mid"):
        assert opened(ask("keep", token, swapped["name"], form)).format == "PNG"
    assert "a picture has ['palette'" in refused("swap", token, composed["name"], {"rhythm": other})
    for of_music in ("mood", "to_mood", "open_future", "canvas"):
        assert "is a picture, and music is needed" in refused(of_music, token, composed["name"])
    with zipfile.ZipFile(ask("export", token)) as archive:
        names = archive.namelist()
    assert f"pictures/{composed['name'].removeprefix('clips/')}.svg" in names
    assert ask("delete", token)


def test_a_notebook_finds_what_lies_near_a_picture(ask, context):
    drawing.keep_shipped(context.atlas)
    token = ask("new_listener", domain=PICTURES)
    drawings = ask("map", PICTURES, token)
    assert len(drawings["text"]) == len(drawings["ids"]) > 100
    near = ask("neighbours", PICTURES, 3)
    assert near["text"] == drawings["text"][3]
    assert near["neighbours"]


def test_a_file_of_the_server_is_not_taken_for_one_that_was_uploaded(ask, served, tmp_path, capfd):
    there = tmp_path / "tune.abc"
    there.write_text("X:1\nK:C\n" + "CDEF|" * 8, encoding="ascii")
    named = {"path": str(there), "orig_name": "tune.abc", "meta": {"_type": "gradio.FileData"}}
    answer = httpx.post(f"{served}/gradio_api/call/tension", json={"data": [ask("new_listener"), [named]]}, timeout=60)
    assert (answer.status_code, "upload the file itself" in answer.text) == (422, True)
    assert "Traceback" not in capfd.readouterr().err
