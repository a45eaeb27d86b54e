package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

func (a *API) submit(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r, "rerun", "dry_run", "key", state.TagPrefix, callbackURL, "start_at", "delay")

	req := coremachine.SubmitRequest{
		Type:        segment(q, r, "job_type"),
		Rerun:       q.boolean("rerun"),
		DryRun:      q.boolean("dry_run"),
		Traceparent: traceparent(r),
		By:          by(r),
		CallbackURL: a.callback(q),
		RunKey:      q.runKey(r.Header),
		Tags:        q.tags(),
	}
	req.StartAt, req.Delay = q.start()

	if err := q.err(); err != nil {
		a.fail(w, r, err)
		return
	}

	var err error
	if req.Body, err = body(r); err != nil {
		a.fail(w, r, err)
		return
	}

	res, err := a.Engine.Submit(r.Context(), req)
	if err != nil {
		a.fail(w, r, err)
		return
	}

	answer := view.Submission{
		JobID: res.JobID, JobType: req.Type, Status: res.Status, Attempt: res.Attempt, Created: res.Created,
		RunKey: res.RunKey, StartAt: res.StartAt, Parameters: res.Parameters, Plan: res.Plan,
	}
	if res.Status != "" {
		answer.StatusURL = a.statusURL(res.JobID)
	}

	if !res.Started {
		a.ok(w, r, answer)
		return
	}

	w.Header().Set("Location", answer.StatusURL)
	a.write(w, r, http.StatusAccepted, answer)
}

func body(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(r.Body)
	if err == nil {
		return b, nil
	}

	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge(err)
	}

	return nil, state.Wrap(state.CodeMalformed, "api", "The request body ended early.", err)
}

func (a *API) statusURL(id state.JobID) string { return a.Prefix + "/jobs/status/" + id.String() }

// param returns a decoded path parameter.
func param(r *http.Request, name string) string {
	raw := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return raw
	}

	if text, err := url.PathUnescape(raw); err == nil {
		return text
	}

	return raw
}

// segment reads a path parameter that is text, by the rules of query
// parameters.
func segment(q *query, r *http.Request, name string) string {
	text := param(r, name)
	if !storable(text, maxText) {
		q.wrong(name, "must be text of at most %d bytes", maxText)
	}

	return text
}

// queueOf reads the path parameter that names a queue.
func queueOf(r *http.Request) (state.Queue, error) {
	q := &query{}

	name := segment(q, r, "queue")
	if err := q.err(); err != nil {
		return 0, err
	}

	return state.ParseQueue(name)
}

// jobID reads the path parameter with that name. If the value is not 64
// lower-case hex digits, it returns an Error with CodeInvalid.
func jobID(r *http.Request) (state.JobID, error) { return state.ParseJobID(param(r, "job_id")) }

var traceparents = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

func traceparent(r *http.Request) string {
	if v := r.Header.Get("Traceparent"); traceparents.MatchString(v) {
		return v
	}

	return ""
}

// by returns the user that the platform has authenticated. It is recorded in
// the timeline and grants no permission.
func by(r *http.Request) string {
	name := state.CleanText(r.Header.Get("X-Ms-Client-Principal-Name"))
	return strings.ToValidUTF8(name[:min(len(name), 100)], "")
}

// links are the URLs of a job and its lists.
type links struct {
	Self   string `json:"self"`
	Tasks  string `json:"tasks"`
	Events string `json:"events"`
	Stream string `json:"stream"`
	Cancel string `json:"cancel"`
	Retry  string `json:"retry"`
	Start  string `json:"start"`
	Tags   string `json:"tags"`
}

// jobBody is the answer for a job.
type jobBody struct {
	view.JobView
	Links links `json:"links"`
}

func (a *API) jobBody(job view.JobView) jobBody {
	base, id := a.Prefix+"/jobs/", job.JobID.String()

	job.TraceURL = a.TraceURL.Job(job.JobID, job.TraceID)

	return jobBody{JobView: job, Links: links{
		Self:   base + "status/" + id,
		Tasks:  base + id + "/tasks",
		Events: base + id + "/events",
		Stream: base + id + "/stream",
		Cancel: base + "cancel/" + id,
		Retry:  base + "retry/" + id,
		Start:  base + "start/" + id,
		Tags:   base + id + "/tags",
	}}
}

func (a *API) status(w http.ResponseWriter, r *http.Request) {
	id, err := jobID(r)
	q := readQuery(r, "wait", "since")

	wait, since := q.wait(), q.version("since")
	if since != "" && len(q.values["wait"]) == 0 {
		q.wrong("since", "requires wait, the maximum time to wait for a change")
	}

	if err = errors.Join(err, q.err()); err != nil {
		a.fail(w, r, merge(err))
		return
	}

	job, err := a.Reader.ReadJob(r.Context(), id)
	if err == nil && wait > 0 && !job.Status.Ended() && (since == "" || since == job.Version) {
		job, err = a.jobLater(r.Context(), id, since, wait)
	}

	if err != nil {
		a.fail(w, r, err)
		return
	}
	// The tag is weak, because the running tasks change without the version.
	tag := `W/"` + job.Version + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")

	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}

	a.ok(w, r, a.jobBody(job))
}

// jobLater reads the job when it has ended, when it has changed since the given
// version, or when the time limit expires.
func (a *API) jobLater(
	ctx context.Context,
	id state.JobID,
	since string,
	wait time.Duration,
) (view.JobView, error) {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()

	seen, err := a.JobWatcher.Wait(limited, id, since)
	if err != nil { // the time limit expired, the process stops, or the client disconnected
		return a.Reader.ReadJob(ctx, id)
	}

	return a.shared.job(ctx, a.Reader, id, seen.Version)
}

// matches compares entity tags weakly (RFC 9110, 13.1.2).
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}

	return false
}

// merge combines errors that name fields into one error that names all of them.
// If one of the errors names no field, merge returns that error alone.
func merge(err error) error {
	all := leaves(err)
	if len(all) == 1 {
		return all[0]
	}

	var fields []state.FieldError

	for _, one := range all {
		e, ok := errors.AsType[*state.Error](one)
		if !ok || len(e.Fields) == 0 {
			return one
		}

		fields = append(fields, e.Fields...)
	}

	return state.Invalid("api", "The request is invalid.", fields...)
}

// leaves returns the errors that were joined.
func leaves(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}

	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, leaves(one)...)
	}

	return all
}
