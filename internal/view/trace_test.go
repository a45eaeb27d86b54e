package view_test

import (
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

func TestTraceURLRejectsTemplatesThatAreNotLinks(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"": "",

		"https://logs.example.com/q?trace={trace_id}&job={job_id}#{stage}/{index}/{attempt}": "",

		"http://127.0.0.1:16686/trace/{trace_id}": "",
		"https://logs.example.com#{trace_id}":     "",
		"http://localhost/{trace_id}":             "",
		"http://logs.example.com/{trace_id}":      "https://",
		"javascript:alert({index})":               "is not a URL",
		"javascript://x/%0aalert({index})":        "https://",
		"logs.example.com/{trace_id}":             "is not a URL",
		"https://":                                "is not a URL",
		"https://{stage}/x":                       "scheme or host",
		"https://{stage}.example.com?x":           "scheme or host",
		"{stage}://example.com/":                  "scheme or host",
		"https://me:secret@example.com/":          "credentials",
		"https://example.com/{task}":              "unknown placeholder {task}",
		"https://example.com/\x00":                "is not a URL",

		"https://example.com/" + strings.Repeat("x", 2048): "longer than",
	} {
		err := view.TraceURL(text).Check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.60q: got %v, want %q", text, err, want)
		}
	}
}

func TestTraceURLEscapesValues(t *testing.T) {
	t.Parallel()

	id := state.NewJobID("x", []byte("{}"))
	link := view.TraceURL("https://a.example/{stage}/{index}?t={trace_id}&j={job_id}&n={attempt}#{stage}")

	want := "https://a.example/a%2F%26%20%23%C3%A4%7Bindex%7D/7?t=4bf9&j=" + id.String() +
		"&n=2#a%2F%26%20%23%C3%A4%7Bindex%7D"
	if got := link.Task(id, "4bf9", "a/& #ä{index}", 7, 2); got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	if got := link.Job(id, "4bf9"); got != "https://a.example//?t=4bf9&j="+id.String()+"&n=#" {
		t.Errorf("got %s", got)
	}

	if got := link.Job(id, ""); got != "" {
		t.Errorf("a job without a trace has the link %s", got)
	}

	if got := view.TraceURL("https://a.example/{job_id}").Job(id, ""); got != "https://a.example/"+id.String() {
		t.Errorf("got %s", got)
	}

	if got := view.TraceURL("").Task(id, "4bf9", "a", 1, 0); got != "" {
		t.Errorf("without a template there is the link %s", got)
	}
}
