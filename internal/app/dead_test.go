package app_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/app"
	"coremachine/internal/dev/sbfake"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/view"
)

// post sends a request and reads its answer.
func post(t *testing.T, address, text string, v any) int {
	t.Helper()

	code, body := ask(t, http.MethodPost, address, text)
	if err := json.Unmarshal([]byte(body), v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}

	return code
}

// TestDeadLettersOfServiceBusAreShownAndRedriven has the bus set a job's
// message aside again and again, until the sweep leaves it to a person.
func TestDeadLettersOfServiceBusAreShownAndRedriven(t *testing.T) {
	t.Parallel()

	broker := sbfake.New(sbfake.Options{Queues: []string{"jobs", "tasks", "long-tasks"}})
	t.Cleanup(broker.Close)

	address, err := broker.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	connection := sbfake.ConnectionString(address)
	database := pgtest.URL(t)
	base := serve(
		t,
		database,
		app.Options{Jobs: jobs.All, Handlers: handlers.All},
		"TRANSPORT",
		"servicebus",
		"SERVICEBUS",
		connection,
	)

	bus, err := servicebus.New(servicebus.Options{Connection: connection})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()

		_ = bus.Close(limit)
	})

	tasks, err := bus.Receiver(state.QueueTasks)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = tasks.Close() })

	exec := func(sql string) {
		t.Helper()

		conn, err := pgx.Connect(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()

		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	bury := func() {
		t.Helper()

		limit, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()

		got, err := tasks.Receive(limit, 1)
		if err != nil || len(got) != 1 {
			t.Fatalf("received %d, %v", len(got), err)
		}

		if err := tasks.DeadLetter(limit, got[0], "broken"); err != nil {
			t.Fatal(err)
		}
	}

	var sub struct {
		JobID string `json:"job_id"`
	}
	if code := post(t, base+"/api/jobs/submit/hello_world", `{"n":1}`, &sub); code != http.StatusAccepted {
		t.Fatalf("submitted: %d", code)
	}

	bury()

	var swept struct {
		Found state.SweepFound `json:"found"`
		Error string           `json:"error"`
	}
	if code := post(
		t,
		base+"/api/sweeps",
		"",
		&swept,
	); code != http.StatusOK || swept.Found.Collected != 1 || swept.Found.Dead != 1 ||
		swept.Error != "" {
		t.Fatalf("a sweep answers %d %+v, want one dead letter collected and redriven", code, swept)
	}

	exec(`update messages set redrives = 3, due_at = now()`) // the sweep has redriven it often, and it is due
	bury()

	if code := post(t, base+"/api/sweeps", "", &swept); code != http.StatusOK || swept.Found.Collected != 1 ||
		swept.Found.Dead != 0 {
		t.Fatalf(
			"a later sweep answers %d %+v, want one dead letter collected and left to a person",
			code,
			swept,
		)
	}

	if left, err := bus.Peek(t.Context(), state.QueueTasks, 10); err != nil || len(left) != 0 {
		t.Errorf("the bus still holds %+v, %v", left, err)
	}

	var page struct {
		Items []view.DeadView `json:"items"`
	}
	if _, body := get(
		t,
		base+"/api/queues/tasks/dead",
	); json.Unmarshal([]byte(body), &page) != nil || len(page.Items) != 1 ||
		page.Items[0].Reason != "broken" || !page.Items[0].Wanted || page.Items[0].JobID.String() != sub.JobID ||
		page.Items[0].Count != 1 {
		t.Errorf("the dead letters are %+v", page)
	}

	var redriven struct{ Redriven, Dropped int }
	if code := post(
		t,
		base+"/api/queues/tasks/redrive?reason=broken",
		"",
		&redriven,
	); code != http.StatusOK || redriven.Redriven != 1 ||
		redriven.Dropped != 0 {
		t.Errorf("the redrive answers %d %+v", code, redriven)
	}

	bury()

	if code := post(t, base+"/api/queues/tasks/redrive", "", &redriven); code != http.StatusOK ||
		redriven.Redriven != 1 {
		t.Errorf("a redrive before any sweep answers %d %+v", code, redriven)
	}

	bury() // it came again
}
