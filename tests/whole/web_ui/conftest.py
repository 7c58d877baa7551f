"""One browser for all of them, and a tab for each."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from devstack.stack import Devstack
from tests.programs import program
from tests.whole.web_ui.ui import WebUi

# a browser that was asked for a page of this machine has nothing to fetch from elsewhere
_ARGUMENTS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=program("chromium", "chromium"), args=_ARGUMENTS.split()
        )
        yield opened
        await opened.close()


@pytest.fixture
async def ui(browser: Browser, stack: Devstack) -> AsyncIterator[WebUi]:
    page = await browser.new_page(viewport={"width": 1400, "height": 1200})
    yield WebUi(page, stack.temporal.ui)
    await page.close()
