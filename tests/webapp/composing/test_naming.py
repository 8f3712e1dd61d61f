from __future__ import annotations

from models.music.abc import read_abc
from webapp.composing import sources


def test_a_key_is_told_in_words() -> None:
    for key, words in (("G", "G major"), ("Bb", "B flat major"), ("F#m", "F sharp minor"), ("Bbm", "B flat minor")):
        assert sources.key_in_words(key) == words


def test_a_piece_is_called_by_its_kind_key_and_meter():
    (jig,) = read_abc("X:1\nT:A jig\nM:6/8\nL:1/8\nK:G\nGAG GAB|ABA ABd|edd gdB|AGF G3|")
    assert sources.name_of("dance", jig.to_json()) == "Dance tune in G major, 6/8"


def test_clips_are_named_and_those_that_are_gone_are_left_out(context, live):
    listener = live()
    clip = context.pairs.open(listener)[0].clips[0].clip_id
    gone = listener  # no clip has this id
    found = sources.names_of(context.database, [clip, gone])
    assert list(found) == [clip]
    assert " in " in found[clip]
