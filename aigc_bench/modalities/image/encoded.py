"""Sets of image files: a first pass over the headers, then decoding in threads, ahead of the consumer."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from aigc_bench.core.errors import DataError
from aigc_bench.modalities.image import NAME
from aigc_bench.modalities.image.decoding import Header, decoded, header, policies
from aigc_bench.samples.chunks import Chunk, grouped
from aigc_bench.samples.lookahead import NUM_WORKERS, overlapped
from aigc_bench.samples.members import BadFileError, Members, class_names
from aigc_bench.samples.sets import OnBadImage, SampleSet, Skipped

MAX_BLOCK_IMAGES = 16
MAX_BLOCK_BYTES = 4 * 2**20
"""One thread's share: enough tiny images to be worth a hand-over, and few large ones held ahead."""


class EncodedSamples(SampleSet):
    """Image files of a folder or an archive.

    Opening reads every file once: for its digest, and for its header, which decides on the number of channels. Decoded
    ahead of the consumer are at least as many images as it takes at once, so that the next chunk is ready when it has
    done with one: 2 * NUM_WORKERS blocks, or as many more as that needs, of MAX_BLOCK_IMAGES images or
    MAX_BLOCK_BYTES, if larger one image.

    Raises:
        DataError: an unreadable image that is not to be skipped, or nothing readable at all.
    """

    modality = NAME

    def __init__(self, members: Members, on_bad_image: OnBadImage) -> None:
        self._members = members
        self.on_bad_image = on_bad_image
        self._bad: dict[int, str] = {}
        self._headers: dict[int, Header] = {}
        try:
            self._survey()
        except BaseException:
            members.close()
            raise
        counts = Counter(remark for found in self._headers.values() for remark in found.remarks)
        num_grey = sum(found.grey for found in self._headers.values())
        super().__init__(members.name, (*policies(counts, num_grey, len(self._headers)), *members.notes))
        self._grey = num_grey == len(self._headers)
        self._num_samples = len(self._headers) if on_bad_image == "error" else None

    @property
    def num_listed(self) -> int:
        """Image files, readable or not."""
        return len(self._members.names)

    @property
    def num_samples(self) -> int | None:
        """Image files, or where bad ones are skipped those decoded in the first complete pass."""
        return self._num_samples

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """(C, H, W) where all headers agree."""
        sizes = {(found.height, found.width) for found in self._headers.values()}
        return (1 if self._grey else 3, *sizes.pop()) if len(sizes) == 1 else None

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Name => (height, width), as the headers say, of every readable file."""
        return {self._members.names[index]: (head.height, head.width) for index, head in self._headers.items()}

    @property
    def digest(self) -> str:
        """SHA-256 over the SHA-256 of every file, in order; unreadable ones count too."""
        return self._digest

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What was left out so far."""
        return tuple(Skipped(self._members.names[index], self._bad[index]) for index in sorted(self._bad))

    @property
    def left_out(self) -> dict[int, str]:
        """See `SampleSet.left_out`."""
        return dict(self._bad)

    def restore(self, left_out: Mapping[int, str], num_samples: int | None) -> None:
        """See `SampleSet.restore`."""
        self._bad.update(left_out)
        self._num_samples = self._num_samples if num_samples is None else num_samples

    @property
    def names(self) -> tuple[str, ...]:
        """Relative names of the files; see `SampleSet.names`."""
        return tuple(self._members.names[index] for index in self._kept())

    @property
    def is_indexed(self) -> bool:
        """Yes, once it is known which are skipped."""
        return self._num_samples is not None

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The folder of each image is its class; see `SampleSet.labels`."""
        return class_names([self._members.names[index] for index in self._kept()])

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Decode all images; see `SampleSet.chunks`."""
        return grouped(self._decoded(size), size)

    def take(self, indices: Sequence[int]) -> list[Tensor]:
        """Decode these alone, where it is known which are skipped; see `SampleSet.take`."""
        if self._num_samples is None:
            return super().take(indices)
        kept = self._kept()
        found = [self._image(kept[index])[1] for index in indices]
        for index, image in zip(indices, found, strict=True):
            if isinstance(image, BadFileError):
                self._leave_out(kept[index], image)
        return [image.permute(2, 0, 1).contiguous() for image in found if isinstance(image, Tensor)]

    def _kept(self) -> list[int]:
        return [index for index in self._headers if index not in self._bad]

    def close(self) -> None:
        """Close the archive."""
        self._members.close()

    def _survey(self) -> None:
        sha = hashlib.sha256()
        blocks = _blocks([(index, 0) for index in range(len(self._members.names))])
        for found in overlapped(lambda block: [self._surveyed(index) for index in block], blocks):
            for index, digest, what in found:
                sha.update(digest)
                if isinstance(what, Header):
                    self._headers[index] = what
                else:
                    self._leave_out(index, what)
        self._digest = sha.hexdigest()
        self._check_any(len(self._headers))

    def _surveyed(self, index: int) -> tuple[int, bytes, Header | BadFileError]:
        digest = b"unreadable"
        try:
            data = self._members.read(index)
            digest = hashlib.sha256(data).digest()
            return index, digest, header(data)
        except BadFileError as error:
            return index, digest, error

    def _decoded(self, num_ahead: int) -> Iterator[Tensor]:
        num_samples = 0
        blocks = list(_blocks([(index, found.height * found.width * 3) for index, found in self._headers.items()]))
        smallest = min((len(block) for block in blocks[:-1]), default=MAX_BLOCK_IMAGES)
        ahead = max(2 * NUM_WORKERS, -(-num_ahead // smallest) + 1)
        for images in overlapped(lambda block: [self._image(index) for index in block], blocks, ahead=ahead):
            for index, image in images:
                if isinstance(image, BadFileError):
                    self._leave_out(index, image)
                else:
                    num_samples += 1
                    yield image
        self._check_any(num_samples)
        self._num_samples = num_samples

    def _image(self, index: int) -> tuple[int, Tensor | BadFileError]:
        try:
            return index, decoded(self._members.read(index), grey=self._grey)
        except BadFileError as error:
            return index, error

    def _leave_out(self, index: int, error: BadFileError) -> None:
        if self.on_bad_image == "error":
            raise DataError(
                f"{self._members.name}: {self._members.names[index]} is not a readable image: {error}; mend or remove "
                "it, or leave such images out with on_bad_image='skip' (--on-bad-image skip)"
            ) from error
        self._bad[index] = str(error)

    def _check_any(self, num: int) -> None:
        if not num:
            example = self.skipped[0]
            raise DataError(
                f"{self._members.name}: none of {self.num_listed} images is readable; {example.name}: {example.reason}"
            )


def _blocks(sizes: list[tuple[int, int]]) -> Iterator[list[int]]:
    block: list[int] = []
    held = 0
    for index, num_bytes in sizes:
        if block and (len(block) == MAX_BLOCK_IMAGES or held + num_bytes > MAX_BLOCK_BYTES):
            yield block
            block, held = [], 0
        block.append(index)
        held += num_bytes
    if block:
        yield block
