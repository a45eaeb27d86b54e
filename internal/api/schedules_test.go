package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// scheduler records the calls of the routes of schedules. fail is the error of
// all calls.
type scheduler struct {
	fakeEngine
	calls []string
	found bool // an earlier trigger has started the job
	fail  error
}

func (s *scheduler) PauseSchedule(_ context.Context, name, by string) error {
	s.calls = append(s.calls, "pause "+name+" "+by)
	return s.fail
}

func (s *scheduler) ResumeSchedule(_ context.Context, name string) error {
	s.calls = append(s.calls, "resume "+name)
	return s.fail
}

func (s *scheduler) TriggerSchedule(
	_ context.Context, req coremachine.TriggerRequest,
) (coremachine.SubmitResult, error) {
	s.calls = append(s.calls, fmt.Sprintf("trigger %s %q", req.Name, req.Key))

	return coremachine.SubmitResult{
		JobID: state.NewJobID("tick", nil), Status: state.JobQueued, Attempt: 1, Started: !s.found,
	}, s.fail
}

func (s *scheduler) BackfillSchedule(
	_ context.Context, name string, from, until time.Time, by string,
) (coremachine.Backfilled, error) {
	s.calls = append(s.calls, fmt.Sprintf("backfill %s %s %s %s", name, from.Format(time.DateOnly),
		until.Format(time.DateOnly), by))

	return coremachine.Backfilled{Slots: 3, Created: 2}, s.fail
}

// startSchedules runs an API with one schedule.
func startSchedules(t *testing.T) (*server, *scheduler) {
	t.Helper()

	engine := &scheduler{}
	s := start(t, engine)

	_, err := s.pool.Exec(t.Context(), `
		insert into schedules (name, declaration, next_at, fired, missed)
		values ('nightly', $1, now() + interval '1 hour', 7, 1)`,
		state.ScheduleDeclaration{
			Cron: "0 3 * * *", Zone: "UTC", JobType: "tick", Params: []byte(`{"n":1}`),
			Overlap: state.OverlapSkip, Missed: state.MissedFireOnce,
		}.Text())
	if err != nil {
		t.Fatal(err)
	}

	_, err = s.pool.Exec(t.Context(), `
		insert into schedule_runs (name, outcome, slot, job_id) values ('nightly', 'fired', now(), sha256('a'))`)
	if err != nil {
		t.Fatal(err)
	}

	return s, engine
}

// TestSchedulesAreListedAndShown reads the schedule.
func TestSchedulesAreListedAndShown(t *testing.T) {
	t.Parallel()

	s, _ := startSchedules(t)

	var listed struct{ Items []view.ScheduleView }

	s.call(http.MethodGet, "/schedules", nil).must(http.StatusOK).into(&listed)

	if len(listed.Items) != 1 || listed.Items[0].Cron != "0 3 * * *" || listed.Items[0].Fired != 7 ||
		len(listed.Items[0].Next) != 3 {
		t.Errorf("got %+v", listed.Items)
	}

	var one view.ScheduleDetail

	s.call(http.MethodGet, "/schedules/nightly", nil).must(http.StatusOK).into(&one)

	if len(one.Runs) != 1 || one.Runs[0].Outcome != "fired" || len(one.Next) != view.MaxUpcoming {
		t.Errorf("got %+v", one)
	}

	s.call(http.MethodGet, "/schedules/unknown", nil).problem(http.StatusNotFound)
	s.call(http.MethodGet, "/schedules?limit=3", nil).problem(http.StatusBadRequest)
}

// TestSchedulesAreOperated takes each action, with valid and invalid requests.
func TestSchedulesAreOperated(t *testing.T) {
	t.Parallel()

	s, engine := startSchedules(t)
	post := func(path string, headers ...string) answer {
		return s.call(http.MethodPost, "/schedules/nightly/"+path, nil, headers...)
	}

	post("pause", "X-Ms-Client-Principal-Name", "ann").must(http.StatusOK)
	post("resume").must(http.StatusOK)
	post("backfill?from=2026-01-01T00:00:00Z&until=2026-01-03T00:00:00Z").must(http.StatusOK)
	post("trigger").must(http.StatusAccepted)
	post("trigger?key=a1").must(http.StatusAccepted)

	engine.found = true

	post("trigger", "Idempotency-Key", "a1").must(http.StatusOK)
	post("trigger?key=a1", "Idempotency-Key", "a1").must(http.StatusOK)

	want := []string{
		"pause nightly ann", "resume nightly", "backfill nightly 2026-01-01 2026-01-03 ",
		`trigger nightly ""`, `trigger nightly "a1"`, `trigger nightly "a1"`, `trigger nightly "a1"`,
	}
	if diff := cmp.Diff(want, engine.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}

	for path, field := range map[string]string{
		"pause?for=1h": "for",
		"backfill?from=yesterday&until=2026-01-03T00:00:00Z": "from",
		"backfill?from=2026-01-01T00:00:00Z":                 "until",
		"trigger?key=" + strings.Repeat("x", 101):            "key",
		"trigger?key=%C3%A4":                                 "key",
	} {
		p := post(path).problem(http.StatusBadRequest)
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v", path, p.Errors)
		}
	}

	post("trigger?key=a", "Idempotency-Key", "b").problem(http.StatusBadRequest)

	engine.fail = state.Errorf(state.CodeConflict, "test", "another build declares the schedule")

	for _, verb := range []string{
		"pause", "resume", "trigger", "backfill?from=2026-01-01T00:00:00Z&until=2026-01-03T00:00:00Z",
	} {
		post(verb).problem(http.StatusConflict)
	}
}
