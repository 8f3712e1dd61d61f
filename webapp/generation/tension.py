"""The tension model beside the composer: curves along a piece, and rewards of many; loaded when it is first asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from models.music.notes import Domain, MusicError, Piece
from models.tension.score import TensionBundle, curves, load_tension, score
from webapp.generation.protocol import BadRequest, CurvesResult, GeneratorUnavailable, Rewards, RewardsResult


class Tension:
    """The shipped model; may be asked from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bundle: TensionBundle | None = None

    def curves(self, notes: dict[str, Any], domain: Domain) -> CurvesResult:
        """What is heard along a piece (``Piece.to_json``); raises ``BadRequest`` for one that can't be heard.

        Both raise ``GeneratorUnavailable`` where the model can't be loaded.
        """
        with self._lock:
            bundle = self._loaded()
            try:
                found = curves(bundle, replace(Piece.from_json(notes), domain=domain))
            except MusicError as error:
                raise BadRequest(str(error)) from error
        return CurvesResult(curves=found.to_json(), model_version=bundle.version)

    def rewards(self, pieces: Sequence[dict[str, Any]], domain: Domain) -> RewardsResult:
        """The rewards of pieces (``Piece.to_json``), in their order; None for one that can't be heard."""
        found: list[Rewards | None] = []
        for notes in pieces:
            with self._lock:
                bundle = self._loaded()
                try:
                    measured = bundle.ears.measure(replace(Piece.from_json(notes), domain=domain))
                except MusicError:
                    found.append(None)
                else:
                    usual = bundle.usual[domain]
                    worth, surprise = score(measured, usual), usual.standard(measured, "surprise")
                    found.append(Rewards(future=worth.future, past=worth.past, both=worth.both(), surprise=surprise))
            time.sleep(0.001)  # let others have the lock
        return RewardsResult(rewards=found, model_version=bundle.version)

    def _loaded(self) -> TensionBundle:
        if self._bundle is None:
            try:
                self._bundle = load_tension()
            except (OSError, ValueError) as error:  # such as one that was trained with another piece model
                raise GeneratorUnavailable(f"the tension model cannot be used: {error}") from error
        return self._bundle
