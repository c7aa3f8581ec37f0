import pytest
import torch

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.tasks import TASKS, pictures
from epochgraph.zoo.tasks.pictures import ANIMALS, VEHICLES, Counts

CLASSES = tuple(sorted(ANIMALS + VEHICLES))


def colours(part):
    """(class, part, number) of each image; every pixel has the same."""
    assert (part.inputs == part.inputs[:, :, :1, :1]).all()
    return [tuple(row) for row in part.inputs[:, :, 0, 0].tolist()]


def test_classes_are_numbered_anew_and_each_gives_as_many_images(pixels, cache):
    data = pixels("cifar10-jpeg", CLASSES, {"train": 5, "test": 4})
    task = pictures.cifar10(data, "4 vehicles", Counts(3, 2, 1), VEHICLES)
    assert task.name == "CIFAR-10 (JPEG), 4 vehicles"
    assert task.form.outputs == (4,)
    for part, count, folder in ((task.train, 3, 0), (task.validation, 2, 1), (task.test, 1, 1)):
        named = [CLASSES[label] for label, _, _ in colours(part)]
        assert named == [VEHICLES[target] for target in part.targets.tolist()]
        assert all(named.count(name) == count for name in VEHICLES)
        assert {place for _, place, _ in colours(part)} == {folder}
    assert not set(colours(task.validation)) & set(colours(task.test))


def test_validation_images_of_tiny_imagenet_are_held_out_of_those_to_train(pixels, cache):
    data = pixels("tiny-imagenet-100-part1", ("n1", "n2"), {"train": 6, "val": 4}, size=64)
    pixels("tiny-imagenet-100-part2", ("n3",), {"train": 6, "val": 4}, size=64)
    task = pictures.tiny_imagenet(data, 2, Counts(4, 2, 3))
    assert task.form.inputs == (3, 32, 32)
    assert sorted(colours(task.train) + colours(task.validation)) == [(c, 0, n) for c in range(2) for n in range(6)]
    assert len(set(colours(task.test))) == 6
    assert {place for _, place, _ in colours(task.test)} == {1}


def test_images_of_half_the_size_are_means_of_four_pixels():
    image = torch.tensor([[[[0, 4, 255, 255], [8, 0, 255, 255], [1, 1, 0, 0], [1, 2, 0, 1]]]], dtype=torch.uint8)
    assert pictures.half_size(image).tolist() == [[[[3, 255], [1, 0]]]]


def test_a_network_that_gives_images_back_is_held_against_them():
    task = TASKS["digits-reconstruction"](None)
    inputs, targets = next(task.batches(5, torch.Generator().manual_seed(0)))
    assert float(task.loss(inputs, targets, 0.0)) == 0
    assert -1 <= inputs.min() < inputs.max() <= 1


def test_a_class_that_is_missing_is_named(pixels, cache):
    data = pixels("cifar10-jpeg", ANIMALS, {"train": 5, "test": 4})
    with pytest.raises(UnreadableFileError, match="has no class 'airplane'"):
        pictures.cifar10(data, "", Counts(3, 2, 1))


def test_an_image_that_comes_again_is_used_once(pixels, cache):
    """Also in another class, as in Tiny ImageNet."""
    data = pixels("cifar10-jpeg", CLASSES, {"train": 8, "test": 8})
    folder = data / "cifar10-jpeg"
    (folder / "test" / "airplane" / "00.png").write_bytes((folder / "train" / "truck" / "03.png").read_bytes())
    (folder / "train" / "truck" / "05.png").write_bytes((folder / "train" / "truck" / "03.png").read_bytes())
    task = pictures.cifar10(data, "", Counts(7, 3, 3))
    found = [colour for part in (task.train, task.validation, task.test) for colour in colours(part)]
    assert len(set(found)) == len(found) == 130
    assert sorted(number for label, _, number in colours(task.train) if label == 9) == [0, 1, 2, 3, 4, 6, 7]


def test_too_few_images_of_a_class_are_told(pixels, cache):
    data = pixels("cifar10-jpeg", CLASSES, {"train": 5, "test": 4})
    with pytest.raises(UnreadableFileError, match=r"has 5 different images of class 'airplane' .*\. This task needs 6"):
        pictures.cifar10(data, "", Counts(6, 2, 1))


def test_too_few_classes_are_told(pixels, cache):
    data = pixels("tiny-imagenet-100-part1", ("n1", "n2"), {"train": 3, "val": 2}, size=64)
    pixels("tiny-imagenet-100-part2", ("n3",), {"train": 3, "val": 2}, size=64)
    with pytest.raises(UnreadableFileError, match=r"has 3 classes with tiny-imagenet-100-part2\. This task needs 4"):
        pictures.tiny_imagenet(data, 4, Counts(1, 1, 1))
