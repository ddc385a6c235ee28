"""Which structural loss helps on a config's own data, and how strong: paired trainings, and what they show."""
