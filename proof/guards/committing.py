"""What makes a commit one that stays, and what is read one that is so."""

from proof.guards.broken import Break

_PINS = "tests/store/test_pins.py::"

BREAKS = [
    Break(
        "a commit is on disk when it is answered (synchronous_commit)",
        "store/engine.py",
        '    event.listen(engine.sync_engine, "connect", _pin_commits)\n',
        "",
        _PINS + "test_a_commit_is_on_disk_before_anything_follows_from_it",
    ),
    Break(
        "what is read under a lock is read after it (READ COMMITTED)",
        "store/engine.py",
        '        isolation_level="READ COMMITTED",\n'
        '        connect_args={"connect_timeout": int(_CONNECT_TIMEOUT.total_seconds()), "options": session_options()}',
        '        connect_args={"options": session_options(default_transaction_isolation="repeatable read")}',
        _PINS + "test_i4_a_claim_that_waited_for_a_stop_sees_it_whatever_the_isolation_by_default",
    ),
    Break(
        "a session begins with settings of ours, whatever the defaults are",
        "store/engine.py",
        "for name, value in {**PINNED, **changed}.items())",
        'for name, value in {"TimeZone": PINNED["TimeZone"], **changed}.items())',
        _PINS + "test_a_session_has_its_own_settings_whatever_the_defaults_are",
    ),
    Break(
        "a server that may lose a commit is a problem",
        "store/durability.py",
        'if getattr(self, name) == "off"]',
        'if getattr(self, name) == ""]',
        _PINS + "test_a_server_that_may_lose_a_commit_is_refused_with_the_remedy",
    ),
    Break(
        "a server that may lose a commit is refused",
        "store/schema.py",
        "    if problems := (await read_database_settings(connection)).problems:\n",
        "    if problems := (await read_database_settings(connection)).problems[2:]:\n",
        _PINS + "test_a_server_that_may_lose_a_commit_is_refused_with_the_remedy",
    ),
]
