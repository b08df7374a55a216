"""Log-likelihoods of held-out samples."""

from __future__ import annotations

import torch
from torch import Tensor

from aigc_bench.core import Density, Generator, LogProbs
from aigc_bench.core.errors import GeneratorError, NotAvailableError
from aigc_bench.generators.drawing import SAMPLE_BATCH
from aigc_bench.system.foreign import foreign_code


def log_probs(generator: Generator, held_out: Tensor) -> LogProbs:
    """Log-likelihoods of held-out samples.

    Raises:
        NotAvailableError: the generator has no `log_prob`.
        GeneratorError: it raised, or gave NaN.
    """
    if not isinstance(generator, Density):
        raise NotAvailableError("it has no `log_prob`")
    with foreign_code("log_prob"):
        nats = torch.cat([generator.log_prob(chunk).double().cpu() for chunk in held_out.split(SAMPLE_BATCH)])
    if nats.shape != held_out.shape[:1] or not bool(torch.isfinite(nats).all()):
        raise GeneratorError(f"expected {len(held_out)} finite log-probabilities, got {tuple(nats.shape)}")
    return LogProbs(nats, generator.spec.num_dims, generator.log_prob_method)
