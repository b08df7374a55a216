"""Pictures within a page that is one file."""

from __future__ import annotations

import base64


def data_uri(png: bytes) -> str:
    """A PNG as the source of an <img>."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
