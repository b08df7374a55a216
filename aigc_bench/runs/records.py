"""What a run found, as it stands in run.json, and what its figures show beside the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from aigc_bench.core import Score, TrainingLog
from aigc_bench.core.suites import Suite
from aigc_bench.system.machine import Environment


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetRecord(_Record):
    """Which real data a run was scored against."""

    name: str
    digest: str
    modality: str = ""
    """entry point of `aigc_bench.modalities`; empty in records that are older than modalities"""
    shape: tuple[int, ...]
    sample_rate: int | None = None
    """Hz, of what is sampled in time"""
    num_fit: int
    num_reference: int
    num_holdout: int
    num_classes: int | None
    notes: tuple[str, ...] = ()


class CaseRecord(_Record):
    """What became of one case."""

    generator: str
    training_seed: int | None
    status: Literal["ok", "failed", "anchor"]
    reason: str | None = None
    training: TrainingLog | None = None
    features: dict[str, str] = {}
    """extractor's digest => where the row's features are: in the cache ("features/DIGEST"), or an absolute path"""
    seeded: bool = False
    """sample i is that of sample seed i"""
    weights: str | None = None
    """the checkpoint that was sampled, relative to the cache; None of what was not trained here"""

    @property
    def label(self) -> str:
        """For messages: "gan" or "gan, seed 0"."""
        return self.generator if self.training_seed is None else f"{self.generator}, seed {self.training_seed}"


class Run(_Record):
    """Everything a run found; the contents of run.json."""

    schema_version: Literal[1] = 1
    id: str
    created: str
    """ISO 8601, UTC"""
    wall_s: float
    command: str
    """the command line that repeats it"""
    suite: Suite
    environment: Environment
    dataset: DatasetRecord
    cases: tuple[CaseRecord, ...]
    scores: tuple[Score, ...]
    exhibits: str | None = None
    """SHA-256 of exhibits.safetensors"""
    features: dict[str, str] = {}
    """the same of the real side"""


Exhibits = dict[str, Tensor]
"""What the figures show beside the scores. Keys are `KIND/GENERATOR/SEED`, with SEED `-` where there is none
(the anchors are generators "floor" and "noise"):

    samples                  (64, C, H, W) uint8, of the same 64 sample seeds for every generator
    originals, reconstructions   (16, C, H, W) uint8, of scored samples where they are paired
    neighbours               (8, 2, C, H, W) uint8: the samples nearest to the fit split, each beside its neighbour; of
                             scored samples those nearest to the real side
    costly                   (8, 2, C, H, W) uint8: the samples that cost the Fréchet distance most, each beside the
                             real sample nearest to it; (8, 1, C, H, W) where there are none, `neighbours` too
    costly_index, costly_share   (8,) int64, float64: which samples these are, and by what share the
                             distance would fall without each
    costly_name              (8, bytes) uint8: the names of their files in UTF-8, filled up with zeros; of samples
                             that have files
    neighbour_distance       (N,) float32: every sample's distance to the fit split, in feature space
    latency                  (calls,) float64 seconds
    classes                  (K,) int64: predicted classes; also `classes/reference/-`
"""


def texts_as_tensor(texts: Sequence[str]) -> Tensor:
    """(n, bytes) uint8 in UTF-8, filled up with zeros; what UTF-8 cannot hold, as in undecodable names, is escaped."""
    encoded = [bytearray(text.encode(errors="backslashreplace") + b"\0") for text in texts]
    return pad_sequence([torch.frombuffer(text, dtype=torch.uint8) for text in encoded], batch_first=True)


def texts_of_tensor(rows: Tensor) -> list[str]:
    """What `texts_as_tensor` has put there."""
    return [bytes(row.tolist()).rstrip(b"\0").decode() for row in rows]


def exhibit_of(key: str) -> tuple[str, str]:
    """Kind and generator of an exhibit's key; a generator that is called by a path has strokes in its name."""
    kind, _, rest = key.partition("/")
    return kind, rest.rpartition("/")[0]
