"""Protocols: what they share, what they compute, and what they call it."""

from __future__ import annotations

import pytest

from aigc_bench.core import plugins
from aigc_bench.metrics.protocols import PROTOCOLS, passes, selected


def test_codes_that_see_the_same_image_share_a_pass() -> None:
    """Three for all: one per way of resizing."""
    groups = [[protocol.name for protocol in group] for group in passes(selected(["all"], []))]
    assert groups == [["tf", "torch-fidelity", "adm", "improved-gan"], ["pytorch-fid", "studiogan"], ["clean"]]


def test_spatial_features_are_asked_for_where_somebody_needs_them() -> None:
    """By all that share the pass, and by nobody else."""
    assert [p.options.get("spatial") for p in selected(["tf", "adm", "clean"], [])] == [True, True, None]
    assert [p.options.get("spatial") for p in selected(["tf", "torch-fidelity"], [])] == [None, None]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_metric_is_there_and_has_a_name_of_its_own(name: str) -> None:
    """Also where another's metric is asked for, as `--metrics` does for several protocols at once."""
    protocol = PROTOCOLS[name]
    assert protocol.mark == ("" if name == "tf" else f"@{name}")
    asked = {
        *protocol.metrics,
        "fd",
        "fd_infinity",
        "sfd",
        "kd",
        "kd_subsets",
        "inception_score",
        "precision",
        "recall",
    }
    extractor = (
        "inception" if protocol.options["resize"] == "tf1-bilinear" else f"inception-{protocol.options['resize']}"
    )
    computed = {protocol.variant(metric) for metric in asked}
    names = [protocol.called(plugins.load("metric", metric).name.format(extractor=extractor)) for metric in computed]
    assert len(set(names)) == len(names)
    assert all(name.endswith(protocol.mark) for name in names)
    assert f"inception_score{protocol.mark}" in names
    assert {f"fid{protocol.mark}", f"sfid{protocol.mark}", f"fid_infinity{protocol.mark}"} <= set(names)


def test_a_code_computes_its_own_variant() -> None:
    """Whatever it is called, no code's mark stands at another's number."""
    found = {name: PROTOCOLS[name].variant("inception_score") for name in ("tf", "torch-fidelity", "adm", "studiogan")}
    assert found == {
        "tf": "inception_score",
        "torch-fidelity": "inception_score",
        "adm": "inception_score_adm",
        "studiogan": "inception_score_studiogan",
    }
    assert PROTOCOLS["torch-fidelity"].variant("kd") == "kd_subsets"
    assert PROTOCOLS["torch-fidelity"].called("kd_subsets_inception") == "kid@torch-fidelity"
    assert PROTOCOLS["adm"].called("sfd_inception") == "sfid@adm"
