from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, RemoveSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from devstack.child import DevstackError
from devstack.ports import free_ports
from devstack.temporal import NAMESPACE, Temporal
from workflows import search_attributes


@pytest.fixture
async def temporal(tmp_path: Path) -> AsyncIterator[Temporal]:
    port, ui_port = free_ports([None, None])
    server = Temporal(tmp_path, in_memory=False, port=port, ui_port=ui_port)
    await server.start()
    yield server
    await server.kill()


async def remove(client: Client, name: str) -> None:
    request = RemoveSearchAttributesRequest(namespace=NAMESPACE, search_attributes=[name])
    await client.operator_service.remove_search_attributes(request)


async def test_temporal_killed_and_started_again_keeps_its_workflows_and_its_address(temporal: Temporal) -> None:
    client = await Client.connect(temporal.address)
    await client.start_workflow("Nobody", id="kept", task_queue="nobody-listens")
    await temporal.kill()
    await temporal.start()
    description = await (await Client.connect(temporal.address)).get_workflow_handle("kept").describe()
    assert description.workflow_type == "Nobody"


async def test_a_registered_search_attribute_can_be_used_at_once(temporal: Temporal) -> None:
    client = await Client.connect(temporal.address)
    paused = TypedSearchAttributes([SearchAttributePair(search_attributes.STATUS, "paused")])
    handle = await client.start_workflow("Nobody", id="marked", task_queue="nobody-listens", search_attributes=paused)
    assert (await handle.describe()).typed_search_attributes[search_attributes.STATUS] == "paused"


async def test_a_missing_search_attribute_is_reported_and_registered(temporal: Temporal) -> None:
    client = await Client.connect(temporal.address)
    assert await search_attributes.missing_or_wrong(client) == []
    await remove(client, "FollowUpLead")
    assert await search_attributes.missing_or_wrong(client) == [
        "search attribute FollowUpLead is missing in namespace default"
    ]
    await search_attributes.register(client)
    assert await search_attributes.missing_or_wrong(client) == []


async def test_a_search_attribute_of_a_wrong_type_is_reported_and_stops_the_devstack(temporal: Temporal) -> None:
    client = await Client.connect(temporal.address)
    await remove(client, "FollowUpStatus")
    wrong = {"FollowUpStatus": IndexedValueType.INDEXED_VALUE_TYPE_INT}
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=NAMESPACE, search_attributes=wrong)
    )
    await search_attributes.register(client)
    sentence = "search attribute FollowUpStatus is a Int, and must be a Keyword"
    assert await search_attributes.missing_or_wrong(client) == [sentence]
    await temporal.stop()
    with pytest.raises(DevstackError, match=sentence):
        await temporal.start()
