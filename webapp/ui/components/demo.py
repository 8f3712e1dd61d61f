"""Clips to try the components with: four old dance tunes, rendered when they are first asked for."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from models.music.abc import read_abc
from models.music.performance import notes_in_seconds
from models.music.render import encode_mp3, render
from webapp.ui.components.clip import Clip

SECONDS = 6.0
TUNES = """X:1
T:Speed the Plough
M:4/4
L:1/8
Q:1/4=150
K:G
GABc dedB|dedB dedB|c2ec B2dB|c2A2 A2BA|GABc dedB|dedB dedB|c2ec B2dB|A2F2 G4|

X:2
T:The Kesh Jig
M:6/8
L:1/8
Q:3/8=100
K:G
GAG GAB|ABA ABd|edd gdd|edB dBA|GAG GAB|ABA ABd|edd gdB|AGF G3|

X:3
T:Cooley's Reel
M:4/4
L:1/8
Q:1/4=140
K:Emin
EBBA B2EB|B2AB dBAG|FDAD BDAD|FDAD dAFD|EBBA B2EB|B2AB defg|afec dBAF|DEFD E4|

X:4
T:The Blackthorn Stick
M:6/8
L:1/8
Q:3/8=96
K:G
gfg ege|dBG AGE|DGG FGA|BBB AGA|gfg ege|dBG AGE|DGG FGA|BGG G3|
"""


@cache
def tunes() -> tuple[Clip, ...]:
    """Four clips of six seconds."""
    folder = Path(tempfile.mkdtemp(prefix="kallos-demo-"))
    clips = []
    for number, piece in enumerate(read_abc(TUNES)):
        file = folder / f"{number}.mp3"
        file.write_bytes(encode_mp3(render(piece, SECONDS)))
        clips.append(Clip(file, SECONDS, notes_in_seconds(piece, SECONDS), name=piece.titles[0]))
    return tuple(clips)
