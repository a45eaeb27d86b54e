package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// checkAll applies and builds one patch at a time. It returns the number of
// patches that do not apply or build.
func checkAll(ctx context.Context, only string) (bad int, err error) {
	all, err := read(only)
	if err != nil {
		return 0, err
	}

	dir, remove, err := workCopy(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, remove()) }()

	l := lab{dir: dir}
	for _, m := range all {
		if err := l.check(ctx, m); err != nil {
			bad++

			fmt.Fprintf(os.Stderr, "%s: %v\n", m.name, err)
		}

		if ctx.Err() != nil {
			return bad, ctx.Err()
		}
	}

	_, _ = fmt.Fprintf(os.Stdout, "%d mutants, %d do not apply or build\n", len(all), bad)

	return bad, nil
}

func (l lab) check(ctx context.Context, m mutant) (err error) {
	if err := l.do(ctx, l.dir, "git", "apply", m.path); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, l.do(context.WithoutCancel(ctx), l.dir, "git", "apply", "--reverse", m.path))
	}()

	return l.do(ctx, l.dir, "go", "build", "./internal/...")
}
