"""Recipients in statements: how addresses are compared, and the lock that all leads of one address share."""

from typing import Any

from sqlalchemy import CTE, ColumnElement, Text, bindparam, cast, collate, func, literal, select, union

from domain.draft import DraftState
from store.tables import Draft, Instance, StoredLead

# What may still go to an address that its lead has no more.
_OPEN = (DraftState.AWAITING_APPROVAL, DraftState.PENDING, DraftState.SENDING, DraftState.UNKNOWN)


def recipient_key(address: ColumnElement[str] | Any) -> ColumnElement[str]:
    """Write an address as recipients are compared; the indexes are of just this expression."""
    return func.lower(collate(address, "C"))


def plain(recipient: ColumnElement[str]) -> ColumnElement[str]:
    """Write a recipient to be compared with a column that has no collation of its own: its index is of just that."""
    return collate(recipient, "default")


def domain_of(recipient: ColumnElement[str]) -> ColumnElement[str]:
    """Write what follows the `@` of a recipient."""
    return func.split_part(recipient, "@", 2)


def lock_name(workspace: ColumnElement[str], kind: str, name: ColumnElement[str]) -> ColumnElement[int]:
    """Write the number by which an advisory lock is taken; `store.locks` has the order of all of them."""
    return func.hashtextextended(workspace.concat(literal(f"/{kind}/", Text)).concat(name), 0)


def _recipients() -> CTE:
    """Select the recipients of an instance: its lead's, and those its open drafts are frozen to. One order for all."""
    of_instance = Instance.id == bindparam("instance_id")
    of_lead = (StoredLead.workspace == Instance.workspace) & (StoredLead.lead_id == Instance.lead_id)
    current = select(Instance.workspace, recipient_key(StoredLead.email).label("recipient")).join(StoredLead, of_lead)
    frozen = select(Instance.workspace, recipient_key(Draft.recipient)).join(Draft, Draft.instance_id == Instance.id)
    frozen = frozen.where(of_instance, Draft.state.in_(_OPEN))
    return union(current.where(of_instance), frozen).order_by("recipient").cte("recipients").prefix_with("MATERIALIZED")


def locked_recipients() -> CTE:
    """Select the recipients of the instance `:instance_id`, each locked by being read.

    A suppression of a whole domain takes the domain's lock alone, so its recipients' transactions share that one.
    """
    of = _recipients().c
    alone = func.pg_advisory_xact_lock(lock_name(of.workspace, "recipient", of.recipient))
    shared = func.pg_advisory_xact_lock_shared(lock_name(of.workspace, "domain", domain_of(of.recipient)))
    locked = select(of.recipient, cast(alone, Text).label("alone"), cast(shared, Text).label("shared"))
    return locked.cte("locked").prefix_with("MATERIALIZED")
