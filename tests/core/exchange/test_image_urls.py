import pytest
from hypothesis import given

from nextlabel.core.data.places import place_at
from nextlabel.core.exchange.image_urls import ImageUrls, PoolNames, candidates
from tests.core.exchange.names import NAMES

LOCAL = "/data/local-files/?d=photos/train/"
PREFIXES = [
    LOCAL,
    "/data/local-files/?d=",
    "https://images.example/a%20b/",
    "https://images.example/x?file=",
    "s3://bucket/",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@given(name=NAMES)
def test_a_name_comes_back_from_its_url(prefix, name):
    urls = ImageUrls(prefix)
    assert urls.url(name).isascii()
    assert urls.name(urls.url(name)) == name


@given(name=NAMES)
def test_a_host_before_the_path_does_no_harm(name):
    urls = ImageUrls(LOCAL)
    assert urls.name(f"http://127.0.0.1:8080{urls.url(name)}") == name


@pytest.mark.parametrize(
    "url", ["/data/local-files/?d=photos/other/a.png", "https://x/y/data/local-files/?d=photos/train/a.png", ""]
)
def test_a_url_of_another_place_has_no_name(url):
    assert ImageUrls(LOCAL).name(url) is None


def test_a_prefix_is_a_folder_with_or_without_its_slash():
    assert ImageUrls("https://x/photos").url("a b.png") == "https://x/photos/a%20b.png"


@pytest.fixture
def pool(tmp_path):
    for name in ("a.png", "day one/b.png", "day/a.png", "100%25.png", "ä.png", ".hidden/a.png", "text.txt"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "outside.png").touch()
    (tmp_path / "photos" / "link.png").symlink_to(tmp_path / "outside.png")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/data/local-files/?d=photos/day%20one/b.png", "day one/b.png"),
        ("/data/local-files/?d=photos/day one/b.png", "day one/b.png"),
        ("/data/upload/3/0123abcd-a.png", "a.png"),
        ("http://127.0.0.1:8080/data/upload/3/0123abcd-a.png", "a.png"),
        ("https://images.example/x/day/a.png?width=100#top", "day/a.png"),
        ("https://images.example/night/a.png", "a.png"),
        ("s3://bucket/photos/day/a.png", "day/a.png"),
        ("%C3%A4.png", "ä.png"),
        ("100%25.png", "100%25.png"),
        ("day one/b.png", "day one/b.png"),
        ("/data/upload/3/b.png", None),
        ("https://x/.hidden/a.png", "a.png"),
        ("https://x/text.txt", None),
        ("https://x/link.png", None),
        ("https://x/photos/../../outside.png", None),
        ("http://[broken/a.png", None),
        ("", None),
    ],
)
def test_the_longest_end_of_a_url_that_is_an_image_of_the_pool_is_its_name(pool, url, name):
    assert PoolNames(place_at(pool, [pool])).name(url) == name


def test_with_a_prefix_nothing_is_guessed(pool):
    names = PoolNames(place_at(pool, [pool]), ImageUrls(LOCAL))
    assert names.name(f"{LOCAL}day/a.png") == "day/a.png"
    assert names.name(f"{LOCAL}night/a.png") is None
    assert names.name("https://x/day/a.png") is None


def test_candidates_come_longest_first():
    assert list(candidates("https://x/a/b/c.png")) == ["a/b/c.png", "b/c.png", "c.png"]
