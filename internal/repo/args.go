package repo

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
)

// namedArgs are a statement's arguments by name, each of which it must name.
// They do what pgx.StrictNamedArgs do, but read the text of a statement once
// for all of its runs: the long ones take as long to read as to run.
type namedArgs map[string]any

// positional is a statement's text with $1, $2 ... and the names that these
// stand for.
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
