"""Learning progress: what moves is trained on more, and a run that was killed goes on with what it knew."""

import json

import pytest
import torch

from models.music.notes import DOMAINS
from models.style.checkpoint import tiny_style
from models.style.swap_augmentation import REARRANGED, UNIFORM, Schedule, draw_swaps
from models.style.training import MOST, Bandit, Curiosity, arms_of
from models.style.windows import DOMAIN_SHARE, make_windows
from tests.models.style.conftest import make_tune

ARMS = [f"{domain}.{group}" for domain in DOMAINS for group in REARRANGED]


@pytest.fixture(scope="module")
def windows():
    return make_windows([make_tune(seed, bars=12, domain="dance") for seed in range(6)])


def test_without_progress_the_schedule_is_the_usual_one() -> None:
    bandit = Bandit()
    assert bandit.schedule() == UNIFORM
    for _ in range(3):
        bandit.hear(dict.fromkeys(ARMS, 2.0))
    assert bandit.schedule() == UNIFORM


@pytest.mark.parametrize("step", [-0.3, 0.3])  # learned, forgotten
def test_the_arm_that_moves_is_drawn_more(step) -> None:
    bandit = Bandit()
    for probe in range(3):
        bandit.hear({arm: 2.0 + (step * probe if arm == "chorale.harmony" else 0) for arm in ARMS})
    schedule = bandit.schedule()
    assert schedule.domain_share["chorale"] > 3 * DOMAIN_SHARE["chorale"]
    assert sum(schedule.domain_share.values()) == pytest.approx(1)
    chances = dict(zip(REARRANGED, schedule.chances[DOMAINS.index("chorale")], strict=True))
    assert chances["harmony"] == MOST > 3 * chances["register"] > 0
    even = schedule.chances[DOMAINS.index("pop")]
    assert even == pytest.approx(UNIFORM.chances[0])


def test_the_hardest_arm_is_that_of_which_most_is_left() -> None:
    bandit = Bandit()
    bandit.hear({"pop.register": 4.0, "pop.harmony": 1.0})
    bandit.hear({"pop.register": 2.0, "pop.harmony": 0.9})
    assert bandit.hardest() == ["pop.harmony", "pop.register"]


def test_chances_decide_which_styles_are_swapped(windows) -> None:
    tokens = arms_of(windows)[0].tokens
    only = tuple(tuple(float(group == "tempo") for group in REARRANGED) for _ in DOMAINS)
    domain = torch.full((len(tokens),), DOMAINS.index("dance"))
    swaps = draw_swaps(tokens, domain, torch.Generator().manual_seed(0), Schedule(swapped=1.0, chances=only))
    moved = {group: bool((rows != swaps.rows).any()) for group, rows in swaps.donors.items()}
    assert moved == {group: group == "tempo" for group in REARRANGED}


@pytest.mark.slow
def test_a_run_taken_up_again_logs_what_one_that_was_not_killed_does(windows, tmp_path) -> None:
    model = tiny_style().model
    whole = Curiosity(windows, tmp_path / "whole.jsonl", 0)
    killed = Curiosity(windows, tmp_path / "killed.jsonl", 0)
    for step in (0, 10, 20):
        for parameter in model.parameters():
            parameter.data.mul_(1 - step / 100)
        whole.look(model, step)
        if step == 20:
            killed = Curiosity(windows, tmp_path / "killed.jsonl", 20)
        killed.look(model, step)
    assert (tmp_path / "killed.jsonl").read_text() == (tmp_path / "whole.jsonl").read_text()
    rows = [json.loads(line) for line in (tmp_path / "whole.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 10, 20]
    assert set(rows[0]["cost"]) <= {f"dance.{group}" for group in REARRANGED}
    assert any(rows[2]["progress"].values())
    assert rows[2]["domain_share"]["pop"] == 0  # there is none to learn from
