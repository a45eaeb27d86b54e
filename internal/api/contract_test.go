package api_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"coremachine/internal/api"
)

// described returns the operations of openapi.yaml as METHOD path.
func described(t *testing.T) []string {
	t.Helper()

	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}

	var all []string

	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, method+" "+path)
		}
	}

	slices.Sort(all)

	return all
}

func TestContractListsExactlyTheRoutes(t *testing.T) {
	t.Parallel()

	handler := api.New(api.Options{})

	var served []string

	err := chi.Walk(
		handler.Routes(),
		func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			served = append(served, method+" "+strings.TrimPrefix(route, "/api"))
			return nil
		},
	)
	if err != nil {
		t.Fatal(err)
	}

	slices.Sort(served)

	if want := described(t); !slices.Equal(served, want) {
		t.Errorf("served routes: %q,\ndescribed routes: %q", served, want)
	}
}

func TestReferenceListsEveryRoute(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}

	for _, operation := range described(t) {
		method, path, _ := strings.Cut(operation, " ")
		if !strings.Contains(string(text), "`"+method+" /api"+path+"`") {
			t.Errorf("docs/http.md does not name `%s /api%s`", method, path)
		}
	}

	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}

	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for _, p := range operation.Parameters {
				if p.Value.In == "query" && !strings.Contains(string(text), "`"+p.Value.Name+"`") {
					t.Errorf(
						"docs/http.md does not name the parameter `%s` of %s %s",
						p.Value.Name,
						method,
						path,
					)
				}
			}
		}
	}
}

func TestMountsServeReadsOnly(t *testing.T) {
	t.Parallel()

	s := start(t, fakeEngine{}, func(o *api.Options) {
		o.Mounts = map[string]http.Handler{
			"/ui": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusOK)
			}),
		}
	})
	for _, path := range []string{"/ui", "/ui/jobs/x"} {
		resp, err := http.Get(s.url + "/api" + path) //nolint:noctx // a short test request
		if err != nil {
			t.Fatal(err)
		}

		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s answered %d", path, resp.StatusCode)
		}
	}

	s.call(http.MethodPost, "/ui", nil).problem(http.StatusMethodNotAllowed)
}
