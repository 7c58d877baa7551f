#!/bin/sh
# Makes the roles, each with its password, and the application's database. What exists already is kept, and handed over
# to its owner. Where the server is and who is its superuser stands in PG*, the passwords in *_PASSWORD.
set -eu

as_superuser() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"; }

as_superuser --dbname postgres <<'SQL'
\getenv owner OWNER_PASSWORD
\getenv application APP_PASSWORD
\getenv temporal TEMPORAL_PASSWORD
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['followup_owner', 'followup_app', 'temporal']) name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE followup_owner LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD :'owner';
ALTER ROLE followup_app LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD :'application';
-- it makes its two databases itself
ALTER ROLE temporal LOGIN NOSUPERUSER NOCREATEROLE CREATEDB PASSWORD :'temporal';
SELECT 'CREATE DATABASE followup' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'followup') \gexec
-- whom the owner lets in is its own affair: followup migrate --grant
REVOKE ALL ON DATABASE followup FROM PUBLIC;
SQL

# what a superuser made, or restored from a backup
for each in followup:followup_owner temporal:temporal temporal_visibility:temporal; do
    database=${each%:*} owner=${each#*:}
    [ "$(as_superuser --dbname postgres --tuples-only --no-align \
        --command "SELECT count(*) FROM pg_database WHERE datname = '$database'")" = 1 ] || continue
    as_superuser --dbname "$database" --set database="$database" --set owner="$owner" <<'SQL'
ALTER DATABASE :"database" OWNER TO :"owner";
SELECT format('ALTER TABLE %s OWNER TO %I', oid::regclass, :'owner') FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND relowner <> :'owner'::regrole \gexec
SELECT format('ALTER FUNCTION %s OWNER TO %I', oid::regprocedure, :'owner') FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proowner <> :'owner'::regrole
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e') \gexec
SQL
done
