package repo

import (
	"slices"
	"strings"
	"testing"
)

// TestNamedArgsMatchTheStatement rewrites a statement twice, and with arguments
// that do not match it.
func TestNamedArgsMatchTheStatement(t *testing.T) {
	t.Parallel()

	const text = `select @b::int, @a::text, @b`

	for range 2 { // the second run finds the text rewritten
		got, values, err := namedArgs{"a": "x", "b": 7}.RewriteQuery(t.Context(), nil, text, nil)
		if err != nil || got != `select $1::int, $2::text, $1` || !slices.Equal(values, []any{7, "x"}) {
			t.Errorf("got %q with %v, %v", got, values, err)
		}
	}

	for _, args := range []namedArgs{{"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 3}} {
		if _, _, err := args.RewriteQuery(t.Context(), nil, text, nil); err == nil {
			t.Errorf("%v: no error, want one", args)
		} else if !strings.Contains(err.Error(), "argument") {
			t.Errorf("%v: %v, want an error about arguments", args, err)
		}
	}
}
