package view

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"coremachine/internal/state"
)

// TraceURL is a link template to the log system of an operator, such as
// https://logs.example.com/search?q={trace_id}. The zero value makes no links.
// Each value is percent-encoded, so that it cannot leave its place.
type TraceURL string

// tracePlaces are the placeholders of a TraceURL.
var tracePlaces = []string{"{trace_id}", "{job_id}", "{stage}", "{index}", "{attempt}"}

var inBraces = regexp.MustCompile(`\{[^{}]*\}`)

// maxTraceURL is the maximum length of a template.
const maxTraceURL = 2048

// Check returns what is wrong with the template.
func (u TraceURL) Check() error {
	text := string(u)
	if text == "" {
		return nil
	}

	if len(text) > maxTraceURL {
		return fmt.Errorf("is longer than %d characters", maxTraceURL)
	}

	for _, place := range inBraces.FindAllString(text, -1) {
		if !slices.Contains(tracePlaces, place) {
			return fmt.Errorf("unknown placeholder %s; known are %s", place, strings.Join(tracePlaces, " "))
		}
	}

	// A placeholder is not part of a valid host name or port.
	parsed, err := url.Parse(inBraces.ReplaceAllLiteralString(text, "x"))
	if err != nil || parsed.Host == "" || parsed.Opaque != "" {
		return errors.New("is not a URL such as https://logs.example.com/search?q={trace_id}")
	}

	host := strings.TrimPrefix(text, parsed.Scheme+"://")
	if end := strings.IndexAny(host, "/?#"); end >= 0 {
		host = host[:end]
	}

	if strings.ContainsAny(host, "{}") {
		return errors.New("has a placeholder in its scheme or host; use them in the path, query or fragment")
	}

	if parsed.User != nil {
		return errors.New("contains a user name; a link must not carry credentials")
	}

	if parsed.Scheme != "https" && (parsed.Scheme != "http" || !loopback(parsed.Hostname())) {
		return errors.New("must begin with https:// (http:// is allowed for loopback addresses only)")
	}

	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Job returns the link of a job. The placeholders of tasks are empty. Job
// returns "" if there is no template, or if it needs a trace and the job has
// none.
func (u TraceURL) Job(id state.JobID, traceID string) string {
	return u.fill(id, traceID, "", "", "")
}

// Task returns the link of a task, or of one of its attempts. attempt 0 means
// all of them.
func (u TraceURL) Task(id state.JobID, traceID, stage string, index, attempt int) string {
	of := ""
	if attempt > 0 {
		of = strconv.Itoa(attempt)
	}

	return u.fill(id, traceID, stage, strconv.Itoa(index), of)
}

func (u TraceURL) fill(id state.JobID, traceID, stage, index, attempt string) string {
	if u == "" || traceID == "" && strings.Contains(string(u), tracePlaces[0]) {
		return ""
	}

	return strings.NewReplacer(
		tracePlaces[0], escape(traceID),
		tracePlaces[1], id.String(),
		tracePlaces[2], escape(stage),
		tracePlaces[3], index,
		tracePlaces[4], attempt,
	).Replace(string(u))
}

// escape percent-encodes everything that has a meaning in any part of a URL.
func escape(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

// Link fills in the links of a task and of its attempts.
func (u TraceURL) Link(t *TaskView) {
	t.TraceURL = u.Task(t.JobID, t.TraceID, t.Stage, t.Index, 0)

	for i := range t.Attempts {
		t.Attempts[i].TraceURL = u.Task(t.JobID, t.TraceID, t.Stage, t.Index, t.Attempts[i].Attempt)
	}
}
