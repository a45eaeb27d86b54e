package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"coremachine/internal/api"
	"coremachine/internal/web/apidoc"
)

func TestReferencePageShowsTheWholeDescription(t *testing.T) {
	t.Parallel()
	s := start(t)

	got := s.get("/docs")
	if got.Status != http.StatusOK ||
		!strings.HasPrefix(got.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("got status %d with headers %v", got.Status, got.Header)
	}

	if again := s.get("/ui/docs"); again.Body != got.Body {
		t.Error("the two URLs return different pages")
	}

	doc, err := apidoc.Read(api.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}

	operations := 0

	for _, g := range doc.Groups {
		for _, op := range g.Operations {
			operations++

			for _, want := range []string{
				`id="op-` + op.ID + `"`, "<code>" + op.Path + "</code>", `href="#op-` + op.ID + `"`,
			} {
				if !strings.Contains(got.Body, want) {
					t.Errorf("%s: the page lacks %s", op.ID, want)
				}
			}
		}
	}

	if operations < 20 {
		t.Errorf("got %d operations", operations)
	}

	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(got.Body, -1) {
		if !strings.Contains(got.Body, `id="`+link[1]+`"`) {
			t.Errorf("a link refers to #%s, which does not exist", link[1])
		}
	}

	for _, want := range []string{
		`Page of <a href="#shape-JobSummary">`, "-d &#39;{}&#39; &#34;" + s.url + "/api/jobs/submit/$TYPE&#34;",
		`-H &#34;x-functions-key: $KEY&#34; &#34;` + s.url + "/api/jobs/status/$JOB&#34;",
		"curl &#34;" + s.url + "/api/health&#34;",
	} {
		if !strings.Contains(strings.ReplaceAll(got.Body, "<a href=\"#shape-Page\">Page</a>", "Page"), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestCommandsExcludeAHostileHost(t *testing.T) {
	t.Parallel()
	s := start(t, inline)

	got := s.get("/docs", "X-Forwarded-Host", `x"; rm -rf ~; "`)
	if strings.Contains(got.Body, "rm -rf") || !strings.Contains(got.Body, "http://localhost:7071/api/jobs") {
		t.Error("the page shows a host that contains a command")
	}

	if strings.Contains(got.Body, "x-functions-key: $KEY") {
		t.Error("commands send a key although none is required")
	}

	if got := s.get(
		"/docs",
		"X-Forwarded-Host",
		"jobs.example:8443",
		"X-Forwarded-Proto",
		"https",
	); !strings.Contains(
		got.Body,
		"https://jobs.example:8443/api/jobs",
	) {
		t.Error("the page does not show the address of the proxy")
	}
}
