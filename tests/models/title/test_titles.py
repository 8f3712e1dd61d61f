import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.music.dance_types import clean_title
from models.title.title_encoders import characters
from models.title.tunes import ALPHABET, LONGEST_TITLE, alternatives, spelled, without_type_words


def test_a_tune_is_known_by_its_names_alone() -> None:
    for lines, names in (
        (["Bonnie Kate (reel)"], ("Bonnie Kate",)),
        (["Smash The Windows -- Reel"], ("Smash The Windows",)),
        (["The Lady's play thing, or Gen Howe's March"], ("The Lady's play thing", "Gen Howe's March")),
        (["The Gobby O -- Jig (or Jefferson and Liberty)"], ("The Gobby O", "Jefferson and Liberty")),
        (["La Jupon Rouge or the Scarlet Petticoat"], ("La Jupon Rouge", "the Scarlet Petticoat")),
        (["Kelton's", 'Or "Pig Town Fling"'], ("Kelton's", "Pig Town Fling")),
        (["The Spotted Cow", "An Bo Breac"], ("The Spotted Cow", "An Bo Breac")),
        (["Hit or Miss"], ("Hit or Miss",)),
        (["Come Now Or Stay"], ("Come Now Or Stay",)),
        (["The Merry Old Woman. 2nd Setting"], ("The Merry Old Woman",)),
        (["Fisher's Hornpipe (1st Setting)"], ("Fisher's Hornpipe",)),
        (["The Butcher's March [ii]"], ("The Butcher's March",)),
        (["Martin Wynne's #3 (*)"], ("Martin Wynne's",)),
        (["Dan Sweeney's* 2"], ("Dan Sweeney's",)),
        (["The Hare in the Corn. No. 1"], ("The Hare in the Corn",)),
        (["George Rawley's (h'pipe)"], ("George Rawley's",)),
        (["John Anderson my Jo", "For the Violin or Fife"], ("John Anderson my Jo",)),
        (["Spirit of 1880"], ("Spirit of 1880",)),
        (["Quick Step 71st. Regt"], ("Quick Step 71st. Regt",)),
        (["The Humors of Cork", "Humors of Cork, The"], ("The Humors of Cork",)),
        (["***", ""], ()),
    ):
        assert alternatives(map(clean_title, lines)) == names


@pytest.mark.slow
@given(st.lists(st.text(max_size=80), max_size=4))
def test_any_text_is_cleaned_and_cleaning_again_changes_nothing(lines: list[str]) -> None:
    names = alternatives(lines)
    assert all(name.strip() and spelled(name) for name in names)
    assert characters(names).shape == (len(names), LONGEST_TITLE)


def test_types_in_a_name_can_be_taken_out() -> None:
    assert without_type_words("The Roscommon Reel") == "The Roscommon"
    assert without_type_words("O'Fenlon's Hornpipe") == "O'Fenlon's"
    assert without_type_words("Lord Reelton's Airs and Graces") == "Lord Reelton's and Graces"
    assert without_type_words("Quick Step") == ""


def test_case_and_accents_are_not_read() -> None:
    assert spelled("  Táim  Ag FUIREACH ") == "taim ag fuireach"
    assert torch.equal(characters(["SEÁN’S"]), characters(["sean's"]))


def test_characters_tell_the_title() -> None:
    row = characters(["The Cow"])[0]
    assert "".join(ALPHABET[i - 1] for i in row.tolist() if i) == " the cow "
