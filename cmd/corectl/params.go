package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"

	"coremachine/internal/state"
)

// schema is the part of a JSON Schema that determines how name=value is read.
type schema struct {
	Properties map[string]property `json:"properties"`
	Required   []string            `json:"required"`
}

type property struct {
	Type        state.SchemaTypes `json:"type"`
	Description string            `json:"description"`
	Default     json.RawMessage   `json:"default"`
	Enum        []any             `json:"enum"`
	Minimum     json.Number       `json:"minimum"`
	Maximum     json.Number       `json:"maximum"`
	MaxLength   json.Number       `json:"maxLength"`
	Pattern     string            `json:"pattern"`
}

// parameters builds the body of a submit from name=value words, in their order.
// The schema of a name determines the type of its value. A value of another
// type is sent as a string, so that the API reports the error.
func parameters(words []string, s schema) ([]byte, error) {
	var b bytes.Buffer

	seen := map[string]bool{}

	b.WriteByte('{')

	for i, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found || name == "" {
			return nil, usagef("%q is not name=value. See `corectl types` for the parameters of a job.", word)
		}

		if seen[name] {
			return nil, usagef("%s occurs twice.", name)
		}

		seen[name] = true

		if i > 0 {
			b.WriteByte(',')
		}

		b.Write(quoted(name))
		b.WriteByte(':')
		b.Write(literal(value, s.Properties[name].Type))
	}

	b.WriteByte('}')

	return b.Bytes(), nil
}

func literal(value string, kind state.SchemaTypes) []byte {
	raw := []byte(value)

	valid := json.Valid(raw)
	switch {
	case slices.Contains(kind, "string") && (value != "null" || !slices.Contains(kind, "null")):
		return quoted(value)
	case slices.Contains(kind, "array") && !valid:
		parts := strings.Split(value, ",")

		encoded := make([][]byte, len(parts))
		for i, part := range parts {
			encoded[i] = quoted(part)
		}

		return append(append([]byte("["), bytes.Join(encoded, []byte(","))...), ']')
	case valid && (len(kind) > 0 || !strings.HasPrefix(value, `"`)):
		return raw
	}

	return quoted(value)
}

// quoted returns a JSON string without HTML escapes.
func quoted(text string) []byte {
	var b bytes.Buffer

	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)

	if err := enc.Encode(text); err != nil {
		return []byte(`""`)
	}

	return bytes.TrimSpace(b.Bytes())
}

// jsonFile reads the body from a file, or from standard input for "-". The body
// is sent unchanged.
func jsonFile(path string, in io.Reader) ([]byte, error) {
	var (
		text []byte
		err  error
	)
	if path == "-" {
		text, err = io.ReadAll(io.LimitReader(in, state.MaxBody+1))
	} else {
		text, err = os.ReadFile(path)
	}

	if err != nil {
		return nil, usagef("cannot read the parameters: %v", err)
	}

	if len(text) > state.MaxBody {
		return nil, usagef("the parameters exceed %d KiB.", state.MaxBody>>10)
	}

	return text, nil
}
