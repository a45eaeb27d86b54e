package repo

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// CallerTx submits jobs in a transaction that the caller began, and commits or
// rolls back. Its statements name the schema of each table, so that the
// search_path of the caller does not matter. They change no setting. An error of
// a statement aborts the transaction, as in any transaction.
type CallerTx struct {
	tx     pgx.Tx
	schema string
}

// InTx uses a transaction of the caller. schema is the schema of the tables of
// the engine.
func InTx(callerTx pgx.Tx, schema string) CallerTx { return CallerTx{tx: callerTx, schema: schema} }

func (c CallerTx) begin() tx {
	return tx{&txState{repo: &Repo{}, conn: c.tx, schema: c.schema}}
}

// CheckSchema is CheckSchema for the schema. If it has no tables of the engine,
// the error has CodeUnavailable, and the transaction can continue.
func (c CallerTx) CheckSchema(ctx context.Context) error {
	const op = "repo.CheckSchema"

	table := pgx.Identifier{c.schema, versionTable}.Sanitize()

	found, err := value[bool](ctx, c, op, "table_exists", namedArgs{"name": table})
	if err != nil {
		return err
	}

	if !found {
		return state.Errorf(state.CodeUnavailable, op,
			"the schema %q does not contain the tables of coremachine: run `corectl migrate`, or name another schema",
			c.schema)
	}

	version, err := value[int64](ctx, c, op, "schema_version", nil)
	if err != nil {
		return err
	}

	return Fits(version)
}

// Now returns the time of the database.
func (c CallerTx) Now(ctx context.Context) (time.Time, error) {
	now, err := value[time.Time](ctx, c, "repo.Now", "database_time", nil)
	return now.UTC(), err
}

// Submit makes a job with its stages and its first work, unless it is there. The
// limit of open jobs does not apply: its lock would be held until the caller's
// transaction ends, and no other program could submit a job.
func (c CallerTx) Submit(ctx context.Context, g state.JobSpec) (state.SubmitOutcome, error) {
	const op = "repo.Submit"

	var effects state.TransitionEffects

	t := c.begin()

	outcomes, _, err := t.insertJobs(ctx, []state.JobSpec{g}, 0, &effects)
	if err != nil {
		return 0, failure(op, err)
	}

	if err := t.sendAll(ctx); err != nil {
		return 0, failure(op, err)
	}

	return outcomes[0], nil
}

// Rerun is Repo.Rerun without a limit.
func (c CallerTx) Rerun(
	ctx context.Context, g state.JobSpec, from []state.JobStatus,
) (attempt int, landed bool, err error) {
	const op = "repo.Rerun"

	t := c.begin()

	attempt, landed, _, err = t.rerun(ctx, g, from, 0)
	if err != nil {
		return 0, false, failure(op, err)
	}

	if err := t.sendAll(ctx); err != nil {
		return 0, false, failure(op, err)
	}

	return attempt, landed, nil
}

// JobState is Repo.JobState.
func (c CallerTx) JobState(ctx context.Context, id state.JobID) (state.JobState, error) {
	rows, err := c.begin().query(ctx, "job_state", namedArgs{"job_id": id[:]})

	return jobState(id, rows, err)
}

// Touch is Repo.Touch.
func (c CallerTx) Touch(ctx context.Context, id state.JobID) (landed bool, err error) {
	n, err := c.begin().exec(ctx, "touch_job", namedArgs{"job_id": id[:]})
	if err != nil {
		return false, failure("repo.Touch", err)
	}

	return n > 0, nil
}

// value reads the single value of a statement.
func value[T any](ctx context.Context, c CallerTx, op, name string, args namedArgs) (v T, err error) {
	rows, err := c.begin().query(ctx, name, args)
	if err != nil {
		return v, failure(op, err)
	}

	if v, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[T]); err != nil {
		return v, failure(op, err)
	}

	return v, nil
}

// unqualified finds the names of tables and types in the statements of a
// CallerTx. A test prepares these statements without a search_path.
var unqualified = regexp.MustCompile(
	`(\b(?:from|join|into|update)\s+|::)` +
		`(jobs|stages|messages|events|trend_counts|coremachine_schema_version|job_status|stage_status)\b`)

// qualified returns a statement whose tables and types have the schema. With an
// empty schema it returns the statement as it is.
func qualified(schema, name string) string {
	if schema == "" {
		return statement(name)
	}

	key := schema + "\x00" + name
	if known, ok := statements.Load(key); ok {
		s, _ := known.(string)
		return s
	}

	prefix := strings.ReplaceAll(pgx.Identifier{schema}.Sanitize(), "$", "$$")
	s := unqualified.ReplaceAllString(statement(name), "${1}"+prefix+".${2}")
	statements.Store(key, s)

	return s
}
