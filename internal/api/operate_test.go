package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/api"
	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

func TestSweepsRunAndAreListed(t *testing.T) {
	t.Parallel()

	var s *server

	fail := error(nil)
	s = start(t, fakeEngine{sweep: func(ctx context.Context) (r coremachine.SweepReport, err error) {
		if fail != nil {
			return r, fail
		}

		err = s.pool.QueryRow(ctx, `insert into sweeps (ended_at, found, error) values (now(), '{"lost":2,`+
			`"dead":0}', 'pq: hunter2') returning sweep_id`).
			Scan(&r.SweepID)

		return r, errors.Join(err, errors.New("hunter2"))
	}})

	for range 3 {
		var one view.SweepView

		got := s.call(http.MethodPost, "/sweeps", nil).must(200).into(&one)
		if string(one.Found) != `{"lost":2,"dead":0}` || one.Error == "" ||
			strings.Contains(string(got.Body), "hunter2") {
			t.Errorf("got sweep %s", got.Body)
		}
	}

	for _, query := range []string{
		"?limit=2",
		"?limit=1&cursor=" + *get[page[view.SweepView]](s, "/sweeps?limit=1").NextCursor,
	} {
		got := get[struct {
			NextDue *time.Time `json:"next_due"`
		}](s, "/sweeps"+query)
		if got.NextDue == nil || got.NextDue.Second() != 0 || time.Until(*got.NextDue) < -time.Minute ||
			time.Until(*got.NextDue) > time.Minute {
			t.Errorf("%s: the next sweep is due at %v", query, got.NextDue)
		}
	}

	if all := pages[view.SweepView](s, "/sweeps?limit=2"); len(all) != 3 ||
		all[0].SweepID <= all[2].SweepID {
		t.Errorf("got sweeps %+v", all)
	}

	fail = state.Errorf(state.CodeUnavailable, "x", "The database is away.")

	s.call(http.MethodPost, "/sweeps", nil).problem(503)

	fail = nil

	s.call(http.MethodPost, "/sweeps?dry_run=true", nil).problem(400)
}

// deadLetters is a transport that calls a function to redrive.
type deadLetters func(q state.Queue, reason string, limit int) (int, error)

func (d deadLetters) RedriveOnly(_ context.Context, q state.Queue, ids []int64) (int, error) {
	return d(q, fmt.Sprint("only", len(ids)), len(ids))
}

func (d deadLetters) Redrive(_ context.Context, q state.Queue, reason string, limit int) (int, error) {
	return d(q, reason, limit)
}

func TestQueuesAndTheirDeadLetters(t *testing.T) {
	t.Parallel()

	var asked []string

	s := start(t, fakeEngine{}, func(o *api.Options) {
		o.Dead = deadLetters(func(q state.Queue, reason string, limit int) (int, error) {
			asked = append(asked, fmt.Sprint(q, reason, limit))
			return 3, nil
		})
	})

	id := rows.Insert(t, s.pool, running())
	for i := range 3 {
		rows.InsertMessage(t, s.pool, id, rows.Message{First: 5 + i, Dead: "because", Gen: 1 + i/2})
	}

	queues := get[page[view.QueueView]](s, "/queues").Items
	if diff := cmp.Diff(
		[]view.QueueView{{Queue: "jobs"}, {Queue: "tasks", Dead: 3}, {Queue: "long-tasks"}},
		queues,
	); diff != "" {
		t.Error(diff)
	}

	dead := pages[view.DeadView](s, "/queues/tasks/dead?limit=2")
	if len(dead) != 3 || !dead[0].Wanted || dead[2].Wanted || dead[0].Reason != "because" {
		t.Errorf("got dead letters %+v", dead)
	}

	type counts struct{ Redriven, Dropped int }

	redrive := func(path string) (c counts) {
		s.call(http.MethodPost, path, nil).must(200).into(&c)
		return c
	}
	if got := redrive("/queues/tasks/redrive?dry_run=true"); got != (counts{2, 1}) || asked != nil {
		t.Errorf("dry run: got %+v, redrives %q", got, asked)
	}

	if got := redrive("/queues/tasks/redrive?reason=other&dry_run=true"); got != (counts{}) {
		t.Errorf("another reason: got %+v", got)
	}

	if got := redrive("/queues/tasks/redrive?reason=because"); got != (counts{2, 1}) || len(asked) != 1 ||
		asked[0] != "tasksbecause10000" && asked[0] != "tasks because 10000" {
		t.Errorf("redrive: got %+v, redrives %q", got, asked)
	}

	only := fmt.Sprintf("/queues/tasks/redrive?message_id=%d,%d", dead[0].MessageID, dead[2].MessageID)
	if got := redrive(only + "&dry_run=true"); got != (counts{1, 1}) {
		t.Errorf("dry run of two: got %+v", got)
	}

	if got := redrive(only); got != (counts{2, 1}) || len(asked) != 2 ||
		!strings.Contains(asked[1], "only2") {
		t.Errorf("redrive of two: got %+v, redrives %q", got, asked)
	}

	if got := pages[view.DeadView](s, "/queues/tasks/dead?reason=other&limit=1"); len(got) != 0 {
		t.Errorf("another reason: got %+v", got)
	}

	reasons := get[page[view.DeadReason]](s, "/queues/tasks/dead/reasons").Items
	if len(reasons) != 1 || reasons[0].Reason != "because" || reasons[0].Wanted != 2 ||
		reasons[0].Unwanted != 1 {
		t.Errorf("got reasons %+v", reasons)
	}

	for path, want := range map[string]string{
		"?message_id=0": "message_id", "?message_id=1,x": "message_id", "?message_id=1&reason=because": "message_id",
		"?message_id=1" + strings.Repeat("&message_id=1", 500): "message_id",
	} {
		if p := s.call(http.MethodPost, "/queues/tasks/redrive"+path, nil).
			problem(400); len(p.Errors) != 1 ||
			p.Errors[0].Field != want {
			t.Errorf("%s: invalid parameters: %+v", path, p.Errors)
		}
	}

	s.call(http.MethodGet, "/queues/nope/dead/reasons", nil).problem(404)

	p := s.call(http.MethodGet, "/queues/nope/dead", nil).problem(404)
	if p.Detail != "unknown queue: nope. Available: [jobs tasks long-tasks]" {
		t.Errorf("unknown queue: got %+v", p)
	}

	s.call(http.MethodPost, "/queues/nope/redrive", nil).problem(404)
	s.call(http.MethodPost, "/queues/tasks/redrive", nil, "Sec-Fetch-Site", "cross-site").problem(403)
}

func TestHealthIsBoundedAndContainsNoSecrets(t *testing.T) {
	t.Parallel()

	hang := make(chan struct{})

	t.Cleanup(func() { close(hang) })

	var (
		problems []string
		failing  error
		begun    atomic.Int32
	)

	s := start(t, fakeEngine{}, func(o *api.Options) {
		o.Health = api.Health{
			Version:  "v1",
			Handlers: []string{"h"},
			Within:   50_000_000,
			Ready:    func() []string { return problems },
			Checks: []api.Check{
				{
					Name: "database",
					Run:  func(context.Context) (any, error) { return map[string]int{"schema": 3}, failing },
				},
				{Name: "unresponsive", Optional: true, Run: func(context.Context) (any, error) {
					begun.Add(1)
					<-hang

					return nil, nil //nolint:nilnil // the check hangs
				}},
			},
		}
	})

	type body struct {
		Status, Version          string
		Jobs, Handlers, Problems []string
		Checks                   map[string]struct {
			Status, Message string
			Detail          any
		}
	}

	read := func(status int) (b body) {
		t.Helper()

		got := s.call(http.MethodGet, "/health", nil).must(status).into(&b)
		if strings.Contains(string(got.Body), "hunter2") {
			t.Errorf("health exposes internals: %s", got.Body)
		}

		return b
	}

	b := read(200)
	if b.Status != "degraded" || b.Checks["unresponsive"].Status != "timeout" ||
		b.Checks["database"].Status != "ok" ||
		b.Jobs[0] != "hello_world" ||
		b.Handlers[0] != "h" {
		t.Errorf("got health %+v", b)
	}

	if b = read(200); b.Checks["unresponsive"].Message != "timeout" || begun.Load() != 1 {
		t.Errorf("a hanging check was started %d times: %+v", begun.Load(), b)
	}

	failing = errors.New("hunter2")

	if b = read(503); b.Status != "unavailable" ||
		b.Checks["database"].Message != "the check failed: see the log" {
		t.Errorf("got health %+v", b)
	}

	failing = state.Wrap(state.CodeUnavailable, "x", "the schema is old", errors.New("hunter2"))

	if b = read(503); b.Checks["database"].Message != "the schema is old" {
		t.Errorf("got health %+v", b)
	}

	s.call(http.MethodGet, "/readyz", nil).must(200)

	failing, problems = nil, []string{"a", "b"}

	if b = read(503); len(b.Problems) != 2 {
		t.Errorf("got health %+v", b)
	}

	s.call(http.MethodGet, "/readyz", nil).must(503)
	s.call(http.MethodGet, "/livez", nil).must(200)
}

// TestConcurrentHealthRequestsShareChecks sends a second request while the
// check of the first one runs, and then many requests one after another.
func TestConcurrentHealthRequestsShareChecks(t *testing.T) {
	t.Parallel()

	entered, release := make(chan struct{}), make(chan struct{})

	var looks, runs atomic.Int32

	s := start(t, fakeEngine{}, func(o *api.Options) {
		o.Health = api.Health{Within: time.Minute, Checks: []api.Check{
			{Name: "slow", Run: func(context.Context) (any, error) {
				if runs.Add(1) == 1 {
					close(entered)
					<-release
				}

				return 1, nil
			}},
			{Name: "seen", Run: func(context.Context) (any, error) {
				if looks.Add(1) == 2 {
					close(release)
				}

				return 1, nil
			}},
		}}
	})

	var both sync.WaitGroup

	look := func() {
		var b api.HealthView
		if s.call(http.MethodGet, "/health", nil).
			must(200).
			into(&b); b.Status != "ok" ||
			b.Checks["slow"].Status != "ok" {
			t.Errorf("got health %+v", b)
		}
	}
	both.Go(look)
	<-entered
	both.Go(look)
	both.Wait()

	for range 100 {
		look()
	}
}
