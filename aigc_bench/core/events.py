"""Progress: what the harness says while it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Event = Mapping[str, Any]
"""What the harness says while it works; what listens decides what to show. By `event`:

* `plan`: the `rows` to come, each with `name`, `seed`, `training_s` and `own_s` (`runs.scoring.rehearsal.expected`);
* `case`: row `number` of `total` begins, with its `name` and `seed`;
* `progress`: of the row at hand, `done` of `total` in a `unit`;
* `note`: a `text` for people;
* `failed`: what has no score, by `name` and `seed`, and the `reason`.
"""


OnEvent = Callable[[Event], None]
