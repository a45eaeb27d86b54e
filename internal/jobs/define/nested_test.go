package define_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/jobs/define"
)

type filter struct {
	Prefix string   `json:"prefix" default:"in/" validate:"min=1"`
	Sizes  []int    `json:"sizes" validate:"max=2,dive,gt=0"`
	Depth  *float32 `json:"depth"`
}

type Shared struct {
	Note string `json:"note" validate:"max=3"`
}

type nested struct {
	Shared
	Container string            `json:"container" validate:"required"`
	Filter    filter            `json:"filter"`
	Also      []filter          `json:"also" validate:"dive"`
	Labels    map[string]string `json:"labels" validate:"dive,max=3"`
	Since     time.Time         `json:"since" default:"2026-01-02T03:04:05Z"`
	Host      netip.Addr        `json:"host"`
	Weights   []float64         `json:"weights" default:"[1,0.5]"`
	Inner     *filter           `json:"inner"`
}

func nestedJob() define.Job { return define.Define(define.Definition[nested]{}) }

func TestParse_NestedCanonical(t *testing.T) {
	t.Parallel()

	tests := []struct{ name, body, want string }{
		{
			"defaults reach into structs that are absent",
			`{"container":"c"}`,
			`{"also":[],"container":"c","filter":{"depth":null,"prefix":"in/","sizes":[]},"host":"",` +
				`"inner":null,"labels":{},` +
				`"note":"","since":"2026-01-02T03:04:05Z","weights":[1,0.5]}`,
		},
		{
			"and into those that are there",
			`{"container":"c","note":"n","filter":{"sizes":[2]},"also":[{}],"labels":{"b":"1","a":"2"},` +
				`"inner":{"depth":0.1},"host":"10.0.0.1","weights":[]}`,
			`{"also":[{"depth":null,"prefix":"in/","sizes":[]}],"container":"c","filter":{"depth":null,` +
				`"prefix":"in/","sizes":[2]},"host":"10.0.0.1",` +
				`"inner":{"depth":0.1,"prefix":"in/","sizes":[]},"labels":{"a":"2","b":"1"},"note":"n",` +
				`"since":"2026-01-02T03:04:05Z","weights":[]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			p := parse(t, nestedJob(), tt.body)
			if diff := cmp.Diff(tt.want, string(p.Canonical)); diff != "" {
				t.Errorf("canonical (-want +got):\n%s", diff)
			}

			if again := parse(t, nestedJob(), tt.want); string(again.Canonical) != tt.want {
				t.Errorf("parsed again: got %s", again.Canonical)
			}
		})
	}
}

func TestParse_NestedInvalid(t *testing.T) {
	t.Parallel()

	const known = "unknown; known: depth, prefix, sizes"

	tests := []struct {
		name, body string
		want       map[string]string
	}{
		{"missing", `{}`, map[string]string{"container": "missing: want a string"}},
		{
			"there but empty",
			`{"container":""}`,
			map[string]string{"container": `"" is the zero value: a value is required`},
		},
		{
			"a problem on every level",
			`{"container":"c","note":"long","filter":{"prefix":"","sizes":[0,"x",3],"a/b~c":1,` +
				`"depth":1e39},"also":[{"sizes":[]},{"prefix":7}],"labels":{"k.[0]":"long","l":null}}`,
			map[string]string{
				"note":            "has 4 characters, above the maximum of 3",
				"filter.prefix":   "has 0 characters, below the minimum of 1",
				"filter.sizes":    "has 3 items, above the maximum of 2",
				"filter.sizes[1]": `"x" is not an integer`,
				`filter["a/b~c"]`: known,
				"filter.depth":    "1e39 is beyond the range of a 32-bit floating-point number",
				"also[1].prefix":  "7 is not a string",
				`labels["k.[0]"]`: "has 4 characters, above the maximum of 3",
				"labels.l":        "null is not allowed: want a string",
			},
		},
		{
			"an item of a list",
			`{"container":"c","filter":{"sizes":[0]}}`,
			map[string]string{"filter.sizes[0]": "0 is not above 0"},
		},
		{
			"behind a pointer",
			`{"container":"c","inner":{"prefix":""}}`,
			map[string]string{"inner.prefix": "has 0 characters, below the minimum of 1"},
		},
		{
			"a key of a map, twice",
			`{"container":"c","labels":{"a":"1","a":"2"}}`,
			map[string]string{"labels.a": "given more than once"},
		},
		{
			"a time",
			`{"container":"c","since":"yesterday"}`,
			map[string]string{"since": `"yesterday" is not an RFC 3339 time`},
		},
		{
			"text of its own",
			`{"container":"c","host":"x"}`,
			map[string]string{"host": `"x" is not a string that holds a netip.Addr`},
		},
		{
			"null for a struct",
			`{"container":"c","filter":null}`,
			map[string]string{"filter": "null is not allowed: want an object"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, err := nestedJob().Parse([]byte(tt.body))
			if diff := cmp.Diff(tt.want, fieldsOf(t, err)); diff != "" {
				t.Errorf("invalid fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse_ReportsABoundedNumberOfFields(t *testing.T) {
	t.Parallel()

	body := `{"container":"c","weights":[` + strings.Repeat(`"x",`, 2000) + `1]}`
	_, err := nestedJob().Parse([]byte(body))

	fields := fieldsOf(t, err)
	if got, want := len(fields), 501; got != want {
		t.Errorf("got %d fields, want %d", got, want)
	}

	if got, want := fields[""], "there are more problems: checking stopped after 500"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
