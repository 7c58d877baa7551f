#!/bin/sh
# Creates Temporal's two databases and brings their schemas up to date; what is done already is left alone.
# temporal-sql-tool reads where the server is from SQL_*.
set -eu

for database in temporal:temporal temporal_visibility:visibility; do
    name=${database%:*} folder=${database#*:}
    temporal-sql-tool --db "$name" create
    temporal-sql-tool --db "$name" setup-schema -v 0.0
    temporal-sql-tool --db "$name" update-schema -d "/etc/temporal/schema/postgresql/v12/$folder/versioned"
done
