package devhost_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"coremachine/internal/dev/devhost"
	"coremachine/internal/queue"
)

func TestMessageIsPostedAndCompleted(t *testing.T) {
	t.Parallel()

	for _, chunked := range []bool{false, true} {
		b := setup(t, testApp{}, devhost.Options{Chunked: chunked})
		b.queue.put(order{ID: 1})

		s := next(t, b.seen, "call")
		if s.Method != http.MethodPost || s.URI != "/process_task" || s.Chunked != chunked {
			t.Errorf(
				"got %s %s, chunked %v; want POST /process_task, %v",
				s.Method,
				s.URI,
				s.Chunked,
				chunked,
			)
		}

		for name, want := range map[string]string{
			"Content-Type":                  "application/json; charset=utf-8",
			"User-Agent":                    "Azure-Functions-Host/" + devhost.Version,
			"X-Azure-Functions-Hostversion": devhost.Version,
		} {
			if got := s.Header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}

		if len(s.Header.Get("X-Azure-Functions-Invocationid")) != 36 ||
			len(s.Header.Get("Traceparent")) != 55 {
			t.Errorf("got headers %v, want an invocation ID and a trace context", s.Header)
		}

		if got := next(t, b.queue.settled, "settlement"); got.how != "complete" || got.Deliveries != 1 {
			t.Errorf("got %s of delivery %d, want complete of 1", got.how, got.Deliveries)
		}
	}
}

func TestInvalidResponsesAreAbandonedImmediately(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{}, devhost.Options{})
	for name, o := range map[string]order{
		"ServerError": {Do: "status", Status: 500},
		"ClientError": {Do: "status", Status: 404},
		"PlainText":   {Do: "body", Type: "text/plain", Body: "ok"},
		"BrokenJSON":  {Do: "body", Body: `{"Outputs":`},
		"Array":       {Do: "body", Body: `[]`},
		"Closed":      {Do: "close"},
		"Nowhere":     {Do: "status", Status: 302},
		"Elsewhere":   {Do: "redirect", Body: "http://192.0.2.1/"},
		"Redirect":    {Do: "redirect", Body: "/api/x"},
	} {
		b.queue.put(o)

		for delivery := 1; delivery <= 3; delivery++ {
			if got := next(t, b.queue.settled, name); got.how != "abandon" || got.Deliveries != delivery {
				t.Errorf(
					"%s: got %s of delivery %d, want abandon of %d",
					name,
					got.how,
					got.Deliveries,
					delivery,
				)
			}
		}
	}

	for name, o := range map[string]order{
		"EmptyObject": {Do: "body", Body: `{}`},
		"TextJSON":    {Do: "body", Type: "text/json; charset=utf-8", Body: `{"logs":["x"],"unknown":1}`},
		"Capitals":    {Do: "body", Body: `{"OUTPUTS":{}}`},
	} {
		b.queue.put(o)

		if got := next(t, b.queue.settled, name); got.how != "complete" {
			t.Errorf("%s: got %s, want complete", name, got.how)
		}
	}
}

// The host does not recover from an empty response: the call hangs, and then
// the handler is killed with all its calls.
func TestEmptyResponsesHangUntilHandlerIsKilled(t *testing.T) {
	t.Parallel()

	for name, o := range map[string]order{
		"NoContent": {Do: "status", Status: 204},
		"EmptyBody": {Do: "body", Body: ""},
		"Null":      {Do: "body", Body: "null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, testApp{}, devhost.Options{Timeout: 3 * time.Second})
			first := b.event(devhost.EventReady).PID
			b.queue.put(o)

			if e := b.event(devhost.EventEmptyBody); e.Function != "process_task" {
				t.Errorf("got %+v", e)
			}

			b.event(devhost.EventFunctionTimeout)

			if got := next(t, b.queue.settled, "settlement"); got.how != "abandon" {
				t.Errorf("got %s, want abandon", got.how)
			}

			if second := b.event(devhost.EventReady).PID; second == first {
				t.Error("the handler was not replaced")
			}
		})
	}
}

func TestFunctionTimeoutKillsEveryCallInFlight(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{}, devhost.Options{Timeout: 500 * time.Millisecond})
	first := b.event(devhost.EventReady).PID
	b.queue.put(order{Do: "sleep", ID: 1}, order{Do: "sleep", ID: 2}, order{Do: "sleep", ID: 3})

	for range 3 {
		if got := next(t, b.queue.settled, "settlement"); got.how != "abandon" {
			t.Errorf("got %s, want abandon", got.how)
		}
	}

	if e := b.event(devhost.EventExited); e.PID != first || e.Code != 137 {
		t.Errorf("got %+v, want the first process killed", e)
	}

	if b.event(devhost.EventReady).PID == first {
		t.Error("the handler was not replaced")
	}
}

func TestAtMostMaxConcurrentCalls(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{}, devhost.Options{Calls: 2})
	for range 5 {
		b.queue.put(order{Do: "sleep"})
	}

	next(t, b.seen, "first call")
	next(t, b.seen, "second call")
	b.queue.put(order{})

	select {
	case s := <-b.seen:
		t.Errorf("got a third call: %s", s.Body)
	case <-time.After(200 * time.Millisecond):
	}
}

func TestLocksAreRenewedUntilTheLimit(t *testing.T) {
	t.Parallel()

	host := strings.Replace(
		testHost,
		`"customHandler"`,
		`"extensions":{"serviceBus":{"maxAutoLockRenewalDuration":"00:00:06"}},"customHandler"`,
		1,
	)
	b := prepare(t, testApp{host: host}, &devhost.Options{Timeout: time.Minute})

	b.queue.lock = 2400 * time.Millisecond
	if err := b.host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	b.queue.put(order{Do: "sleep"})
	next(t, b.seen, "call")

	for range 2 {
		if got := next(t, b.queue.settled, "renewal"); got.how != "renew" {
			t.Errorf("got %s, want renew", got.how)
		}
	}

	if err := b.host.Stop(); err != nil {
		t.Error(err)
	}

	if got := b.host.Stats().Renewed; got < 2 || got > 5 {
		t.Errorf("got %d renewals, want 2 to 5 within 6 s", got)
	}
}

func TestInjectedFaults(t *testing.T) {
	t.Parallel()

	b := prepare(
		t,
		testApp{},
		&devhost.Options{
			Faults: devhost.Faults{
				Duplicate: func(string, queue.Delivery) bool { return true },
				Shuffle:   true,
			},
			Calls: 64,
		},
	)
	for i := range 20 {
		b.queue.put(order{ID: i})
	}

	if err := b.host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	for range 20 {
		if got := next(t, b.queue.settled, "settlement"); got.how != "complete" {
			t.Errorf("got %s, want complete", got.how)
		}
	}

	if err := b.host.Stop(); err != nil {
		t.Error(err)
	}

	if got := b.host.Stats(); got.Duplicates != 20 || got.Posts != 40 || got.Completed != 20 {
		t.Errorf("got %+v, want every message twice", got)
	}
}

func TestBatchIsSettledTogether(t *testing.T) {
	t.Parallel()

	functions := testFunctions()
	functions["process_task"] = strings.Replace(functions["process_task"], `"one"`, `"many"`, 1)
	b := prepare(t, testApp{functions: functions}, &devhost.Options{})
	b.queue.put(order{ID: 1}, order{ID: 2}, order{ID: 3})

	if err := b.host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	for range 3 {
		if got := next(t, b.queue.settled, "settlement"); got.how != "complete" {
			t.Errorf("got %s, want complete", got.how)
		}
	}

	b.queue.put(order{Do: "status", Status: 500})

	if got := next(t, b.queue.settled, "settlement"); got.how != "abandon" {
		t.Errorf("got %s, want abandon", got.how)
	}

	if err := b.host.Stop(); err != nil {
		t.Error(err)
	}

	if s := next(
		t,
		b.seen,
		"call",
	); !strings.Contains(
		s.Body,
		`"MessageIdArray":"[\"m-1\",\"m-2\",\"m-3\"]"`,
	) {
		t.Errorf("got %s", s.Body)
	}
}
