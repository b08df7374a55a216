"""What a fresh process needs to build a generator again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from aigc_bench.core import Generator, SampleSpec, plugins
from aigc_bench.core.errors import GeneratorError
from aigc_bench.core.suites import GeneratorEntry
from aigc_bench.generators.checkpoints import load_state
from aigc_bench.system.foreign import foreign_code


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a fresh process needs to build a case's generator again."""

    entry: GeneratorEntry
    spec: SampleSpec
    device: str
    weights: Path | None
    """checkpoint with the fitted state; None for a generator that was not fitted"""

    def build(self) -> Generator:
        """Build it, and load the weights.

        Raises:
            UnknownNameError: no such generator or option.
            GeneratorError: the builder raised, or did not return a generator.
        """
        builder = plugins.load("generator", self.entry.build)
        plugins.check_options("generator", self.entry.build, builder, self.entry.options)
        with foreign_code("building it"):
            generator = builder(self.spec, device=torch.device(self.device), **self.entry.options)
        if not isinstance(generator, Generator):
            raise GeneratorError(f"expected a generator with `spec` and `sample`, got {type(generator).__name__}")
        if self.weights is not None:
            state, _ = load_state(self.weights)
            generator.load_state_dict(state["generator"])  # type: ignore[attr-defined]
        return generator
