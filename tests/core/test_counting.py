from nextlabel.core.counting import counted


def test_one_is_said_otherwise_than_none_and_several():
    assert [counted(n, "image") for n in (0, 1, 21)] == ["0 images", "1 image", "21 images"]
    assert [counted(n, "class", "classes") for n in (1, 2)] == ["1 class", "2 classes"]
    assert counted(4000, "box", "boxes", ",") == "4,000 boxes"
