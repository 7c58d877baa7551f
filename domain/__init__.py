"""The words and rules of follow-ups: pure values, imported by everybody, importing nobody."""
