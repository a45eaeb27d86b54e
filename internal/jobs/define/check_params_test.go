package define_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
)

type recursive struct {
	Items []recursive `json:"items"`
}

func problemsOf[P any](stages ...define.Stage[P]) []string {
	j := define.Define(define.Definition[P]{Stages: stages})
	return define.Check(map[string]define.Job{"job": j}, allHandlers(), handlers.Deps{}, 0)
}

func counts[P any]() define.Stage[P] {
	return define.Stage[P]{Name: "a", Tasks: define.Dynamic(work, "n", func(P, int) item { return item{} })}
}

func TestCheck_Parameters(t *testing.T) {
	t.Parallel()

	tests := []struct {
		got  []string
		want string
	}{
		{problemsOf[int](), "the parameters are int: they must be a struct"},
		{problemsOf[*counted](), "they must be a struct"},
		{problemsOf[struct{ N int }](), `field N has the json tag ""`},
		{problemsOf[struct {
			N int `json:"n,omitempty"`
		}](), `field N has the json tag "n,omitempty"`},
		{problemsOf[struct {
			N int `json:"nN"`
		}](), "must be a snake_case name"},
		{problemsOf[struct {
			counted
			M int `json:"n"`
		}](), "parameter n: two fields have this name"},
		{problemsOf[struct {
			n int
		}](), "field n must be exported"},
		{problemsOf[struct {
			N any `json:"n"`
		}](), "parameter n: interface {} is not a supported parameter type"},
		{problemsOf[struct {
			N time.Duration `json:"n"`
		}](), "parameter n: a time.Duration has no standard form"},
		{problemsOf[struct {
			N []byte `json:"n"`
		}](), "parameter n: []uint8: use a string"},
		{problemsOf[struct {
			N map[int]int `json:"n"`
		}](), "the keys of a map must be of type string"},
		{problemsOf[struct {
			N json.RawMessage `json:"n"`
		}](), "has its own JSON encoding"},
		{problemsOf[struct {
			N **int `json:"n"`
		}](), "is a pointer to a pointer"},
		{problemsOf[struct {
			N []func() `json:"n"`
		}](), "parameter n: func() is not a supported"},
		{problemsOf[recursive](), "parameter items: define_test.recursive contains itself"},
		{problemsOf[struct {
			N []counted `json:"n"`
		}](), "parameter n: the rules of its items are only applied where its own rules include dive"},
		{problemsOf[struct {
			N int `json:"n" pattern:"x"`
		}](), `pattern "x" must be a regular expression, on a string`},
		{problemsOf[struct {
			S string `json:"s" pattern:"("`
		}](), `pattern "(" must be a regular expression`},
		{problemsOf[struct {
			N int `json:"n" default:"x"`
		}](), "parameter n: its default is invalid: the default is not JSON"},
		{problemsOf[struct {
			N int `json:"n" default:"\"3\""`
		}](), `parameter n: its default is invalid: "3" is not an integer`},
		{problemsOf[struct {
			N int `json:"n" default:"0" validate:"min=1"`
		}](), "parameter n: its default is invalid: 0 is below the minimum 1"},
		{problemsOf[struct {
			In struct {
				N int `json:"n" default:"7" validate:"max=5"`
			} `json:"in"`
		}](), "parameter in.n: its default is invalid: 7 is above the maximum 5"},
		{problemsOf[struct {
			N int `json:"n" validate:"min=1"`
		}](), "parameter n: its zero value is invalid, so it needs a default or the rule required"},
		{problemsOf[struct {
			S string `json:"s" pattern:"^a$"`
		}](), "parameter s: its zero value is invalid"},
		{problemsOf[struct {
			N int `json:"n" validate:"no_such_rule"`
		}](), "the validation rules of its parameters are invalid"},
		{problemsOf(counts[struct {
			N string `json:"n"`
		}]()), `its count parameter "n" is not an integer but a string`},
		{problemsOf(counts[struct {
			N *int `json:"n"`
		}]()), `its count parameter "n" is not an integer but an integer or null`},
		{problemsOf(counts[struct {
			N float64 `json:"n"`
		}]()), `its count parameter "n" is not an integer but a number`},
		{problemsOf(counts[struct {
			N int `json:"n" validate:"max=10"`
		}]()), "must have validate tags that keep it between 0 and 2147483647"},
		{problemsOf(counts[struct {
			N int `json:"n" validate:"min=0"`
		}]()), "must have validate tags that keep it between 0 and 2147483647"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()

			if !strings.Contains(strings.Join(tt.got, "\n"), tt.want) {
				t.Errorf("no problem contains %q: got\n%s", tt.want, strings.Join(tt.got, "\n"))
			}
		})
	}
}

func TestCheck_AcceptsParameters(t *testing.T) {
	t.Parallel()

	for name, got := range map[string][]string{
		"required needs no default": problemsOf[struct {
			S string `json:"s" validate:"required,min=3"`
		}](),
		"rules of an absent value may be left out": problemsOf[struct {
			S string `json:"s" validate:"omitempty,min=3"`
		}](),
		"a field that JSON does not have": problemsOf[struct {
			Kept chan int `json:"-"`
		}](),
		"bounds that the type gives": problemsOf(counts[struct {
			N uint16 `json:"n"`
		}]()),
		"nested": problemsOf[nested](),
	} {
		for _, p := range got {
			if strings.Contains(p, "parameter") {
				t.Errorf("%s: got %q", name, p)
			}
		}
	}
}
