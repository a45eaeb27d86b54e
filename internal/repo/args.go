package repo

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
)

// namedArgs has the arguments of a statement by name. The statement must use all
// of them. namedArgs works like pgx.StrictNamedArgs, but parses the text of a
// statement only once: long statements take as long to parse as to run.
type namedArgs map[string]any

// positional is the text of a statement with $1, $2 and so on, and the names of
// these parameters.
type positional struct {
	text  string
	names []string
}

var rewritten sync.Map // text -> positional

// RewriteQuery is part of pgx.QueryRewriter.
func (a namedArgs) RewriteQuery(
	ctx context.Context,
	conn *pgx.Conn,
	text string,
	_ []any,
) (string, []any, error) {
	known, ok := rewritten.Load(text)
	if !ok {
		names := pgx.StrictNamedArgs{}
		for name := range a {
			names[name] = name
		}

		rewrittenText, order, err := names.RewriteQuery(ctx, conn, text, nil)
		if err != nil {
			return "", nil, err
		}

		p := positional{text: rewrittenText}
		for _, name := range order {
			p.names = append(p.names, fmt.Sprint(name))
		}

		known, _ = rewritten.LoadOrStore(text, p)
	}

	p, _ := known.(positional)
	if len(p.names) != len(a) {
		return "", nil, fmt.Errorf("a statement of %d arguments was given %d", len(p.names), len(a))
	}

	values := make([]any, len(p.names))
	for i, name := range p.names {
		value, ok := a[name]
		if !ok {
			return "", nil, fmt.Errorf("argument %s is missing", name)
		}

		values[i] = value
	}

	return p.text, values, nil
}
