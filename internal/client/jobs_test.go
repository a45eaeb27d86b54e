package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/state"
)

type tileParams struct {
	N    int    `json:"n" default:"3"`
	Name string `json:"name"`
}

type tileResult struct {
	Tiles int `json:"tiles"`
}

const tiles JobType[tileParams, tileResult] = "tiles"

var tileID = state.NewJobID("tiles", []byte(`{}`))

func problem(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// TestSubmitSendsOptionsAndParameters looks at the request.
func TestSubmitSendsOptionsAndParameters(t *testing.T) {
	t.Parallel()

	var got string

	c := serve(t, "secret", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = strings.Join([]string{
			r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header.Get("X-Functions-Key"),
		}, " ")

		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"job_id":"`+tileID.String()+`","job_type":"tiles","status":"queued","created":true}`)
	})

	at := time.Date(2026, 1, 31, 12, 0, 0, 500_000_000, time.UTC)

	for _, one := range []struct {
		params tileParams
		opts   []SubmitOption
		want   string
	}{
		{tileParams{Name: "a"}, nil, `POST /api/jobs/submit/tiles  {"name":"a"} secret`}, // n gets its default
		{
			tileParams{N: 5},
			[]SubmitOption{Rerun(), Delay(90 * time.Minute), CallbackURL("https://a.example/?x=1")},
			`POST /api/jobs/submit/tiles callback_url=https%3A%2F%2Fa.example%2F%3Fx%3D1&delay=1h30m0s&rerun=true ` +
				`{"n":5,"name":""} secret`,
		},
		{
			tileParams{N: 5},
			[]SubmitOption{StartAt(at)},
			`POST /api/jobs/submit/tiles start_at=2026-01-31T12%3A00%3A00.5Z {"n":5,"name":""} secret`,
		},
	} {
		res, err := Submit(t.Context(), c, tiles, one.params, one.opts...)
		if err != nil || res.JobID != tileID || !res.Created {
			t.Errorf("got %+v, %v", res, err)
		}

		if got != one.want {
			t.Errorf("got  %s\nwant %s", got, one.want)
		}
	}
}

// TestErrorsCarryCodeFieldsAndRequest reads a problem, and the answers of a
// Functions host.
func TestErrorsCarryCodeFieldsAndRequest(t *testing.T) {
	t.Parallel()

	c := serve(t, "", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, 400, `{"title":"Bad Request","status":400,"detail":"The parameters are invalid.","code":"invalid",`+
			`"request_id":"r1","errors":[{"field":"n","message":"0 is below the minimum 1"}]}`)
	})
	_, err := c.Submit(t.Context(), "tiles", nil)

	const want = "The parameters are invalid. (400 invalid): n: 0 is below the minimum 1 [request r1]"
	if err == nil || err.Error() != want || CodeOf(err) != state.CodeInvalid || len(FieldsOf(err)) != 1 {
		t.Errorf("got %v, code %s, fields %+v", err, CodeOf(err), FieldsOf(err))
	}

	for status, code := range map[int]state.Code{
		401: state.CodeUnauthorized, 403: state.CodeForbidden, 503: state.CodeUnavailable,
	} {
		c := serve(t, "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		if _, err := c.Status(t.Context(), tileID); CodeOf(err) != code {
			t.Errorf("%d: %v has the code %s, want %s", status, err, CodeOf(err), code)
		}
	}

	if CodeOf(&UnreachableError{}) != state.CodeUnavailable || CodeOf(nil) != "" {
		t.Error("the code of an error without an answer, or of nil")
	}
}

// TestWaitTriesAgainUntilTheJobHasEnded answers with errors that pass, with an
// open job, and with its end.
func TestWaitTriesAgainUntilTheJobHasEnded(t *testing.T) {
	t.Parallel()

	var calls atomic.Int64

	c := serve(t, "", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("wait") == "" {
			t.Error("the API was not asked to wait")
		}

		switch calls.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "1")
			problem(w, 503, `{"detail":"starting"}`)
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			_, _ = io.WriteString(w, `{"job_id":"`+tileID.String()+`","job_type":"tiles","status":"running"}`)
		default:
			_, _ = io.WriteString(w,
				`{"job_id":"`+tileID.String()+`","job_type":"tiles","status":"completed","result":{"tiles":7}}`)
		}
	})

	result, err := Result(t.Context(), c, tiles, tileID)
	if err != nil || result.Tiles != 7 || calls.Load() != 4 {
		t.Errorf("got %+v, %v after %d calls", result, err, calls.Load())
	}

	const other JobType[tileParams, tileResult] = "other"

	if _, err := Result(t.Context(), c, other, tileID); CodeOf(err) != state.CodeInvalid {
		t.Errorf("the result of a job of another type: %v", err)
	}
}

// TestWaitEndsWithItsContext waits for an API that is not there, and for one that
// rejects the key.
func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, "", func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		problem(w, 503, `{"detail":"starting"}`)
	})

	if _, err := c.Wait(ctx, tileID); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}

	c = serve(t, "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	if _, err := c.Wait(t.Context(), tileID); CodeOf(err) != state.CodeUnauthorized {
		t.Errorf("got %v", err)
	}
}

// TestResultOfAFailedJobIsAJobError waits for a job that has failed.
func TestResultOfAFailedJobIsAJobError(t *testing.T) {
	t.Parallel()

	c := serve(t, "", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"job_id":"`+tileID.String()+`","job_type":"tiles","status":"failed",`+
			`"error":{"code":"tasks_failed","message":"1 of 2 tasks failed","stage":"scan"}}`)
	})

	_, err := Run(t.Context(), c, tiles, tileParams{})

	failed, ok := errors.AsType[*JobError](err)
	if !ok || failed.Job.Status != state.JobFailed ||
		!strings.HasSuffix(err.Error(), "is failed: 1 of 2 tasks failed") {
		t.Errorf("got %v", err)
	}
}

// TestCancelSendsOneRequest cancels a job, and one that does not exist.
func TestCancelSendsOneRequest(t *testing.T) {
	t.Parallel()

	var got string

	c := serve(t, "", func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.Path
		_, _ = io.WriteString(w, `{}`)
	})
	if err := c.Cancel(t.Context(), tileID); err != nil || got != "POST /api/jobs/cancel/"+tileID.String() {
		t.Errorf("got %s, %v", got, err)
	}

	c = serve(t, "", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, 404, `{"detail":"no job","code":"not_found"}`)
	})
	if err := c.Cancel(t.Context(), tileID); CodeOf(err) != state.CodeNotFound {
		t.Errorf("got %v", err)
	}
}
