from __future__ import annotations

import json

import pytest
import torch

from models.evaluate import conditioning
from models.style.checkpoint import load_style
from models.style.pieces.bar_latents import Reader
from models.style.pieces.model import save_pieces_model, tiny_pieces

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_voter")]


def test_every_way_has_its_figures_and_an_unknown_one_is_refused(dance_music, tmp_path, capsys):
    made = tiny_pieces(latents=Reader(load_style("default").model, torch.ones(0)).sizes)
    card = {"preset": "tiny", "steps": 0, "seed": 0}
    save_pieces_model(tmp_path, made.model.config, made.model.state_dict(), card, {})
    given = [str(dance_music), "--writer", str(tmp_path), "--domain", "dance", "--limit", "10", "--guidance", "2"]
    conditioning.main([*given, "--ways", "again", "alone", "styled"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    ways = ("again", "styled.tune.2.of_1")
    names = [f"{way}.{what}" for way in ways for what in ("found", "two_sample")]
    for name in (*names, "again.f1", "alone.tune.2.found", "styled.both.2.of_8.first"):
        assert found[f"conditioning.dance.{name}"]["value"] is not None, name
    kept = {times: found[f"conditioning.dance.styled.both.2.of_{times}.found"]["value"] for times in (1, 8)}
    assert kept[8] > kept[1]
    with pytest.raises(SystemExit):
        conditioning.main([*given, "--ways", "everything"])
