-- +goose Up

-- Additive: the build before this one ignores the table. A job that it deletes
-- takes its terms along, because they refer to the job.

-- What jobs are found by: their tags, and the parameters that their types
-- declare as searchable. It is a narrow table of its own, so that a job without
-- terms costs nothing, and so that an index can have the order of the list.
-- Rows are written under the row lock of the job.
create table job_terms (
  job_id     bytea not null references jobs on delete cascade,
  -- tag.NAME or param.PATH.
  term       text collate "C" not null check (
    term ~ '^(tag|param)\.[[:graph:]]+$' and octet_length(term) <= 200
  ),
  value      text collate "C" not null check (char_length(value) between 1 and 200),
  -- Equal to jobs.created_at, which never changes.
  created_at timestamptz not null,

  primary key (job_id, term)
);

-- A page of a list that is filtered by a term is a scan of this index.
create index job_terms_list on job_terms (term, value, created_at desc, job_id);

-- +goose Down
drop table job_terms;
