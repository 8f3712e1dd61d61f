from itertools import pairwise

import numpy as np
import pytest

from models.atlas.material import PLAYED, clip_points, gather, moods_of, tune_points
from models.atlas.points import KINDS, StoredClip
from models.atlas.projection import style_vectors
from models.mood.liking import MOODS
from models.music import corpora
from models.music.notes import MusicError, Piece
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.latents import GROUPS
from models.taste.space import summary
from models.title.tunes import tunes_of
from models.title.two_tower import load_towers


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    return corpora.load("oneills1850", limit=60)


@pytest.fixture(scope="module")
def joint(pieces):
    return tune_points(load_towers(), tunes_of(pieces), pieces, "joint")


def test_titles_lead_to_the_tunes_that_bear_them(joint):
    titles = [row for row, name in enumerate(joint.ids) if name.startswith("titles/")]
    assert 50 < len(titles) < len(joint)
    for row in titles:
        assert joint.links[row]
        assert all(joint.ids[tune].startswith("tunes/oneills1850/") for tune in joint.links[row])
    named = joint.texts.index(joint.texts[0], 1)
    assert 0 in joint.links[named]
    assert joint.pieces[named] == joint.pieces[0]


def test_each_side_of_a_joint_map_lies_about_its_own_middle(joint):
    side = np.array(joint.colours["side"])
    for name in ("tune", "title"):
        assert np.allclose(joint.vectors[side == name].mean(0), 0, atol=1e-5)


def test_tunes_and_titles_are_mapped_alone_too(pieces, joint):
    towers = load_towers()
    tunes, titles = (tune_points(towers, tunes_of(pieces), pieces, kind) for kind in ("tunes", "titles"))
    assert len(tunes) + len(titles) == len(joint)
    assert not any(titles.links)
    assert set(tunes.colours) == {"genre", "meter", "mode", "collection"}


def test_clips_and_excerpts_lie_in_one_space_that_the_composer_encodes_alike(pieces):
    bundle = tiny_style()
    composer = Composer(bundle)
    latents = composer.encode(pieces[0])
    clip = StoredClip("clips/1", pieces[0].window(0, 9).to_json(), summary(latents))
    points = clip_points(bundle, [clip], pieces)
    assert points.ids[0] == "clips/1"
    same = points.ids.index(f"tunes/{pieces[0].piece_id}")
    assert np.allclose(points.summaries[0], points.summaries[same], atol=1e-4)
    assert np.allclose(points.vectors[0], points.vectors[same], atol=1e-3)
    assert points.colours["source"][:2] == ("composed", "collection")
    assert points.colours["collection"][1] == "O'Neill's"
    assert points.colours["mood"][0] == points.colours["mood"][same]
    assert set(points.colours["mood"]) <= {*MOODS, ""}
    assert len(set(points.colours["mood"])) > 1


def test_what_has_no_notes_has_no_mood():
    silent = Piece(np.zeros((0, 4)), np.array([[0, 48, 4, 4]]), np.array([120.0]))
    assert moods_of([silent]) == ("",)


def test_every_style_group_counts_the_same_and_content_does_not_count():
    sizes = dict(zip(GROUPS, (4, 3, 2, 3, 2, 1, 2), strict=True))
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, sum(sizes.values()) + 5)) * rng.uniform(0.5, 20, sum(sizes.values()) + 5)
    vectors = style_vectors(rows, sizes)
    ends = np.cumsum([0, 3, 2, 3, 2, 1, 2])
    shares = [vectors[:, a:b].var(0).sum() for a, b in pairwise(ends)]
    assert np.allclose(shares, 1, atol=1e-4)
    assert vectors.shape[1] == 13
    assert np.allclose(style_vectors(rows[5], sizes, among=rows)[0], vectors[5], atol=1e-5)


def test_music_of_unstated_terms_is_on_no_map():
    assert "pop1k7" not in PLAYED
    assert all("unstated" not in corpora.CORPORA[name].terms for name in PLAYED)


def test_pieces_that_are_on_no_map_are_counted(tmp_path):
    tune = "X:{}\n{}M:4/4\nL:1/8\nK:D\nDEFG ABcd|dcBA GFED|DEFG ABcd|dcBA GFED|\n\n"
    (tmp_path / "some.abc").write_text("".join(tune.format(i, f"T:The {w}\n" if w else "") for i, w in enumerate(
        ("Cow", "", "Hen", "")
    )), encoding="utf-8")  # fmt: skip
    found = gather("tunes", data=tmp_path)
    assert (len(found.points), found.about["left_out"]) == (2, {"pieces": 2, "why": "without a title or a melody"})
    with pytest.raises(MusicError, match="eight whole bars"):
        gather("clips", data=tmp_path)


def test_another_kind_of_map_is_refused():
    with pytest.raises(ValueError, match=", ".join(KINDS)):
        gather("moods")
