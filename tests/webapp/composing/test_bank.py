from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from models.music.notes import DOMAINS, Piece
from models.style.drafts import BEFORE, Draft
from models.style.latents import Latents
from models.taste.head import Head
from models.taste.search import Candidate, best_latents
from models.train import first_drafts as command
from webapp.composing import search as bank_module
from webapp.composing.search import ROOM, Bank, room_beside
from webapp.generation.protocol import DraftsResult, GeneratorUnavailable
from webapp.learning.playable_clips import InstalledStyle

WRITTEN = Piece(np.array([[0, 24, 60, 64]]), np.array([[0, 96, 4, 4]]), np.array([120.0]), domain="pop")


class Prior:
    """A generator that only draws, and counts how often."""

    def __init__(self, composer) -> None:
        self.composer, self.asked, self.down, self.background = composer, 0, False, 0
        self.before = 0  # bars, of the drafts that are not written

    def drafts(self, domain, count, seed, mood=None, *, background=False) -> DraftsResult:
        if self.down:
            raise GeneratorUnavailable("down")
        self.asked += 1
        self.background += background
        drawn = self.composer.draw_each([domain] * count, range(seed % 2**31, seed % 2**31 + count))
        drafts = [
            Draft(
                replace(each, piece={**each.piece, BEFORE: 8 if place % 2 else self.before}), (None, WRITTEN)[place % 2]
            )
            for place, each in enumerate(drawn)
        ]
        return DraftsResult(drafts=[each.to_json() for each in drafts], model_version=self.composer.version)


@pytest.fixture
def prior(tiny_composer) -> Prior:
    return Prior(tiny_composer)


@pytest.fixture
def style(tmp_path, space) -> InstalledStyle:
    return InstalledStyle(tmp_path / "no model", space)


@pytest.fixture
def bank(tmp_path, style, prior) -> Bank:
    return Bank(tmp_path / "bank", style, prior)


@pytest.fixture
def search(space):
    """Best for a head that likes what the first lines read."""
    head = Head.of(np.linspace(1, -1, space.size), np.eye(space.size) / 9, space.version)
    return lambda candidates, _, wanted: best_latents(head, space, candidates, wanted)


def same(one: Latents, other: Latents) -> bool:
    return all(np.array_equal(one.groups[name], other.groups[name]) for name in one.groups)


def test_a_search_of_an_empty_bank_draws_what_it_needs_and_the_next_one_nothing(bank, prior, search):
    first = bank.choose("pop", search, 3)
    assert len(first) == 3
    assert (prior.asked, bank.size("pop")) == (1, bank_module.BANKED_AT_ONCE - 3)
    prior.down = True
    assert len(bank.choose("pop", search, 3)) == 3
    with pytest.raises(GeneratorUnavailable):
        bank.choose("dance", search, 1)


def test_drafts_beside_the_banks_are_searched_too_and_not_kept(bank, prior):
    beside = [Draft.from_json(each) for each in prior.drafts("pop", 4, 99).drafts]
    theirs = {id(draft.latents) for draft in beside}

    def search(candidates, drafts, wanted):
        places = [0, *(place for place, draft in enumerate(drafts) if id(draft.latents) in theirs)]
        return [Candidate(candidates.latents[place], 0.0, 0.0, 1.0, place) for place in places[:wanted]]

    own, *others = bank.choose("pop", search, 3, beside=beside)
    assert [id(each.latents) for each in others] == [id(each.latents) for each in beside[:2]]
    assert id(own.latents) not in theirs
    assert bank.size("pop") == bank_module.BANKED_AT_ONCE - 1


def test_what_was_found_once_is_never_found_again_by_nobody(bank, tmp_path, style, prior, search):
    another_process = Bank(tmp_path / "bank", style, prior)
    bank.grow("pop")
    found = [each for which in (bank, another_process, bank) for each in which.choose("pop", search, 3)]
    contents = {each.latents.groups["content"].tobytes() for each in found}
    assert len(contents) == len(found) == 9


def test_what_is_put_back_unused_others_may_have(bank, search):
    bank.grow("pop")
    before = bank.size("pop")
    found = bank.choose("pop", search, 3)
    again = [Draft.from_json(json.loads(json.dumps(each.to_json()))) for each in found]  # as a job keeps them
    bank.put_back("pop", again[1:])
    bank.put_back("pop", again[1:])  # done again
    assert bank.size("pop") == before - 1
    assert found[1].name in {each.name for each in bank.choose("pop", search, before - 1)}
    bank.put_back("pop", [Draft(found[0].latents)])  # of no bank


def test_where_there_is_no_plenty_the_scarcest_is_drawn_at_once(tmp_path, style, prior, monkeypatch):
    bank = Bank(tmp_path / "bank", style, prior, room=96)
    monkeypatch.setattr(bank_module, "PLENTY", 64)
    while bank.replenish():
        pass
    assert [bank.size(domain) for domain in DOMAINS] == [64, 64, 64]
    small = Bank(tmp_path / "small", style, prior, room=32)
    while small.replenish():
        pass
    assert [small.size(domain) for domain in DOMAINS] == [32, 32, 32]


def test_draws_come_back_from_disk_as_they_were_drawn(bank, tmp_path, style, prior):
    bank.grow("chorale")
    kept = Bank(tmp_path / "bank", style, prior)._read_all("chorale").drafts
    drawn = bank._read_all("chorale").drafts
    assert all(same(one.latents, other.latents) for one, other in zip(kept, drawn, strict=True))
    assert kept[0].latents.piece["domain"] == "chorale"
    assert [each.notes and each.notes.to_json() for each in kept[:2]] == [None, WRITTEN.to_json()]
    assert style.space.features(np.zeros(style.space.dims)).shape[1] == style.space.size


def test_an_idle_bank_grows_in_all_domains_until_it_is_full_and_is_renewed_from_its_oldest(
    tmp_path, style, prior, monkeypatch
):
    bank = Bank(tmp_path / "bank", style, prior, room=64)
    monkeypatch.setattr(bank_module, "RESTS", 0.0)
    while bank.tend():
        pass
    assert prior.background == prior.asked  # nobody waits for them
    sizes = [bank.size(domain) for domain in ("pop", "dance", "chorale")]
    assert sizes == [64, 64, 64]
    before = {domain: bank._drawn_at(domain) for domain in ("pop", "dance", "chorale")}
    monkeypatch.setattr(bank_module, "RENEW_SECONDS", 0.0)
    for _ in range(3):
        assert bank.tend()
    for domain, files in before.items():
        assert bank._drawn_at(domain)[0] == files[1]  # the oldest has gone
        assert bank.size(domain) == 64


def test_whole_pieces_begin_with_openings_where_there_are_any(bank, search, prior):
    found = bank.choose("pop", search, 20, openings=True)
    assert len(found) == 20
    assert all(draft.opens for draft in found)
    assert not all(draft.opens for draft in bank.choose("pop", search, 20))
    prior.before = 8
    bank.grow("dance")
    assert bank.choose("dance", search, 1, openings=True)


def test_a_bank_with_enough_to_search_rests_between_its_draws(bank, monkeypatch):
    monkeypatch.setattr(bank_module, "ENOUGH", 32)
    monkeypatch.setattr(bank_module, "RESTS", 1000.0)
    for _ in range(3):
        assert bank.tend()  # one of each kind of music, without a pause
    assert not bank.tend()
    bank._rested = 0.0
    assert bank.tend()


def test_whoever_keeps_few_clips_ready_keeps_few_drafts() -> None:
    for pool, room in ((48, ROOM), (2_000, ROOM), (12, ROOM // 4)):
        assert room_beside(pool) == room


def test_what_was_taken_is_drawn_anew(tmp_path, style, prior, search):
    bank = Bank(tmp_path / "bank", style, prior, room=32)
    bank.grow("pop")
    bank.choose("pop", search, 5)
    assert bank.size("pop") == 27
    bank.grow("pop")
    assert bank.size("pop") >= 32


def test_a_worker_that_dies_while_it_writes_leaves_nothing_that_is_read(bank, tmp_path, style, prior):
    bank.grow("pop")
    folder = bank._drawn_at("pop")[0].parent
    whole = bank._drawn_at("pop")[0].read_bytes()
    (folder / ".00000000000000000001-half.safetensors.7").write_bytes(whole[:500])
    (folder / "00000000000000000002-cut.safetensors").write_bytes(whole[:500])  # a disk that lost the end of a file
    (folder / "00000000000000000003-odd.safetensors").write_bytes(b"no such thing")
    fresh = Bank(tmp_path / "bank", style, prior)
    assert len(fresh._read_all("pop").names) == bank_module.BANKED_AT_ONCE
    assert len(fresh._drawn_at("pop")) == 1
    os.utime(folder / ".00000000000000000001-half.safetensors.7", (0, 0))
    fresh.grow("pop")
    assert not list(folder.glob(".*"))


def test_the_first_drafts_are_put_there_once_and_searched_first(bank, tmp_path, style, prior, search):
    shipped = tmp_path / "shipped"
    assert not bank.put_first(shipped)
    command.draw(prior.composer, shipped, 40, seed=1)  # of which a whole file is taken
    assert bank.put_first(shipped)
    assert [bank.size(domain) for domain in DOMAINS] == [32] * 3
    prior.down = True
    first = bank.choose("dance", search, 3)
    another_process = Bank(tmp_path / "bank", style, prior)
    assert not another_process.put_first(shipped)
    assert another_process.size("dance") == 29
    for path in another_process._drawn_at("dance"):
        path.unlink()  # as when all are spent
    assert not another_process.put_first(shipped)
    assert (len(first), another_process.size("dance")) == (3, 0)


def test_first_drafts_of_another_model_are_left(bank, tmp_path, space, style, prior):
    command.draw(prior.composer, tmp_path / "shipped", 32, seed=1)
    newer = Bank(tmp_path / "bank", InstalledStyle(style.folder, replace(space, version="newer")), prior)
    assert not newer.put_first(tmp_path / "shipped")
    assert newer.size("pop") == 0


def test_draws_of_another_model_are_not_searched_and_go_after_a_day(bank, tmp_path, space, style, prior):
    bank.grow("pop")
    old = bank._drawn_at("pop")[0].parent.parent
    newer = Bank(tmp_path / "bank", InstalledStyle(style.folder, replace(space, version="newer")), prior)
    assert newer.size("pop") == 0
    drafts = [Draft(replace(each.latents, version="newer")) for each in bank._read_all("pop").drafts]
    newer._write("pop", drafts)
    newer._tidy("pop")
    assert bank.size("pop") == 32  # somebody may still work with it
    for path in [old, *old.rglob("*")]:
        os.utime(path, (0, 0))
    newer._tidy("pop")
    assert not old.exists()
    assert newer.size("pop") == 32


PROCESS = """
import json, sys, time
from pathlib import Path
from types import SimpleNamespace
from webapp.composing.search import ROOM, Bank, room_beside
bank = Bank(Path(sys.argv[1]), SimpleNamespace(version=sys.argv[2]), None)
while not Path(sys.argv[3]).exists():
    time.sleep(0.001)
print(json.dumps([name for name in json.loads(sys.argv[4]) if bank._take("pop", name)]))
"""


@pytest.mark.slow
def test_two_processes_never_take_the_same_draw(bank, tmp_path, style):
    bank.grow("pop")
    names = bank._names("pop")
    go = tmp_path / "go"
    words = [sys.executable, "-c", PROCESS, str(tmp_path / "bank"), style.version, str(go), json.dumps(names)]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    time.sleep(1)
    go.touch()
    taken = [json.loads(each.communicate(timeout=300)[0]) for each in both]
    assert sorted(taken[0] + taken[1]) == sorted(names)
    assert bank.size("pop") == 0
