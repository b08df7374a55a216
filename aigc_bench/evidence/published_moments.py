"""Reference statistics that other tools have written: means and covariances of Inception features.

* pytorch-fid (`fid_score.py`, `--save-stats`) and clean-fid (`make_custom_stats`): npz with `mu` and `sigma`.
* ADM's evaluator (openai/guided-diffusion, `evaluations/`): the same of its pooled features, and `mu_s`, `sigma_s` of
  its spatial ones, often with 10,000 of the samples themselves as `arr_0`.

The files do not say which extractor and resize made them, nor from how many samples: who uses them has to know.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aigc_bench.core.errors import DataError
from aigc_bench.samples.npy import Npz, read_numbers

MAX_FEATURES = 16_384
"""a covariance of that many is 2 GiB"""
INDEFINITE = 1e-6
"""of the largest variance, times √D: as negative as saving in float32 makes an eigenvalue that is 0"""
ASYMMETRY = 1e-6
"""of the largest entry: what saving in float32 explains"""


@dataclass(frozen=True, slots=True)
class ReferenceStatistics:
    """Moments of features, float64 on the CPU."""

    mean: Tensor
    """(D,)"""
    cov: Tensor
    """(D, D)"""
    spatial_mean: Tensor | None
    """(D',) of ADM's spatial features"""
    spatial_cov: Tensor | None
    """(D', D')"""
    origin: str
    """which tools write such a file"""
    digest: str
    """SHA-256 over the moments"""
    has_samples: bool
    """the same file can be opened by `open_samples`"""


def read_statistics(path: Path) -> ReferenceStatistics:
    """Read an npz file of pytorch-fid, clean-fid or ADM.

    Raises:
        DataError: no such file, other keys, pickled or damaged; shapes that do not fit, NaN or infinity, a covariance
            that is not symmetric or has a negative variance.
    """
    if not path.is_file():
        raise DataError(f"no reference statistics at {path}; expected an npz file with mu and sigma")
    with Npz(path) as archive:
        keys = set(archive.keys)
        if not {"mu", "sigma"} <= keys:
            raise DataError(f"{path} holds {', '.join(sorted(keys)) or 'nothing'}; expected statistics, mu and sigma")
        if len(keys & {"mu_s", "sigma_s"}) == 1:
            raise DataError(f"{path} holds one of mu_s and sigma_s; expected both or neither")
        mean, cov = _moments(archive, "mu", "sigma")
        spatial = _moments(archive, "mu_s", "sigma_s") if "mu_s" in keys else None
    digest = hashlib.sha256()
    for moment in (mean, cov, *(spatial or ())):
        digest.update(f"{tuple(moment.shape)}".encode())
        digest.update(memoryview(moment.numpy()))
    return ReferenceStatistics(
        mean=mean,
        cov=cov,
        spatial_mean=spatial[0] if spatial else None,
        spatial_cov=spatial[1] if spatial else None,
        origin="ADM" if spatial else "pytorch-fid or clean-fid",
        digest=digest.hexdigest(),
        has_samples="arr_0" in keys,
    )


def _moments(archive: Npz, mean_key: str, cov_key: str) -> tuple[Tensor, Tensor]:
    mean, cov = _array(archive, mean_key, 1), _array(archive, cov_key, 2)
    where = f"{archive.path}[{cov_key!r}]"
    num_features = len(mean)
    if tuple(cov.shape) != (num_features, num_features):
        raise DataError(
            f"{where} has shape {tuple(cov.shape)}, expected {num_features} × {num_features} to fit the mean"
        )
    asymmetry = float((cov - cov.T).abs().max())
    if asymmetry > ASYMMETRY * float(cov.abs().max()):
        raise DataError(f"{where} is not symmetric: entries differ by up to {asymmetry:.3g}; no covariance")
    _check_semidefinite(cov, where)
    return mean, cov


def _check_semidefinite(cov: Tensor, where: str) -> None:
    """A negative eigenvalue beyond rounding would be taken for 0, and the distance come out too small."""
    scale = float(cov.diagonal().abs().max())
    shifted = cov + INDEFINITE * scale * len(cov) ** 0.5 * torch.eye(len(cov), dtype=cov.dtype)
    if int(torch.linalg.cholesky_ex(shifted)[1]):
        least = float(torch.linalg.eigvalsh(cov)[0])
        raise DataError(
            f"{where} has a negative eigenvalue, {least:.3g}, where its largest variance is {scale:.3g}; no covariance"
        )


def _array(archive: Npz, key: str, num_axes: int) -> Tensor:
    where = f"{archive.path}[{key!r}]"
    head, stream = archive.open(key)
    with stream:
        if head.dtype.kind != "f":
            raise DataError(f"{where} is {head.dtype}, expected floating point numbers")
        if len(head.shape) != num_axes or not 0 < max(head.shape) <= MAX_FEATURES or not min(head.shape):
            raise DataError(f"{where} has shape {head.shape}, expected {num_axes} axes of 1 to {MAX_FEATURES} features")
        shape = head.shape[::-1] if head.fortran_order else head.shape
        numbers = read_numbers(stream, shape, head.dtype, where)
    array = torch.from_numpy(np.ascontiguousarray(numbers.T if head.fortran_order else numbers, dtype=np.float64))
    if not bool(torch.isfinite(array).all()):
        raise DataError(f"{where} holds NaN or infinity")
    return array
