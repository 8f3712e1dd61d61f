import numpy as np
import pytest

from models.evaluate.rating import crossfitted, head, style_features
from models.music import corpora
from models.music.midi import write_midi
from models.rating.crossfit import folds_of
from models.style.checkpoint import style_argument
from models.style.compose import Composer

pytestmark = pytest.mark.slow


def test_the_head_learns_from_notes_what_its_latents_say_and_needs_the_notes_of_all(tmp_path):
    composer = Composer(style_argument("default"))
    files = []
    for number, piece in enumerate([*corpora.load("bachChorales", limit=12), *corpora.load("oneills1850", limit=12)]):
        files.append(tmp_path / f"{number}.mid")
        files[-1].write_bytes(write_midi(piece))
    x = style_features(composer, files)
    p = np.repeat([0.2, 0.8], 12)  # chorales are not liked
    found = crossfitted(head, x, p, np.ones(24), folds_of([str(each) for each in files], p))
    assert (found[12:, None] > found[:12]).mean() > 0.95
    assert style_features(composer, [*files[:3], None]) is None
    (tmp_path / "0.mid").write_bytes(b"no notes")
    assert style_features(composer, files) is None
