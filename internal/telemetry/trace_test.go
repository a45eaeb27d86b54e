package telemetry_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/telemetry"
	"coremachine/internal/view"
)

// newTelemetry returns the telemetry of a process without a receiver.
func newTelemetry(t testing.TB) *telemetry.Telemetry {
	t.Helper()

	tel, err := telemetry.Open(
		t.Context(),
		telemetry.Options{Service: "tests", Log: slog.New(slog.DiscardHandler)},
	)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := tel.Close(t.Context()); err != nil {
			t.Log(err) // the test's context has ended
		}
	})

	return tel
}

// BenchmarkAttempt measures the cost of telemetry for a task in a process that
// does not export.
func BenchmarkAttempt(b *testing.B) {
	tel := newTelemetry(b)
	h := &state.ClaimedMessage{TaskType: "t", Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	from := time.Now()
	to := from.Add(time.Millisecond)

	b.ReportAllocs()

	for b.Loop() {
		ctx := tel.Began(b.Context(), h, 1, from)
		tel.Ended(ctx, h, 1, from, to, state.TaskCompleted, "")
	}
}

func TestAttemptsAreCountedByOutcome(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)

	h, now := &state.ClaimedMessage{TaskType: "measure"}, time.Now()
	for _, end := range []struct {
		status state.TaskStatus
		code   state.Code
	}{
		{state.TaskCompleted, ""},
		{state.TaskCompleted, ""},
		{state.TaskQueued, state.CodeTimeout},
		{state.TaskFailed, state.CodePermanent},
		{state.TaskQueued, state.CodeUnavailable},
	} {
		tel.Ended(
			tel.Began(t.Context(), h, 0, now),
			h,
			0,
			now,
			now.Add(70*time.Millisecond),
			end.status,
			end.code,
		)
	}

	w := httptest.NewRecorder()
	tel.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))

	for _, want := range []string{
		`coremachine_task_attempts_total{code="",status="completed",task_type="measure"} 2`,
		`coremachine_task_attempts_total{code="timeout",status="retried",task_type="measure"} 1`,
		`coremachine_task_attempts_total{code="permanent",status="failed",task_type="measure"} 1`,
		`coremachine_task_attempts_total{code="unavailable",status="cut_off",task_type="measure"} 1`,
		`coremachine_task_duration_seconds_bucket{task_type="measure",le="0.025"} 0`,
		`coremachine_task_duration_seconds_bucket{task_type="measure",le="0.1"} 5`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the metrics do not contain %s", want)
		}
	}
}

// TestEndedJobDescribesLatestRun covers a job whose second stage ran again in a
// retry, and which was then submitted again.
func TestEndedJobDescribesLatestRun(t *testing.T) {
	t.Parallel()

	at := func(s int) *time.Time { v := time.Unix(int64(1000+s), 0); return &v }

	job := view.EndedJob{
		Attempt:    2,
		CreatedAt:  *at(0),
		StartedAt:  at(52),
		FinishedAt: at(60),
		Stages: []view.EndedStage{
			{Stage: 0, StartedAt: at(1), FinishedAt: at(10)},
			{Stage: 1, StartedAt: at(50), FinishedAt: at(60)},
			{Stage: 2},
		},
	}
	if got := job.Began(); !got.Equal(*at(50)) {
		t.Errorf("the second run began at %v, want %v", got, *at(50))
	}

	for i, want := range []bool{false, true, false} {
		if got := job.Ran(job.Stages[i]); got != want {
			t.Errorf("stage %d ran: got %v, want %v", i, got, want)
		}
	}

	job.Attempt = 1
	if got := job.Began(); !got.Equal(*at(0)) || !job.Ran(job.Stages[0]) {
		t.Errorf("the first run began at %v, want %v", got, *at(0))
	}
}
