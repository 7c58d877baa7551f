"""The search attributes by which Temporal's Web UI finds follow-ups. Everybody may read them: ids and codes only."""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey

STATUS = SearchAttributeKey.for_keyword("FollowUpStatus")
REASON = SearchAttributeKey.for_keyword("FollowUpReason")
SEQUENCE = SearchAttributeKey.for_keyword("FollowUpSequence")
WORKSPACE = SearchAttributeKey.for_keyword("FollowUpWorkspace")
LEAD = SearchAttributeKey.for_keyword("FollowUpLead")
ALL = (STATUS, REASON, SEQUENCE, WORKSPACE, LEAD)


async def register(client: Client) -> None:
    """Add those that the client's namespace lacks. One of another type is left as it is: see `missing_or_wrong`.

    Raises temporalio.service.RPCError where they can't be added this way, as on Temporal Cloud.
    """
    found = await _found(client)
    # Only what is missing: adding one again under another type is answered with OK, and changes nothing
    missing = {key.name: _type(key) for key in ALL if key.name not in found}
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )


async def missing_or_wrong(client: Client) -> list[str]:
    """Say in a sentence each what is wrong; nothing is when the list is empty.

    An unregistered attribute would fail the workflow's task for ever, so a worker asks before it begins.
    """
    found = await _found(client)
    sentences = []
    for key in ALL:
        if key.name not in found:
            sentences.append(f"search attribute {key.name} is missing in namespace {client.namespace}")
        elif found[key.name] != _type(key):
            sentences.append(f"search attribute {key.name} is a {_type_name(found[key.name])}, and must be a Keyword")
    return sentences


async def _found(client: Client) -> dict[str, IndexedValueType.ValueType]:
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return dict(answer.custom_attributes)


def _type(key: SearchAttributeKey[str]) -> IndexedValueType.ValueType:
    return IndexedValueType.ValueType(key.indexed_value_type.value)


def _type_name(kind: IndexedValueType.ValueType) -> str:
    return IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").capitalize()
