package define_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

type plain struct {
	N       int      `json:"n" default:"3" validate:"min=1,max=1000"`
	Message string   `json:"message" default:"Hello World" validate:"max=20"`
	Rate    float64  `json:"rate" validate:"min=0,max=1"`
	Colour  string   `json:"colour" default:"red" validate:"oneof=red green 'deep blue'"`
	Prefix  string   `json:"prefix" default:"a/" pattern:"^[a-z/]*$"`
	Limit   *int     `json:"limit" validate:"omitempty,gt=0"`
	Narrow  int8     `json:"narrow"`
	Size    uint64   `json:"size"`
	Tags    []string `json:"tags" validate:"max=3,dive,min=2"`
	Strict  bool     `json:"strict"`
}

func plainJob() define.Job {
	return define.Define(define.Definition[plain]{})
}

func TestParse_Canonical(t *testing.T) {
	t.Parallel()

	const defaults = `{"colour":"red","limit":null,"message":"Hello World","n":3,` +
		`"narrow":0,"prefix":"a/","rate":0,"size":0,"strict":false,"tags":[]}`

	change := func(from, to string) string { return strings.Replace(defaults, from, to, 1) }

	tests := []struct{ name, body, want string }{
		{"an empty body is an empty object", "", defaults},
		{"so is white space", " \n\t", defaults},
		{"an empty object", "{}", defaults},
		{"spaces around the object", " \n{ } ", defaults},
		{
			"keys in any order",
			`{"n":5,"colour":"green"}`,
			strings.Replace(change(`"red"`, `"green"`), `"n":3`, `"n":5`, 1),
		},
		{"a value that equals its default", `{"n":3}`, defaults},
		{
			"escapes are not part of the value",
			`{"message":"\u0048i \ud83d\ude00"}`,
			change(`"Hello World"`, `"Hi 😀"`),
		},
		{"a literal backslash before u0000", `{"message":"\\u0000"}`, change(`"Hello World"`, `"\\u0000"`)},
		{"a key that is spelt with an escape", `{"\u006e":4}`, change(`"n":3`, `"n":4`)},
		{"white space and zeros of a number", `{"rate": 0.50 }`, change(`"rate":0`, `"rate":0.5`)},
		{"an exponent", `{"rate":5e-1}`, change(`"rate":0`, `"rate":0.5`)},
		{"minus zero", `{"rate":-0.0}`, defaults},
		{"too small to be distinguished from zero", `{"rate":1e-400}`, defaults},
		{
			"the largest exact integer",
			`{"size":9007199254740991}`,
			change(`"size":0`, `"size":9007199254740991`),
		},
		{"null for a pointer", `{"limit":null}`, defaults},
		{"a value for a pointer", `{"limit":7}`, change(`"limit":null`, `"limit":7`)},
		{"a rule's value that holds a space", `{"colour":"deep blue"}`, change(`"red"`, `"deep blue"`)},
		{
			"characters are counted, not bytes",
			`{"message":"ääääääääääääääääääää"}`,
			change("Hello World", "ääääääääääääääääääää"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			p := parse(t, plainJob(), tt.body)
			if got := string(p.Canonical); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}

			if again := parse(
				t,
				plainJob(),
				string(p.Canonical),
			); string(
				again.Canonical,
			) != string(
				p.Canonical,
			) {
				t.Errorf("parsed again: got %s", again.Canonical)
			}
		})
	}
}

func TestParse_Malformed(t *testing.T) {
	t.Parallel()

	tests := []struct{ name, body, want string }{
		{"cut off", `{"n":`, "byte 5: the text ends early"},
		{"cut off in a string", `{"n":"abc`, "byte 9: the text ends early"},
		{"no JSON", `{"n":x}`, "byte 5: invalid character"},
		{"an array", ` [1]`, "byte 1: the parameters must be one JSON object"},
		{"a string", `"n"`, "byte 0: the parameters must be one JSON object"},
		{"null", `null`, "byte 0: the parameters must be one JSON object"},
		{"two values", `{} {}`, "byte 3: unexpected text after the end"},
		{"text after the value", `{}x`, "byte 2: unexpected text after the end"},
		{
			"a byte order mark",
			"\ufeff{}",
			"byte 0: the text begins with a byte order mark (U+FEFF): send UTF-8 without one",
		},
		{"no UTF-8", "{\"message\":\"a\xff\"}", "byte 13: invalid UTF-8"},
		{"half a surrogate pair", `{"message":"\ud800"}`, "byte 12: invalid surrogate pair"},
		{"a raw control character", "{\"message\":\"a\x00\"}", "byte 13: invalid character"},
		{"NaN", `{"rate":NaN}`, "byte 8: invalid character"},
		{"a leading zero", `{"n":01}`, "byte 6: invalid character"},
		{"too deep", strings.Repeat(`{"a":`, 32) + "[", "byte 160: nested deeper than 32"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, err := plainJob().Parse([]byte(tt.body))
			if got := state.CodeOf(err); got != state.CodeMalformed {
				t.Fatalf("got code %q of %v, want %q", got, err, state.CodeMalformed)
			}

			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want it to contain %q", err, tt.want)
			}
		})
	}
}

func TestParse_Invalid(t *testing.T) {
	t.Parallel()

	const known = "colour, limit, message, n, narrow, prefix, rate, size, strict, tags"

	tests := []struct {
		name, body string
		want       map[string]string
	}{
		{"below the minimum", `{"n":0}`, map[string]string{"n": "0 is below the minimum 1"}},
		{"above the maximum", `{"n":1001}`, map[string]string{"n": "1001 is above the maximum 1000"}},
		{
			"too long",
			`{"message":"123456789012345678901"}`,
			map[string]string{"message": "has 21 characters, above the maximum of 20"},
		},
		{"unknown", `{"farbe":1}`, map[string]string{"farbe": "unknown; known: " + known}},
		{"keys are exact", `{"N":1}`, map[string]string{"N": "unknown; known: " + known}},
		{"twice", `{"n":1,"n":1}`, map[string]string{"n": "given more than once"}},
		{"twice, one of them escaped", `{"n":1,"\u006e":2}`, map[string]string{"n": "given more than once"}},
		{"null", `{"n":null}`, map[string]string{"n": "null is not allowed: want an integer"}},
		{"a string for a number", `{"n":"3"}`, map[string]string{"n": `"3" is not an integer`}},
		{"a fraction", `{"n":1.5}`, map[string]string{"n": "1.5 is not an integer"}},
		{
			"an object for a string",
			`{"message":{"a":1}}`,
			map[string]string{"message": `{"a":1} is not a string`},
		},
		{"a number for a boolean", `{"strict":1}`, map[string]string{"strict": "1 is not true or false"}},
		{"a boolean for a string", `{"message":true}`, map[string]string{"message": "true is not a string"}},
		{
			"not exact in JSON",
			`{"size":9007199254740992}`,
			map[string]string{
				"size": "9007199254740992 is beyond ±9007199254740991, up to which JSON carries integers exactly",
			},
		},
		{
			"beyond any integer",
			`{"n":123456789012345678901234567890}`,
			map[string]string{
				"n": "123456789012345678901234567890 is beyond ±9007199254740991, up to which JSON " +
					"carries integers exactly",
			},
		},
		{"beyond the type", `{"narrow":128}`, map[string]string{"narrow": "128 is not between -128 and 127"}},
		{"negative", `{"size":-1}`, map[string]string{"size": "-1 is not between 0 and 9007199254740991"}},
		{
			"beyond any float",
			`{"rate":1e400}`,
			map[string]string{"rate": "1e400 is beyond the range of a 64-bit floating-point number"},
		},
		{
			"none of",
			`{"colour":"pink"}`,
			map[string]string{"colour": `"pink" is not one of: red, green, deep blue`},
		},
		{
			"pattern",
			`{"prefix":"A"}`,
			map[string]string{"prefix": `"A" does not match the pattern ^[a-z/]*$`},
		},
		{"through a pointer", `{"limit":0}`, map[string]string{"limit": "0 is not above 0"}},
		{
			"an item",
			`{"tags":["aa","b",3]}`,
			map[string]string{
				"tags[1]": "has 1 characters, below the minimum of 2",
				"tags[2]": "3 is not a string",
			},
		},
		{
			"U+0000",
			`{"message":"a\u0000b","tags":["x\u0000"]}`,
			map[string]string{
				"message": "holds U+0000, which cannot be stored",
				"tags[0]": "holds U+0000, which cannot be stored",
			},
		},
		{
			"several problems together",
			`{"n":0,"message":4,"rate":2,"x":{"y":[]},"colour":null}`,
			map[string]string{
				"n":       "0 is below the minimum 1",
				"message": "4 is not a string",
				"rate":    "2 is above the maximum 1",
				"x":       "unknown; known: " + known,
				"colour":  "null is not allowed: want a string",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, err := plainJob().Parse([]byte(tt.body))
			if diff := cmp.Diff(tt.want, fieldsOf(t, err)); diff != "" {
				t.Errorf("invalid fields (-want +got):\n%s", diff)
			}
		})
	}
}
