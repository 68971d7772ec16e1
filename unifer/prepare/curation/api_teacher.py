"""A teacher behind an API: `models/api/client` with pictures of the size that teachers are sent. Knows no
rows and no budget.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

from unifer.dialogue import images
from unifer.models.api.client import ApiModel, ApiSpec
from unifer.prepare.curation.teachers import KEY_VARIABLE, TeacherSpec


class ApiTeacher(ApiModel):
    """One model of one provider. Raises InputError: no such provider, its package or its key missing."""

    def __init__(self, spec: TeacherSpec) -> None:
        super().__init__(
            ApiSpec(
                spec.model,
                spec.url,
                KEY_VARIABLE,
                max_tokens=spec.max_tokens,
                top_p=spec.top_p,
                timeout=spec.timeout,
                max_connections=spec.max_connections,
                cache=spec.cache,
                flag="--teacher",
                remedy="check --model, --teacher and the URL's /v1",
            )
        )
        self.name = spec.name
        self._image_side = spec.image_side

    def picture(self, path: Path, name: str) -> str:
        """A data URI of the upright RGB picture, JPEG at quality 95, at most `image_side` pixels a side."""
        image = images.decode(path, name)
        image.thumbnail((self._image_side, self._image_side))
        encoded = io.BytesIO()
        image.save(encoded, format="JPEG", quality=95)
        return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"
