"""Which variables a template can't do without."""

from collections.abc import Iterator

from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

_SYNTAX = SandboxedEnvironment()


def required_variables(template: str) -> frozenset[str]:
    """Return the variables that a template reads somewhere without a `default` or an `is defined` around it.

    The template has been checked. What depends on other variables' values counts as read.
    """
    return frozenset(_required(_SYNTAX.parse(template), frozenset()))


def _required(node: nodes.Node, given: frozenset[str]) -> Iterator[str]:
    if isinstance(node, nodes.Name) and node.name not in given:
        yield node.name
    for child in node.iter_child_nodes():
        yield from _required(child, given | _given(node, child))


def _given(node: nodes.Node, child: nodes.Node) -> frozenset[str]:
    """Return which variables may be missing in a part of a node, because the node asks first."""
    defaulted = isinstance(node, nodes.Filter) and node.name in {"d", "default"} and child is node.node
    tested = isinstance(node, nodes.Test) and node.name in {"defined", "undefined"}
    if (defaulted or tested) and isinstance(child, nodes.Name):
        return frozenset({child.name})
    if isinstance(node, nodes.If | nodes.CondExpr):
        return _asked_for(node.test)
    if isinstance(node, nodes.And | nodes.Or):
        return _asked_for(node)
    return frozenset()


def _asked_for(condition: nodes.Node) -> frozenset[str]:
    tests = condition.find_all(nodes.Test)
    own = [condition] if isinstance(condition, nodes.Test) else []  # `find_all` begins below it
    asked = (test.node for test in (*own, *tests) if test.name in {"defined", "undefined"})
    return frozenset(one.name for one in asked if isinstance(one, nodes.Name))
