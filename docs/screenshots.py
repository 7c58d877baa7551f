"""Takes the pictures of docs/pictures anew: `python -m docs.screenshots`. Needs `make setup` and Debian's chromium.

It runs the example in a world of its own: one lead's address makes the mailbox cut the connection before its answer,
so that follow-up pauses, and is photographed in Temporal's Web UI as an operator meets it. Another one waits for an
approval.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from playwright.async_api import FloatRect, Page, ViewportSize, async_playwright
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from connect import leave
from devstack.passable import temporary_folder
from devstack.stack import Devstack
from domain.instance import InstanceKey, InstanceStatus, instance_id, workflow_id
from domain.sequence import Sequence
from intake.enrolment import Enroller
from intake.files.lead_file import read_leads
from intake.files.sequence_file import read_sequence
from providers.choose import open_provider
from settings import Settings
from store.engine import open_engine
from store.listing import list_instances
from store.schema import migrate
from worker import make_worker

_ROOT = Path(__file__).parent.parent
_PICTURES = Path(__file__).parent / "pictures"
_CHROMIUM = "/usr/bin/chromium"
# a browser that was asked for a page of this machine has nothing to fetch from elsewhere
_ARGUMENTS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
_VIEWPORT: ViewportSize = {"width": 1400, "height": 1400}
# what is cut out: without the Web UI's own navigation
_LIST: FloatRect = {"x": 270, "y": 60, "width": 1130, "height": 260}
_PAUSED: FloatRect = {"x": 270, "y": 60, "width": 1130, "height": 1290}
_AWAITING: FloatRect = {"x": 270, "y": 60, "width": 1130, "height": 1250}
_FILTER = 'FollowUpStatus = "paused"'
_UNCERTAIN = "lead-4"
_ASKING = Sequence.model_validate(
    {
        "name": "offer",
        "beside_others": True,
        "steps": [{"wait": "0s", "subject": "An offer", "body": "Hello {{ name }}", "approval": True}],
    }
)
_LOOK_EVERY = timedelta(milliseconds=200)
_PATIENCE = timedelta(minutes=1)


class Scene(NamedTuple):
    """Where the pictures are taken: the Web UI, and in it a paused follow-up and one that asks for an approval."""

    ui: str
    workflow: str
    asking: str  # the workflow of a follow-up that waits for an approval


@asynccontextmanager
async def _paused_follow_up() -> AsyncIterator[Scene]:
    """The example in a world of its own, at the moment when the uncertain follow-up waits for an operator."""
    with temporary_folder() as home:
        async with Devstack(home, durable=False, in_memory=True, usual_ports=False) as stack:
            await migrate(stack.postgres.url())
            settings = Settings(
                database_url=SecretStr(stack.postgres.url()),
                smtp_url=SecretStr(stack.mailbox.smtp_url),
                sender="Ada Lovelace <ada@follow-up.test>",
            )
            async with _worker(stack, settings):
                paused = instance_id(InstanceKey(settings.workspace, "no-reply", _UNCERTAIN))
                asking = instance_id(InstanceKey(settings.workspace, _ASKING.name, "lead-2"))
                yield Scene(stack.temporal.ui, workflow_id(paused), workflow_id(asking))


@asynccontextmanager
async def _worker(stack: Devstack, settings: Settings) -> AsyncIterator[None]:
    """A worker, once the example's leads are enrolled and the uncertain one's send has ended as it does."""
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    engine = open_engine(settings.database_url.get_secret_value(), connections=60)
    provider = open_provider("smtp", settings.smtp_url.get_secret_value(), settings.send_timeout)
    enroller = Enroller(
        engine, client, workspace=settings.workspace, task_queue=settings.task_queue, by="docs.screenshots"
    )
    sequence = read_sequence(_ROOT / "sequences" / "no-reply.yaml")
    try:
        async with make_worker(client, engine, provider, settings):
            for wanted in (sequence, _ASKING):
                async for _ in enroller.enroll(wanted, read_leads(_ROOT / "sequences" / "leads.csv")):
                    pass
            async with asyncio.timeout(_PATIENCE.total_seconds()):
                while not await _somebody_is_paused(engine, settings):  # noqa: ASYNC110  # the store has no event
                    await asyncio.sleep(_LOOK_EVERY.total_seconds())
            yield
    finally:
        await provider.close()
        await engine.dispose()


async def _somebody_is_paused(engine: AsyncEngine, settings: Settings) -> bool:
    async with engine.connect() as connection:
        return bool(await list_instances(connection, settings.workspace, InstanceStatus.PAUSED))


async def _take(scene: Scene, page: Page) -> None:
    """Take every picture. What is waited for is what an operator looks for, so a changed Web UI fails here."""
    await page.goto(f"{scene.ui}/namespaces/default/workflows?query={quote(_FILTER)}")
    await page.get_by_role("link", name=scene.workflow).wait_for()
    await page.screenshot(path=_PICTURES / "list.png", clip=_LIST)
    await _open(page, scene.ui, scene.workflow, until="In a shell")
    await page.screenshot(path=_PICTURES / "paused.png", clip=_PAUSED)
    await _choose_signal(page, "resume")
    await page.locator("dialog[open], [role=dialog]:visible").last.screenshot(path=_PICTURES / "signal.png")
    await _open(page, scene.ui, scene.asking, until="approve")
    await page.screenshot(path=_PICTURES / "awaiting.png", clip=_AWAITING)
    await _choose_signal(page, "approve")
    await page.get_by_role("option", name="approve").last.click()
    await page.get_by_role("textbox", name="Data").last.fill('"0123abcd"')
    await page.locator("dialog[open], [role=dialog]:visible").last.screenshot(path=_PICTURES / "approve.png")


async def _open(page: Page, ui: str, workflow: str, *, until: str) -> None:
    """Show the page of a follow-up, which is in a frame of its own."""
    await page.goto(f"{ui}/namespaces/default/workflows/{quote(workflow, safe='')}")
    await page.wait_for_url("**/timeline**")
    await page.goto(page.url.partition("/timeline")[0] + "/user-metadata")
    await page.frame_locator("#user-metadata-current-details").get_by_text(until).first.wait_for()


async def _choose_signal(page: Page, name: str) -> None:
    """Unfold the list of signals."""
    await page.get_by_role("button", name="More Actions").last.click()
    await page.get_by_role("menuitem", name="Signal").last.click()
    await page.get_by_test_id("signal-select-button").last.click()
    await page.get_by_role("option", name=name).last.wait_for()
    await page.wait_for_timeout(500)  # the list unfolds; nothing says when it has


async def _main() -> None:
    async with _paused_follow_up() as scene, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS.split())
        await _take(scene, await browser.new_page(viewport=_VIEWPORT))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(_main())
    leave(0)
