package define_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/jobs/define"
)

func TestSchema(t *testing.T) {
	t.Parallel()

	const want = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "n": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 3},
    "message": {"type": "string", "maxLength": 20, "default": "Hello World"},
    "rate": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
    "colour": {"type": "string", "enum": ["red", "green", "deep blue"], "default": "red"},
    "prefix": {"type": "string", "pattern": "^[a-z/]*$", "default": "a/"},
    "limit": {"type": ["integer", "null"], "maximum": 9007199254740991, "exclusiveMinimum": 0, "default": null},
    "narrow": {"type": "integer", "minimum": -128, "maximum": 127, "default": 0},
    "size": {"type": "integer", "minimum": 0, "maximum": 9007199254740991, "default": 0},
    "tags": {"type": "array", "items": {"type": "string", "minLength": 2}, "maxItems": 3, "default": []},
    "strict": {"type": "boolean", "default": false}
  },
  "additionalProperties": false
}`

	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(want)); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(compact.String(), string(plainJob().Schema())); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

func TestSchema_Nested(t *testing.T) {
	t.Parallel()

	const (
		filter = `{"type":"object","properties":{
		"prefix":{"type":"string","minLength":1,"default":"in/"},
		"sizes":{"type":"array","items":{"type":"integer","maximum":9007199254740991,"exclusiveMinimum":0},
		"maxItems":2,"default":[]},
		"depth":{"type":["number","null"],"minimum":-3.4028234663852886e+38,"maximum":3.4028234663852886e+38,
		"default":null}},"additionalProperties":false}`
		want = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{
		"note":{"type":"string","maxLength":3,"default":""},
		"container":{"type":"string","minLength":1},
		"filter":` + filter + `,
		"also":{"type":"array","items":` + filter + `,"default":[]},
		"labels":{"type":"object","additionalProperties":{"type":"string","maxLength":3},"default":{}},
		"since":{"type":"string","format":"date-time","default":"2026-01-02T03:04:05Z"},
		"host":{"type":"string"},
		"weights":{"type":"array","items":{"type":"number"},"default":[1,0.5]},
		"inner":{"type":["object","null"],"properties":{
		"prefix":{"type":"string","minLength":1,"default":"in/"},
		"sizes":{"type":"array","items":{"type":"integer","maximum":9007199254740991,"exclusiveMinimum":0},
		"maxItems":2,"default":[]},
		"depth":{"type":["number","null"],"minimum":-3.4028234663852886e+38,"maximum":3.4028234663852886e+38,
		"default":null}},"additionalProperties":false,"default":null}},
		"required":["container"],"additionalProperties":false}`
	)

	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(want)); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(compact.String(), string(nestedJob().Schema())); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

type boundTwice struct {
	Name string `json:"name" validate:"required,min=3,max=63"`
}

func TestSchema_LaterRuleWinsForTheSameBound(t *testing.T) {
	t.Parallel()

	job := define.Define(define.Definition[boundTwice]{Description: "Bound twice"})

	want := `"name":{"type":"string","minLength":3,"maxLength":63}`
	if got := string(job.Schema()); !strings.Contains(got, want) {
		t.Errorf("the schema is %q, want %s in it", got, want)
	}
}
