"""Strangers' sounds through the real processes: decoded, rated, refused."""

import io
import json
import shutil
import uuid

import numpy as np
import pytest
import soundfile

from models.music.decoding import SoundError
from models.rating.mel_bands import SAMPLE_RATE_HZ
from models.rating.synthetic import coloured
from tests.models.rating.conftest import TRACKS, chord
from webapp.rating import rated_sounds, untrusted_audio
from webapp.rating.plot import among, seen_and_felt
from webapp.runtime.errors import NotAllowed, NotReady, TooMany
from webapp.runtime.limits import Buckets
from webapp.ui.pages.rate import near_what, orderings, row, summary

pytestmark = pytest.mark.slow

SOMEBODY = uuid.UUID(int=1)


def as_file(samples, rate=SAMPLE_RATE_HZ, form="FLAC"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form)
    return file.getvalue()


def test_sounds_come_back_best_first_then_what_is_strange_then_what_is_broken(rating_model):
    noise = coloured(4.0, np.random.default_rng(0))
    files = [
        ("broken.mp3", b"no sound at all" * 50),
        ("noise.flac", as_file(noise)),
        ("bright.flac", as_file(chord(12))),
        ("dull.wav", as_file(np.stack([chord(6)] * 2, axis=1), SAMPLE_RATE_HZ, "WAV")),
    ]
    found = rated_sounds.rate(SOMEBODY, files, model=str(rating_model))
    assert [each.name for each in found[2:]] == ["noise.flac", "broken.mp3"]
    first, second, strange, broken = found
    assert first.p >= second.p
    assert first.low <= first.p <= first.high
    assert 0 <= first.rank <= 1
    assert strange.outlier > 1
    assert strange.p is None
    assert "no audio" in broken.problem
    assert first.picture.shape == first.attribution.shape
    assert strange.attribution is None
    assert len(seen_and_felt(first).data) == 2
    assert len(seen_and_felt(strange).data) == 1
    tracks = rated_sounds.tracks(str(rating_model))
    assert len(tracks) == TRACKS
    assert len(first.nearest) == 5
    assert {*first.nearest} <= {track.name for track in tracks}
    assert min(track.x for track in tracks) <= first.x <= max(track.x for track in tracks)
    assert strange.x is None
    assert [len(trace.x) for trace in among(tracks, found).data] == [TRACKS, 2]
    assert near_what(tracks, found).startswith(f"1, {first.name}, is nearest to {first.nearest[0]}")
    said = summary(found)
    assert f"{first.name} is rated highest" in said
    assert "No rating, since it is unlike anything heard: noise.flac." in said
    assert ("their ranges overlap" in said) == (first.low < second.high)
    assert row(3, strange)[0] == "–"


def test_a_decoder_has_little_memory_and_one_line_for_what_it_refuses(monkeypatch):
    long = as_file(np.zeros((192_000 * 30, 1)), 192_000)
    assert len(untrusted_audio.decode(long, "long").samples) == 192_000 * 30
    with pytest.raises(SoundError, match="at most 10 MB"):
        untrusted_audio.decode(bytes(untrusted_audio.MOST_BYTES + 1), "large")
    with pytest.raises(SoundError, match="is no audio"):
        untrusted_audio.decode(b"RIFF" + bytes(2000), "riff.wav")


def test_what_one_listener_may_ask_for_has_limits(rating_model, monkeypatch):
    with pytest.raises(NotAllowed, match="0 sounds were given"):
        rated_sounds.rate(SOMEBODY, [], model=str(rating_model))
    with pytest.raises(NotAllowed, match="1 to 12"):
        rated_sounds.rate(SOMEBODY, [("a", b"")] * 13, model=str(rating_model))
    with pytest.raises(NotReady, match="no rating network"):
        rated_sounds.rate(SOMEBODY, [("a", b"")], model="")
    other = uuid.UUID(int=2)
    monkeypatch.setattr(rated_sounds, "_asked", Buckets(0.001, 5))
    with pytest.raises(TooMany):
        rated_sounds.rate(other, [("a.wav", b"no")] * 6, model=str(rating_model))


def test_the_network_trained_here_is_asked_where_none_is_shipped(rating_model, tmp_path, monkeypatch):
    monkeypatch.setattr(rated_sounds, "MODEL", "none")
    assert rated_sounds.model(tmp_path) == ""
    shutil.copytree(rating_model, tmp_path / rated_sounds.TRAINED)
    assert rated_sounds.model(tmp_path) == str(tmp_path / "rating" / "bundle")


def test_networks_that_learned_here_alone_rate_otherwise_and_say_what_raised_it(rating_model, played_folder):
    file = [("t3.wav", (played_folder / "audio" / "t3.wav").read_bytes())]
    assert rated_sounds.has_mel(str(rating_model))
    (tagger,) = rated_sounds.rate(SOMEBODY, file, model=str(rating_model))
    (mel,) = rated_sounds.rate(SOMEBODY, file, model=str(rating_model), ears="mel")
    assert tagger.p != mel.p
    assert tagger.outlier == mel.outlier  # what is unlike anything heard is so to both
    assert mel.attribution is not None
    assert mel.attribution.shape == tagger.attribution.shape
    assert not np.allclose(mel.attribution, tagger.attribution)
    assert not rated_sounds.has_mel("")


def test_who_hears_better_is_a_row_a_method(tmp_path):
    metric = {"value": 0.61, "low": 0.5, "high": 0.7}
    lines = {"emotify": [{"metrics": {"rating.pairs.ours": metric}}, {"metrics": {"rating.pairs.mel": metric}}],
             "listener_ratings": [{"metrics": {"rating.pairs.mel": {**metric, "value": 0.5}}}]}  # fmt: skip
    (tmp_path / "orderings.json").write_text(json.dumps(lines))
    assert rated_sounds.orderings(str(tmp_path / "nowhere")) == {}
    shown = orderings(rated_sounds.orderings(str(tmp_path)))
    assert [row[1:] for row in shown] == [
        ["0.610 (0.500 to 0.700)", "–"],
        ["0.610 (0.500 to 0.700)", "0.500 (0.500 to 0.700)"],
    ]
