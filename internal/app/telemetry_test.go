package app_test

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/test/pgtest"
)

// run posts to a path that starts a run, waits for its end and returns the
// job's id.
func run(t *testing.T, url, body, end string, header http.Header) (id string) {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	maps.Copy(req.Header, header)

	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = res.Body.Close() }()

	var answer struct {
		JobID     string `json:"job_id"`
		StatusURL string `json:"status_url"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatalf("%s is answered %d, %v", url, res.StatusCode, err)
	}

	base, _, _ := strings.Cut(url, "/api/")
	if _, text := get(t, base+answer.StatusURL+"?wait=60s"); !strings.Contains(text, `"status":"`+end+`"`) {
		t.Fatalf("the job did not end as %s: %s", end, text)
	}

	return answer.JobID
}

func hello(t *testing.T, base, body string, header http.Header) (id string) {
	t.Helper()
	return run(t, base+"/api/jobs/submit/hello_world", body, "completed", header)
}

const helloTree = `submit hello_world 
  job hello_world completed
    stage greeting completed
      task hello_world_greeting 0completed
      task hello_world_greeting 1completed
      task hello_world_greeting 2completed
    stage reply completed
      task hello_world_reply 0completed
      task hello_world_reply 1completed
      task hello_world_reply 2completed`

// TestATraceHasOneRootAndEveryStageAndTaskUnderIt runs a job in one process
// that exports to a receiver of its own.
func TestATraceHasOneRootAndEveryStageAndTaskUnderIt(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	base, stop := process(t, map[string]string{
		"DATABASE_URL": pgtest.URL(t), "OTEL_EXPORTER_OTLP_ENDPOINT": r.URL, "OTEL_SERVICE_NAME": "tests",
	})
	id := hello(t, base, `{"n":3}`, nil)

	stop() // what is left is sent

	r.mu.Lock()
	defer r.mu.Unlock()

	if len(r.bad) > 0 {
		t.Errorf("the receiver was sent what it cannot read: %q", r.bad)
	}

	if r.service != "tests" {
		t.Errorf("the service is %q", r.service)
	}

	if diff := cmp.Diff(helloTree, strings.Join(tree(r.spans, "", ""), "\n")); diff != "" {
		t.Errorf("the trace of %d spans (-want +got):\n%s", len(r.spans), diff)
	}

	for _, s := range r.spans {
		if got := attr(s.GetAttributes(), "job_id"); got != id {
			t.Errorf("%s: job_id is %q, want %s", s.GetName(), got, id)
		}

		if string(s.GetTraceId()) != string(r.spans[0].GetTraceId()) {
			t.Errorf("%s is of another trace", s.GetName())
		}

		if s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() {
			t.Errorf("%s ends before it begins", s.GetName())
		}
	}

	for _, name := range []string{
		"coremachine.task.attempts", "coremachine.jobs.ended", "coremachine.queue.age",
		"coremachine.outbox.age",
	} {
		if !r.metrics[name] {
			t.Errorf("%s was not exported", name)
		}
	}
}

// TestACallersTraceGoesOnWhereItIsSampled submits under a caller's context,
// sampled and not.
func TestACallersTraceGoesOnWhereItIsSampled(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	base, stop := process(
		t,
		map[string]string{
			"DATABASE_URL":                       pgtest.URL(t),
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": r.URL + "/v1/traces",
		},
	)

	const trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	hello(
		t,
		base,
		`{"n":3,"message":"sampled"}`,
		http.Header{"Traceparent": {"00-" + trace + "-" + caller + "-01"}},
	)
	hello(
		t,
		base,
		`{"n":3,"message":"not"}`,
		http.Header{"Traceparent": {"00-" + trace + "-" + caller + "-00"}},
	)
	stop()

	r.mu.Lock()
	defer r.mu.Unlock()

	for parent, want := range map[string]string{caller: trace, "": ""} {
		if diff := cmp.Diff(helloTree, strings.Join(tree(r.spans, parent, ""), "\n")); diff != "" {
			t.Errorf("the trace below %q (-want +got):\n%s", parent, diff)
		}

		for _, s := range r.spans {
			if hex.EncodeToString(s.GetParentSpanId()) == parent &&
				(hex.EncodeToString(s.GetTraceId()) == trace) != (want == trace) {
				t.Errorf("the trace below %q is %x", parent, s.GetTraceId())
			}
		}
	}
}

const troubleTree = `submit trouble 
  job trouble failed
    stage each completed
      task fixture_fail 0completed
    stage end failed
      task fixture_fail 0failed
      task fixture_fail 0retried
      task fixture_fail 0retried
    stage list completed
      task fixture_fail 0completed`

const retryTree = `retry 
  job trouble failed
    stage end failed
      task fixture_fail 0failed
      task fixture_fail 0retried
      task fixture_fail 0retried`

// TestARetryIsATraceOfItsOwn runs a job whose last stage always fails, and
// retries that.
func TestARetryIsATraceOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	base, stop := process(
		t,
		map[string]string{"DATABASE_URL": pgtest.URL(t), "OTEL_EXPORTER_OTLP_ENDPOINT": r.URL},
	)
	id := run(t, base+"/api/jobs/submit/trouble", `{"n":1,"where":"error"}`, "failed", nil)
	until(t, func() bool {
		_, text := get(t, base+"/api/metrics")
		return strings.Contains(text, "coremachine_jobs_ended_total")
	})
	run(t, base+"/api/jobs/retry/"+id, "", "failed", nil)
	stop()

	r.mu.Lock()
	defer r.mu.Unlock()

	if diff := cmp.Diff(retryTree+"\n"+troubleTree, strings.Join(tree(r.spans, "", ""), "\n")); diff != "" {
		t.Errorf("the traces (-want +got):\n%s", diff)
	}

	seen := map[string]bool{}
	for _, s := range r.spans {
		if id := string(s.GetSpanId()); seen[id] {
			t.Errorf("%s has a span id that another has", s.GetName())
		} else {
			seen[id] = true
		}
	}
}

// TestMetricsAreReadAtTheProcess reads Prometheus text with no receiver
// anywhere.
func TestMetricsAreReadAtTheProcess(t *testing.T) {
	t.Parallel()
	base, stop := process(t, map[string]string{"DATABASE_URL": pgtest.URL(t)})
	hello(t, base, `{"n":3}`, nil)
	until(t, func() bool {
		_, text := get(t, base+"/api/metrics")
		return strings.Contains(text, "coremachine_jobs_ended_total")
	})

	_, text := get(t, base+"/api/metrics")
	if strings.Contains(text, `coremachine_jobs_open{status="completed"}`) {
		t.Error("a job that has ended is open")
	}

	for _, want := range []string{
		`coremachine_submits_total{job_type="hello_world",outcome="created"} 1`,
		`coremachine_jobs_ended_total{job_type="hello_world",status="completed"} 1`,
		`coremachine_job_duration_seconds_count{job_type="hello_world",status="completed"} 1`,
		`coremachine_stage_duration_seconds_count{job_type="hello_world",stage="reply",status="completed"} 1`,
		`coremachine_task_attempts_total{code="",status="completed",task_type="hello_world_greeting"} 3`,
		`coremachine_task_duration_seconds_count{task_type="hello_world_reply"} 3`,
		`coremachine_queue_age_seconds{queue="tasks"} 0`,
		`coremachine_outbox_age_seconds{queue="jobs"} 0`,
		`coremachine_queue_messages{queue="long-tasks",state="dead"} 0`,
		`coremachine_db_connections{state="used"} `,
		`coremachine_jobs_open{status="queued"} 0`,
		`coremachine_telemetry_reading 1`,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("/api/metrics does not say %s", want)
		}
	}

	stop()
}

// TestTelemetryCanBeTurnedOff has no metrics then.
func TestTelemetryCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	base, stop := process(t, map[string]string{"DATABASE_URL": pgtest.URL(t), "OTEL_SDK_DISABLED": "true"})
	hello(t, base, `{"n":1}`, nil)

	if code, _ := get(t, base+"/api/metrics"); code != http.StatusNotFound {
		t.Errorf("/api/metrics answers %d", code)
	}

	stop()
}

// TestAReceiverThatIsAwayHoldsNothingUp exports to a port without a listener.
func TestAReceiverThatIsAwayHoldsNothingUp(t *testing.T) {
	t.Parallel()
	base, stop := process(
		t,
		map[string]string{"DATABASE_URL": pgtest.URL(t), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
	)
	hello(t, base, `{"n":3}`, nil)

	begin := time.Now()

	stop()

	if took := time.Since(begin); took > 9*time.Second {
		t.Errorf("the process took %v to stop", took)
	}
}
