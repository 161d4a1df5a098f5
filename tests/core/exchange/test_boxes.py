"""Boxes in files of other tools come back equal; every known damage is refused, or mended and told."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from nextlabel.core.data.boxes import Box, BoxedImage
from nextlabel.core.data.places import place_at
from nextlabel.core.data.pool import list_pool
from nextlabel.core.data.spelling import as_seen
from nextlabel.core.errors import ExchangeMalformed, Inexpressible
from nextlabel.core.exchange.boxes import coco, cvat, label_studio, voc, yolo
from nextlabel.core.exchange.boxes.formats import sniff
from nextlabel.core.exchange.boxes.found import labels_of
from nextlabel.core.exchange.boxes.upright import Shape, fitted, turned
from nextlabel.core.exchange.files import file_in
from nextlabel.core.exchange.image_urls import ImageUrls
from tests.core.exchange import names
from tests.core.exchange.names import NAMES
from tests.core.tasks.pools import pool_of
from tests.image_files import decode

CLASSES = names.CLASSES.map(as_seen)
URLS = ImageUrls("https://images.example/")
CAT = Box("cat", 10, 20, 30, 25)
A = {"a.png": BoxedImage(100, 50, (CAT,))}


def made(reading, pool=None, **options):
    return labels_of(reading, pool, max_pixels=10**8, **options)


def write(folder, documents):
    for path, text in documents:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def pool_at(folder, **sizes):
    """Images `name=(width, height)`; `name=(width, height, orientation)` has one in its EXIF."""
    folder.mkdir(exist_ok=True)
    for name, (width, height, *orientation) in sizes.items():
        exif = Image.Exif()
        if orientation:
            exif[0x0112] = orientation[0]
        Image.new("RGB", (width, height)).save(folder / f"{name}.jpg", exif=exif)
    return list_pool(place_at(folder, [folder]))


# --- there and back ---------------------------------------------------------------------------------------------


@st.composite
def drawn(draw):
    """Boxes on a grid of a quarter of a pixel, each of them once."""
    width, height = draw(st.integers(2, 5_000)), draw(st.integers(2, 5_000))
    boxes = {}
    for _ in range(draw(st.integers(0, 4))):
        x, y = draw(st.integers(0, 4 * width - 1)), draw(st.integers(0, 4 * height - 1))
        w, h = draw(st.integers(1, 4 * width - x)), draw(st.integers(1, 4 * height - y))
        boxes[Box(as_seen(draw(CLASSES)), x / 4, y / 4, w / 4, h / 4)] = None
    return BoxedImage(width, height, tuple(boxes))


def beyond_a_pixel(images):
    """Whether any box is: else their numbers could be shares of the image, and are refused."""
    boxes = [box for image in images.values() for box in image.boxes]
    return not boxes or any(box.x + box.width > 1 or box.y + box.height > 1 for box in boxes)


DRAWN = st.dictionaries(NAMES.map(as_seen), drawn(), min_size=1, max_size=4).filter(beyond_a_pixel)


def there_and_back(images, format_, folder):
    if format_ == "coco":
        file = folder / "a.json"
        file.write_text(json.dumps(coco.document(images)))
        return coco.read(file)
    if format_ == "cvat":
        file = folder / "a.xml"
        file.write_text(cvat.document(images))
        return cvat.read(file)
    if format_ == "label-studio":
        file = folder / "a.json"
        file.write_text(json.dumps(label_studio.tasks(images, URLS)))
        return label_studio.read(file, URLS.name)
    if format_ == "voc":
        return voc.read(write(folder, voc.documents(images)))
    return yolo.read(write(folder, yolo.documents(images)), images)


@pytest.mark.parametrize("format_", ["coco", "cvat", "label-studio", "voc"])
@given(images=DRAWN)
def test_boxes_come_back_equal_and_so_does_that_nothing_is_there(format_, images):
    with tempfile.TemporaryDirectory() as folder, suppress(Inexpressible):  # what the format has no place for
        assert made(there_and_back(images, format_, Path(folder))).images == images


@given(image=drawn())
@example(image=BoxedImage(50, 50, (Box("cat", 0, 0, 0.5, 0.5),)))
def test_shares_of_yolo_come_back_as_the_same_pixels(image):
    with tempfile.TemporaryDirectory() as folder:
        reading = there_and_back({"a.png": image}, "yolo", Path(folder))
        reading.images[0].size = (image.width, image.height)
        back = made(reading).images["a.png"]
        assert [box.class_name for box in back.boxes] == [box.class_name for box in image.boxes]
        np.testing.assert_allclose(back.places, image.places, atol=1e-3)


def test_a_crowd_stays_one_where_the_format_has_a_place_for_it(tmp_path):
    images = {"a.png": BoxedImage(100, 50, (CAT._replace(crowd=True),))}
    assert made(there_and_back(images, "coco", tmp_path)).images == images
    assert made(there_and_back(images, "label-studio", tmp_path)).images == images
    assert [text for path, text in yolo.documents(images) if path.startswith("labels")] == [""]


@pytest.mark.parametrize("format_", ["coco", "cvat", "label-studio", "voc", "yolo"])
def test_a_format_is_known_by_its_content(tmp_path, format_):
    there_and_back(A, format_, tmp_path)
    is_folder = format_ in {"voc", "yolo"}
    assert sniff(tmp_path if is_folder else next(tmp_path.glob("a.*"))) == format_


def test_what_is_hidden_empty_or_no_file_leaves_a_folder_what_it_is(tmp_path):
    there_and_back(A, "voc", tmp_path)
    (tmp_path / "._0.xml").write_bytes(b"\0\5")
    (tmp_path / "dir.xml").mkdir()
    assert len(voc.read(tmp_path).images) == len(A)
    (tmp_path / "empty.xml").touch()
    (tmp_path / "notes.xml").write_text("<notes/>", encoding="utf-16")
    assert sniff(tmp_path) == "voc"
    (tmp_path / "one").mkdir()
    there_and_back(A, "cvat", tmp_path / "one")
    (tmp_path / "one" / "._a.xml").touch()
    assert file_in(tmp_path / "one", ["*.xml"], "CVAT").name == "a.xml"


def test_what_is_of_no_known_format_is_refused_with_those_that_are(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\x89PNG")
    for path in (tmp_path, tmp_path / "a.bin"):
        with pytest.raises(ExchangeMalformed, match=r"none of: a COCO file"):
            sniff(path)


# --- COCO -------------------------------------------------------------------------------------------------------


def coco_file(folder, boxes=((10, 20, 30, 25),), size=(100, 50), **parts):
    document = {
        "images": [{"id": 7, "file_name": "a.png", "width": size[0], "height": size[1]}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 90, "name": "dog"}],
        "annotations": [
            {"id": i, "image_id": 7, "category_id": 3, "bbox": list(box)} for i, box in enumerate(boxes, start=11)
        ],
        **parts,
    }
    file = folder / "coco.json"
    file.write_text(json.dumps(document))
    return file


def test_ids_may_have_gaps_and_the_order_of_the_lists_does_not_count(tmp_path):
    file = coco_file(tmp_path)
    content = json.loads(file.read_text())
    file.write_text(json.dumps(dict(reversed(content.items()))))
    assert made(coco.read(file)).images == A


def test_an_image_without_a_box_is_left_out_and_told_unless_somebody_says_that_it_was_looked_at(tmp_path):
    images = [{"id": i, "file_name": f"{i}.png", "width": 9, "height": 9} for i in (7, 8)]
    file = coco_file(tmp_path, [(0, 0, 5, 5)], images=images)
    found = made(coco.read(file))
    assert found.images.keys() == {"7.png"}
    assert any(
        "images without a box were left out" in note and "(1: " in note and "--empty-means" in note
        for note in found.notes
    )
    assert made(coco.read(file), empty_means="looked-at").images["8.png"] == BoxedImage(9, 9)


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"boxes": [(10, 20, float("nan"), 5)]}, "not finite"),
        ({"boxes": [(10, 20, float("inf"), 5)]}, "not finite"),
        ({"boxes": [(10, 20, -5, 5)]}, "a box of -5 x 5, below 0"),
        ({"boxes": [(1e9, 20, 5, 5)]}, "lies mostly beyond its 100 x 50"),
        ({"boxes": [(10, 20, 5)]}, r"annotations\[0\]: it has no `bbox` of x, y, width, height"),
        ({"boxes": [()]}, "if it is of a whole image, leave --task detection out"),
        ({"boxes": [(10, 20, 5, 5, 45)]}, "5 numbers, which is a turned box"),
        ({"categories": [{"id": 3, "name": "cat"}, {"id": 3, "name": "dog"}]}, "the id 3 stands for 'cat' and 'dog'"),
        ({"categories": [{"id": 4, "name": "cat"}]}, "`category_id` 3 names no category"),
        ({"images": [{"id": 8, "file_name": "b.png", "width": 9, "height": 9}]}, "`image_id` 7 names no image"),
        ({"images": [{"id": 7, "file_name": "a.png"}]}, "doesn't say how large it is; name the images"),
        ({"images": [{"file_name": "a.png"}]}, "it needs a number `id` and a text `file_name`"),
        ({"annotations": [{"image_id": 7}]}, "it needs numbers `image_id` and `category_id`"),
        ({"images": [{"id": 7, "file_name": "C:\\\\a.png", "width": 100, "height": 50}]}, "find it in the pool"),
    ],
)  # fmt: skip
def test_what_can_not_be_right_in_coco_is_refused(tmp_path, parts, fault):
    with pytest.raises(ExchangeMalformed, match=fault):
        made(coco.read(coco_file(tmp_path, **parts)))


def test_corners_in_the_place_of_sizes_are_seen_by_their_reaching_beyond(tmp_path):
    corners = [(60, 20, 90, 45), (50, 5, 70, 40), (1, 1, 20, 20)]
    with pytest.raises(ExchangeMalformed, match=r"2 of 3 boxes reach beyond.*corners \(x1, y1, x2, y2\)"):
        made(coco.read(coco_file(tmp_path, corners)))


def test_numbers_from_0_to_1_are_no_pixels(tmp_path):
    with pytest.raises(ExchangeMalformed, match=r"all of it: its boxes lie within one pixel.*multiply them"):
        made(coco.read(coco_file(tmp_path, [(0.1, 0.2, 0.5, 0.5), (0, 0, 0.9, 1)])))
    assert made(coco.read(coco_file(tmp_path, [(0.1, 0.2, 0.5, 0.5), (10, 20, 30, 25)]))).boxes == 2


def test_corners_in_the_place_of_sizes_are_told_before_the_boxes_that_they_put_beyond_their_images(tmp_path):
    corners = [(60, 20, 90, 45), *[(90, 45, 99, 49)] * 60]
    with pytest.raises(ExchangeMalformed, match=r"^Please mend:\n.*all of it: 61 of 61 boxes.*corners"):
        made(coco.read(coco_file(tmp_path, corners)))


def test_boxes_are_cut_at_the_edge_and_those_without_area_left_out_each_with_its_count(tmp_path):
    found = made(coco.read(coco_file(tmp_path, [(-5, 20, 30, 25), (1, 1, 0, 5), (80, 40, 20.004, 10)])))
    assert found.images["a.png"].boxes == (Box("cat", 0, 20, 25, 25), Box("cat", 80, 40, 20, 10))
    assert "boxes that reach beyond their image were cut at its edge (1: a.png)" in found.notes
    assert "boxes without an area were left out (1: a.png)" in found.notes


def test_doubles_crowds_and_categories_of_one_name_are_told(tmp_path):
    twice = [{"id": i, "image_id": 7, "category_id": c, "bbox": [1, 2, 3, 4]} for i, c in ((1, 3), (2, 90), (1, 3))]
    crowd = {
        "id": 3,
        "image_id": 7,
        "category_id": 3,
        "bbox": [5, 5, 9, 9],
        "iscrowd": 1,
        "segmentation": {"counts": ""},
    }
    file = coco_file(tmp_path, annotations=[*twice, crowd], categories=[{"id": i, "name": "cat"} for i in (3, 90)])
    found = made(coco.read(file))
    assert found.images["a.png"].boxes == (Box("cat", 1, 2, 3, 4), Box("cat", 5, 5, 9, 9, crowd=True))
    told = "\n".join(found.notes)
    for words in (
        "categories 3, 90 are all called 'cat'",
        "annotations that stand there twice were taken once (1)",
        "around a crowd",
    ):
        assert words in told
    assert "boxes that stand there twice were taken once (1: " in told


def test_one_id_of_two_annotations_is_refused(tmp_path):
    two = [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, n]} for n in (4, 5)]
    with pytest.raises(ExchangeMalformed, match=r"the id 1 stands for two annotations"):
        made(coco.read(coco_file(tmp_path, annotations=two)))


def test_what_a_model_proposed_counts_only_when_asked_for(tmp_path):
    scored = [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 25], "score": 0.9}]
    file = coco_file(tmp_path, annotations=scored)
    with pytest.raises(ExchangeMalformed, match=r"no label found[\s\S]*a model proposed were left out"):
        made(coco.read(file))
    assert made(coco.read(file), take_predictions=True).images == A


def test_one_image_under_two_numbers_has_to_say_the_same(tmp_path):
    images = [{"id": i, "file_name": "a.png", "width": 100, "height": 50} for i in (7, 8)]
    with pytest.raises(ExchangeMalformed, match=r"image 7 and image 8: 'a.png' is there several times: cat at"):
        made(coco.read(coco_file(tmp_path, images=images)), empty_means="looked-at")


def test_names_are_found_in_the_pool_by_their_ends_and_those_of_windows_too(tmp_path):
    pool = pool_at(tmp_path / "pool", a=(100, 50))
    image = {"id": 7, "file_name": "C:\\photos\\a.jpg", "width": 100, "height": 50}
    found = made(coco.read(coco_file(tmp_path, images=[image])), pool)
    assert found.images == {"a.jpg": A["a.png"]}
    with pytest.raises(ExchangeMalformed, match=r"the pool has no image 'b.jpg'"):
        made(coco.read(coco_file(tmp_path, images=[{**image, "file_name": "b.jpg"}])), pool)


def test_names_that_two_folders_have_are_not_taken_for_each_other(tmp_path):
    pool = pool_of("one/a.png", "two/a.png")
    with pytest.raises(ExchangeMalformed, match=r"the pool has no image 'a.png'"):
        made(coco.read(coco_file(tmp_path)), pool)


@pytest.mark.parametrize(
    "text", ["", "{", '{"images": [1,', '{"images": []} x', "nonsense", '{"images" 1}', '{"a": tru']
)
def test_what_is_no_json_is_refused_with_the_place(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ExchangeMalformed, match=r"is not JSON: .*near character"):
        coco.read(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"info": {}}')
    with pytest.raises(ExchangeMalformed, match=r"is no COCO file"):
        coco.read(tmp_path / "a.json")


# --- sizes and EXIF ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_on_the_stored_image_turn_as_its_pixels_do(tmp_path, orientation):
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[8:12, 40:56] = 255  # x 40, y 8, 16 x 4
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    upright = np.asarray(decode(tmp_path / "a.png", max_pixels=10**6))[..., 0] > 128
    width, height = upright.shape[::-1]
    ((x, y, w, h),) = turned(np.array([[40.0, 8, 16, 4]]), Shape(width, height, orientation)).astype(int)
    assert upright[y : y + h, x : x + w].all()
    assert upright.sum() == w * h


def test_the_sizes_in_the_file_tell_whether_boxes_were_drawn_on_the_stored_image(tmp_path):
    pool = pool_at(tmp_path / "pool", a=(100, 50, 6))  # upright 50 x 100
    image = {"id": 7, "file_name": "a.jpg"}
    stored = coco_file(tmp_path, images=[{**image, "width": 100, "height": 50}])
    found = made(coco.read(stored), pool)
    assert found.images == {"a.jpg": BoxedImage(50, 100, (Box("cat", 5, 10, 25, 30),))}
    assert any("drawn on them as they are stored: turned upright" in note for note in found.notes)
    upright = coco_file(tmp_path, images=[{**image, "width": 50, "height": 100}])
    assert made(coco.read(upright), pool).images["a.jpg"].boxes == (Box("cat", 10, 20, 30, 25),)


@pytest.mark.parametrize("shape", [(60, 60, 6), (100, 50, 3)])
def test_where_the_sizes_tell_nothing_of_a_turned_image_a_person_is_told(tmp_path, shape):
    pool = pool_at(tmp_path / "pool", a=shape)
    image = {"id": 7, "file_name": "a.jpg", "width": shape[0], "height": shape[1]}
    found = made(coco.read(coco_file(tmp_path, images=[image])), pool)
    assert found.images["a.jpg"].boxes == (CAT,)
    assert any("stored turned, and nothing tells" in note for note in found.notes)


def test_boxes_on_a_smaller_copy_are_scaled_and_on_another_image_refused(tmp_path):
    pool = pool_at(tmp_path / "pool", a=(200, 100))
    image = {"id": 7, "file_name": "a.jpg", "width": 100, "height": 50}
    found = made(coco.read(coco_file(tmp_path, images=[image])), pool)
    assert found.images == {"a.jpg": BoxedImage(200, 100, (Box("cat", 20, 40, 60, 50),))}
    assert any("another size: scaled" in note for note in found.notes)
    with pytest.raises(ExchangeMalformed, match=r"says 100 x 80, and the image in the pool is 200 x 100"):
        made(coco.read(coco_file(tmp_path, images=[{**image, "height": 80}])), pool)


def test_a_smaller_copy_of_the_stored_image_is_scaled_and_turned():
    placed = fitted(np.array([[10.0, 20, 30, 25]]), (100, 50), Shape(100, 200, 6))
    assert placed.places.tolist() == [[10, 20, 50, 60]]


def test_an_image_that_can_not_be_read_is_named(tmp_path):
    pool = pool_at(tmp_path / "pool", a=(100, 50))
    (tmp_path / "pool" / "a.jpg").write_bytes(b"no image")
    image = {"id": 7, "file_name": "a.jpg", "width": 100, "height": 50}
    with pytest.raises(ExchangeMalformed, match=r"'a.jpg' can't be read"):
        made(coco.read(coco_file(tmp_path, images=[image])), pool)


# --- Pascal VOC -------------------------------------------------------------------------------------------------


def test_voc_is_written_where_its_programs_look_for_it():
    files = dict(voc.documents({**A, "day one/b.png": BoxedImage(9, 9)}))
    assert files["labelmap.txt"].splitlines()[1:] == ["background:::", "cat:::"]
    assert files["ImageSets/Main/nextlabel.txt"] == "a\nday one/b\n"
    assert {"Annotations/a.xml", "Annotations/day one/b.xml"} < files.keys()


@pytest.mark.parametrize(
    ("images", "says"),
    [
        ({"a.png": BoxedImage(9, 9), "a.jpg": BoxedImage(9, 9)}, "would share a.xml"),
        ({"a.png": BoxedImage(100, 50, (CAT._replace(class_name="a:b"),))}, "has no place for the class 'a:b'"),
        ({"#a.png": BoxedImage(9, 9)}, "list of images has no place for '#a.png'"),
        ({"a .png": BoxedImage(9, 9)}, "list of images has no place for 'a .png'"),
    ],
)
def test_voc_has_no_place_for_two_images_of_one_stem_nor_for_what_its_lists_read_otherwise(images, says):
    with pytest.raises(Inexpressible, match=says):
        list(voc.documents(images))


def test_a_class_called_background_stands_once_among_the_classes_of_voc():
    images = {"a.png": BoxedImage(100, 50, (CAT, CAT._replace(class_name="background")))}
    assert dict(voc.documents(images))["labelmap.txt"].splitlines()[1:] == ["background:::", "cat:::"]


@pytest.mark.parametrize("documents", [voc.documents, yolo.documents], ids=["voc", "yolo"])
@pytest.mark.parametrize("name", ["../../a.jpg", "b/../../a.jpg", "/a.jpg", "C:\\a.jpg", "b\\..\\a.jpg", ".a.jpg", ""])
def test_no_file_is_written_by_a_name_that_leads_out_of_the_folder(documents, name):
    with pytest.raises(Inexpressible, match="hidden, or leads out of the folder"):
        list(documents({name: BoxedImage(9, 9)}))


def voc_file(folder, corners=((11, 21, 40, 45),), name="a.png", head=""):
    boxes = "".join(
        f"<object><name>cat</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for a, b, c, d in corners
    )
    size = "<size><width>100</width><height>50</height></size>"
    text = f"{head}<annotation><filename>{name}</filename>{size}{boxes}</annotation>"
    (folder / "a.xml").write_text(text)
    return folder


def test_voc_counts_pixels_from_1_and_it_is_said(tmp_path):
    found = made(voc.read(voc_file(tmp_path)))
    assert found.images == A
    assert "pixels were taken to be counted from 1, as none begins at 0; --first-pixel says otherwise" in found.notes
    assert made(voc.read(tmp_path, first_pixel="0")).images["a.png"].boxes == (Box("cat", 11, 21, 29, 24),)


@pytest.mark.parametrize(
    ("corners", "why"),
    [(((0, 20, 30, 45),), "a box begins at 0"), (((1.5, 20, 30, 45),), "corners are no whole numbers")],
)
def test_a_corner_at_0_or_between_pixels_shows_that_voc_was_counted_from_0(tmp_path, corners, why):
    found = made(voc.read(voc_file(tmp_path, corners)))
    assert found.images["a.png"].boxes[0][1:5] == (corners[0][0], 20, 30 - corners[0][0], 25)
    assert any(f"from 0, as {why}" in note for note in found.notes)


def test_corners_the_other_way_round_are_put_right_and_missing_ones_refused(tmp_path):
    found = made(voc.read(voc_file(tmp_path, [(40, 45, 10, 20)])))
    assert any("boxes had their corners exchanged, and were put right (1)" in note for note in found.notes)
    with pytest.raises(ExchangeMalformed, match=r"not finite"):
        made(voc.read(voc_file(tmp_path, [("", 45, 10, 20)])))


def test_an_xml_bomb_is_refused_before_it_is_read(tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    with pytest.raises(ExchangeMalformed, match=r"document type"):
        voc.read(voc_file(tmp_path, head=bomb))
    with pytest.raises(ExchangeMalformed, match=r"document type"):
        cvat.read(tmp_path / "a.xml")


def test_a_folder_without_xml_or_of_other_xml_is_refused(tmp_path):
    with pytest.raises(ExchangeMalformed, match=r"holds no \.xml file"):
        voc.read(tmp_path)
    (tmp_path / "a.xml").write_text("<annotations/>")
    with pytest.raises(ExchangeMalformed, match=r"its root is <annotations>"):
        voc.read(tmp_path)


# --- CVAT -------------------------------------------------------------------------------------------------------


def cvat_file(folder, inside, size='width="100" height="50"'):
    file = folder / "a.xml"
    file.write_text(f'<annotations><image id="0" name="a.png" {size}>{inside}</image></annotations>')
    return file


BOX = '<box label="cat" source="manual" xtl="10" ytl="20" xbr="40" ybr="45"{}/>'


def test_tags_beside_boxes_are_passed_over_with_a_count(tmp_path):
    found = made(cvat.read(cvat_file(tmp_path, BOX.format("") + '<tag label="day"/>')))
    assert found.images == A
    assert "tags of whole images were passed over (1)" in found.notes


def test_a_turned_box_is_refused_or_becomes_the_one_around_it(tmp_path):
    file = cvat_file(tmp_path, BOX.format(' rotation="90"'))
    with pytest.raises(ExchangeMalformed, match=r"a turned box is there; --hull"):
        made(cvat.read(file))
    found = made(cvat.read(file, hull=True))
    assert found.images["a.png"].boxes == (Box("cat", 12.5, 17.5, 25, 30),)  # around its middle
    assert "boxes were put around a turned box, upright (1)" in found.notes


def test_a_polygon_is_refused_or_becomes_the_box_around_it(tmp_path):
    file = cvat_file(tmp_path, '<polygon label="cat" points="10,20;40,20;25,45"/>')
    with pytest.raises(ExchangeMalformed, match=r"a <polygon> is there"):
        made(cvat.read(file))
    assert made(cvat.read(file, hull=True)).images == A


def test_an_image_of_cvat_without_shapes_tells_nothing_unless_said(tmp_path):
    file = cvat_file(tmp_path, "")
    with pytest.raises(ExchangeMalformed, match=r"no label found"):
        made(cvat.read(file))
    assert made(cvat.read(file), empty_means="looked-at").images == {"a.png": BoxedImage(100, 50)}


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ('<box xtl="1" ytl="1" xbr="5" ybr="5"/>', "a <box> has no label"),
        ('<box label="cat" xtl="1" ytl="1" xbr="x" ybr="5"/>', "not finite"),
        ('<mask label="cat" rle="1"/>', "a <mask> is no box"),
    ],
)
def test_what_can_not_be_right_in_cvat_is_refused(tmp_path, inside, fault):
    with pytest.raises(ExchangeMalformed, match=fault):
        made(cvat.read(cvat_file(tmp_path, inside)))


# --- YOLO -------------------------------------------------------------------------------------------------------


def yolo_folder(folder, text="0 0.25 0.65 0.3 0.5\n", head="names: [cat, dog]\n"):
    write(folder, [("data.yaml", head), ("labels/train/a.txt", text)])
    return folder


def test_shares_become_pixels_of_the_image_and_an_empty_file_says_that_nothing_is_there(tmp_path):
    pool = pool_at(tmp_path / "pool", a=(100, 50), b=(9, 9), c=(9, 9))
    yolo_folder(tmp_path)
    (tmp_path / "labels" / "train" / "b.txt").write_text("")
    found = made(yolo.read(tmp_path, pool.names), pool)
    assert found.images == {"a.jpg": BoxedImage(100, 50, (Box("cat", 10, 20, 30, 25),)), "b.jpg": BoxedImage(9, 9)}


def test_an_image_called_as_a_list_of_yolo_is_comes_back_and_such_a_list_is_none(tmp_path):
    pool = pool_at(tmp_path / "pool", train=(9, 9))
    images = {"train.jpg": BoxedImage(9, 9, (Box("cat", 0, 0, 9, 9),))}
    write(tmp_path, yolo.documents(images))
    (tmp_path / "train.txt").write_text("images/train.jpg\n")
    (tmp_path / "labels" / "classes.txt").write_text("cat\n")
    assert made(yolo.read(tmp_path, pool.names), pool).images == images


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("0 25 32 30 25", "above 1, and shares of the image belong here, not pixels"),
        ("2 .5 .5 .1 .1", "the class is no. 2, and there are 2 classes, 0 to 1"),
        ("0.5 .5 .5 .1 .1", "is no whole number"),
        ("0 .5 .5 .1", "4 numbers, where"),
        ("cat .5 .5 .1 .1", "no line of numbers"),
        ("0 .5 .5 nan .1", "not finite"),
        ("0 .1 .1 .5 .1 .5 .5 .1 .5", "polygons is there; --hull"),
    ],
)
def test_what_can_not_be_right_in_yolo_is_refused(tmp_path, text, fault):
    pool = pool_at(tmp_path / "pool", a=(100, 50))
    with pytest.raises(ExchangeMalformed, match=fault):
        made(yolo.read(yolo_folder(tmp_path, text), pool.names), pool)


@pytest.mark.parametrize("head", ["names:\n  0: cat\n  1: no\n", "names: [cat, no]\nnc: 2\n"])
def test_classes_are_texts_as_they_stand_there_in_either_form_of_the_yaml(tmp_path, head):
    pool = pool_at(tmp_path / "pool", a=(100, 50))
    found = made(yolo.read(yolo_folder(tmp_path, "1 .5 .5 .1 .1", head), pool.names), pool)
    assert [box.class_name for box in found.images["a.jpg"].boxes] == ["no"]


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("names:\n  0: cat\n  0: dog\n", "line 3: the number 0 stands twice in its `names`"),
        ("names:\n  0: c\n  0: c\n", "line 3: the number 0 stands twice in its `names`"),
        ("nc: 1\nnames: [cat]\nnames: [dog]\n", "line 3: the key 'names' stands twice"),
        ("names:\n  0: cat\n  00: dog\n", "line 3: the number 0 stands twice in its `names`"),
    ],
)
def test_a_yaml_that_says_a_thing_twice_is_refused_with_its_line(tmp_path, head, fault):
    with pytest.raises(ExchangeMalformed, match=fault):
        yolo.read(yolo_folder(tmp_path, head=head), [])


@pytest.mark.parametrize("names", ['names: [cat, "cat\\u200b"]', 'names: [cat, "\\u2060"]'])
def test_a_class_of_yolo_with_what_nobody_sees_is_refused(tmp_path, names):
    pool = pool_at(tmp_path / "pool", a=(100, 50))
    folder = yolo_folder(tmp_path, "1 .5 .5 .1 .1")
    (folder / "data.yaml").write_text(names)
    with pytest.raises(ExchangeMalformed, match=r"[Nn]obody sees"):
        made(yolo.read(folder, pool.names), pool)


def test_what_else_stands_in_a_yaml_keeps_no_boxes_out(tmp_path):
    pool = pool_at(tmp_path / "pool", a=(100, 50))
    head = "train: a\ntrain: b\nhyp: {lr: 1, lr: 2}\n? [a, b]\n: 1\nnames: [cat]\n"
    found = made(yolo.read(yolo_folder(tmp_path, "0 .5 .5 .1 .1", head), pool.names), pool)
    assert [box.class_name for box in found.images["a.jpg"].boxes] == ["cat"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_number_of_a_class_is_that_of_its_line_and_an_empty_line_has_one(tmp_path, end):
    pool = pool_at(tmp_path / "pool", a=(100, 50))
    folder = yolo_folder(tmp_path, "2 .5 .5 .1 .1")
    (folder / "data.yaml").unlink()
    (folder / "classes.txt").write_bytes(end.join(["cat", "", "dog", "", ""]).encode())
    found = made(yolo.read(folder, pool.names), pool)
    assert [box.class_name for box in found.images["a.jpg"].boxes] == ["dog"]


@pytest.mark.parametrize(("head", "fault"), [("names: 3", "no `names`"), ("{", "no YAML"), ("a: 1", "no `names`")])
def test_a_yaml_without_names_is_refused(tmp_path, head, fault):
    with pytest.raises(ExchangeMalformed, match=fault):
        yolo.read(yolo_folder(tmp_path, head=head), [])
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(ExchangeMalformed, match=r"none of data.yaml"):
        yolo.read(tmp_path, [])


def test_scores_of_yolo_are_a_models_and_polygons_may_become_boxes(tmp_path):
    pool = pool_at(tmp_path / "pool", a=(100, 50))
    scored = yolo_folder(tmp_path, "0 0.25 0.65 0.3 0.5 0.9\n")
    assert made(yolo.read(scored, pool.names), pool).images == {"a.jpg": BoxedImage(100, 50)}
    outline = yolo_folder(tmp_path, "0 .1 .4 .4 .4 .4 .9\n")
    assert made(yolo.read(outline, pool.names, hull=True), pool).images["a.jpg"].boxes == (Box("cat", 10, 20, 30, 25),)


def test_a_file_of_yolo_whose_image_is_not_told_by_its_name_is_refused(tmp_path):
    with pytest.raises(ExchangeMalformed, match=r"images a\.jpg, a\.png: which one"):
        made(yolo.read(yolo_folder(tmp_path), ["a.jpg", "a.png"]))
    with pytest.raises(ExchangeMalformed, match=r"no image called"):
        made(yolo.read(yolo_folder(tmp_path), ["b.jpg"]))
    with pytest.raises(Inexpressible, match=r"share labels/a\.txt"):
        list(yolo.documents({"a.jpg": BoxedImage(1, 1), "a.png": BoxedImage(1, 1)}))


# --- Label Studio -----------------------------------------------------------------------------------------------


SIZE = {"original_width": 100, "original_height": 50}


def region(**value):
    value = {"x": 10, "y": 40, "width": 30, "height": 50, "rotation": 0, "rectanglelabels": ["cat"], **value}
    return {
        "type": "rectanglelabels",
        "from_name": "label",
        "original_width": 100,
        "original_height": 50,
        "value": value,
    }


def studio(folder, *annotations, **more):
    task = {"id": 1, "data": {"image": URLS.url("a.png")}, "annotations": list(annotations), **more}
    (folder / "a.json").write_text(json.dumps([task]))
    return folder / "a.json"


def test_percent_become_pixels_and_answers_that_are_no_boxes_are_passed_over(tmp_path):
    choice = {"type": "choices", "value": {"choices": ["day"]}}
    found = made(label_studio.read(studio(tmp_path, {"result": [region(), choice]}), URLS.name))
    assert found.images == A
    assert "answers that are no boxes were passed over (1)" in found.notes


def test_an_empty_annotation_says_that_nothing_is_there_and_a_skipped_one_or_none_nothing(tmp_path):
    pool = pool_at(tmp_path / "pool", a=(100, 50))

    def names(url):
        return "a.jpg"

    assert made(label_studio.read(studio(tmp_path, {"result": []}), names), pool).images == {
        "a.jpg": BoxedImage(100, 50)
    }
    for file in (studio(tmp_path, {"result": [], "was_cancelled": True}), studio(tmp_path)):
        with pytest.raises(ExchangeMalformed, match=r"no label found"):
            made(label_studio.read(file, names), pool)


def test_json_min_and_predictions_are_read(tmp_path):
    file = tmp_path / "min.json"
    flat = {
        "id": 1,
        "image": URLS.url("a.png"),
        "label": [{**region()["value"], "original_width": 100, "original_height": 50}],
    }
    file.write_text(json.dumps([flat]))
    assert made(label_studio.read(file, URLS.name)).images == A
    proposed = studio(tmp_path, predictions=[{"result": [region()]}])
    assert made(label_studio.read(proposed, URLS.name), take_predictions=True).images == A
    with pytest.raises(ExchangeMalformed, match=r"a model proposed"):
        made(label_studio.read(proposed, URLS.name))


def test_a_turned_box_of_label_studio_turns_around_its_corner(tmp_path):
    file = studio(tmp_path, {"result": [region(x=50, rotation=90)]})
    with pytest.raises(ExchangeMalformed, match=r"a turned box"):
        made(label_studio.read(file, URLS.name))
    boxes = made(label_studio.read(file, URLS.name, hull=True)).images["a.png"].boxes
    assert boxes == (Box("cat", 25, 20, 25, 30),)


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ({**region(), "original_width": None}, "no `original_width`"),
        ({**region(), "image_rotation": 90}, "turned in Label Studio"),
        (region(rectanglelabels=["cat", "dog"]), "a box has one class"),
        ({**region(), "original_width": True}, "no `original_width`"),
        ({**region(), "original_height": 10**400}, "no `original_width`"),
        (region(x="ten"), "a box needs x, y, width and height as numbers"),
        (region(x=None), "a box needs x, y, width and height as numbers"),
        (region(width=10**400), "a box needs x, y, width and height as numbers"),
        (region(x=None, rotation=90), "a box needs x, y, width and height as numbers"),
        (region(rotation=float("inf")), "and a finite rotation"),
        (region(rotation=None), "and a finite rotation"),
    ],
)
def test_what_can_not_be_right_in_label_studio_is_refused(tmp_path, bad, fault):
    with pytest.raises(ExchangeMalformed, match=fault):
        made(label_studio.read(studio(tmp_path, {"result": [bad]}), URLS.name))


def test_several_annotations_have_to_agree_unless_the_newest_counts(tmp_path):
    two = [{"result": [region()], "updated_at": "2026-01-02"}, {"result": [], "updated_at": "2026-01-01"}]
    file = studio(tmp_path, *two)
    pool = pool_at(tmp_path / "pool", a=(100, 50))
    with pytest.raises(ExchangeMalformed, match=r"is there several times: cat at .*--newest"):
        made(label_studio.read(file, lambda _: "a.jpg"), pool)
    assert made(label_studio.read(file, URLS.name, newest=True)).images == A
