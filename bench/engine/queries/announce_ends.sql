-- Announces the end of each job on a channel that is named after the schema.
create function announce_end() returns trigger language plpgsql as $$
begin
  perform pg_notify(current_schema(), encode(new.job_id, 'hex'));
  return null;
end $$;

create trigger announce_end
after update of finished_at on jobs
for each row when (old.finished_at is null and new.finished_at is not null)
execute function announce_end();
