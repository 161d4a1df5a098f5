import pytest

from nextlabel.core.embeddings.catalogue import SHORT_NAMES, find_backbone, timm_names, weights_in


def test_the_first_versions_three_names_stand_for_these_timm_models():
    assert find_backbone("b0").timm_name == "efficientnet_b0"
    assert find_backbone("resnet50").timm_name == "resnet50"
    assert find_backbone("mobilenet").timm_name == "mobilenetv2_100"


def test_any_timm_model_name_is_a_backbone_with_or_without_its_tag():
    assert find_backbone("convnext_tiny").timm_name == "convnext_tiny"
    assert find_backbone("convnext_tiny.in12k").timm_name == "convnext_tiny.in12k"


def test_an_unknown_name_is_answered_with_what_exists_and_what_looks_alike():
    with pytest.raises(ValueError, match=r"there are b0, resnet50, .*Did you mean.*mobilenet"):
        find_backbone("mobilnet")


def test_every_short_name_stands_for_a_model_that_timm_has():
    assert {spec.timm_name for spec in SHORT_NAMES.values() if spec.timm_name} <= timm_names()


def test_the_list_of_names_is_what_the_installed_timm_has():
    timm = pytest.importorskip("timm")
    assert timm_names() == set(timm.list_models()) | set(timm.list_pretrained())


def test_weights_are_found_by_timm_name_and_only_there(tmp_path):
    (tmp_path / "mobilenetv2_100.safetensors").touch()
    assert weights_in(find_backbone("mobilenet"), tmp_path) == tmp_path / "mobilenetv2_100.safetensors"
    assert weights_in(find_backbone("b0"), tmp_path) is None
    assert weights_in(find_backbone("descriptor"), tmp_path) is None
    assert weights_in(find_backbone("mobilenet"), None) is None
