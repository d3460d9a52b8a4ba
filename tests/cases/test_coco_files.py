"""COCO annotation files as other programs write them."""

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from t2t_multimodel.errors import BadExampleError


def shades(examples):
    """Which picture each caption has: the cases paint picture i in the grey 40 i."""
    return {
        example["targets"]: round(np.asarray(Image.open(io.BytesIO(example["inputs"]))).mean() / 40)
        for example in examples
    }


EXPECTED = {f"a picture number {number}": number for number in range(6)}


@pytest.mark.parametrize("split", ["train", "dev"])
@pytest.mark.parametrize("name", ["string_ids", "folder_in_name"])
def test_ids_and_file_names(cases, read, name, split):
    examples, warnings, dropped = read("image_coco_captions", cases / "coco" / name, split)
    assert shades(examples) == EXPECTED
    assert [example["meta/image_id"] for example in examples] == list(range(6))
    assert (warnings, dropped) == ([], {})


def test_one_id_for_two_files(cases, read):
    folder = cases / "coco/same_id_twice"
    examples, warnings, dropped = read("image_coco_captions", folder)
    assert shades(examples) == {"a picture number 0": 0, "a picture number 1": 1}
    two, lost = "image id that names two files", "caption of an image id that names two files"
    assert dropped == {two: 1, lost: 1}
    where = f"{folder}/annotations/captions_train2014.json"
    assert warnings == [
        f"{where}: images[3], id 2, pic2.jpg and pic5.jpg: {two}; id left out",
        f"{where}: annotations[2], image 2: {lost}; example dropped",
    ]
    with pytest.raises(BadExampleError, match=r"images\[3\], id 2, pic2\.jpg and pic5\.jpg"):
        read("image_coco_captions", folder, strict=True)


def rewritten(cases, tmp_path, change):
    shutil.copytree(cases / "coco/string_ids/train2014", tmp_path / "train2014")
    images = [{"id": number, "file_name": f"pic{number}.jpg"} for number in range(6)]
    captions = [{"image_id": number, "caption": f"a picture number {number}"} for number in range(6)]
    for image, caption in zip(images, captions):
        change(image, caption)
    (tmp_path / "captions_train2014.json").write_text(json.dumps({"images": images, "annotations": captions}))


@pytest.mark.parametrize(
    "change",
    [
        lambda image, caption: image.update(id=str(image["id"])),
        lambda image, caption: caption.update(image_id=float(caption["image_id"])),
        lambda image, caption: image.update(file_name="images\\" + image["file_name"]),
        lambda image, caption: (image.update(id=f"n{image['id']}"), caption.update(image_id=f"n{caption['image_id']}")),
    ],
    ids=["text_and_number", "float", "other_folder", "names"],
)
def test_mixed_forms(cases, read, tmp_path, change):
    rewritten(cases, tmp_path, change)
    examples, _, dropped = read("image_coco_captions", tmp_path)
    assert shades(examples) == EXPECTED and dropped == {}
    assert [example["meta/image_id"] for example in examples] == list(range(6))


def test_folder_of_the_other_split_is_not_mistaken(cases, read, tmp_path):
    rewritten(cases, tmp_path, lambda image, caption: image.update(file_name="val2014/" + image["file_name"]))
    with pytest.raises(Exception, match="6 image file is missing, first at"):
        read("image_coco_captions", tmp_path)


def test_the_same_image_listed_twice_is_no_fault(cases, read, tmp_path):
    rewritten(cases, tmp_path, lambda image, caption: None)
    path = tmp_path / "captions_train2014.json"
    content = json.loads(path.read_text())
    content["images"] *= 2
    path.write_text(json.dumps(content))
    examples, warnings, _ = read("image_coco_captions", tmp_path)
    assert shades(examples) == EXPECTED and warnings == []
