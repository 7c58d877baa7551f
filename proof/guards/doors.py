"""What keeps a request, or many of them, from stopping the process that takes them, and the doors' secrets apart."""

from proof.guards.broken import Break

_BODIES = "tests/web/test_bodies.py::"
_CONNECTIONS = "tests/web/test_connections.py::"
_RATES = "tests/web/test_rates.py::"
_SIGNATURES = "tests/web/test_signatures.py::"
_STUCK = "tests/web/test_stuck_lead.py::"

BREAKS = [
    Break(
        "a body is read once its signature's headers can fit",
        "web/requests.py",
        "        signatures.check_headers(request.headers)\n",
        "        pass\n",
        _BODIES + "test_a_body_that_no_signature_can_fit_is_refused_before_it_comes",
    ),
    Break(
        "bodies in flight have a budget of memory",
        "web/limits.py",
        "        if more > self.left:\n",
        "        if False:\n",
        _BODIES + "test_a_large_body_is_sent_away_while_others_hold_the_memory_and_a_small_one_is_read",
    ),
    Break(
        "a body that breaks off gives its memory back",
        "web/limits.py",
        "            self.give_back(share.held)\n",
        "            pass\n",
        _BODIES + "test_bodies_never_hold_more_than_there_is_and_leave_nothing_behind",
    ),
    Break(
        "a request with two lengths is refused",
        "web/framing.py",
        "        if encoding is not None and (",
        "        if False and (",
        _BODIES + "test_a_request_of_doubtful_length_is_refused_and_nothing_after_it_is_served",
    ),
    Break(
        "an answer before the body's end closes the connection",
        "web/framing.py",
        " and not self._is_read:",
        " and False:",
        _BODIES + "test_a_connection_whose_request_was_answered_before_its_body_came_ends",
    ),
    Break(
        "a body in crumbs is refused",
        "web/http_protocol.py",
        "            if self._chunks > ",
        "            if False and self._chunks > ",
        _BODIES + "test_a_body_in_crumbs_is_not_read_to_its_end",
    ),
    Break(
        "the head of every request is bounded",
        "web/http_protocol.py",
        "        elif self._head_timer is None and ",
        "        elif False and ",
        _CONNECTIONS + "test_half_a_head_on_a_connection_that_was_kept_alive_ends_it",
    ),
    Break(
        "a client that reads no answers is closed",
        "web/http_protocol.py",
        "        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)\n",
        "        del milliseconds\n",
        _CONNECTIONS + "test_a_client_that_never_reads_its_answers_is_closed",
    ),
    Break(
        "connections are limited",
        "web/connections.py",
        "        if len(self._open) >= self._bounds.connections and ",
        "        if False and ",
        _CONNECTIONS + "test_connections_that_wait_give_way_to_those_that_ask",
    ),
    Break(
        "one client's connections are limited",
        "web/connections.py",
        "        if not shared and ",
        "        if False and ",
        _CONNECTIONS + "test_a_client_that_takes_all_it_may_leaves_room_for_others",
    ),
    Break(
        "one client's requests are limited where nobody signs",
        "web/rates.py",
        "        if rested_at - now > self._ahead:\n",
        "        if False:\n",
        _RATES + "test_who_asks_too_often_is_told_when_to_ask_again",
    ),
    Break(
        "a client's own word on who it is counts for nothing",
        "web/http_server.py",
        "            proxy_headers=bool(bounds.proxies),\n"
        "            forwarded_allow_ips=[str(network) for network in bounds.proxies],\n",
        "",
        _RATES + "test_nobody_is_somebody_else_by_their_own_word",
    ),
    Break(
        "who asks for readiness shares one check",
        "web/health.py",
        "        if self._running is None or ",
        "        if True or ",
        "tests/web/test_ready.py::test_all_who_ask_while_a_check_runs_are_told_what_it_finds",
    ),
    Break(
        "events of a lead that is stuck hold two connections",
        "intake/events.py",
        "            async with self.turn_of(event.data.lead_id):\n",
        "            if True:\n",
        _STUCK + "test_events_of_a_lead_that_is_locked_keep_no_other_leads_event_waiting",
    ),
    Break(
        "messages about a lead that is stuck hold two connections",
        "intake/inbound/taking.py",
        "        async with self._events.turn_of(named.lead_id):\n",
        "        if True:\n",
        _STUCK + "test_messages_about_a_lead_that_is_locked_keep_no_event_waiting",
    ),
    Break(
        "the event secret does not open the door for mail",
        "ingress.py",
        "of_mail if of_mail.strip() else of_events, dotted_ids=False",
        'f"{of_mail} {of_events}", dotted_ids=False',
        "tests/web/test_commands.py::test_each_door_takes_its_own_secrets_alone",
    ),
    Break(
        "what is signed for the door for mail is cut in one way",
        "web/signatures.py",
        '        if "." in message_id and not self._dotted_ids:\n',
        "        if False:\n",
        _SIGNATURES + "test_what_is_signed_for_a_door_without_dotted_ids_can_be_cut_in_one_way_only",
    ),
    Break(
        "an event that is cut twice is no message",
        "web/signatures.py",
        "        if not self._dotted_ids and _DOTTED_WORD.match(body):\n",
        "        if False:\n",
        _SIGNATURES + "test_a_body_that_may_begin_with_the_end_of_an_id_is_refused_where_ids_have_no_dots",
    ),
]
