-- All that ledger_guard.sql has made, whatever version of it that was.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT tgname, tgrelid::regclass AS tab FROM pg_trigger
            WHERE NOT tgisinternal AND tgname LIKE 'isp\_guard%' LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found.tgname, found.tab);
    END LOOP;
    FOR found IN SELECT oid::regprocedure AS name FROM pg_proc
            WHERE proname LIKE 'isp\_guard%'
            AND pronamespace = current_schema()::regnamespace LOOP
        EXECUTE format('DROP FUNCTION %s', found.name);
    END LOOP;
END $$;
