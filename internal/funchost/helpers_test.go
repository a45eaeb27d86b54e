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

// testHost is a host whose process_task and sweep call one function.
type testHost struct {
	host *funchost.Host
}

func setup(t *testing.T, o funchost.Options, trigger funchost.Trigger) testHost {
	t.Helper()

	if trigger != nil {
		o.Triggers = map[string]funchost.Trigger{"process_task": trigger, "sweep": trigger}
	}

	host, err := funchost.New(o)
	if err != nil {
		t.Fatal(err)
	}

	return testHost{host: host}
}

func (b testHost) run(t *testing.T, method, path, body string, header ...string) *httptest.ResponseRecorder {
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

// wantAcknowledged checks the response that the host requires to complete a
// message.
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

// message returns a valid message for tasks.
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

// envelope encodes messages like the host: one with cardinality one and
// dataType binary, several with cardinality many.
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

	const metadata = `{"DeliveryCount":"3","MessageId":"\"m-1\"","sys":{"MethodName":"process_task"}}`

	return `{"Data":{"message":` + data + `},"Metadata":` + metadata + `}`
}

func unavailable() error {
	return state.Errorf(state.CodeUnavailable, "test", "the database is unavailable")
}

// elapsed returns the time that fn takes on the clock of the synctest bubble.
func elapsed(fn func()) time.Duration {
	start := time.Now() // the clock of the synctest bubble

	fn()

	return time.Since(start)
}
