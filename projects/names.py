"""Names of projects, and the slugs made of them."""

from __future__ import annotations

import re
import unicodedata

from django.utils.text import slugify

from projects.errors import ProjectError
from projects.models import Project

MAX_NAME = 100
MAX_SLUG = 48


def checked(name: str, *, besides: Project | None = None) -> str:
    """The name, trimmed and in Unicode's composed form. ProjectError when it is empty, too long, has signs that cannot
    be seen, or is another project's (upper and lower case are the same)."""
    if not isinstance(name, str):
        raise ProjectError("The name must be text.", field="name")
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise ProjectError("A project needs a name.", field="name")
    if len(name) > MAX_NAME:
        raise ProjectError(f"The name has {len(name)} characters; {MAX_NAME} are the most.", field="name")
    if any(unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for sign in name):
        raise ProjectError("The name has characters that cannot be seen.", field="name",
                           hint="Remove line breaks and control characters.")
    if not any(sign.isalnum() for sign in name):
        raise ProjectError("The name needs a letter or a digit.", field="name")
    others = Project.everything.filter(name__iexact=name)
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    if others.exists():
        raise taken(name)
    return name


def taken(name: str) -> ProjectError:
    """The error for a name that another project has."""
    return ProjectError(f"There is already a project named {name}.", field="name", code="conflict",
                        hint="Choose another name.")


def free_name(wish: str) -> str:
    """`wish`, or `wish-2`, `wish-3`, ...: the first that no project has."""
    wish = wish.strip()[: MAX_NAME - 6] or "project"
    names = {name.casefold() for name in Project.everything.values_list("name", flat=True)}
    stem = re.sub(r"-\d+$", "", wish)
    candidates = [wish, *(f"{stem}-{number}" for number in range(2, len(names) + 3))]
    return next(name for name in candidates if name.casefold() not in names)


def free_slug(name: str) -> str:
    """A slug for the name that no project has: `[a-z0-9-]{1,48}`."""
    stem = re.sub(r"[^a-z0-9]+", "-", slugify(name).lower()).strip("-")[: MAX_SLUG - 5].strip("-") or "project"
    slugs = set(Project.everything.filter(slug__startswith=stem).values_list("slug", flat=True))
    candidates = [stem, *(f"{stem}-{number}" for number in range(2, len(slugs) + 3))]
    return next(slug for slug in candidates if slug not in slugs)
