package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"coremachine/internal/dev/pglocal"
)

const (
	folder    = "internal/test/mutants"
	testLimit = "60s" // a test that waits for something that a mutant never does must fail
)

// mutant is one patch.
type mutant struct {
	name, path, drops string
	pkg, test         string
}

func main() {
	only := flag.String("only", "", "run the patches whose names contain this")
	check := flag.Bool("check", false, "apply and build each patch, and run no tests")

	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)

	work := run
	if *check {
		work = checkAll
	}

	bad, err := work(ctx, *only)

	stop()

	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}

	if err != nil || bad > 0 {
		os.Exit(1)
	}
}

// run returns the number of mutants that were not killed.
func run(ctx context.Context, only string) (bad int, err error) {
	all, err := read(only)
	if err != nil {
		return 0, err
	}

	dir, remove, err := workCopy(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, remove()) }()

	server, err := pglocal.Start(ctx, pglocal.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()

	l := lab{dir: dir, url: server.URL()}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)

	red, err := l.control(ctx, all)
	if err != nil {
		return 0, err
	}

	for _, m := range all {
		begin := time.Now()

		verdict := l.try(ctx, m)
		if ctx.Err() != nil {
			return bad, ctx.Err()
		}

		if slices.Contains(red, m.test) {
			verdict = "FAILS WITHOUT IT"
		}

		if verdict != "killed" {
			bad++
		}

		line := fmt.Sprintf("%s\t%s\t%s\t%.1f s", m.name, m.test, verdict, time.Since(begin).Seconds())
		fmt.Fprintln(os.Stderr, strings.ReplaceAll(line, "\t", "  "))
		_, _ = fmt.Fprintln(table, line) // the tabwriter buffers it until Flush
	}

	_, _ = fmt.Fprintf(table, "\n%d mutants, %d not killed\n", len(all), bad)

	return bad, table.Flush()
}

// workCopy copies the repository to a temporary folder.
func workCopy(ctx context.Context) (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp("", "coremachine-mutants-")
	if err != nil {
		return "", nil, err
	}

	remove = func() error { return os.RemoveAll(dir) }
	if err := copyTree(ctx, dir); err != nil {
		return "", nil, errors.Join(err, remove())
	}

	return dir, remove, nil
}

// read reads the first lines of the patches.
func read(only string) ([]mutant, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.patch"))
	if err != nil {
		return nil, err
	}

	var all []mutant

	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}

		lines := strings.SplitN(string(text), "\n", 3)
		drops, saysWhat := strings.CutPrefix(lines[0], "# drops: ")
		red, saysWho := strings.CutPrefix(lines[min(1, len(lines)-1)], "# red: ")

		pkg, test, named := strings.Cut(red, " ")
		if !saysWhat || !saysWho || !named {
			return nil, fmt.Errorf(
				"%s: the first two lines must be `# drops: PROTECTION` and `# red: PACKAGE TEST`",
				path,
			)
		}

		path, err = filepath.Abs(path)

		m := mutant{strings.TrimSuffix(filepath.Base(path), ".patch"), path, drops, pkg, test}
		if strings.Contains(m.name, only) {
			all = append(all, m)
		}

		if err != nil {
			return nil, err
		}
	}

	if len(all) == 0 {
		return nil, fmt.Errorf("no patch in %s matches; run the command in the root of the repository", folder)
	}

	return all, nil
}

// copyTree copies all files that git tracks or would add, with uncommitted
// changes.
func copyTree(ctx context.Context, dir string) error {
	list, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").
		Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}

	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) { // deleted but not committed
			continue
		}

		if err != nil {
			return err
		}

		to := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, text, 0o600)); err != nil {
			return err
		}
	}

	return nil
}

// lab is the copy to which the patches are applied one after another.
type lab struct{ dir, url string }

// control runs every named test without a patch and returns those that do not
// pass.
func (l lab) control(ctx context.Context, all []mutant) (failed []string, err error) {
	begin := time.Now()
	byPackage := slices.SortedStableFunc(slices.Values(all), func(a, b mutant) int {
		return strings.Compare(a.pkg, b.pkg)
	})

	var (
		asked []string
		built string
	)

	for _, m := range byPackage {
		if slices.Contains(asked, m.pkg+m.test) {
			continue
		}

		asked = append(asked, m.pkg+m.test)

		if m.pkg != built {
			if err := l.build(ctx, m); err != nil {
				return nil, err
			}

			built = m.pkg
		}

		red, out := l.test(ctx, m)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}

		if red || !strings.Contains(out, "--- PASS: "+m.test) {
			fmt.Fprintf(os.Stderr, "%s does not pass without a mutant:\n%s\n", m.test, out)
			failed = append(failed, m.test)
		}
	}

	fmt.Fprintf(
		os.Stderr,
		"%d tests without a mutant: %d failed, %.1f s\n",
		len(asked),
		len(failed),
		time.Since(begin).Seconds(),
	)

	return failed, nil
}

// try applies a patch, runs its test and reverts the patch.
func (l lab) try(ctx context.Context, m mutant) (verdict string) {
	if err := l.do(ctx, l.dir, "git", "apply", m.path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return "DOES NOT APPLY"
	}
	defer func() {
		if err := l.do(context.WithoutCancel(ctx), l.dir, "git", "apply", "--reverse", m.path); err != nil {
			verdict = "CANNOT BE REVERTED: " + err.Error()
		}
	}()

	if err := l.build(ctx, m); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return "DOES NOT BUILD"
	}

	red, out := l.test(ctx, m)
	switch {
	case red && strings.Contains(out, "panic: test timed out"):
		fmt.Fprintln(os.Stderr, out)
		return "TIMED OUT" // a test must notice by an assertion
	case red && (strings.Contains(out, "--- FAIL: ") || strings.Contains(out, "panic: ")):
		fmt.Fprintln(os.Stderr, evidence(out))
		return "killed"
	case red:
		fmt.Fprintln(os.Stderr, out)
		return "BROKE THE RUN"
	}

	return "SURVIVED"
}

// evidence returns the lines of a test's output that say what failed.
func evidence(out string) string {
	var found []string

	for line := range strings.SplitSeq(out, "\n") {
		if failure.MatchString(line) {
			found = append(found, line)
		}
	}

	return strings.Join(found[:min(len(found), 10)], "\n")
}

// failure matches a failed test, a message of an assertion and a panic.
var failure = regexp.MustCompile(`^ *--- FAIL: |^ *[a-z_]+_test\.go:\d+: |^panic: `)

func (l lab) build(ctx context.Context, m mutant) error {
	return l.do(ctx, l.dir, "go", "test", "-c", "-o", filepath.Join(l.dir, "mutant.test"), "./"+m.pkg)
}

func (l lab) test(ctx context.Context, m mutant) (red bool, out string) {
	run := "^" + strings.ReplaceAll(m.test, "/", "$/^") + "$"
	cmd := exec.CommandContext(
		ctx,
		filepath.Join(l.dir, "mutant.test"),
		"-test.v",
		"-test.run",
		run,
		"-test.timeout",
		testLimit,
	)
	cmd.Dir = filepath.Join(l.dir, m.pkg)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+l.url)
	text, err := cmd.CombinedOutput()

	return err != nil, string(text)
}

// do runs a command in the copy. Git must not find a repository above it.
func (l lab) do(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(l.dir))

	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(out))
	}

	return nil
}
