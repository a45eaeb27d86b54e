package repo_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
)

// What one statement of a deletion may delete.
const (
	deletedRows  = 10_000
	deletedBytes = 64 << 20
)

// pastRows is a past generation of a stage: in each table more bytes than one
// statement may delete, and more tasks. The values are compressed once and then
// copied.
const pastRows = `
create table sample (large bytea, input bytea, stack text);
insert into sample
  values (
    convert_to(repeat('7', 1048576), 'utf8'), convert_to(repeat('7', 65536), 'utf8'), repeat('x', 16384)
  );
insert into tasks (job_id, stage, gen, index, status, attempt, result, finished_at)
  select job_id, 0, 1, i, 'completed', 1, large, now() from jobs, sample, generate_series(0, 69) i;
insert into tasks (job_id, stage, gen, index, input)
  select job_id, 0, 1, i, input from jobs, sample, generate_series(100, 1199) i;
insert into tasks (job_id, stage, gen, index)
  select job_id, 0, 1, i from jobs, generate_series(2000, 13999) i;
insert into result_parts
  select job_id, 0, 1, i, 1, 0, large from jobs, sample, generate_series(0, 69) i;
insert into attempts (job_id, stage, gen, index, attempt, outcome, error, stack)
  select job_id, 0, 1, i, 1, 'panic', 'x', stack from jobs, sample, generate_series(0, 4199) i;
insert into task_logs (job_id, stage, gen, index, incarnation, attempt, lines)
  select job_id, 0, 1, i, incarnation, 1, input from jobs, sample, generate_series(0, 1199) i;`

// pastSizes returns what is left in the tables of pastRows.
const pastSizes = `
select sum(n)::int, coalesce(sum(bytes), 0)::int from (
  select count(*) as n, sum(coalesce(octet_length(input), 0) + coalesce(octet_length(result), 0)) as bytes
  from tasks
  union all
  select count(*), sum(octet_length(data)) from result_parts
  union all
  select count(*), sum(octet_length(error) + octet_length(stack)) from attempts
  union all
  select count(*), sum(octet_length(lines)) from task_logs
) x`

// TestDeletionsAreBoundedByRowsAndBytes deletes a job, and a past generation of
// one, statement by statement.
func TestDeletionsAreBoundedByRowsAndBytes(t *testing.T) {
	t.Parallel()

	for name, next := range map[string]func(*testing.T, *repo.Repo, state.JobID) func() (int, bool, error){
		"Purge": func(t *testing.T, r *repo.Repo, id state.JobID) func() (int, bool, error) {
			t.Helper()

			incarnation, landed, err := r.PurgeMark(t.Context(), id)
			if err != nil || !landed {
				t.Fatal(landed, err)
			}

			return func() (int, bool, error) {
				return r.Purge(t.Context(), state.JobRef{JobID: id, Incarnation: incarnation})
			}
		},
		"Superseded": func(t *testing.T, r *repo.Repo, id state.JobID) func() (int, bool, error) {
			t.Helper()

			return func() (int, bool, error) {
				return r.PurgeSuperseded(t.Context(), state.StageRef{JobID: id, Gen: 2})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			pool := pgtest.Schema(t)
			id := rows.Insert(t, pool, rows.Job{
				Status: state.JobFailed,
				Error:  `{"code":"permanent"}`,
				Stages: []rows.Stage{{Name: "many", Status: state.StageFailed, Gen: 2}},
			})
			exec(t, pool, pastRows)

			one := next(t, repo.New(pool), id)
			left, bytes := past(t, pool)

			for done := false; !done; {
				var (
					n   int
					err error
				)

				n, done, err = one()
				if err != nil {
					t.Fatal(err)
				}

				now, size := past(t, pool)
				if left-now > deletedRows || bytes-size > deletedBytes {
					t.Errorf(
						"a statement deleted %d rows of %d bytes, want at most %d and %d",
						left-now, bytes-size, deletedRows, deletedBytes,
					)
				}

				if n != left-now && !done {
					t.Errorf("it reported %d rows and deleted %d", n, left-now)
				}

				left, bytes = now, size
			}

			if left != 0 {
				t.Errorf("%d rows are left", left)
			}
		})
	}
}

func past(t *testing.T, pool *pgxpool.Pool) (n, bytes int) {
	t.Helper()

	if err := pool.QueryRow(t.Context(), pastSizes).Scan(&n, &bytes); err != nil {
		t.Fatal(err)
	}

	return n, bytes
}
