"""Temporal's Web UI as an operator uses it. Every word and mark of its pages is here; made with UI 2.54."""

from urllib.parse import quote

from playwright.async_api import FrameLocator, Locator, Page, expect

# A page asks its server, which asks a worker: seconds on a busy machine.
_PATIENCE = 30_000


class WebUi:
    """A tab of the Web UI. `address` is where it answers."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self._workflows = f"{address}/namespaces/default/workflows"
        self._opened = ""
        page.set_default_timeout(_PATIENCE)
        expect.set_options(_PATIENCE)

    async def find(self, query: str) -> Locator:
        """Filter the list of workflows; returns its links."""
        await self.page.goto(f"{self._workflows}?query={quote(query)}")
        return self.page.get_by_role("link")

    async def open(self, workflow: str) -> None:
        """Open a workflow, at its current run."""
        await self.page.goto(f"{self._workflows}/{quote(workflow, safe='')}")
        await self.page.wait_for_url("**/timeline**")
        self._opened = self.page.url.partition("/timeline")[0]

    async def details(self) -> FrameLocator:
        """Show what the follow-up says of itself; the page is in a frame of its own."""
        await self.page.goto(f"{self._opened}/user-metadata")
        return self.page.frame_locator("#user-metadata-current-details")

    async def until_details(self, says: str) -> str:
        """Reload the details until they say something; returns their text."""
        while True:
            details = (await self.details()).locator("body")
            await expect(details).to_contain_text("step")
            text = await details.inner_text()
            if says in text:
                return text

    async def signal(self, name: str, data: str = "") -> None:
        """Send a signal; `data` is JSON, or nothing."""
        await self._act("Signal")
        await self._choose("signal-select-button", name)
        await self._submit(data)

    async def update(self, name: str, data: str = "") -> None:
        """Send an update; `data` is JSON, or nothing."""
        await self._act("Update")
        await self._choose("update-select-button", name)
        await self._submit(data)

    async def reset(self, *, to_start: bool) -> None:
        """Reset to the first workflow task, or to the newest there is."""
        await self._act("Reset")
        await self._dialog.get_by_test_id("workflow-reset-event-id-select-button").click()
        events = self.page.get_by_role("option")
        await events.first.wait_for()
        await (events.last if to_start else events.first).click()
        await self._confirm()

    async def terminate(self) -> None:
        """End the workflow from outside."""
        await self._act("Terminate")
        await self._confirm()

    @property
    def _dialog(self) -> Locator:
        return self.page.locator("dialog[open], [role=dialog]:visible").last

    async def _act(self, what: str) -> None:
        await self.page.goto(f"{self._opened}/timeline")
        more = self.page.get_by_role("button", name="More Actions").last
        await more.wait_for()
        itself = self.page.get_by_role("button", name=what, exact=True)  # of a closed workflow a reset stands outside
        if await itself.count():
            await itself.last.click()
            return
        await more.click()
        await self.page.get_by_role("menuitem", name=what).last.click()

    async def _choose(self, button: str, name: str) -> None:
        await self._dialog.get_by_test_id(button).click()
        await self.page.get_by_role("option", name=name).last.click()

    async def _submit(self, data: str) -> None:
        if data:
            editor = self._dialog.get_by_role("textbox", name="Data")
            await editor.fill(data)
            await editor.blur()  # it lays out its JSON when it is left, and the button moves away from the pointer
        await self._confirm()

    async def _confirm(self) -> None:
        await self._dialog.get_by_test_id("confirm-modal-button").last.click()
        await expect(self.page.locator("dialog[open], [role=dialog]:visible")).to_have_count(0)
