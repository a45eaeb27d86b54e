package devhost_test

import (
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/dev/devhost"
	"coremachine/internal/funchost"
	"coremachine/internal/state"
)

func withTimer(schedule string) map[string]string {
	functions := testFunctions()
	functions["sweep"] = `{"bindings":[{"type":"timerTrigger","direction":"in","name":"timer","schedule":"` +
		schedule + `"}]}`

	return functions
}

func TestTimerTicks(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{functions: withTimer("* * * * * *")}, devhost.Options{})
	for range 2 {
		s := next(t, b.seen, "tick")

		e, err := funchost.ParseEnvelope([]byte(s.Body), "timer")
		if err != nil || e.PastDue || s.URI != "/sweep" ||
			!strings.Contains(s.Body, `"Schedule":{"AdjustForDST":true}`) {
			t.Errorf("got %s %s, %v", s.URI, s.Body, err)
		}
	}
}

func TestAdminTriggersFunctions(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{functions: withTimer("0 0 0 1 1 *")}, devhost.Options{})
	for path, want := range map[string]int{
		"/admin/functions/process_task": 202, "/admin/functions/sweep": 202,
		"/admin/functions/none": 404, "/admin/functions/api": 400,
	} {
		if got := b.do(http.MethodPost, path, `{"input":"{\"ID\":5}"}`); got.status != want {
			t.Errorf("%s: got %d, want %d", path, got.status, want)
		}
	}

	got := map[string]string{}

	for range 2 {
		s := next(t, b.seen, "call")
		got[s.URI] = s.Body
	}

	e, err := funchost.ParseEnvelope([]byte(got["/process_task"]), "message")
	if err != nil || len(e.Bodies) != 1 || string(e.Bodies[0]) != `{"ID":5}` ||
		strings.Contains(got["/process_task"], "MessageActions") {
		t.Errorf("got %s, %v", got["/process_task"], err)
	}

	if !strings.Contains(got["/sweep"], `"timer":{`) {
		t.Errorf("got %s", got["/sweep"])
	}
}

// The handler's side of the protocol, tested with devhost.
func TestHandlerWithFunchost(t *testing.T) {
	t.Parallel()
	b := setup(
		t,
		testApp{mode: "funchost", functions: withTimer("* * * * * *")},
		devhost.Options{Chunked: true},
	)
	m := state.Message{
		JobID:     state.NewJobID("x", nil),
		MessageID: 1,
		Queue:     state.QueueTasks,
		Kind:      state.KindTasks,
		Count:     1,
	}

	body, err := state.EncodeMessage(m)
	if err != nil {
		t.Fatal(err)
	}

	b.queue.putBody(body)
	b.queue.putBody([]byte("not a message"))

	if s := next(t, b.seen, "call"); s.URI != "process_task" || s.Body != m.TransportID() {
		t.Errorf("got %+v", s)
	}

	for range 2 {
		if got := next(t, b.queue.settled, "settlement"); got.how != "complete" {
			t.Errorf("got %s, want complete", got.how)
		}
	}

	if got := b.do(http.MethodPost, "/api/process_task", "{}"); got.status != http.StatusNotFound {
		t.Errorf("got %d for a forged trigger, want 404", got.status)
	}

	if got := b.do(http.MethodGet, "/api/livez", ""); got.status != http.StatusOK {
		t.Errorf("got %d, want 200", got.status)
	}
}
