"""What is learned of how real pieces lie is kept beside the card, and the way of drawing stays where it is to."""

import json

from models.style.pieces.checkpoint import load_pieces_model, save_pieces_model, tiny_pieces
from models.style.pieces.sampling import Writer
from models.train.pieces_sampling import main


def test_where_real_music_lies_is_learned_and_the_way_of_drawing_stays(dance_music, tmp_path, capsys):
    tiny = tiny_pieces()
    sampling = {"dance": {"temperature": 0.7, "nucleus": 0.9}}
    card = {"preset": "tiny", "steps": 0, "seed": 0, "sampling": sampling}
    save_pieces_model(tmp_path, tiny.model.config, tiny.model.state_dict(), card, {})
    before = Writer.load(tmp_path)
    main([str(tmp_path), "--data", str(dance_music), "--keep"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    after = Writer.load(tmp_path)
    assert told["version"] == after.bundle.version == load_pieces_model(tmp_path).version == before.bundle.version
    assert after.version.startswith(f"{told['version']}-")
    assert after.version != before.version  # the same seed gives other music
    assert set(after.transpositions) == {"dance"}
    assert after.bundle.card["sampling"] == sampling
    assert set(after.forms) == {"dance"}
