"""Music without end on the operator's machine, steered by OSC and sent as OSC with MIDI in it."""

from __future__ import annotations

import argparse
import signal
import sys

from webapp.commands import Commands
from webapp.generation.protocol import Generator
from webapp.runtime.settings import Settings
from webapp.runtime.supervised_process import WRONG_SETTING


def add_live(commands: Commands) -> None:
    """Add ``kallos live``."""
    live = commands.add_parser("live", help="compose bar after bar, steered by OSC, and send it as OSC and MIDI")
    live.add_argument("--osc-out", required=True, metavar="[HOST:]PORT", help="where beats, bars and notes are sent")
    live.add_argument("--osc-in", metavar="[HOST:]PORT", help="where readouts or positions are heard; else as usual")
    live.add_argument(
        "--beyond-this-machine", action="store_true", help="allow hosts other than this machine in both of them"
    )
    live.add_argument("--domain", choices=["pop", "dance", "chorale"], default="pop")
    live.add_argument("--seed", type=int, default=0, help="the same seed composes the same ground (0)")
    live.add_argument("--bars", type=int, help="stop after so many (never)")
    live.set_defaults(run=_live)


def _live(given: argparse.Namespace, settings: Settings) -> int:
    from models.style.directions import Directions
    from webapp.generation.protocol import GenerationError
    from webapp.live import osc, steering
    from webapp.live.music import LiveBar, LiveMusic
    from webapp.live.performing import Performer

    try:
        outward = osc.address(given.osc_out, "--osc-out", beyond=given.beyond_this_machine)
        inward = osc.address(given.osc_in, "--osc-in", beyond=given.beyond_this_machine) if given.osc_in else None
    except osc.OscAddressError as error:
        print(error, file=sys.stderr)
        return WRONG_SETTING
    if given.seed < 0 or (given.bars is not None and given.bars < 1):
        print(f"--seed {given.seed} --bars {given.bars}: a seed is 0 or more, bars are 1 or more", file=sys.stderr)
        return WRONG_SETTING

    def told(bar: LiveBar, took_s: float) -> None:
        which = f"bar {bar.number}{', second half' if bar.from_tick else ''}"
        print(f"{which}: {bar.tempo_bpm:.0f} bpm, {len(bar.piece.notes)} notes, composed in {took_s:.2f} s")

    engine = _generator(settings)
    out = osc.OscOut(*outward)
    heard: osc.OscIn | None = None
    try:
        music = LiveMusic(engine, Directions.load(settings.style_folder), given.domain, given.seed)
        player = Performer(music, lambda: heard.seen if heard else {}, out, told)
        if inward:
            heard = osc.OscIn(*inward, steering.drawings(), player.act)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: player.stop())
        player.play(given.bars)
    except (GenerationError, OSError) as error:
        print(f"live music can't go on: {error}", file=sys.stderr)
        return 1
    finally:
        if heard:
            heard.close()
        out.close()
        engine.close()
    return 0


def _generator(settings: Settings) -> Generator:
    """The generation server that is set, or one in this process."""
    from webapp.generation.loading import load_engine
    from webapp.generation.remote import RemoteGenerator

    if settings.generator_url:
        return RemoteGenerator(settings.generator_url, settings.generator_secret)
    return load_engine(str(settings.style_folder), settings.device)
