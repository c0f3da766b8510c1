-- Who may do what in the ledger. The whole truth: everything is taken away first. Applied anew when this text changes.
-- Roles belong to the server, so that another database of it may have made them; they log in where somebody lets them.
-- A new table is added here with a line for each role that needs more than to read it.

do $$
declare
    wanted text;
begin
    foreach wanted in array array['ap_planner', 'ap_worker', 'ap_service', 'ap_reader'] loop
        if to_regrole(wanted) is null then
            begin
                execute format('create role %I', wanted);
            exception when duplicate_object then null;  -- made meanwhile, over another database of the server
            end;
        end if;
    end loop;
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect on database %I to ap_planner, ap_worker, ap_service, ap_reader', current_database());
end $$;

revoke all on schema public from public;
grant usage on schema public to ap_planner, ap_worker, ap_service, ap_reader;
revoke all on all tables in schema public from public, ap_planner, ap_worker, ap_service, ap_reader;
revoke all on all sequences in schema public from public, ap_planner, ap_worker, ap_service, ap_reader;
revoke all on all functions in schema public from public;

-- everybody reads everything, but for the hashes of tokens
grant select on all tables in schema public to ap_planner, ap_worker, ap_service, ap_reader;
revoke select on access_token, access_token_revoked from ap_planner, ap_worker, ap_reader;

-- The planner records what is to be read and to be judged again, watches, and tells. It publishes nothing.
grant insert on pipeline, batch, batch_range, lost_range, contract, rework, rework_batch to ap_planner;
grant insert on outbox, alert_told, governance_fact to ap_planner;
grant insert, update on frontier, alert, alert_delivery, redriven to ap_planner;
grant insert, update, delete on standstill to ap_planner;
grant update (cleaned_at) on pipeline to ap_planner;  -- any column: without one, a row cannot be locked
grant update (state, ended_at) on rework to ap_planner;  -- an order for hours without data is done at once
grant update (delivered_at) on outbox to ap_planner;
grant usage on sequence outbox_id_seq to ap_planner;

-- A run lands, judges, writes and publishes; while its lease lasts, it plans too. It tells nobody and decides nothing.
grant insert on batch, batch_range, batch_run, lost_range, contract, manifest, rework, rework_batch, outbox to ap_worker;
grant insert, update on pipeline, frontier, watermark, frozen, redriven, dead_letter, accuracy, expired to ap_worker;
grant insert, update, delete on dirty, timer, failing, standstill, hour_so_far to ap_worker;
grant insert, delete on publication to ap_worker;  -- old cuts are forgotten
grant update (state, landed_rows) on batch to ap_worker;
grant update (state, ended_at, error, under_way, begun, failures) on rework to ap_worker;
grant update (done_at, changed, note) on rework_batch to ap_worker;
grant usage on sequence outbox_id_seq, publication_number_seq, dirty_mark to ap_worker;

-- The service gives ids, moves versions along, and keeps what people said of them. It sees whose token it is shown.
grant insert on schema_text, schema_version, governance_fact, outbox, access_fact to ap_service;
grant insert, update on schema_state, schema_setting to ap_service;
grant update on schema_change to ap_service;
grant usage on sequence outbox_id_seq to ap_service;

-- The reader reads, and what it refuses to show is kept.
grant insert on access_fact to ap_reader;
