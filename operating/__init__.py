"""What operators ask of a follow-up and what they tell it: the parts of the `followup` command."""
