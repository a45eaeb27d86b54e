package repo_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
)

// TestAPageOfAMillionTasksTouchesAPage reads the first tasks of a stage that
// has a million, and has the server count the rows of each step.
func TestAPageOfAMillionTasksTouchesAPage(t *testing.T) {
	t.Parallel()

	const page, held = 100, 8

	pool := pgtest.Schema(t)

	id := rows.Insert(
		t,
		pool,
		rows.Job{Type: "wide", Params: `{"n":1}`, Status: state.JobRunning, Stages: []rows.Stage{
			{
				Name:       "work",
				TaskType:   string(fixtures.Number),
				Planned:    1_000_000,
				Dispatched: 10_000,
				Completed:  page / 2,
			},
		}},
	)
	for i := range held {
		rows.InsertMessage(
			t,
			pool,
			id,
			rows.Message{Kind: state.KindTasks, First: page/2 + 200*i, Count: 200},
		)
	}

	exec(
		t,
		pool,
		`insert into workers (worker_id, lease_until, build, host, pid)
		values (gen_random_uuid(), now() + interval '1 hour', '', '', 1)`,
	)
	exec(
		t,
		pool,
		`update messages set attempt = 1, claimed_at = now(), worker_id = (select worker_id from workers)`,
	)

	text, err := os.ReadFile("queries/read_tasks_range.sql")
	if err != nil {
		t.Fatal(err)
	}

	var explained string

	err = pool.QueryRow(t.Context(), "explain (analyze, timing off, format json) "+string(text), pgx.StrictNamedArgs{
		"job_id":      id[:],
		"stage":       0,
		"gen":         1,
		"after":       -1,
		"until":       999_999,
		"most":        page,
		"status":      "",
		"result_most": 1000,
	}).
		Scan(&explained)
	if err != nil {
		t.Fatal(err)
	}

	var plans []planned
	if err := json.Unmarshal([]byte(explained), &plans); err != nil {
		t.Fatal(err)
	}

	if got := plans[0].Plan.Rows; got != page {
		t.Errorf("%.0f tasks on the page", got)
	}

	if most, at := largest(&plans[0].Plan); most > page*held {
		t.Errorf("a %s has %.0f rows\n%s", at, most, explained)
	}
}

// largest is how many rows the step with most of them made or threw away.
func largest(n *node) (most float64, at string) {
	most, at = (n.Rows+n.ByFilter+n.ByJoin+n.ByRecheck)*n.Loops, n.Type
	for i := range n.Plans {
		if rows, below := largest(&n.Plans[i]); rows > most {
			most, at = rows, below
		}
	}

	return most, at
}
