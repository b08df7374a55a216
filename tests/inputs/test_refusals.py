"""What is refused: with the reason, exit code 2, nothing executed and nothing written outside."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs_kit import Images, Pairs, encoded
from PIL import Image
from torch.utils.data import DataLoader

from aigc_bench.core.errors import DataError
from aigc_bench.evidence.published_moments import read_statistics
from aigc_bench.modalities.image.opening import open_samples
from aigc_bench.samples import archives

Pack = Callable[[dict[str, bytes], str], Path]


class Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def refused(source: Any, reason: str) -> None:
    """It is, for that reason, before or while it is read."""
    with pytest.raises(DataError, match=reason) as caught, open_samples(source) as samples:
        list(samples.batches(8))
    assert caught.value.exit_code == 2


def test_pickles_are_never_run(tmp_path: Path) -> None:
    """As a checkpoint, as an object array, and inside an npz file."""
    trace = tmp_path / "trace"
    for name in ("a.pt", "a.pth", "a.pkl", "a.ckpt"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap(trace)))
        refused(tmp_path / name, "pickle or checkpoint, and opening one can run code")
    trap = np.array([Trap(trace)], dtype=object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "a.npz", trap)
    refused(tmp_path / "a.npy", "pickled array.*can run code")
    refused(tmp_path / "a.npz", "pickled array.*can run code")
    refused(trap, "Python objects")
    assert not trace.exists()


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a/../../evil.png", "C:\\evil.png", "..\\evil.png"])
@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_names_that_lead_out_of_an_archive(name: str, suffix: str, pack: Pack, images: Images) -> None:
    """Though nothing is ever unpacked."""
    refused(pack({name: encoded(images[0])}, suffix), "leads out of the archive; refused as unsafe")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar(kind: bytes, tmp_path: Path) -> None:
    """The whole archive, whichever members are images."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("a.png")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    refused(tmp_path / "a.tar", "link, device or sparse file")


@pytest.mark.parametrize("size", [-1, 2**62, 2**64, 2**87])
def test_a_damaged_size_in_a_tar(size: int, pack: Pack, images: Images) -> None:
    """It leads to where no file can be read, or before its beginning."""
    path = pack({"a.png": encoded(images[0])}, ".tar")
    data = bytearray(path.read_bytes())
    # GNU's base 256, and a checksum that fits.
    data[124:136] = size.to_bytes(12, "big", signed=True) if size < 0 else b"\x80" + size.to_bytes(11, "big")
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    path.write_bytes(data)
    refused(path, "tar archive")


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    """Its mode says so."""
    info = zipfile.ZipInfo("a.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refused(tmp_path / "a.zip", "link or device")


def test_decompression_bombs(tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the ratio of an archive, and by the number of pixels that a header claims."""
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 2**20)
    refused(pack({"a.png": bytes(17 * 2**20)}, ".zip"), "over|decompression bomb")
    refused(pack({"a.png": bytes(3 * 2**20)}, ".tar.gz"), "decompression bomb")
    monkeypatch.undo()
    np.savez_compressed(tmp_path / "a.npz", np.zeros((300, 256, 256, 3), np.uint8))
    refused(tmp_path / "a.npz", "decompression bomb")
    picture = bytearray(encoded(Image.new("L", (4, 4))))
    picture[16:24] = struct.pack(">II", 60_000, 60_000)
    refused(pack({"b.png": bytes(picture)}, ".zip"), "not a readable image")


def test_an_encrypted_zip(tmp_path: Path, pack: Pack, images: Images) -> None:
    """Its flag says so."""
    path = pack({"a.png": encoded(images[0])}, ".zip")
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    refused(path, "encrypted")


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".npz", ".npy"])
def test_truncated_files(suffix: str, tmp_path: Path, pack: Pack, members: dict[str, bytes], images: Images) -> None:
    """None is read as a shorter set."""
    path = tmp_path / f"archive{suffix}"
    if suffix == ".npz":
        np.savez(path, images)
    elif suffix == ".npy":
        np.save(path, images)
    else:
        path = pack(members, suffix)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, "truncated")


def test_two_members_of_one_name(tmp_path: Path, images: Images) -> None:
    """Which is meant?"""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", encoded(images[0]))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.png", encoded(images[1]))
    refused(tmp_path / "a.zip", "two members named 'a.png'")


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((4, 5, 5, 3), np.float32), "is float32, expected uint8.*quantise once"),
        (np.zeros((4, 5, 5), np.uint8), r"shape \(4, 5, 5\), expected \(N, H, W, C\)"),
        (np.zeros((4, 5, 5, 4), np.uint8), "leave transparency out"),
        (np.zeros((0, 5, 5, 3), np.uint8), "holds no samples"),
        (torch.zeros(4, 3, 5, 5), "is float32, expected uint8"),
    ],
)
def test_arrays_that_are_no_images(array: Any, reason: str) -> None:
    """With the way out."""
    refused(array, reason)


def test_paths_that_are_no_sets_of_images(tmp_path: Path, images: Images) -> None:
    """Missing, empty, a single image, something else, statistics as samples."""
    (tmp_path / "one.png").write_bytes(encoded(images[0]))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "moments.npz", mu=np.zeros(2), sigma=np.eye(2))
    np.savez(tmp_path / "other.npz", samples=images)
    refused(tmp_path / "missing", "no samples at .*missing; expected")
    refused(tmp_path / "missing.zip", "no samples at")
    refused(tmp_path / "empty", "holds no images; expected files that end in")
    refused(tmp_path / "one.png", "a single image; expected")
    refused(tmp_path / "notes.txt", "of no known kind; expected")
    refused(tmp_path / "moments.npz", "reference statistics.*use it as the real side")
    refused(tmp_path / "other.npz", "holds no array 'arr_0'; it holds samples")
    refused(7, "cannot read samples from int")


def test_a_loader_cannot_skip(images: Images) -> None:
    """A damaged image fails its batch."""
    with pytest.raises(DataError, match="cannot skip bad images; pass its data set instead"):
        open_samples(DataLoader(Pairs(images)), on_bad_image="skip")


# ---- statistics -------------------------------------------------------------------------------------

MU, SIGMA = np.arange(3.0), np.diag([1.0, 2.0, 3.0])


def test_statistics_of_the_peers_are_read(tmp_path: Path) -> None:
    """pytorch-fid's and clean-fid's keys, float32 and Fortran order too; ADM's spatial ones and samples."""
    np.savez(tmp_path / "a.npz", mu=MU.astype(np.float32), sigma=np.asfortranarray(SIGMA))
    found = read_statistics(tmp_path / "a.npz")
    assert (found.mean.tolist(), found.cov.tolist()) == (MU.tolist(), SIGMA.tolist())
    assert (found.spatial_mean, found.has_samples) == (None, False)
    samples = np.zeros((2, 4, 4, 3), np.uint8)
    np.savez(tmp_path / "b.npz", mu=MU, sigma=SIGMA, mu_s=MU[:2], sigma_s=SIGMA[:2, :2], arr_0=samples)
    adm = read_statistics(tmp_path / "b.npz")
    assert adm.spatial_cov is not None
    assert (adm.origin, adm.has_samples, adm.spatial_cov.tolist()) == ("ADM", True, SIGMA[:2, :2].tolist())
    assert adm.digest != found.digest


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"mu": MU}, "holds mu; expected statistics, mu and sigma"),
        ({"mu": MU, "sigma": SIGMA[:2, :2]}, r"shape \(2, 2\), expected 3 × 3"),
        ({"mu": MU, "sigma": np.triu(np.ones((3, 3)))}, "not symmetric"),
        ({"mu": MU, "sigma": -SIGMA}, "negative eigenvalue"),
        ({"mu": MU, "sigma": np.ones((3, 3)) - 0.5 * np.eye(3) * np.array([0, 0, 1])}, "negative eigenvalue"),
        ({"mu": MU * np.nan, "sigma": SIGMA}, "NaN or infinity"),
        ({"mu": MU.astype(int), "sigma": SIGMA}, "expected floating point"),
        ({"mu": MU, "sigma": SIGMA, "mu_s": MU}, "one of mu_s and sigma_s; expected both or neither"),
        ({"mu": np.array([None]), "sigma": SIGMA}, "pickled array"),
    ],
)
def test_statistics_that_are_none(arrays: dict[str, Any], reason: str, tmp_path: Path) -> None:
    """Each for its reason."""
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=reason) as caught:
        read_statistics(tmp_path / "a.npz")
    assert caught.value.exit_code == 2


def test_statistics_that_are_missing_or_damaged(tmp_path: Path) -> None:
    """A path that is none, and a file that was cut off."""
    with pytest.raises(DataError, match="no reference statistics at"):
        read_statistics(tmp_path / "a.npz")
    stream = io.BytesIO()
    np.savez(stream, mu=MU, sigma=SIGMA)
    (tmp_path / "a.npz").write_bytes(stream.getvalue()[:200])
    with pytest.raises(DataError, match="truncated"):
        read_statistics(tmp_path / "a.npz")
