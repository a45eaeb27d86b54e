package submitter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/client"
	"coremachine/internal/handlers"
	"coremachine/internal/state"
	"coremachine/internal/submitter"
	"coremachine/internal/test/worktest"
)

// TestRejectedSubmitLeavesTheTransactionUsable makes each error that is found
// before a row is written.
func TestRejectedSubmitLeavesTheTransactionUsable(t *testing.T) {
	t.Parallel()

	p := start(t)

	p.inTx(func(tx pgx.Tx) bool {
		for _, c := range []struct {
			name   string
			job    string
			params any
			opts   []client.SubmitOption
			want   state.Code
			field  string
		}{
			{"type", "tile", nil, nil, state.CodeUnknownJobType, ""},
			{"field", "tiles", map[string]int{"n": -1}, nil, state.CodeInvalid, "n"},
			{"unknown field", "tiles", map[string]int{"m": 1}, nil, state.CodeInvalid, "m"},
			{"encoding", "tiles", func() {}, nil, state.CodeInvalid, ""},
			{
				"two starts",
				"tiles",
				nil,
				[]client.SubmitOption{client.Delay(time.Hour), client.StartAt(time.Now())},
				state.CodeInvalid,
				"delay",
			},
			{
				"late start",
				"tiles",
				nil,
				[]client.SubmitOption{client.Delay(9000 * time.Hour)},
				state.CodeInvalid,
				"delay",
			},
		} {
			_, err := p.SubmitTx(t.Context(), tx, c.job, c.params, c.opts...)
			if client.CodeOf(err) != c.want {
				t.Errorf("%s: %v, want the code %s", c.name, err, c.want)
			}

			if fields := client.FieldsOf(err); c.field != "" && (len(fields) != 1 || fields[0].Field != c.field) {
				t.Errorf("%s: the error names %+v", c.name, fields)
			}
		}

		_, err := p.SubmitTx(t.Context(), tx, "tiles", nil)

		return err == nil
	})

	worktest.MustCount(t, p.engine, 1, `select count(*) from jobs`)
}

// TestSubmitTxRequiresTheSchemaOfThisBuild tries a schema without tables, and one
// that is older.
func TestSubmitTxRequiresTheSchemaOfThisBuild(t *testing.T) {
	t.Parallel()

	p := start(t)

	lost, err := submitter.New(jobs, worktest.HandlersOf(worktest.Echo), "no such schema")
	if err != nil {
		t.Fatal(err)
	}

	p.inTx(func(tx pgx.Tx) bool {
		_, err := lost.SubmitTx(t.Context(), tx, "tiles", nil)
		if client.CodeOf(err) != state.CodeUnavailable || !strings.Contains(err.Error(), `"no such schema"`) {
			t.Errorf("got %v", err)
		}

		_, err = tx.Exec(t.Context(), `select 1`)
		if err != nil {
			t.Errorf("the transaction cannot continue: %v", err)
		}

		return true
	})

	_, err = p.engine.Pool().Exec(t.Context(), `delete from coremachine_schema_version where version_id > 1`)
	if err != nil {
		t.Fatal(err)
	}

	p.inTx(func(tx pgx.Tx) bool {
		_, err := p.SubmitTx(t.Context(), tx, "tiles", nil)
		if client.CodeOf(err) != state.CodeUnavailable ||
			!strings.Contains(err.Error(), "at version 1 and this build needs") {
			t.Errorf("got %v", err)
		}

		return true
	})

	worktest.MustCount(t, p.engine, 0, `select count(*) from jobs`)
}

// TestSubmitTxUsesTheQueueOfTheHandler submits a job whose tasks are long.
func TestSubmitTxUsesTheQueueOfTheHandler(t *testing.T) {
	t.Parallel()

	p := start(t, handlers.Long())

	id, _ := p.submit(3, client.Delay(time.Hour))
	worktest.MustCount(t, p.engine, 3, `select count(*) from stages where job_id = $1 and queue = $2`,
		id[:], int(state.QueueLongTasks))
}

// TestNewListsWhatIsWrong builds a Submitter of jobs without handlers.
func TestNewListsWhatIsWrong(t *testing.T) {
	t.Parallel()

	if _, err := submitter.New(jobs, nil, ""); client.CodeOf(err) != state.CodeInvalid {
		t.Errorf("got %v", err)
	}
}
