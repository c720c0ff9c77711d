"""What Schemathesis puts where the description says `base64` and `binary`: a small real picture."""

from __future__ import annotations

import base64
import io
from typing import Any

import schemathesis
from hypothesis import strategies as st
from PIL import Image

stream = io.BytesIO()
Image.linear_gradient("L").resize((32, 32)).save(stream, "PNG")
PICTURE = base64.b64encode(stream.getvalue()).decode()
schemathesis.openapi.format("base64", st.just(PICTURE))
schemathesis.openapi.format("binary", st.just(stream.getvalue()))


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """Give a request that gives nothing to work from a picture, else most would end there."""
    sources = ("image", "image_url", "images", "text")
    if isinstance(body, dict) and "faces" in body and all(body.get(name) is None for name in sources):
        return {**body, "image": PICTURE}
    return body
