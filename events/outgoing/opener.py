"""How servers that Hub's own environment names are asked, wherever they stand: without following redirects, which
would carry a key to where they point. Addresses that people type go through `events.outgoing.posting`."""

from __future__ import annotations

import urllib.request
from typing import Any


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


OPENER = urllib.request.build_opener(_NoRedirects)
