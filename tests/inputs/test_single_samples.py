"""Single samples and their classes, out of every kind of input."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs_kit import Images, Pairs, encoded
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from aigc_bench import noise
from aigc_bench.core import SampleSpec
from aigc_bench.core.errors import DataError, GeneratorError, UnknownNameError
from aigc_bench.generators import drawing
from aigc_bench.generators.generated import FunctionGenerator, GeneratedSamples
from aigc_bench.modalities.image.opening import open_samples
from aigc_bench.samples.members import class_names

Pack = Callable[[dict[str, bytes], str], Path]
WANTED = [36, 0, 19, 20, 0]


@pytest.fixture
def sources(images: Images, folder: Path, members: dict[str, bytes], pack: Pack, tmp_path: Path) -> dict[str, Any]:
    """The same 37 images in every kind of input; the classes of files are their folders, otherwise number % 3."""
    labels = np.arange(37) % 3
    np.savez_compressed(tmp_path / "samples.npz", images, labels)
    np.save(tmp_path / "samples.npy", images)
    return {
        "folder": folder,
        "zip": pack(members, ".zip"),
        "tar": pack(members, ".tar"),
        "npz": tmp_path / "samples.npz",
        "npy": tmp_path / "samples.npy",
        "array": images,
        "tensor": torch.from_numpy(images).permute(0, 3, 1, 2),
        "data set": Pairs(images),
        "loader": DataLoader(Pairs(images), batch_size=8),
    }


KINDS = ("folder", "zip", "tar", "npz", "npy", "array", "tensor", "data set", "loader")


@pytest.mark.parametrize("kind", KINDS)
def test_single_samples_are_those_of_a_pass(kind: str, sources: dict[str, Any], images: Images) -> None:
    """In the order in which they are asked for, repeats too; the same before and after a pass."""
    with open_samples(sources[kind]) as samples:
        before = samples.take(WANTED)
        whole = torch.cat(list(samples.batches(10)))
        found = samples.take(WANTED)
    assert [picture.shape for picture in found] == [(3, 5, 7)] * len(WANTED)
    assert all(torch.equal(picture, whole[index]) for picture, index in zip(found, WANTED, strict=True))
    assert all(map(torch.equal, before, found))
    assert torch.equal(found[0], torch.from_numpy(images[36]).permute(2, 0, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_folders_integers_or_labels(kind: str, sources: dict[str, Any]) -> None:
    """Those of data sets and loaders are known after a pass."""
    with open_samples(sources[kind]) as samples:
        if kind in ("data set", "loader"):
            assert samples.labels is None
            list(samples.batches(8))
        expected: tuple[str, ...] | None = tuple(str(number % 3) for number in range(37))
        if kind in ("folder", "zip", "tar"):
            expected = ("part0",) * 20 + ("part1",) * 17
        if kind in ("npy", "array", "tensor"):
            expected = None
        assert samples.labels == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/1.png", "b/1.png"], ("a", "b")),
        (["root/a/1.png", "root/b/x/1.png"], ("a", "b")),
        (["./a/1.png", "./b/1.png"], ("a", "b")),
        (["a/1.png", "a/2.png"], None),
        (["1.png", "2.png"], None),
        (["a/1.png", "b/1.png", "stray.png"], None),
        (["root/a/1.png", "root/stray.png"], None),
    ],
)
def test_the_class_is_the_folder_at_the_first_level_with_several(
    names: list[str], expected: tuple[str, ...] | None
) -> None:
    """A folder that holds everything is no class, and one stray file leaves none."""
    assert class_names(names) == expected


def test_skipped_images_have_no_class_and_no_place(folder: Path, images: Images) -> None:
    """Classes and single samples count those that are left."""
    (folder / "part0" / "003.png").write_text("no image")
    whole = (folder / "part1" / "030.png").read_bytes()
    (folder / "part1" / "030.png").write_bytes(whole[: len(whole) // 2])
    with open_samples(folder, on_bad_image="skip") as samples:
        expected = torch.from_numpy(images[4]).permute(2, 0, 1)
        assert torch.equal(samples.take([3])[0], expected)
        list(samples.batches(10))
        assert torch.equal(samples.take([3])[0], expected)
        assert samples.labels == ("part0",) * 19 + ("part1",) * 16


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros(37), r"\['arr_1'\] is float64 of shape \(37,\), expected a label for each sample"),
        (np.zeros(36, int), r"is int64 of shape \(36,\), expected .*integers of shape \(37,\)"),
        (np.array([None] * 37), "pickled array"),
    ],
)
def test_labels_that_are_none_are_refused_when_asked_for(
    labels: Any, reason: str, images: Images, tmp_path: Path
) -> None:
    """And only then: the samples themselves can be read."""
    np.savez(tmp_path / "a.npz", images, labels)
    with open_samples(tmp_path / "a.npz") as samples:
        assert sum(len(batch) for batch in samples.batches(10)) == 37
        with pytest.raises(DataError, match=reason) as caught:
            _ = samples.labels
    assert caught.value.exit_code == 2


class Labelled(Dataset[tuple[Tensor, Any]]):
    """Grey images with a label of some type."""

    def __init__(self, label: Callable[[int], Any]) -> None:
        self.label = label

    def __len__(self) -> int:
        """N."""
        return 4

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        """An image and its label."""
        return torch.zeros(1, 2, 2, dtype=torch.uint8), self.label(index)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (lambda index: f"class {index % 2}", ("class 0", "class 1", "class 0", "class 1")),
        (lambda index: torch.tensor(index), ("0", "1", "2", "3")),
        (lambda index: np.int64(index), ("0", "1", "2", "3")),
        (lambda index: None if index == 2 else index, None),
        (lambda index: 0.5, None),
        (lambda index: torch.zeros(3), None),
    ],
)
def test_labels_of_data_sets_are_texts_or_integers(
    label: Callable[[int], Any], expected: tuple[str, ...] | None
) -> None:
    """All else is none, and one sample without leaves none."""
    with open_samples(Labelled(label)) as samples:
        list(samples.batches(3))
        assert samples.labels == expected


def test_a_loader_that_shuffles_shows_no_single_samples(images: Images) -> None:
    """They would be others than those that were scored."""
    with open_samples(DataLoader(Pairs(images), batch_size=8, shuffle=True)) as samples:
        list(samples.batches(8))
        with pytest.raises(DataError, match="gave other samples than before; expected no shuffling"):
            samples.take([0])


def test_single_samples_of_an_archive_do_not_read_the_rest(
    folder: Path, pack: Pack, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight out of fifty thousand are wanted."""
    for source in (folder, pack(members, ".zip"), pack(members, ".tar")):
        with open_samples(source) as samples:
            read: list[int] = []
            real = samples._members.read  # type: ignore[attr-defined]
            monkeypatch.setattr(samples._members, "read", lambda index: read.append(index) or real(index))  # type: ignore[attr-defined]  # noqa: B023
            samples.take([5, 30])
        assert read == [5, 30]


# ---- generators -------------------------------------------------------------------------------------

SPEC = SampleSpec("image", (1, 3, 4))
CPU = torch.device("cpu")


def grey(seeds: Tensor) -> Tensor:
    """Uniform noise; seed i names sample i."""
    return noise.integers(seeds, SPEC.num_dims, 256).to(torch.uint8).reshape(-1, *SPEC.shape)


def generated(num: int, source: str | None = None, function: Callable[[Tensor], Tensor] = grey) -> GeneratedSamples:
    """A set of samples that are drawn."""
    return GeneratedSamples("grey", FunctionGenerator(SPEC, function), num, CPU, source)


@pytest.mark.parametrize("size", [7, 512, 600])
def test_seeds_are_drawn_in_fixed_batches_whatever_the_chunks(size: int) -> None:
    """Seeds 0 … N - 1, at most 512 of them in a call."""
    asked: list[list[int]] = []

    def function(seeds: Tensor) -> Tensor:
        asked.append(seeds.tolist())
        return grey(seeds)

    samples = generated(1200, function=function)
    chunks = list(samples.chunks(size))
    assert asked == [list(range(512)), list(range(512, 1024)), list(range(1024, 1200))]
    assert torch.equal(torch.cat([chunk.samples for chunk in chunks]), grey(torch.arange(1200)))
    assert all(len(chunk.indices) == size for chunk in chunks[:-1])
    assert (samples.shape, samples.num_samples, samples.num_listed, samples.labels) == ((1, 3, 4), 1200, 1200, None)


def test_single_samples_are_drawn_alone_in_one_call() -> None:
    """A seed names its sample: no batch is drawn for the sake of one of it."""
    asked: list[list[int]] = []

    def function(seeds: Tensor) -> Tensor:
        asked.append(seeds.tolist())
        return grey(seeds)

    found = generated(1200, function=function).take([1199, 513, 1024])
    assert asked == [[1199, 513, 1024]]
    assert torch.equal(torch.stack(found), grey(torch.tensor([1199, 513, 1024])))


def test_the_digest_tells_code_weights_and_numbers_apart() -> None:
    """Known beforehand where the code is known; of a function only after a pass, over the pixels."""
    digests = {generated(600, "code").digest, generated(601, "code").digest, generated(600, "other").digest}
    digests.add(generated(600, "code", lambda seeds: grey(seeds + 1)).digest)
    late = generated(600, "code", lambda seeds: grey(seeds + (seeds >= 512).long()))  # as before in the first batch
    digests.add(late.digest)
    assert len(digests) == 5
    assert generated(600, "code").digest == generated(600, "code").digest
    function = generated(600)
    assert function.digest is None
    list(function.chunks(100))
    assert function.digest == open_samples(grey(torch.arange(600))).digest


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda seeds: grey(seeds)[:, :, :2], r"expected samples of shape \(512, 1, 3, 4\), got \(512, 1, 2, 4\)"),
        (lambda seeds: grey(seeds)[1:], r"got \(511, 1, 3, 4\)"),
        (lambda seeds: grey(seeds).long(), "of dtype torch.uint8, got torch.int64"),
        (lambda seeds: grey(seeds) / 0, "expected finite samples, got NaN"),
        (lambda seeds: grey(seeds).numpy(), r"expected a torch\.Tensor of samples, got ndarray"),
        (lambda seeds: 1 // 0, "sample raised ZeroDivisionError"),
    ],
)
def test_bad_output_breaks_the_contract(function: Callable[[Tensor], Any], reason: str) -> None:
    """A failed benchmark, as in a suite."""
    with pytest.raises(GeneratorError, match=reason) as caught:
        list(generated(600, function=function).chunks(8))
    assert caught.value.exit_code == 5


def test_only_images_can_be_scored_against_images() -> None:
    """Two channels are none, nor is a row of twelve; what no modality describes has no samples at all."""
    for spec in (SampleSpec("image", (2, 3, 4)), SampleSpec("image", (12,))):
        with pytest.raises(GeneratorError, match=r"expected images \(C, H, W\)"):
            GeneratedSamples("odd", FunctionGenerator(spec, grey), 5, CPU)
    with pytest.raises(UnknownNameError, match="no modality named 'text'"):
        GeneratedSamples("odd", FunctionGenerator(SampleSpec("text", (12,)), grey), 5, CPU)


def test_drawing_is_in_one_place() -> None:
    """The samples of a suite and those of a set are equal to the bit."""
    assert torch.equal(
        drawing.draw(FunctionGenerator(SPEC, grey), 700, CPU), torch.cat(list(generated(700).batches(64)))
    )


def test_an_archive_with_a_root_folder_has_the_classes_below_it(tmp_path: Path, images: Images) -> None:
    """As most archives are packed."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(4):
            archive.writestr(f"cifar/{'cat' if number < 2 else 'dog'}/{number}.png", encoded(images[number]))
    with open_samples(tmp_path / "a.zip") as samples:
        assert samples.labels == ("cat", "cat", "dog", "dog")
