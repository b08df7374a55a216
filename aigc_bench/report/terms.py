"""Terms that pages use, explained below each page; docs/glossary.md says the same in the same words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A term as the glossary prints it."""

    name: str
    meaning: str
    pattern: str = ""
    """what tells that a text uses it; empty: the name itself"""


TERMS = (
    Term("base, head", "The two sides of a comparison or gate: base is what is known, head is what is new.", "base"),
    Term(
        "claim",
        "What a gate on quality tests. weights: the same weights, computed in another way, are as good. checkpoint: "
        "this checkpoint is as good as that one. recipe: a way of training is as good, whatever its training seed.",
    ),
    Term(
        "bits/dim",
        "Bits per dimension: the mean of -log₂ p(x) over held-out samples, divided by the numbers in one sample. Lower "
        "is better.",
        r"bits_per_dim|bits/dim",
    ),
    Term(
        "class balance",
        "Total variation distance between the predicted classes of generated and of real samples; 0 is equal.",
        "class_balance",
    ),
    Term(
        "coverage",
        "The share of real samples that have a generated sample nearer than their 5th real neighbour (Naeem et al. "
        "2020). Low where modes are missing.",
    ),
    Term(
        "density",
        "How many real neighbourhoods a generated sample lies in, relative to what is expected (Naeem et al. 2020). It "
        "has no upper bound and rewards samples that crowd where data are dense.",
    ),
    Term(
        "detect",
        "The worsening that a gate must catch: a true one of this size is caught with 95 % power, or the gate says "
        "that it cannot be.",
        r"detect\b|must be detected",
    ),
    Term("duplicates", "The share of generated samples with an equal among the other generated samples."),
    Term("estimand", "What exactly an interval covers, such as the expected score at this N with the reference fixed."),
    Term(
        "FD, fd_<extractor>",
        "Fréchet distance between Gaussians fitted to the features of real and generated samples. Lower is better.",
        r"r?fd_\w",
    ),
    Term(
        "FID",
        "The Fréchet distance on the pooled features of the original Inception network with its published weights. "
        "With any other extractor the score is called fd_<extractor>.",
        r"r?fid\b|FID",
    ),
    Term(
        "floor",
        "Held-out real data, scored as if a generator had made them: the best that any model can do at this N.",
    ),
    Term(
        "Inception Score",
        "exp of the mean Kullback–Leibler divergence between each sample's predicted classes and their mean. It sees "
        "neither the real data nor a lack of variety within classes.",
        "inception_score|Inception Score",
    ),
    Term(
        "KD, kd_<extractor>; KID",
        "Kernel distance: the unbiased squared maximum mean discrepancy with a cubic kernel; KID on Inception's "
        "features. It may fall below zero. Lower is better.",
        r"kd_\w|kid\b|KID",
    ),
    Term("latency", "The time of a single call for one sample. p95: one call in twenty is slower."),
    Term("N", "The number of samples in each row. Scores of unlike N are not comparable.", r"N ="),
    Term("noise", "Uniform noise, scored like a generator: what any model must beat."),
    Term(
        "pair of processes",
        "One process of each side, whose timed blocks of 20 ms alternate: the unit of a gate on speed.",
        "pairs? of processes",
    ),
    Term("power", "How often a change of a stated size is detected."),
    Term(
        "precision",
        "The share of generated samples that lie in the neighbourhood of a real one (k = 3; Kynkäänniemi et al. 2019).",
    ),
    Term("PSNR", "Peak signal-to-noise ratio of reconstructions, in dB.", "psnr|PSNR"),
    Term(
        "realism",
        "How deep a generated sample lies in a real neighbourhood (Kynkäänniemi et al. 2019); the median over samples.",
    ),
    Term(
        "recall",
        "The share of real samples that lie in the neighbourhood of a generated one (k = 3; Kynkäänniemi et al. 2019).",
    ),
    Term(
        "sampling error",
        "What another set of N samples from the same weights would change; the small ± in tables is its standard "
        "error.",
        r"sampling|standard error",
    ),
    Term("SSIM", "Structural similarity of reconstructions (Wang et al. 2004); 1 is equal.", "ssim|SSIM"),
    Term("throughput", "Samples per second at a batch size.", "samples_per_s|throughput"),
    Term(
        "tolerance",
        "The worsening that a gate allows: a true one up to this size fails in at most 1 % of gate runs, however "
        "precisely it is measured.",
    ),
    Term(
        "training seed",
        "The integer that a training run starts from. The spread over training seeds is what another training would "
        "change.",
        "training seeds?",
    ),
    Term("unit", "What a test counts: pairs of processes, samples, blocks, or training seeds.", "[Uu]nits"),
    Term(
        "verdict",
        "What a gate says of one benchmark or score: PASS, REGRESSION, INCONCLUSIVE (the data do not decide) or "
        "INCOMPARABLE (the two sides are unlike, so that neither is said).",
        "[Vv]erdict|PASS|REGRESSION|INCONCLUSIVE|INCOMPARABLE",
    ),
)

ELEMENTS = re.compile(r"<(style|svg|script)\b.*?</\1>|<[^>]*>", re.DOTALL)


def terms_in(page: str) -> list[Term]:
    """The terms that the visible text of an HTML page uses, in alphabetical order."""
    return _sorted(_used_in(ELEMENTS.sub(" ", page)))


def explained(words: str) -> list[Term]:
    """The terms that some words use, or are a part of; all of them for none."""
    parts = [term for term in TERMS if words.casefold() in term.name.casefold()]
    return _sorted(dict.fromkeys([*parts, *_used_in(words)]))


def _used_in(text: str) -> list[Term]:
    return [term for term in TERMS if re.search(rf"(?<!\w)(?:{term.pattern or re.escape(term.name)})", text)]


def _sorted(terms: Iterable[Term]) -> list[Term]:
    return sorted(terms, key=lambda term: term.name.casefold())
