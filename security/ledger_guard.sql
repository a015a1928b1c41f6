-- The database's own guard: what is posted on a contract is not changed by accident.
-- Columns are compared inside the functions, not in the triggers' definitions, so
-- that later upgrades may alter them. A documented exception exists for merges and
-- erasure requests: SET LOCAL isp.maintenance = 'on'; it leaves a line in the log.

CREATE OR REPLACE FUNCTION isp_guard_maintenance(what text) RETURNS boolean AS $$
BEGIN
    IF current_setting('isp.maintenance', true) = 'on' THEN
        RAISE LOG 'isp.maintenance: % by %', what, session_user;
        RETURN true;
    END IF;
    RETURN false;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION isp_guard_refuse(tab text) RETURNS void AS $$
BEGIN
    RAISE EXCEPTION 'a posted document of a contract can''t be changed; enter a counter-entry'
        USING ERRCODE = 'check_violation', TABLE = tab, CONSTRAINT = tab || '_isp_immutable';
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION isp_guard_move() RETURNS trigger AS $$
BEGIN
    -- What was posted without a contract gets none afterwards.
    IF TG_OP = 'UPDATE' AND OLD.state = 'posted' AND NEW.state = 'posted'
            AND (OLD.isp_contract_id, COALESCE(OLD.isp_is_ledger, false))
                IS DISTINCT FROM (NEW.isp_contract_id, COALESCE(NEW.isp_is_ledger, false))
            AND NOT isp_guard_maintenance('account_move ' || OLD.id) THEN
        PERFORM isp_guard_refuse('account_move');
    END IF;
    IF NOT COALESCE(OLD.isp_is_ledger, false) OR OLD.state IS DISTINCT FROM 'posted'
            OR isp_guard_maintenance('account_move ' || OLD.id) THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM isp_guard_refuse('account_move');
    END IF;
    IF (OLD.state, OLD.date, OLD.invoice_date, OLD.journal_id, OLD.company_id,
            OLD.currency_id, OLD.move_type, OLD.isp_contract_id, OLD.isp_is_ledger,
            OLD.isp_period_id)
        IS DISTINCT FROM
        (NEW.state, NEW.date, NEW.invoice_date, NEW.journal_id, NEW.company_id,
            NEW.currency_id, NEW.move_type, NEW.isp_contract_id, NEW.isp_is_ledger,
            NEW.isp_period_id)
        OR (OLD.name IS NOT NULL AND OLD.name <> '/' AND OLD.name IS DISTINCT FROM NEW.name)
    THEN
        PERFORM isp_guard_refuse('account_move');
    END IF;
    -- Links of cancelling are set once, and only to the document's own reversal.
    IF OLD.isp_revokes_id IS DISTINCT FROM NEW.isp_revokes_id
        AND (OLD.isp_revokes_id IS NOT NULL
            OR NEW.isp_revokes_id IS DISTINCT FROM NEW.reversed_entry_id)
    THEN
        PERFORM isp_guard_refuse('account_move');
    END IF;
    IF OLD.isp_revoked_by_id IS DISTINCT FROM NEW.isp_revoked_by_id
        AND (OLD.isp_revoked_by_id IS NOT NULL
            OR NOT EXISTS (SELECT 1 FROM account_move mirror
                WHERE mirror.id = NEW.isp_revoked_by_id AND mirror.state = 'posted'
                AND mirror.reversed_entry_id = NEW.id))
    THEN
        PERFORM isp_guard_refuse('account_move');
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION isp_guard_line() RETURNS trigger AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT 1 FROM account_move WHERE id = NEW.move_id AND state = 'posted'
                   AND (isp_is_ledger OR NEW.isp_contract_id IS NOT NULL))
                AND NOT isp_guard_maintenance('account_move_line of ' || NEW.move_id) THEN
            PERFORM isp_guard_refuse('account_move_line');
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.isp_contract_id IS NULL AND NEW.isp_contract_id IS NOT NULL
            AND OLD.parent_state = 'posted' AND NEW.parent_state = 'posted'
            AND NOT isp_guard_maintenance('account_move_line ' || OLD.id) THEN
        PERFORM isp_guard_refuse('account_move_line');
    END IF;
    IF OLD.isp_contract_id IS NULL OR OLD.parent_state IS DISTINCT FROM 'posted'
            OR isp_guard_maintenance('account_move_line ' || OLD.id) THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM isp_guard_refuse('account_move_line');
    END IF;
    IF (OLD.parent_state, OLD.move_id, OLD.account_id, OLD.debit, OLD.credit, OLD.balance,
            OLD.amount_currency, OLD.currency_id, OLD.date, OLD.isp_contract_id,
            OLD.isp_connection_id)
        IS DISTINCT FROM
        (NEW.parent_state, NEW.move_id, NEW.account_id, NEW.debit, NEW.credit, NEW.balance,
            NEW.amount_currency, NEW.currency_id, NEW.date, NEW.isp_contract_id,
            NEW.isp_connection_id)
    THEN
        PERFORM isp_guard_refuse('account_move_line');
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION isp_guard_payment() RETURNS trigger AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.isp_contract_id IS NULL AND NEW.isp_contract_id IS NOT NULL
            AND OLD.state IN ('in_process', 'paid') AND NEW.state IN ('in_process', 'paid')
            AND NOT isp_guard_maintenance('account_payment ' || OLD.id) THEN
        PERFORM isp_guard_refuse('account_payment');
    END IF;
    IF OLD.isp_contract_id IS NULL OR COALESCE(OLD.state, 'draft') NOT IN ('in_process', 'paid')
            OR isp_guard_maintenance('account_payment ' || OLD.id) THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM isp_guard_refuse('account_payment');
    END IF;
    IF COALESCE(NEW.state, 'draft') NOT IN ('in_process', 'paid')
        OR (OLD.amount, OLD.date, OLD.currency_id, OLD.journal_id, OLD.isp_contract_id,
            OLD.isp_receipt_id, OLD.move_id)
        IS DISTINCT FROM
        (NEW.amount, NEW.date, NEW.currency_id, NEW.journal_id, NEW.isp_contract_id,
            NEW.isp_receipt_id, NEW.move_id)
    THEN
        PERFORM isp_guard_refuse('account_payment');
    END IF;
    -- Cancelled for good, and only together with its entry: its receipt is free then.
    IF COALESCE(OLD.isp_revoked, false) <> COALESCE(NEW.isp_revoked, false)
        AND (COALESCE(OLD.isp_revoked, false)
            OR NOT EXISTS (SELECT 1 FROM account_move
                WHERE id = NEW.move_id AND isp_revoked_by_id IS NOT NULL))
    THEN
        PERFORM isp_guard_refuse('account_payment');
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION isp_guard_operation() RETURNS trigger AS $$
BEGIN
    IF isp_guard_maintenance('isp_operation ' || OLD.id) THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    PERFORM isp_guard_refuse('isp_operation');
    RETURN NULL;
END $$ LANGUAGE plpgsql;

DROP TRIGGER IF EXISTS isp_guard ON account_move;
CREATE TRIGGER isp_guard BEFORE UPDATE OR DELETE ON account_move
    FOR EACH ROW EXECUTE FUNCTION isp_guard_move();
DROP TRIGGER IF EXISTS isp_guard ON account_move_line;
CREATE TRIGGER isp_guard BEFORE INSERT OR UPDATE OR DELETE ON account_move_line
    FOR EACH ROW EXECUTE FUNCTION isp_guard_line();
DROP TRIGGER IF EXISTS isp_guard ON account_payment;
CREATE TRIGGER isp_guard BEFORE UPDATE OR DELETE ON account_payment
    FOR EACH ROW EXECUTE FUNCTION isp_guard_payment();
DROP TRIGGER IF EXISTS isp_guard ON isp_operation;
CREATE TRIGGER isp_guard BEFORE UPDATE OR DELETE ON isp_operation
    FOR EACH ROW EXECUTE FUNCTION isp_guard_operation();
