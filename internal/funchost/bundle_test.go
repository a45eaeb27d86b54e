package funchost_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coremachine/internal/funchost"
	"coremachine/internal/state"
)

// testBundle is a host whose process_task and sweep run one function.
type testBundle struct {
	host *funchost.Host
}

func setup(t *testing.T, o funchost.Options, trigger funchost.Trigger) testBundle {
	t.Helper()

	if trigger != nil {
		o.Triggers = map[string]funchost.Trigger{"process_task": trigger, "sweep": trigger}
	}

	host, err := funchost.New(o)
	if err != nil {
		t.Fatal(err)
	}

	return testBundle{host: host}
}

func (b testBundle) do(t *testing.T, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")

	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}

	w := httptest.NewRecorder()
	b.host.ServeHTTP(w, r)

	return w
}

// wantAcknowledged is what the host needs to see before it completes a message.
func wantAcknowledged(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()

	if w.Code != http.StatusOK {
		t.Errorf("got status %d, want 200", w.Code)
	}

	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("got content type %q, want application/json", got)
	}

	if got, want := w.Body.String(), `{"Outputs":{},"Logs":[],"ReturnValue":null}`; got != want {
		t.Errorf("got body %s, want %s", got, want)
	}
}

func wantStatus(t *testing.T, w *httptest.ResponseRecorder, want int) {
	t.Helper()

	if w.Code != want {
		t.Errorf("got status %d, want %d: %s", w.Code, want, w.Body)
	}
}

// message is a valid message for tasks.
func message(t *testing.T, id int64) state.Message {
	t.Helper()

	return state.Message{
		V:         1,
		JobID:     state.NewJobID("hello_world", []byte(`{}`)),
		MessageID: id,
		Queue:     state.QueueTasks,
		Kind:      state.KindTasks,
		Count:     1,
	}
}

// envelope wraps messages as the host does with cardinality one and dataType
// binary, or cardinality many.
func envelope(t *testing.T, messages ...state.Message) string {
	t.Helper()

	values := make([]string, len(messages))
	for i, m := range messages {
		b, err := state.EncodeMessage(m)
		if err != nil {
			t.Fatal(err)
		}

		values[i] = `"` + base64.StdEncoding.EncodeToString(b) + `"`
	}

	data := strings.Join(values, ",")
	if len(values) != 1 {
		data = "[" + data + "]"
	}

	return `{"Data":{"message":` + data + `},"Metadata":{"DeliveryCount":"3","MessageId":"\"m-1\"","sys":{"MethodName":"process_task"}}}`
}

func unavailable() error { return state.Errorf(state.CodeUnavailable, "test", "the database is away") }

// elapsed is the time that fn took by the bubble's clock.
func elapsed(fn func()) time.Duration {
	start := time.Now() // the bubble's clock

	fn()

	return time.Since(start)
}
