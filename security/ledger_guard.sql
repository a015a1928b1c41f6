-- The database's own guard: what is posted on a contract is not changed by accident.
-- Columns are compared inside the functions, not in the triggers' definitions, so
-- that later upgrades may alter them. docs/operator.org tells of the exception:
-- SET LOCAL isp.maintenance = 'on' opens all of it, 'merge' lets accounts and payers be
-- replaced by those they were merged with; each row passed leaves a line in the log.

-- An older version's, with fewer arguments, would make calls ambiguous.
DROP FUNCTION IF EXISTS isp_guard_maintenance(text);
CREATE OR REPLACE FUNCTION isp_guard_maintenance(what text, mode text DEFAULT 'on')
RETURNS boolean AS $$
BEGIN
    IF current_setting('isp.maintenance', true) IN ('on', mode) THEN
        RAISE LOG 'isp.maintenance: % by %', what, session_user;
        RETURN true;
    END IF;
    RETURN false;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION isp_guard_is_ledger(move integer) RETURNS boolean AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM account_move
        WHERE id = move AND state = 'posted' AND isp_is_ledger);
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION isp_guard_refuse(tab text) RETURNS void AS $$
BEGIN
    RAISE EXCEPTION 'a posted document of a contract can''t be changed; enter a counter-entry'
        USING ERRCODE = 'check_violation', TABLE = tab, CONSTRAINT = tab || '_isp_immutable';
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION isp_guard_move() RETURNS trigger AS $$
BEGIN
    -- Only posting makes a posted document: it counts, checks and writes operations.
    IF TG_OP = 'INSERT' THEN
        IF NEW.state = 'posted' AND (NEW.isp_is_ledger OR NEW.isp_contract_id IS NOT NULL)
                AND NOT isp_guard_maintenance('new account_move ' || NEW.id) THEN
            PERFORM isp_guard_refuse('account_move');
        END IF;
        RETURN NEW;
    END IF;
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
        OR (OLD.invoice_date_due IS NOT NULL
            AND OLD.invoice_date_due IS DISTINCT FROM NEW.invoice_date_due)
        OR (OLD.origin_payment_id IS NOT NULL
            AND OLD.origin_payment_id IS DISTINCT FROM NEW.origin_payment_id)
        OR OLD.reversed_entry_id IS DISTINCT FROM NEW.reversed_entry_id
        OR (OLD.isp_kind IS NOT NULL AND OLD.isp_kind IS DISTINCT FROM NEW.isp_kind)
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
DECLARE
    is_changed boolean;
    is_merged boolean;
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
    IF OLD.parent_state IS DISTINCT FROM 'posted' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF (OLD.isp_contract_id IS NOT NULL OR isp_guard_is_ledger(OLD.move_id))
                AND NOT isp_guard_maintenance('account_move_line ' || OLD.id) THEN
            PERFORM isp_guard_refuse('account_move_line');
        END IF;
        RETURN OLD;
    END IF;
    -- The comparison comes first: most updates are Odoo's own, of residuals.
    is_changed := (OLD.parent_state, OLD.move_id, OLD.company_id, OLD.debit, OLD.credit, OLD.balance,
            OLD.amount_currency, OLD.currency_id, OLD.date, OLD.date_maturity,
            OLD.display_type, OLD.quantity, OLD.price_unit, OLD.discount,
            OLD.tax_line_id, OLD.tax_repartition_line_id, OLD.group_tax_id,
            OLD.tax_base_amount, OLD.isp_contract_id, OLD.isp_connection_id)
        IS DISTINCT FROM
        (NEW.parent_state, NEW.move_id, NEW.company_id, NEW.debit, NEW.credit, NEW.balance,
            NEW.amount_currency, NEW.currency_id, NEW.date, NEW.date_maturity,
            NEW.display_type, NEW.quantity, NEW.price_unit, NEW.discount,
            NEW.tax_line_id, NEW.tax_repartition_line_id, NEW.group_tax_id,
            NEW.tax_base_amount, NEW.isp_contract_id, NEW.isp_connection_id);
    is_merged := OLD.account_id IS DISTINCT FROM NEW.account_id;
    IF (is_changed OR is_merged)
        AND (OLD.isp_contract_id IS NOT NULL OR isp_guard_is_ledger(OLD.move_id))
        AND NOT isp_guard_maintenance('account_move_line ' || OLD.id,
            CASE WHEN is_changed THEN 'on' ELSE 'merge' END)
    THEN
        PERFORM isp_guard_refuse('account_move_line');
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;

-- Taxes and tax tags of a line stand in tables of their own.
CREATE OR REPLACE FUNCTION isp_guard_line_tax() RETURNS trigger AS $$
DECLARE
    line_ids integer[];
BEGIN
    line_ids := CASE TG_OP
        WHEN 'INSERT' THEN ARRAY[NEW.account_move_line_id]
        WHEN 'DELETE' THEN ARRAY[OLD.account_move_line_id]
        ELSE ARRAY[OLD.account_move_line_id, NEW.account_move_line_id] END;
    IF EXISTS (SELECT 1 FROM account_move_line line JOIN account_move move
                ON move.id = line.move_id
                WHERE line.id = ANY (line_ids) AND line.parent_state = 'posted'
                AND move.state = 'posted' AND move.isp_is_ledger)
            AND NOT isp_guard_maintenance(TG_TABLE_NAME || ' ' || line_ids[1]) THEN
        PERFORM isp_guard_refuse('account_move_line');
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$ LANGUAGE plpgsql;

-- Money crosses contracts by a transfer only. Matching anew within one is free, in a
-- closed period too: it moves no amount from one day or contract to another.
CREATE OR REPLACE FUNCTION isp_guard_match() RETURNS trigger AS $$
BEGIN
    IF (SELECT isp_contract_id FROM account_move_line WHERE id = NEW.debit_move_id)
            IS DISTINCT FROM
            (SELECT isp_contract_id FROM account_move_line WHERE id = NEW.credit_move_id)
            AND NOT isp_guard_maintenance('account_partial_reconcile ' || NEW.id) THEN
        PERFORM isp_guard_refuse('account_partial_reconcile');
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION isp_guard_payment() RETURNS trigger AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.isp_contract_id IS NOT NULL AND NEW.state IN ('in_process', 'paid')
                AND NOT isp_guard_maintenance('new account_payment ' || NEW.id) THEN
            PERFORM isp_guard_refuse('account_payment');
        END IF;
        RETURN NEW;
    END IF;
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
        OR (OLD.amount, OLD.date, OLD.currency_id, OLD.journal_id, OLD.company_id,
            OLD.payment_type, OLD.partner_type, OLD.isp_contract_id,
            OLD.isp_connection_id, OLD.isp_receipt_id, OLD.move_id)
        IS DISTINCT FROM
        (NEW.amount, NEW.date, NEW.currency_id, NEW.journal_id, NEW.company_id,
            NEW.payment_type, NEW.partner_type, NEW.isp_contract_id,
            NEW.isp_connection_id, NEW.isp_receipt_id, NEW.move_id)
    THEN
        PERFORM isp_guard_refuse('account_payment');
    END IF;
    IF OLD.partner_id IS DISTINCT FROM NEW.partner_id
            AND NOT isp_guard_maintenance('account_payment ' || OLD.id, 'merge') THEN
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

-- No row's trigger fires when a table is emptied at once.
CREATE OR REPLACE FUNCTION isp_guard_truncate() RETURNS trigger AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM isp_operation)
            AND NOT isp_guard_maintenance('truncate ' || TG_TABLE_NAME) THEN
        PERFORM isp_guard_refuse('isp_operation');
    END IF;
    RETURN NULL;
END $$ LANGUAGE plpgsql;

-- What is posted on a contract is dated in an open reporting period. The period stays
-- open until the commit: who closes it waits, or whoever posts starts again.
CREATE OR REPLACE FUNCTION isp_guard_period() RETURNS trigger AS $$
BEGIN
    IF NEW.state IS DISTINCT FROM 'posted'
            OR NOT (COALESCE(NEW.isp_is_ledger, false) OR NEW.isp_contract_id IS NOT NULL) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' OR OLD.state IS DISTINCT FROM 'posted' THEN
        PERFORM 1 FROM isp_period WHERE company_id = NEW.company_id AND state = 'closed'
            AND NEW.date BETWEEN date_start AND date_end FOR SHARE;
        IF FOUND AND NOT isp_guard_maintenance('account_move ' || NEW.id) THEN
            RAISE EXCEPTION 'the accounting date lies in a closed reporting period'
                USING ERRCODE = 'check_violation', TABLE = 'account_move',
                CONSTRAINT = 'account_move_isp_period_closed';
        END IF;
        RETURN NEW;
    END IF;
    -- The paper's date stays. A pair is hidden by its cancelling, within one period.
    IF (OLD.isp_document_date IS NOT NULL
            AND OLD.isp_document_date IS DISTINCT FROM NEW.isp_document_date)
        OR (COALESCE(OLD.isp_hidden, false) <> COALESCE(NEW.isp_hidden, false)
            AND (NEW.isp_hidden IS NOT TRUE OR NOT EXISTS (
                SELECT 1 FROM account_move other
                WHERE other.id IN (NEW.isp_revokes_id, NEW.isp_revoked_by_id)
                AND other.isp_period_id = NEW.isp_period_id)))
    THEN
        IF NOT isp_guard_maintenance('account_move ' || NEW.id) THEN
            PERFORM isp_guard_refuse('account_move');
        END IF;
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;

DROP TRIGGER IF EXISTS isp_guard_period ON account_move;
CREATE TRIGGER isp_guard_period BEFORE INSERT OR UPDATE ON account_move
    FOR EACH ROW EXECUTE FUNCTION isp_guard_period();
DROP TRIGGER IF EXISTS isp_guard ON account_move;
CREATE TRIGGER isp_guard BEFORE INSERT OR UPDATE OR DELETE ON account_move
    FOR EACH ROW EXECUTE FUNCTION isp_guard_move();
DROP TRIGGER IF EXISTS isp_guard ON account_move_line;
CREATE TRIGGER isp_guard BEFORE INSERT OR UPDATE OR DELETE ON account_move_line
    FOR EACH ROW EXECUTE FUNCTION isp_guard_line();
DROP TRIGGER IF EXISTS isp_guard ON account_payment;
CREATE TRIGGER isp_guard BEFORE INSERT OR UPDATE OR DELETE ON account_payment
    FOR EACH ROW EXECUTE FUNCTION isp_guard_payment();
DROP TRIGGER IF EXISTS isp_guard ON isp_operation;
CREATE TRIGGER isp_guard BEFORE UPDATE OR DELETE ON isp_operation
    FOR EACH ROW EXECUTE FUNCTION isp_guard_operation();
DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['account_move_line_account_tax_rel',
            'account_account_tag_account_move_line_rel'] LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS isp_guard ON %I', tab);
        EXECUTE format('CREATE TRIGGER isp_guard BEFORE INSERT OR UPDATE OR DELETE ON %I '
            'FOR EACH ROW EXECUTE FUNCTION isp_guard_line_tax()', tab);
    END LOOP;
    FOREACH tab IN ARRAY ARRAY['account_move', 'account_move_line', 'account_payment',
            'account_move_line_account_tax_rel', 'isp_operation',
            'account_account_tag_account_move_line_rel', 'account_partial_reconcile'] LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS isp_guard_truncate ON %I', tab);
        EXECUTE format('CREATE TRIGGER isp_guard_truncate BEFORE TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION isp_guard_truncate()', tab);
    END LOOP;
END $$;
DROP TRIGGER IF EXISTS isp_guard ON account_partial_reconcile;
CREATE TRIGGER isp_guard BEFORE INSERT OR UPDATE ON account_partial_reconcile
    FOR EACH ROW EXECUTE FUNCTION isp_guard_match();
