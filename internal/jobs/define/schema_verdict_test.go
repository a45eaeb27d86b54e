package define_test

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// everyRule has each rule that the schema expresses, on each type that the rule
// is for.
type everyRule struct {
	Plain     int               `json:"plain"`
	Bounded   int               `json:"bounded" default:"3" validate:"gt=1,lte=5"`
	Open      int               `json:"open" validate:"gt=-2,lt=3"`
	Maybe     int               `json:"maybe" validate:"omitempty,min=3,max=5"`
	Given     int               `json:"given" default:"1" validate:"required,min=-1"`
	Small     int8              `json:"small"`
	Unsigned  uint16            `json:"unsigned"`
	Chosen    int               `json:"chosen" default:"2" validate:"oneof=2 4"`
	Perhaps   *int              `json:"perhaps" validate:"omitempty,min=2"`
	Rate      float64           `json:"rate" validate:"min=0,lt=1"`
	Single    float32           `json:"single"`
	Text      string            `json:"text" default:"ab" validate:"required,gt=1,lt=4"`
	Short     string            `json:"short" default:"ab" validate:"len=2"`
	Optional  string            `json:"optional" validate:"omitempty,min=2,max=3"`
	Letters   string            `json:"letters" validate:"omitempty,alpha"`
	Colour    string            `json:"colour" validate:"omitempty,oneof=red green"`
	Shade     *string           `json:"shade" validate:"omitempty,oneof=dark light"`
	Code      string            `json:"code" default:"a" pattern:"^[ab]*$"`
	Both      string            `json:"both" default:"a" pattern:"^[ab1]*$" validate:"alpha"`
	Agreed    bool              `json:"agreed" default:"true" validate:"required"`
	Flag      *bool             `json:"flag"`
	At        time.Time         `json:"at"`
	Items     []int             `json:"items" validate:"max=3,unique,dive,min=1"`
	Words     []string          `json:"words" validate:"lt=3,dive,omitempty,min=2"`
	Grid      [][]int           `json:"grid" validate:"max=2,dive,min=1,max=2,dive,max=3"`
	Labels    map[string]string `json:"labels" validate:"max=2,dive,keys,min=2,max=3,endkeys,required"`
	Counts    map[string]int    `json:"counts" validate:"gt=-1"`
	Inner     verdictInner      `json:"inner"`
	Inners    []verdictInner    `json:"inners" validate:"max=2,dive"`
	Elsewhere *verdictInner     `json:"elsewhere"`
}

type verdictInner struct {
	Must string `json:"must" validate:"required"`
	N    int    `json:"n" default:"1" validate:"min=1"`
}

// TestSchema_AgreesWithParse generates valid and invalid parameters, and
// compares the verdict of the schema with that of Parse.
func TestSchema_AgreesWithParse(t *testing.T) {
	t.Parallel()

	job := define.Define(define.Definition[everyRule]{})
	schema := decodeSchema(t, job.Schema())
	accepted, refused := 0, 0

	rapid.Check(t, func(t *rapid.T) {
		wrong := rapid.SampledFrom([]int{0, 0, 1, 4}).Draw(t, "wrong")
		v := object(t, schema, &wrong)
		body := encode(v)
		want := why(schema, v)

		_, err := job.Parse([]byte(body))
		if code := state.CodeOf(err); err != nil && code != state.CodeInvalid {
			t.Fatalf("%s: %v", body, err)
		}

		if (want == "") != (err == nil) {
			t.Fatalf("%s: the schema says %q, and Parse %v", body, want, err)
		}

		if err == nil {
			accepted++
		} else {
			refused++
		}
	})

	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted and %d rejected: the test compares too few", accepted, refused)
	}
}

// TestSchema_AcceptsAllDefaults covers the parameters of all registered jobs.
func TestSchema_AcceptsAllDefaults(t *testing.T) {
	t.Parallel()

	for _, job := range []define.Job{
		define.Define(define.Definition[everyRule]{}), plainJob(), nestedJob(),
	} {
		schema := decodeSchema(t, job.Schema())
		for name, property := range mapOf(schema["properties"]) {
			p := mapOf(property)

			def, ok := p["default"]
			if !ok {
				continue
			}

			if said := why(p, def); said != "" {
				t.Errorf("%s: its default %v is not valid: %s", name, def, said)
			}
		}
	}
}

// generate returns a value for a schema. While wrong is above 0, some parts of
// the value are likely to be invalid.
func generate(t *rapid.T, schema map[string]any, wrong *int) any {
	if *wrong > 0 && rapid.IntRange(0, 5).Draw(t, "break") == 0 {
		*wrong--

		return rapid.SampledFrom([]any{
			nil,
			true,
			"",
			"x",
			"red",
			literal("0"),
			literal("-1"),
			literal("1.5"),
			literal("3.0"),
			literal("99"),
			[]any{},
			map[string]any{},
			literal("1e2"),
			literal("1e300"),
			literal("9007199254740992"),
			"abcdefgh",
			[]any{literal("1"), literal("1.0")},
		}).Draw(t, "any")
	}

	if values := listOf(schema["enum"]); len(values) > 0 {
		return rapid.SampledFrom(values).Draw(t, "enum")
	}

	if def, ok := schema["default"]; ok && rapid.IntRange(0, 4).Draw(t, "default") == 0 {
		return def
	}

	switch rapid.SampledFrom(typesOf(schema["type"])).Draw(t, "type") {
	case "boolean":
		return *wrong == 0 || rapid.Bool().Draw(t, "bool")
	case "integer", "number":
		return numberNear(t, schema, *wrong > 0)
	case "string":
		return textNear(t, schema, *wrong > 0)
	case "array":
		n := sizeNear(t, schema, "minItems", "maxItems", *wrong > 0)
		all := []any{}

		for range n {
			one := generate(t, mapOf(schema["items"]), wrong)
			if *wrong == 0 && schema["uniqueItems"] == true &&
				slices.ContainsFunc(all, func(other any) bool { return sameJSON(other, one) }) {
				continue
			}

			all = append(all, one)
		}

		return all
	case "object":
		return object(t, schema, wrong)
	}

	return nil
}

func object(t *rapid.T, schema map[string]any, wrong *int) map[string]any {
	all := map[string]any{}

	if of := mapOf(schema["additionalProperties"]); of != nil {
		for range sizeNear(t, schema, "minProperties", "maxProperties", *wrong > 0) {
			all[textNear(t, mapOf(schema["propertyNames"]), *wrong > 0)] = generate(t, of, wrong)
		}

		return all
	}

	properties := mapOf(schema["properties"])
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		required := slices.Contains(listOf(schema["required"]), any(name))
		if (required && *wrong == 0) || rapid.IntRange(0, 3).Draw(t, "given") == 0 {
			all[name] = generate(t, mapOf(properties[name]), wrong)
		}
	}

	if *wrong > 0 && rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
		all["unknown"] = nil
	}

	return all
}

// edges returns the bounds of a schema, including those of combined schemas.
func edges(schema map[string]any, keywords ...string) []any {
	if schema == nil {
		return nil
	}

	var all []any

	for _, k := range keywords {
		if v, ok := schema[k]; ok {
			all = append(all, v)
		}
	}

	for _, one := range slices.Concat(listOf(schema["anyOf"]), listOf(schema["allOf"]), []any{schema["not"]}) {
		all = append(all, edges(mapOf(one), keywords...)...)
	}

	return all
}

func numberNear(t *rapid.T, schema map[string]any, wild bool) literal {
	around := edges(schema, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "const")
	around = append(around, literal("0"), literal("1"), literal("2"))
	n, _ := rapid.SampledFrom(around).Draw(t, "near").(literal)
	r := numberOf(n)
	step := rapid.SampledFrom([]string{"-1", "0", "1", "0.5"}).Draw(t, "step")

	by, _ := new(big.Rat).SetString(step)
	if f, _ := r.Float64(); math.Abs(f) < 1e16 {
		r = r.Add(r, by)
	}

	text := r.FloatString(1)
	if f, _ := r.Float64(); math.Abs(f) > 1e16 {
		text = n.String()
	}

	out := literal(text)
	if strings.HasSuffix(text, ".0") && rapid.Bool().Draw(t, "spelling") {
		out = literal(strings.TrimSuffix(text, ".0"))
	}

	if !wild && why(schema, out) != "" {
		return rightNumber(schema)
	}

	return out
}

func rightNumber(schema map[string]any) literal {
	for _, text := range []string{"1", "2", "3", "4", "0", "0.5"} {
		if why(schema, literal(text)) == "" {
			return literal(text)
		}
	}

	panic(fmt.Sprint("no number is right for ", schema))
}

func textNear(t *rapid.T, schema map[string]any, wild bool) string {
	if schema["format"] == "date-time" {
		return "2026-01-02T03:04:05Z"
	}

	texts := []string{"", "a", "b1", "ab", "äö", "abc", "abcd"}
	if !wild {
		texts = slices.DeleteFunc(texts, func(s string) bool { return why(schema, s) != "" })
	}

	return rapid.SampledFrom(texts).Draw(t, "text")
}

func sizeNear(t *rapid.T, schema map[string]any, low, high string, wild bool) int {
	minSize, maxSize := 0, 3
	if v, ok := schema[low]; ok {
		minSize = intOf(v)
	}

	if v, ok := schema[high]; ok {
		maxSize = intOf(v)
	}

	if wild {
		minSize, maxSize = max(0, minSize-1), maxSize+1
	}

	return rapid.IntRange(minSize, maxSize).Draw(t, "size")
}
