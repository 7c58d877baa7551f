"""A sequence written by us: one content, one text, so that two versions can be compared line by line."""

import re
from collections.abc import Iterator
from difflib import unified_diff

import yaml

from domain.sequence import Sequence, Step

# A line is as long as it is: folding would make one change look like many.
_NEVER_FOLDED = 2**31


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as one (`|`), unless YAML could not give it back as it is."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if re.search("[\x85\u2028\u2029]", text):  # YAML takes them for line ends
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def canonical(sequence: Sequence) -> str:
    """Write a sequence as a file that `read_sequence` reads as the same version; what is as by default is left out."""
    written = sequence.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    text: str = yaml.dump(written, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_NEVER_FOLDED)
    return text


def difference(before: Sequence, after: Sequence, labels: tuple[str, str]) -> list[str]:
    """Compare two sequences; the lines of a unified diff, none when they are the same."""
    old, new = (canonical(one).split("\n")[:-1] for one in (before, after))
    return list(unified_diff(old, new, *labels, lineterm=""))


def changes(before: Sequence, after: Sequence) -> list[str]:
    """Say in a few words each what is different: `step 2: body`, `step 4 is new`, `window`."""
    return [*_own_changes(before, after), *_step_changes(before, after)]


def _own_changes(before: Sequence, after: Sequence) -> Iterator[str]:
    for name in Sequence.model_fields:
        if name != "steps" and getattr(before, name) != getattr(after, name):
            yield name


def _step_changes(before: Sequence, after: Sequence) -> Iterator[str]:
    for order in range(1, max(len(before.steps), len(after.steps)) + 1):
        if order > len(before.steps):
            yield f"step {order} is new"
        elif order > len(after.steps):
            yield f"step {order} is gone"
        elif fields := _different(before.step(order), after.step(order)):
            yield f"step {order}: {', '.join(fields)}"


def _different(before: Step, after: Step) -> list[str]:
    return [name for name in Step.model_fields if getattr(before, name) != getattr(after, name)]
