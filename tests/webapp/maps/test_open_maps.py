from webapp.maps.open_maps import FIXED, coded


def test_labels_are_numbered_the_commonest_first_and_unknown_ones_are_told_apart():
    found = coded(["jig", "reel", "", "reel"])
    assert found == {"labels": ["reel", "jig"], "codes": [1, 0, -1, 0]}


def test_moods_have_the_same_colours_on_every_map():
    few, many = coded(["happy", "", "composed", "composed"], FIXED["mood"]), coded([*FIXED["mood"]], FIXED["mood"])
    assert few["labels"] == [*many["labels"], "composed"]
    assert few["labels"][few["codes"][0]] == many["labels"][many["codes"][2]] == "happy"
    assert few["codes"][1:] == [-1, 4, 4]


def test_where_nothing_is_known_there_is_no_label():
    assert coded(["", ""], FIXED["mood"]) == {"labels": [], "codes": [-1, -1]}
