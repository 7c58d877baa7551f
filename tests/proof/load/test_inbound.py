"""The measure of mail says what each message of a folder would be taken for."""

from pathlib import Path

from proof.load.inbound import measure, rows
from tests.intake.inbound import samples
from tests.intake.inbound.samples import mail, report


async def test_the_messages_of_a_folder_are_counted_by_kind(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name, raw in (("a", mail(samples.REPLY)), ("b", report(samples.FAILED)), ("inner/c", b"no header")):
        (tmp_path / name).write_bytes(raw)
    found = await measure(tmp_path)
    assert (dict(found.kinds), found.suppressed) == ({"reply": 1, "bounce": 1, "nothing": 1}, 1)
    [row] = rows({tmp_path: found})
    assert row[:-1] == [tmp_path.name, "3", "1", "", "1", "", "", "1", "1"]
