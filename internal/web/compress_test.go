package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
)

// raw returns an answer with the bytes of its body as they were sent.
func (s *site) raw(path string, headers ...string) page {
	s.t.Helper()

	return s.get(path, append([]string{"Accept-Encoding", "gzip"}, headers...)...)
}

// unzip returns the content of a compressed body.
func unzip(t *testing.T, body string) string {
	t.Helper()

	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	var b bytes.Buffer
	if _, err := io.Copy(&b, z); err != nil { //nolint:gosec // our own answer
		t.Fatal(err)
	}

	return b.String()
}

func TestPagesAndFilesAreCompressed(t *testing.T) {
	t.Parallel()
	s := start(t, inline)
	id := rows.Insert(t, s.pool, rows.Job{
		Params: `{"text":"` + strings.Repeat("word ", 1000) + `"}`,
		Stages: []rows.Stage{{Name: "a", Planned: 30, Dispatched: 30}},
	}).String()

	static := regexp.MustCompile(`/ui/static/[0-9a-f]+/ui\.(js|css)`).FindAllString(s.get("/ui").Body, -1)
	if len(static) != 2 {
		t.Fatalf("the layout names the files %q", static)
	}

	paths := append([]string{
		"/ui", "/ui/docs", "/docs", "/view/jobs/" + id, "/view/jobs/" + id + "/parameters",
		"/view/jobs/" + id + "/stages/a/grid",
	}, static...)
	for _, path := range paths {
		plain := s.raw(path, "Accept-Encoding", "gzip;q=0")
		if got := plain.Header; got.Get("Content-Encoding") != "" || got.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s without gzip has the headers %v", path, got)
		}

		zipped := s.raw(path)
		if got := zipped.Header; got.Get("Content-Encoding") != "gzip" || got.Get("Vary") != "Accept-Encoding" ||
			got.Get("Content-Type") != plain.Header.Get("Content-Type") || got.Get("ETag") != "" {
			t.Errorf("%s with gzip has the headers %v", path, got)
			continue
		}

		// A page contains times, so two answers can differ in between.
		got, end := unzip(t, zipped.Body), plain.Body[len(plain.Body)-20:]
		if len(got) <= len(zipped.Body) || got[:20] != plain.Body[:20] || !strings.HasSuffix(got, end) {
			t.Errorf("%s: %d bytes, unzipped %d, want about %d", path, len(zipped.Body), len(got), len(plain.Body))
		}
	}
}

func TestSmallAnswersAndStreamsAreNotCompressed(t *testing.T) {
	t.Parallel()
	s := start(t)
	rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{{Name: "a"}}})

	if got := s.raw("/ui/static/x/theme.js"); got.Header.Get("Content-Encoding") != "" {
		t.Errorf("a small file has the headers %v", got.Header)
	}

	// This host drops the header that says how an answer is encoded.
	got := s.raw("/ui", "User-Agent", "Mozilla/5.0 Azure-Functions-Host/4.1")
	if got.Header.Get("Content-Encoding") != "" {
		t.Errorf("an answer to the older forwarding has the headers %v", got.Header)
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/view/live", nil)
	if err != nil {
		t.Fatal(err)
	}

	req.Header.Set("Accept-Encoding", "gzip")

	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = resp.Body.Close() }()

	first := make([]byte, 6)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "retry:" {
		t.Errorf("a stream begins with %q, %v", first, err)
	}

	if got := resp.Header.Get("Content-Encoding"); got != "" {
		t.Errorf("a stream is encoded as %s", got)
	}
}
