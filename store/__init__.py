"""Every line of SQL: tables, queries by noun, migrations."""
