package view_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/view"
)

// nested is a job with parameters in objects, lists and maps.
var nested = fixtures.Jobs()["nested"]

func nestedSchema(t *testing.T) *view.Schema {
	t.Helper()

	s, err := view.ParseSchema(nested.Schema())
	if err != nil {
		t.Fatal(err)
	}

	return s
}

// words splits name=value pairs.
func words(text ...string) (given []view.NamedValue) {
	for _, word := range text {
		name, value, _ := strings.Cut(word, "=")
		given = append(given, view.NamedValue{Name: name, Value: value})
	}

	return given
}

// TestListsShowWhatDiffersFromTheDefaults submits words, and expects the list to
// show the same parameters.
func TestListsShowWhatDiffersFromTheDefaults(t *testing.T) {
	t.Parallel()

	s := nestedSchema(t)

	for _, c := range []struct {
		given []string
		want  string
	}{
		{nil, ""},
		{[]string{"n=2", "owner.name=anyone", "bands=1", "window=null", "formats=[]"}, ""},
		{[]string{"n=2e0", "bands=[ 1.0 ]"}, ""},
		{[]string{"mode=exact", "owner.name=bob", "n=5"}, "n=5 owner.name=bob mode=exact"},
		{[]string{"bands=1,2,3", "formats=tif"}, "bands=1,2,3 formats=tif"},
		{[]string{"bands=1", "bands=2", "formats=tif,png"}, "bands=1,2 formats=tif,png"},
		{[]string{"bands=[1,2]", `formats=["png"]`}, "bands=1,2 formats=png"},
		{[]string{"owner.name=it's me"}, `'owner.name=it'\''s me'`},
		{[]string{"window.left=5"}, "window.left=5"},
		{[]string{"labels.env=prod", "labels.a.b=1"}, "labels.a.b=1 labels.env=prod"},
		{[]string{`labels={"a=b":"1"}`}, `'labels={"a=b":"1"}'`},
		{[]string{`owner={"name":"eve","team":"data"}`}, "owner.name=eve owner.team=data"},
	} {
		body, err := s.Body(words(c.given...))
		if err != nil {
			t.Errorf("%q: %v", c.given, err)
			continue
		}

		p, err := nested.Parse(body)
		if err != nil {
			t.Errorf("%q: the job rejects %s: %v", c.given, body, err)
			continue
		}

		if got := strings.Join(view.Differing(s, p.Canonical), " "); got != c.want {
			t.Errorf("%q: got %s, want %s", c.given, got, c.want)
		}
	}
}

func TestAnObjectWithDefaultsOnlyIsShownIfItMayBeNull(t *testing.T) {
	t.Parallel()

	s, err := view.ParseSchema([]byte(`{"type":"object","properties":{"inner":{"type":["object","null"],
"properties":{"depth":{"type":"integer","default":1}},"default":null}}}`))
	if err != nil {
		t.Fatal(err)
	}

	for parameters, want := range map[string][]string{
		`{"inner":null}`:        nil,
		`{"inner":{"depth":1}}`: {"'inner={}'"},
		`{"inner":{"depth":2}}`: {"inner.depth=2"},
	} {
		if diff := cmp.Diff(want, view.Differing(s, []byte(parameters))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", parameters, diff)
		}
	}
}

func TestParametersOfAnUnknownTypeAreAllShown(t *testing.T) {
	t.Parallel()

	texts := view.NewParameterTexts([]state.JobType{
		{Name: "known", Schema: []byte(`{"properties":{"n":{"type":"integer","default":3}}}`)},
		{Name: "broken", Schema: []byte(`[]`)},
	})

	for _, c := range []struct{ jobType, parameters, want string }{
		{"known", `{"n":3}`, ""},
		{"known", `{"n":4,"later":"x"}`, "n=4 later=x"},
		{"broken", `{"n":3}`, "n=3"},
		{"other", `{"n":3,"b":{"c":[1, 2],"d":"5"},"e":null}`, `'b.c=[1,2]' 'b.d="5"' e=null n=3`},
		{"other", `{}`, ""},
		{"other", ``, "…"},
		{"known", `null`, "…"},
	} {
		job := view.JobSummary{JobType: c.jobType, Parameters: []byte(c.parameters)}
		if got := texts.Of(&job); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.jobType, c.parameters, got, c.want)
		}
	}
}

// TestWordsBecomeTheTypeThatTheSchemaNames includes values of another type, which
// the API rejects with a message that quotes them.
func TestWordsBecomeTheTypeThatTheSchemaNames(t *testing.T) {
	t.Parallel()

	s, err := view.ParseSchema([]byte(`{"type":"object","properties":{
"name":{"type":"string"}, "n":{"type":"integer"}, "any":{}, "most":{"type":["integer","null"]},
"note":{"type":["string","null"]}, "names":{"type":"array","items":{"type":"string"}},
"sizes":{"type":["array","null"],"items":{"type":"number"}},
"filters":{"type":"array","items":{"type":"object","properties":{"p":{"type":"string"}}}},
"deep":{"type":"object","properties":{"er":{"type":"object","properties":{"x":{"type":"integer"}}}}},
"map":{"type":"object","additionalProperties":{"type":"string"}}}}`))
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		given []string
		want  string
	}{
		{nil, `{}`},
		{[]string{"name=5", "n=5", "n2=5"}, `{"name":"5","n":5,"n2":5}`},
		{[]string{"n=many", "any=many", `any2="x"`}, `{"n":"many","any":"many","any2":"\"x\""}`},
		{[]string{"most=null", "note=null", "name=null"}, `{"most":null,"note":null,"name":"null"}`},
		{[]string{"n=9007199254740993"}, `{"n":9007199254740993}`},
		{[]string{"name=<&>", "name2=a=b"}, `{"name":"<&>","name2":"a=b"}`},
		{[]string{"names=1,b", "sizes=1,x"}, `{"names":["1","b"],"sizes":[1,"x"]}`},
		{[]string{"names=", "sizes=null"}, `{"names":[],"sizes":null}`},
		{[]string{"names=[a", `names=["x,y"]`, "names=z"}, `{"names":["[a","x,y","z"]}`},
		{[]string{`filters={"p":"1"}`, `filters={"p":"a,b"}`}, `{"filters":[{"p":"1"},{"p":"a,b"}]}`},
		{[]string{"deep.er.x=1", "n=2", "deep.other=y"}, `{"deep":{"er":{"x":1},"other":"y"},"n":2}`},
		{[]string{"map.a.b=1", "map.c=2"}, `{"map":{"a.b":"1","c":"2"}}`},
		{[]string{"unknown.x=1"}, `{"unknown.x":1}`},
	} {
		got, err := s.Body(words(c.given...))
		if err != nil || string(got) != c.want {
			t.Errorf("%q: got %s, %v, want %s", c.given, got, err, c.want)
		}
	}

	for _, c := range []struct {
		given []string
		want  string
	}{
		{[]string{"n=1", "n=2"}, "n occurs twice"},
		{[]string{"deep.er.x=1", "deep.er.x=2"}, "deep.er.x occurs twice"},
		{[]string{"deep={}", "deep.er.x=1"}, "deep.er.x: deep is also given as a whole"},
		{[]string{"deep.er.x=1", "deep={}"}, "deep: deep.er is also given"},
		{[]string{"n.x=1"}, "n: the type is integer, which has no member x"},
		{[]string{"deep.er.x.y=1"}, "deep.er.x: the type is integer, which has no member y"},
		{[]string{"names.0=a"}, "names: a list has no names: use names=VALUE for each item, or a JSON array"},
	} {
		if _, err := s.Body(words(c.given...)); err == nil || err.Error() != c.want {
			t.Errorf("%q: got %v, want %s", c.given, err, c.want)
		}
	}
}
