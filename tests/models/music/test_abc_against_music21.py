"""Real tunes, read by music21's own ABC reader and by ours: the same notes in the same order.

What differs in the rest was looked at: music21 doesn't carry accidentals to the end of the bar, loses broken rhythm
next to slurs, and loses notes under the decorations H to W.
"""

import re
import warnings

import pytest

from models.music.abc import decoded, read_abc, split_tunes
from models.music.abc_fields import WHOLE
from models.music.abc_measures import Body, written_out
from models.music.corpora import CORPORA

NUMBERS = {"oneills1850": range(0, 2000, 200), "ryansMammoth": range(0, 1000, 100), "airdsAirs": range(0, 1100, 110)}


def texts(corpus: str) -> list[str]:
    found: list[str] = []
    for path in CORPORA[corpus].files():
        found += re.split(r"(?m)^(?=X:)", decoded(path))[1:]
    chosen = [re.split(r"\n\s*\n", found[number])[0] + "\n" for number in NUMBERS[corpus] if number < len(found)]
    return [re.sub(r"\{[^}]*\}", "", text) for text in chosen]


@pytest.mark.slow
@pytest.mark.parametrize("corpus", NUMBERS)
def test_real_tunes_have_the_notes_that_music21_reads(corpus: str) -> None:
    from music21 import converter

    same = total = 0
    for text in texts(corpus):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = converter.parse(text, format="abc")
        part = score.parts[0] if len(score.parts) else score
        theirs = [
            pitch.midi for note in part.recurse().notes if not note.classSet & {"ChordSymbol"} for pitch in note.pitches
        ]
        tune = split_tunes(text)[0]
        body = Body(tune.fields)
        body.read(tune.body)
        measures = next(iter(body.voices.values())).out
        ours = [note[2] for measure in measures for note in sorted(measure.notes)]
        total += 1
        same += ours == theirs
        played = written_out(measures)
        assert sum(m.length for m in played) <= 2.01 * sum(m.length for m in measures)
        assert 0 < sum(m.length for m in played) < 400 * WHOLE
    assert total >= 10
    assert same >= 0.6 * total


def test_tunes_of_several_voices_sound_as_music21_has_them() -> None:
    """music21 names voices by numbers alone, plays ``Z4`` as one beat and no octaves of clefs: these are left out."""
    from music21 import converter

    for body in (
        "K:C\nV:1\nCDEF|GABc|\nV:2\nC,4|E,4|G,4|",
        "K:C\nV:1\nCDEF|GABc|cBAG|\nV:2\nC,4|",
        "K:Edor\nV:1\nCDEF|GABc|\nV:2\nC,D,E,F,|G,A,B,C|",
        "K:C\nz>C D>z E2|",
        "K:C\nC:Trad. arr. Babcage\nCDEF|",
        "K:C\n(3CDE F G|C4|",
    ):
        text = f"X:1\nT:t\nM:4/4\nL:1/4\n{body}\n"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = converter.parse(text, format="abc")
        theirs = {
            (round(float(note.getOffsetInHierarchy(score)), 2), pitch.midi)
            for note in score.recurse().notes
            for pitch in note.pitches
        }
        assert theirs == {(round(onset / 24, 2), pitch) for onset, _, pitch, _ in read_abc(text)[0].notes.tolist()}
