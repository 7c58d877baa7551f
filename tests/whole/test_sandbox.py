"""The workflow's module is imported anew for every run, so it must stay alone in that, or every run pays for more."""

import sys

from temporalio.worker.workflow_sandbox import SandboxRestrictions

# no public way tells what a run imports
from temporalio.worker.workflow_sandbox._importer import Importer
from temporalio.worker.workflow_sandbox._restrictions import RestrictionContext

import workflows.follow_up


def test_a_run_imports_nothing_of_ours_anew_but_the_workflow_itself() -> None:
    importer = Importer(SandboxRestrictions.default, RestrictionContext())
    with importer.applied():
        __import__(workflows.follow_up.__name__)
    anew = {name for name, module in importer.new_modules.items() if sys.modules.get(name) is not module}
    assert anew - {"__main__", "asyncio", "datetime"} == {"workflows", "workflows.follow_up"}
