package define_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// literal is a number in its original notation.
type literal = json.Number

func decodeSchema(t *testing.T, text []byte) map[string]any {
	t.Helper()

	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()

	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}

	return v
}

func mapOf(v any) map[string]any { m, _ := v.(map[string]any); return m }
func listOf(v any) []any         { l, _ := v.([]any); return l }

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}

	return string(b)
}

// why returns the reason why a schema rejects a value, or "" if it does not. An
// unknown keyword is a panic, so that none is overlooked.
func why(schema map[string]any, v any) string {
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		if said := refusal(schema, keyword, schema[keyword], v); said != "" {
			return keyword + ": " + said
		}
	}

	return ""
}

// refusal returns why one keyword of a schema rejects a value.
func refusal(schema map[string]any, keyword string, rule, v any) string { //nolint:gocyclo // one case for each keyword
	holds := true
	text, isText := v.(string)
	list, isList := v.([]any)
	members, isObject := v.(map[string]any)
	n := numberOf(v)

	switch keyword {
	case "$schema", "description", "default":
	case "format": // date-time is the only format that is used
		_, err := time.Parse(time.RFC3339, text)
		holds = !isText || err == nil
	case "type":
		holds = slices.ContainsFunc(typesOf(rule), func(name string) bool { return isOf(name, v) })
	case "const":
		holds = sameJSON(rule, v)
	case "enum":
		holds = slices.ContainsFunc(listOf(rule), func(one any) bool { return sameJSON(one, v) })
	case "minimum":
		holds = n == nil || n.Cmp(numberOf(rule)) >= 0
	case "maximum":
		holds = n == nil || n.Cmp(numberOf(rule)) <= 0
	case "exclusiveMinimum":
		holds = n == nil || n.Cmp(numberOf(rule)) > 0
	case "exclusiveMaximum":
		holds = n == nil || n.Cmp(numberOf(rule)) < 0
	case "minLength":
		holds = !isText || utf8.RuneCountInString(text) >= intOf(rule)
	case "maxLength":
		holds = !isText || utf8.RuneCountInString(text) <= intOf(rule)
	case "pattern":
		pattern, _ := rule.(string)
		holds = !isText || regexp.MustCompile(pattern).MatchString(text)
	case "minItems":
		holds = !isList || len(list) >= intOf(rule)
	case "maxItems":
		holds = !isList || len(list) <= intOf(rule)
	case "uniqueItems":
		for i := range list {
			holds = holds &&
				!slices.ContainsFunc(list[:i], func(one any) bool { return sameJSON(one, list[i]) })
		}
	case "items":
		for _, one := range list {
			if said := why(mapOf(rule), one); said != "" {
				return said
			}
		}
	case "minProperties":
		holds = !isObject || len(members) >= intOf(rule)
	case "maxProperties":
		holds = !isObject || len(members) <= intOf(rule)
	case "propertyNames":
		for name := range members {
			if said := why(mapOf(rule), name); said != "" {
				return said
			}
		}
	case "properties", "additionalProperties":
		return refusedMember(schema, members)
	case "required":
		for _, name := range listOf(rule) {
			_, given := members[fmt.Sprint(name)]
			holds = holds && (!isObject || given)
		}
	case "anyOf":
		holds = slices.ContainsFunc(listOf(rule), func(one any) bool { return why(mapOf(one), v) == "" })
	case "allOf":
		holds = !slices.ContainsFunc(listOf(rule), func(one any) bool { return why(mapOf(one), v) != "" })
	case "not":
		holds = why(mapOf(rule), v) != ""
	default:
		panic("the test does not know the keyword " + keyword)
	}

	if holds {
		return ""
	}

	return fmt.Sprintf("%v of %v", rule, v)
}

func refusedMember(schema, members map[string]any) string {
	for name, value := range members {
		of, known := mapOf(schema["properties"])[name]
		if !known {
			of = schema["additionalProperties"]
		}

		if of == false {
			return name + " is unknown"
		}

		if said := why(mapOf(of), value); said != "" {
			return name + ": " + said
		}
	}

	return ""
}

func typesOf(rule any) []string {
	if one, ok := rule.(string); ok {
		return []string{one}
	}

	var all []string
	for _, one := range listOf(rule) {
		all = append(all, fmt.Sprint(one))
	}

	return all
}

func isOf(name string, v any) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case literal:
		return name == "number" || (name == "integer" && numberOf(v).IsInt())
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}

	return false
}

func numberOf(v any) *big.Rat {
	n, ok := v.(literal)
	if !ok {
		return nil
	}

	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		panic("no number: " + n.String())
	}

	return r
}

func intOf(v any) int {
	n := numberOf(v)
	return int(n.Num().Int64())
}

func sameJSON(a, b any) bool {
	if x, y := numberOf(a), numberOf(b); x != nil && y != nil {
		return x.Cmp(y) == 0
	}

	return reflect.DeepEqual(a, b)
}
