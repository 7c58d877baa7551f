"""What keeps one workspace's steps from another's worker, and one message's name from who has not received it."""

from proof.guards.broken import Break

BREAKS = [
    Break(
        "a worker does the steps of its own workspace alone",
        "activities/workspace.py",
        "        if instance_key(call.instance_id).workspace == self._workspace:\n",
        "        if instance_key(call.instance_id).workspace:\n",
        "tests/whole/test_workspaces.py"
        "::test_a_worker_of_another_workspace_sends_nothing_though_it_polls_the_same_task_queue",
    ),
    Break(
        "a Message-ID is made with a secret",
        "domain/draft.py",
        'hmac.new(key, b"message-id:"',
        'hmac.new(b"", b"message-id:"',
        "tests/domain/test_draft.py::test_a_message_id_can_be_computed_with_the_secret_alone",
    ),
    Break(
        "a message is named by the secret of its database",
        "transactions/linking.py",
        "        named = message_hash(self._key, draft_id)\n",
        '        named = message_hash(b"", draft_id)\n',
        "tests/whole/test_page.py::test_an_unknown_send_is_explained_with_what_to_look_for_and_every_way_to_go_on",
    ),
]
