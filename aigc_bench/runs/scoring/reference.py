"""The real side of scores of samples: samples, features made earlier, or moments that others have published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aigc_bench.core import FeatureExtractor, Features
from aigc_bench.core.errors import DataError
from aigc_bench.evidence.extraction import entry_of, features_of, skipped_notes
from aigc_bench.evidence.extractors import Place, check_one_shape, extractor_for
from aigc_bench.evidence.placement import placed
from aigc_bench.evidence.published_moments import ReferenceStatistics, read_statistics
from aigc_bench.evidence.stored_features import StoredFeatures, read_features
from aigc_bench.metrics.protocols import Protocol
from aigc_bench.samples.npy import Npz
from aigc_bench.samples.sets import SampleSet, Source
from aigc_bench.system.cache import digest_of


@dataclass(frozen=True, slots=True)
class Reference:
    """The real side: samples, features, published moments, or samples with published moments."""

    name: str
    samples: SampleSet | None = None
    stored: StoredFeatures | None = None
    statistics: ReferenceStatistics | None = None

    @classmethod
    def opened(cls, source: Source, open_: Callable[[Source], SampleSet]) -> Reference:
        """Open the real side by what its file holds; `open_` opens samples.

        Raises:
            DataError: it cannot be read.
        """
        if isinstance(source, str | Path):
            path = Path(source)
            if path.suffix.lower() == ".safetensors":
                return cls(str(path), stored=read_features(path))
            if path.suffix.lower() == ".npz" and path.is_file():
                with Npz(path) as archive:
                    holds_moments = {"mu", "sigma"} <= set(archive.keys)
                if holds_moments:
                    moments = read_statistics(path)
                    return cls(str(path), samples=open_(path) if moments.has_samples else None, statistics=moments)
        samples = open_(source)
        return cls(samples.name, samples=samples)

    @property
    def digest(self) -> str:
        """The digest that names the content of the real side."""
        parts = [
            self.samples.digest if self.samples else None,
            self.stored.digest if self.stored else None,
            self.statistics.digest if self.statistics else None,
        ]
        return digest_of(parts)

    @property
    def num_samples(self) -> int | None:
        """How many real samples there are; None where that is not known, or not yet."""
        if self.stored is not None:
            return self.stored.features.num_samples
        return self.samples.num_samples if self.samples else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one real sample; () where that is not known: of moments, or of unlike sizes."""
        if self.stored is not None:
            return tuple(self.stored.shape)
        return (self.samples.shape if self.samples else None) or ()

    def features(self, protocol: Protocol, place: Place) -> Features | None:
        """Features of the real samples; None where only their moments are published."""
        if self.stored is not None:
            return placed(self.stored.features, place.device)
        if self.samples is None:
            return None
        place.on_event({"event": "case", "name": f"{protocol.name}: reference", "number": 0, "total": 1, "seed": None})
        return features_of(extractor_for(protocol, self.samples, place), self.samples, place)

    def entry(self, protocol: Protocol, place: Place) -> str | None:
        """Where `features` are kept, asked before it: in the cache, or an absolute path; None where nowhere."""
        if self.stored is not None:
            return str(Path(self.name).resolve())
        if self.samples is None:
            return None
        return entry_of(extractor_for(protocol, self.samples, place), self.samples, place)

    def fits(self, extractor: FeatureExtractor) -> bool:
        """Whether features made earlier, if that is what the real side is, are this extractor's."""
        return self.stored is None or self.stored.extractor_digest == extractor.digest

    def check_samples(self, extractor: FeatureExtractor, name: str, samples: SampleSet) -> None:
        """Refuse samples of another shape than the real ones, unless the extractor resizes.

        Raises:
            DataError: they are.
        """
        real = self.stored.shape if self.stored else self.samples.spec_of_first().shape if self.samples else None
        if real:
            check_one_shape(extractor, [(name, tuple(samples.spec_of_first().shape)), (self.name, tuple(real))])

    def check_extractor(self, extractor: FeatureExtractor, protocol: Protocol, place: Place) -> None:
        """Refuse to compare features of unlike extractors.

        Raises:
            DataError: the real side's is another than `extractor`.
        """
        theirs = self.stored.extractor_digest if self.stored else None
        if self.samples is not None:
            theirs = extractor_for(protocol, self.samples, place).digest
        if theirs is not None and theirs != extractor.digest:
            name = self.stored.extractor if self.stored else extractor.name
            raise DataError(
                f"the features of {self.name} were made by {name!r} ({theirs[:8]}), those of the samples would be by "
                f"{extractor.name!r} ({extractor.digest[:8]}); expected one extractor: choose its protocol or make the "
                "features again"
            )

    def notes(self) -> Iterator[str]:
        """What a reader of the scores has to know about the real side."""
        if self.samples is not None:
            for text in (*self.samples.policies, *skipped_notes(self.samples)):
                yield f"reference: {text}."
        if self.stored is not None:
            for text in self.stored.notes:
                yield f"reference: {text}."
        if self.statistics is not None:
            yield (
                f"reference: the moments in {self.name} ({self.statistics.origin}) are taken to be made by the same "
                "extractor and resize as the samples' features; such files do not say."
            )
