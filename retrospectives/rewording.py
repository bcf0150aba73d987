"""Other words for a report, by a language model when one is configured. It may never change a number: what comes back
is checked, and what does not hold is thrown away."""

from __future__ import annotations

import copy
import json
import re
import urllib.request
from http.client import HTTPException
from typing import Any

from events.outgoing.opener import OPENER

MOST_BYTES = 512 * 1024
LONGER = 2.0
"""A rewording may be so many times as long as what it rewords."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
ASKED = (
    "You reword parts of a sprint retrospective for the team that reads it. Keep the meaning, every number exactly as "
    "written, every sprint's name and every metric's name. Add no number, no cause, no advice and no person. Plain, "
    "friendly English in short sentences, no markup. Answer with one JSON object that has the same keys, and "
    "nothing else."
)


class NotReworded(Exception):
    """Nothing came that could be used. The message says why, for the log of the task."""


def reworded(content: dict[str, Any], *, url: str, key: str, model: str, timeout: float, tokens: int) -> dict[str, Any]:
    """The report with other words for its headline, summary and the descriptions of its hypotheses. One question, of at
    most `timeout` seconds for each step of the connection and `tokens` tokens of answer. Raises NotReworded."""
    parts = {"headline": content["headline"], "summary": content["summary"]}
    parts |= {f"hypothesis_{at}": one["description"] for at, one in enumerate(content["hypotheses"])}
    answer = _ask(url, key, timeout, {
        "model": model, "max_tokens": tokens, "temperature": 0,
        "messages": [{"role": "system", "content": ASKED},
                     {"role": "user", "content": json.dumps(parts, ensure_ascii=False)}],
    })
    new = _checked(parts, answer)
    told = copy.deepcopy(content) | {"headline": new["headline"], "summary": new["summary"], "written_by": model}
    for at, one in enumerate(told["hypotheses"]):
        one["description"] = new[f"hypothesis_{at}"]
    return told


def numbers(text: str) -> list[str]:
    """Every number in a text, as it is written, in order of size of its text."""
    return sorted(_NUMBER.findall(text))


def _ask(url: str, key: str, timeout: float, question: dict[str, Any]) -> str:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(f"{url.rstrip('/')}/chat/completions", json.dumps(question).encode(), headers)
    try:
        with OPENER.open(request, timeout=timeout) as answer:
            content = answer.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise NotReworded("The language model answered too much.")
        choice = json.loads(content)["choices"][0]
        if choice.get("finish_reason") == "length":
            raise NotReworded("The language model needed more tokens than LLM_MAX_TOKENS allows.")
        text = choice["message"]["content"]
    except (OSError, HTTPException) as error:
        raise NotReworded(f"The language model did not answer ({getattr(error, 'reason', None) or error}).") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise NotReworded("The language model answered in a form that is not understood.") from None
    if not isinstance(text, str):
        raise NotReworded("The language model answered no text.")
    return text


def _checked(parts: dict[str, str], answer: str) -> dict[str, str]:
    """The answer, part by part the same in all that can be checked."""
    begin, end = answer.find("{"), answer.rfind("}")
    try:
        new = json.loads(answer[begin : end + 1])
    except (ValueError, RecursionError):
        raise NotReworded("The language model answered no JSON.") from None
    if not isinstance(new, dict) or set(new) != set(parts) or not all(isinstance(one, str) for one in new.values()):
        raise NotReworded("The language model left out or added a part.")
    for name, old in parts.items():
        text = " ".join(new[name].split())
        if not text or len(text) > LONGER * len(old) + 100:
            raise NotReworded(f"The language model made nothing or far too much of the {name}.")
        if numbers(text) != numbers(old):
            raise NotReworded(f"The language model changed a number in the {name}.")
        new[name] = text
    return new
