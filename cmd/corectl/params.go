package main

import (
	"io"
	"os"
	"strings"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// parameters builds the body of a submit from name=value words, see
// view.Schema.Body.
func parameters(words []string, s *view.Schema) ([]byte, error) {
	given := make([]view.NamedValue, len(words))

	for i, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found || name == "" {
			return nil, usagef("%q is not name=value. See `corectl types` for the parameters of a job.", word)
		}

		given[i] = view.NamedValue{Name: name, Value: value}
	}

	body, err := s.Body(given)
	if err != nil {
		return nil, usagef("%v.", err)
	}

	return body, nil
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
