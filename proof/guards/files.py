"""What stands between a file, a template or a clock and a message that nobody meant."""

from proof.guards.broken import Break

_FORMS = "tests/intake/files/test_lead_forms.py::"
_TEMPLATE = "tests/mail/test_template.py::"

BREAKS = [
    Break(
        "a column that is almost a field never becomes a variable",
        "intake/files/columns.py",
        "    if meant is None:\n",
        "    if meant != '':\n",
        _FORMS + "test_what_is_almost_a_field_never_becomes_a_variable",
    ),
    Break(
        "what stands for nothing is refused",
        "intake/files/lead_row.py",
        "if problems := list(_mangled(row.fields, frozenset(map(spelling_key, literal)))):",
        "if problems := list[str](literal)[:0]:",
        _FORMS + "test_what_stands_for_nothing_is_refused_in_every_column_and_file",
    ),
    Break(
        "a row is as wide as its header",
        "intake/files/lead_csv.py",
        "if not named <= len(cells) <= width or",
        "if not named <= len(cells) or",
        _FORMS + "test_a_text_with_a_comma_that_wants_quotes_is_no_row_with_empty_cells_behind",
    ),
    Break(
        "a blank variable is missing",
        "mail/template.py",
        "if not is_blank(text := _find(name, variables))}",
        "if (text := _find(name, variables)) is not None}",
        _TEMPLATE + "test_a_variable_that_is_blank_is_missing",
    ),
    Break(
        "what a template reads is bounded before it is rendered",
        "mail/template.py",
        "for name, text in found.items()) > LONGEST_READ:",
        "for name, text in found.items()) > 10**9:",
        _TEMPLATE + "test_what_would_outgrow_its_worker_is_refused_before_it_is_made",
    ),
    Break(
        "a template never writes a list",
        "mail/language.py",
        "    if lists and not takes:\n",
        "    if lists and takes is None:\n",
        _TEMPLATE + "test_what_could_run_away_or_look_inside_is_refused_before_it_is_rendered",
    ),
    Break(
        "a method is called and not written",
        "mail/language.py",
        "    if id(node) not in called:\n",
        "    if node.attr is None:\n",
        _TEMPLATE + "test_what_could_run_away_or_look_inside_is_refused_before_it_is_rendered",
    ),
    Break(
        "a text does not change the link of its message",
        "mail/language.py",
        "    if changes and isinstance(inner, nodes.Name) and inner.name == UNSUBSCRIBE_URL:\n",
        "    if changes and isinstance(inner, nodes.Name) and inner.name == '':\n",
        _TEMPLATE + "test_what_could_run_away_or_look_inside_is_refused_before_it_is_rendered",
    ),
    Break(
        "nobody is enrolled in a text that lacks its link",
        "intake/files/sequence_file.py",
        "if not has_links and UNSUBSCRIBE_URL in required_variables(step.body)",
        "if has_links is None and UNSUBSCRIBE_URL in required_variables(step.body)",
        "tests/intake/files/test_sequence_file.py::test_a_link_stands_in_a_body_alone",
    ),
    Break(
        "a zone is the package's and not the machine's",
        "domain/zones.py",
        "    if name not in zone_names():\n",
        "    if name:\n",
        "tests/domain/test_zones.py::test_a_zone_is_read_from_the_package_whatever_the_machine_has",
    ),
    Break(
        "a wait of days keeps the time on the wall",
        "domain/schedule.py",
        "        start = _first_instant(wall, zone)\n",
        "        start += wall.replace(tzinfo=UTC) - start.astimezone(zone).replace(tzinfo=UTC)\n",
        "tests/operating/sequences/test_planning.py::"
        "test_a_day_over_a_clock_change_keeps_the_time_on_the_wall_and_24_hours_do_not",
    ),
]
