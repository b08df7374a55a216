"""Every kind of input gives the same samples, in the same order, under the same names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from inputs_kit import Images, Pairs, encoded
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image import encoded as encoded_samples
from aigc_bench.modalities.image.opening import Source, open_samples
from aigc_bench.samples.lookahead import overlapped

Pack = Callable[[dict[str, bytes], str], Path]


def read(source: Source, size: int = 10) -> tuple[Tensor, str | None]:
    """All samples, and the digest."""
    with open_samples(source) as samples:
        found = torch.cat(list(samples.batches(size)))
        assert samples.num_samples == len(found)
        return found, samples.digest


def test_every_kind_of_file_gives_the_same_samples(
    images: Images, members: dict[str, bytes], folder: Path, pack: Pack, tmp_path: Path
) -> None:
    """Bit for bit, in the same order; a folder and an archive of it have one digest, so have all arrays."""
    np.savez_compressed(tmp_path / "samples.npz", images)
    np.save(tmp_path / "samples.npy", images)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(images))
    expected = torch.from_numpy(images).permute(0, 3, 1, 2)
    files = [folder, *(pack(members, suffix) for suffix in (".zip", ".tar", ".tar.gz", ".tgz"))]
    arrays: list[Source] = [tmp_path / name for name in ("samples.npz", "samples.npy", "fortran.npy")]
    arrays += [images, expected, Pairs(images), DataLoader(Pairs(images), batch_size=8)]
    for group in (files, arrays):
        found = [read(source) for source in group]
        assert all(torch.equal(samples, expected) for samples, _ in found)
        assert len({digest for _, digest in found}) == 1
    changed = images.copy()
    changed[20, 0, 0, 0] ^= 1
    assert read(changed)[1] != found[0][1]


@pytest.mark.parametrize("size", [1, 16, 37, 64])
def test_batches_are_full_but_for_the_last(size: int, folder: Path) -> None:
    """Whatever their size, 37 samples."""
    with open_samples(folder) as samples:
        sizes = [len(batch) for batch in samples.batches(size)]
    assert sum(sizes) == 37
    assert all(number == size for number in sizes[:-1])


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "ppm"])
def test_formats_are_decoded_as_pillow_does(suffix: str, tmp_path: Path, images: Images) -> None:
    """`Image.open(...).convert("RGB")`, as clean-fid and torch-fidelity read them."""
    path = tmp_path / "one" / f"a.{suffix}"
    path.parent.mkdir()
    Image.fromarray(images[0]).save(path)
    with Image.open(path) as image:
        expected = np.array(image.convert("RGB"))
    assert np.array_equal(read(path.parent)[0][0].permute(1, 2, 0).numpy(), expected)


def grey_16(value: int) -> Image.Image:
    """A 16-bit picture."""
    return Image.fromarray(np.full((4, 4), value, np.uint16))


@pytest.mark.parametrize(
    ("picture", "pixel", "policy"),
    [
        (Image.new("L", (4, 4), 7), (7,), "one channel, since every image is grey"),
        (grey_16(65535), (255,), "16-bit grey is scaled"),
        (grey_16(257 * 3 + 100), (3,), "16-bit grey is scaled"),
        (Image.new("RGBA", (4, 4), (1, 2, 3, 0)), (1, 2, 3), "transparency is dropped"),
        (Image.new("RGB", (4, 4), (9, 8, 7)).quantize(), (9, 8, 7), "palette images are read as RGB"),
        (Image.new("RGB", (4, 4), (5, 5, 6)), (5, 5, 6), None),
    ],
)
def test_pixel_formats_follow_the_stated_policy(
    picture: Image.Image, pixel: tuple[int, ...], policy: str | None, tmp_path: Path
) -> None:
    """And the policy is recorded."""
    (tmp_path / "a.png").write_bytes(encoded(picture))
    with open_samples(tmp_path) as samples:
        (found,) = samples.batches(4)
        assert found[0, :, 0, 0].tolist() == list(pixel)
        assert (policy is None and samples.policies == ()) or any(policy in text for text in samples.policies if policy)


def test_grey_among_colour_is_repeated(tmp_path: Path) -> None:
    """The channels are a fact about the whole set."""
    (tmp_path / "a.png").write_bytes(encoded(Image.new("L", (4, 4), 7)))
    (tmp_path / "b.png").write_bytes(encoded(Image.new("RGB", (4, 4), (1, 2, 3))))
    with open_samples(tmp_path) as samples:
        assert torch.cat(list(samples.batches(2)))[:, :, 0, 0].tolist() == [[7, 7, 7], [1, 2, 3]]
        assert "1 of 2 images" in samples.policies[0]


def test_sizes_may_differ_within_a_folder(tmp_path: Path) -> None:
    """Chunks are of one size each, and say where their samples stand; batches refuse."""
    for number in range(9):
        side = 3 + number % 3
        (tmp_path / f"{number}.png").write_bytes(encoded(Image.new("RGB", (side, side), (number, 0, 0))))
    with open_samples(tmp_path) as samples:
        assert samples.shape is None
        seen = {}
        for chunk in samples.chunks(2):
            assert len(chunk.samples) <= 2
            seen |= dict(zip(chunk.indices.tolist(), chunk.samples[:, 0, 0, 0].tolist(), strict=True))
        assert seen == {number: number for number in range(9)}
        with pytest.raises(DataError, match=r"several sizes.*one size"):
            list(samples.batches(2))


def test_bad_images_stop_or_are_skipped_counted_and_listed(folder: Path, images: Images) -> None:
    """One is no image at all, one is cut off in its pixels."""
    (folder / "part0" / "003.png").write_text("no image")
    whole = (folder / "part1" / "030.png").read_bytes()
    (folder / "part1" / "030.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"003\.png is not a readable image.*--on-bad-image skip") as caught:
        open_samples(folder)
    assert caught.value.exit_code == 2
    with open_samples(folder, on_bad_image="skip") as samples:
        found = torch.cat(list(samples.batches(10)))
        assert [item.name for item in samples.skipped] == ["part0/003.png", "part1/030.png"]
        assert (samples.num_listed, samples.num_samples) == (37, 35)
    kept = [number for number in range(37) if number not in (3, 30)]
    assert torch.equal(found, torch.from_numpy(images[kept]).permute(0, 3, 1, 2))


def test_hidden_files_and_other_files_are_no_samples(folder: Path) -> None:
    """What editors and file managers leave behind."""
    for name in (".hidden.png", "notes.txt", "__MACOSX/x.png", ".git/y.png"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert len(read(folder)[0]) == 37


# ---- reading ahead ----------------------------------------------------------------------------------


def test_reading_ahead_keeps_order_and_bound() -> None:
    """Never more than `ahead` items are begun beyond what was taken."""
    begun: list[int] = []
    taken = 0
    lead = []
    for result in overlapped(lambda item: begun.append(item) or item, range(50), num_workers=3, ahead=4):
        assert result == taken
        taken += 1
        lead.append(len(begun) - taken)
    assert taken == 50
    assert max(lead) <= 4


def test_an_early_stop_leaves_no_thread_and_no_open_file(folder: Path, pack: Pack, members: dict[str, bytes]) -> None:
    """Open files would warn, and warnings are errors."""
    for source in (folder, pack(members, ".zip"), pack(members, ".tar.gz")):
        with open_samples(source) as samples:
            chunks = samples.chunks(2)
            next(chunks)
            chunks.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("aigc-bench-inputs")]


def test_errors_of_the_work_are_raised_in_their_turn() -> None:
    """Everything before arrives."""

    def work(item: int) -> int:
        if item == 3:
            raise DataError("three")
        return item

    results = overlapped(work, range(10), num_workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match="three"):
        next(results)


def test_a_folder_is_decoded_a_few_blocks_ahead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the folder."""
    monkeypatch.setattr(encoded_samples, "MAX_BLOCK_IMAGES", 1)
    decoded: list[int] = []
    real = encoded_samples.decoded
    monkeypatch.setattr(encoded_samples, "decoded", lambda data, grey: decoded.append(1) or real(data, grey=grey))
    with open_samples(folder) as samples:
        chunks = samples.chunks(1)
        next(chunks)
        ahead = len(decoded)
        chunks.close()
    assert ahead < 37
