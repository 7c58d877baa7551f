"""A class name means one thing: no two classes of the product share one. Names of one file alone begin with `_`."""

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_THE_PRODUCT = {"tests", "proof", "docs", "build"}
FILES = [
    file
    for file in ROOT.rglob("*.py")
    if (top := file.relative_to(ROOT).parts[0]) not in NOT_THE_PRODUCT and not top.startswith(".")
]


def doubled(sources: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The public class names that several files define, with those files."""
    places = defaultdict(list)
    for place, source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(place)
    return {name: found for name, found in places.items() if len(found) > 1}


def test_no_two_classes_of_the_product_share_a_name() -> None:
    assert len(FILES) > 200
    assert doubled((str(file.relative_to(ROOT)), file.read_text()) for file in FILES) == {}


def test_a_doubled_name_is_found() -> None:
    assert doubled([("a.py", "class A: ...\nclass _B: ..."), ("b.py", "class A: ...\nclass _B: ...")]) == {
        "A": ["a.py", "b.py"]
    }
