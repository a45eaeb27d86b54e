-- +goose Up

-- Additive: the build before this one ignores the new columns. A stage of which
-- it records the first ends has no first claim, or a later one, and views show
-- that it did not wait.

-- Appends a run of a stage to its earlier ones, of which the last ten are kept.
-- A run in which nothing was claimed is left out.
create function append_run(runs json, claimed_at timestamptz, ended_at timestamptz) returns json
language sql stable parallel safe
return case
  when claimed_at is null or ended_at is null then runs
  else (
    select json_agg(k.run order by k.n)
    from (
      select a.run, a.n
      from (
        select e.run, e.n
        from json_array_elements(runs) with ordinality as e (run, n)
        union all
        select
          json_build_object('first_claimed_at', claimed_at, 'finished_at', ended_at),
          json_array_length(runs) + 1
      ) a
      order by a.n desc
      limit 10
    ) k
  )
end;

alter table stages
  -- When a worker claimed the first of its tasks, of those whose attempt has
  -- ended. With started_at it divides a duration into waiting and running.
  add column first_claimed_at timestamptz,
  -- The runs before a retry.
  add column earlier_runs     json not null default '[]';

-- +goose Down
alter table stages drop column earlier_runs, drop column first_claimed_at;
drop function append_run;
