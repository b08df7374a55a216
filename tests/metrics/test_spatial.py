"""sFID: the Fréchet distance on spatial features, and what it says where there are none."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from aigc_bench.core import FeaturePair, Features, SpatialStatisticsPair
from aigc_bench.core.errors import NotAvailableError
from aigc_bench.metrics.spatial import sfd


def features(seed: int, num: int) -> Features:
    """One pooled feature and nine spatial ones, which are rectified as the network's are."""
    z = torch.randn(num, 9, generator=torch.Generator().manual_seed(seed))
    return Features(torch.zeros(num, 1), None, (z + 0.1 * seed).relu())


def test_it_is_the_distance_of_the_spatial_features() -> None:
    """By the definition with scipy's matrix square root; from published moments the same."""
    real, fake = features(1, 300), features(4, 260)
    assert real.spatial is not None
    assert fake.spatial is not None
    x, y = real.spatial.double().numpy(), fake.spatial.double().numpy()
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    shift = x.mean(0) - y.mean(0)
    expected = shift @ shift + np.trace(a) + np.trace(b) - 2 * np.trace(scipy.linalg.sqrtm(a @ b)).real
    assert sfd.compute(FeaturePair(real, fake, "made", "0")).value == pytest.approx(expected, rel=1e-6)
    assert sfd.of_statistics
    moments = SpatialStatisticsPair(torch.from_numpy(x.mean(0)), torch.from_numpy(a), fake, "made", "0")
    assert sfd.of_statistics.compute(moments).value == pytest.approx(expected, rel=1e-6)


def test_without_spatial_features_it_is_not_available(pair: FeaturePair) -> None:
    """On whichever side they are missing, with the way out."""
    whole = features(1, 300)
    for real, fake, side in ((pair.real, whole, "real"), (whole, pair.fake, "generated")):
        with pytest.raises(NotAvailableError, match=f"no spatial features of the {side} samples.*protocol `adm`"):
            sfd.compute(FeaturePair(real, fake, "made", "0"))
