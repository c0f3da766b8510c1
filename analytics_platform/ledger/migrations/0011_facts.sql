-- What happened is added to and never changed, not by the owner either; beside it, what may change says which part.
-- `refuse_change` (0001) raises. Truncating is refused as well: it would pass the triggers of single rows.

create table alert_told (                       -- who was told what, when first: alert_delivery has only the last word
    key         text not null,
    destination text not null,
    revision    bigint not null,
    told_at     timestamptz not null,
    primary key (key, destination, revision)
);
insert into alert_told (key, destination, revision, told_at)
    select key, destination, revision, delivered_at from alert_delivery;

create trigger alert_told_is_a_fact before update or delete on alert_told
    for each row execute function refuse_change();
create trigger dismissal_is_a_fact before update or delete on dismissal
    for each row execute function refuse_change();

-- `ap ledger rebuild` drops what planners recorded after the ledger was lost, as its owner; nobody changes it
create trigger batch_range_is_a_fact before update on batch_range for each row execute function refuse_change();
create trigger batch_run_is_a_fact before update on batch_run for each row execute function refuse_change();
create trigger lost_range_is_a_fact before update on lost_range for each row execute function refuse_change();
-- old cuts are forgotten, none is changed
create trigger publication_is_a_fact before update on publication for each row execute function refuse_change();

create trigger batch_pins_are_facts before update on batch for each row
    when ((old.stream, old.number, old.hour, old.reader_schema_id, old.contract_digest, old.planned_at)
          is distinct from
          (new.stream, new.number, new.hour, new.reader_schema_id, new.contract_digest, new.planned_at))
    execute function refuse_change();
create trigger order_is_a_fact before update on rework for each row
    when ((old.id, old.pipeline, old.kind, old.requested_by, old.reason, old.assets, old.requested_at)
          is distinct from
          (new.id, new.pipeline, new.kind, new.requested_by, new.reason, new.assets, new.requested_at))
    execute function refuse_change();
create trigger order_stays before delete on rework for each row execute function refuse_change();
create trigger frozen_batch_is_a_fact before update on rework_batch for each row
    when ((old.id, old.stream, old.number) is distinct from (new.id, new.stream, new.number))
    execute function refuse_change();
create trigger frozen_batch_stays before delete on rework_batch for each row execute function refuse_change();
create trigger note_is_a_fact before update on outbox for each row
    when ((old.id, old.kind, old.key, old.body, old.created_at)
          is distinct from (new.id, new.kind, new.key, new.body, new.created_at))
    execute function refuse_change();
create trigger note_stays before delete on outbox for each row execute function refuse_change();

do $$
declare
    fact text;
begin
    foreach fact in array array[
        'manifest', 'contract', 'schema_text', 'schema_version', 'governance_fact', 'access_token',
        'access_token_revoked', 'alert_told', 'dismissal', 'batch', 'batch_range', 'batch_run', 'lost_range',
        'publication', 'rework', 'rework_batch', 'outbox'
    ] loop
        execute format('create trigger %s_is_kept before truncate on %I execute function refuse_change()', fact, fact);
    end loop;
end $$;
