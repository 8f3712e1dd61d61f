"""Drafts that come with the weights: of the models that are shipped, and music that may be offered."""

import json

import pytest

from models.music.notes import DOMAINS
from models.style.card import SHIPPED_STYLE, read_card
from models.style.draft_files import ENDING, FIRST, first_drafts, load_drafts, save_drafts
from models.style.drafts import BEFORE
from models.style.fingerprint import rejection_reason
from models.style.latents import BARS
from models.style.pieces.sampling import Writer
from models.train import first_drafts as command

MEGABYTES = 6


@pytest.fixture(scope="module")
def version() -> str:
    return read_card(SHIPPED_STYLE)["version"]


def test_they_are_of_the_models_that_are_shipped(version):
    card = json.loads((FIRST / "card.json").read_text())
    made_with = (card["version"], card["writer"])
    assert made_with == (version, Writer.load("pieces-latents").version), "draw them again, as their README says"
    assert sum(path.stat().st_size for path in FIRST.iterdir()) <= MEGABYTES * 1_000_000


@pytest.mark.parametrize("domain", DOMAINS)
def test_they_are_written_all_different_and_may_be_offered(domain, version):
    drafts = first_drafts(domain, version)
    assert len(drafts) == 256
    assert len({each.notes.notes.tobytes() for each in drafts if each.notes}) == 256
    assert all(each.notes is not None and len(each.notes.bars) == BARS for each in drafts)
    assert {each.latents.version for each in drafts} == {version}
    assert not any(rejection_reason(each.notes) for each in drafts if each.notes)
    assert 0 < sum(each.opens for each in drafts) < len(drafts)
    assert all(BEFORE in each.latents.piece for each in drafts)


def test_another_model_has_none(version, tmp_path):
    assert first_drafts("pop", "another-1") == []
    assert first_drafts("pop", version, tmp_path) == []


def test_a_file_that_is_not_of_drafts_is_told_by_its_name(version, tmp_path):
    (tmp_path / "card.json").write_text(json.dumps({"version": version}))
    (tmp_path / f"pop{ENDING}").write_bytes(b"no drafts")
    with pytest.raises(ValueError, match=r"pop\.safetensors can't be read as drafts"):
        first_drafts("pop", version, tmp_path)


def test_the_command_draws_the_same_again(composer, tmp_path):
    card = command.draw(composer, tmp_path / "one", 3, seed=5)
    assert (card["version"], card["count"]) == (composer.version, 3)
    command.draw(composer, tmp_path / "again", 3, seed=5)
    for domain in DOMAINS:
        drafts = first_drafts(domain, composer.version, tmp_path / "one")
        save_drafts(tmp_path / "third", drafts)
        again = first_drafts(domain, composer.version, tmp_path / "again")
        third = load_drafts(tmp_path / "third", composer.version)
        assert [each.to_json() for each in drafts] == [each.to_json() for each in again]
        assert [each.to_json() for each in drafts] == [each.to_json() for each in third]
        assert len(drafts) == 3
