package sbfake_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"coremachine/internal/dev/npm"
	"coremachine/internal/dev/sbfake"
	"coremachine/internal/test/needs"
)

// scenarios are those of testdata/javascript/scenarios.js. Each uses a queue
// with its name, except the one whose queue must not exist.
var scenarios = []string{
	"complete",
	"batch",
	"subscribe",
	"abandon",
	"defer",
	"dead_letter",
	"expire",
	"schedule",
	"lost_lock",
	"missing",
	"duplicates",
}

// Microsoft's JavaScript client is a separate implementation from the Go
// client. The fake must behave towards it like the service.
func TestJavaScriptClient(t *testing.T) {
	t.Parallel()

	limit, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)

	home, err := npm.Install(limit, npm.Options{
		Dir: filepath.Join(
			"..",
			"..",
			"..",
			".local",
			"servicebus-javascript",
		),
		Recipe:        os.DirFS(filepath.Join("testdata", "javascript", "npm")),
		InstalledOnly: true,
	})
	needs.Installed(t, "Microsoft's JavaScript client", err, npm.ErrNotInstalled)

	modules, err := filepath.Abs(filepath.Join(home, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}

	for name, problem := range runScenarios(limit, t, modules) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			if problem != "" {
				t.Error(problem)
			}
		})
	}
}

// runScenarios returns the failure of each scenario, or "" for success.
func runScenarios(ctx context.Context, t *testing.T, modules string) map[string]string {
	t.Helper()

	var queues []string

	problems := map[string]string{}
	for _, name := range scenarios {
		problems[name] = "it did not run"
		if name != "missing" {
			queues = append(queues, name)
		}
	}

	b := sbfake.New(sbfake.Options{Queues: queues, DeadLetterExpired: true})
	defer b.Close()

	address, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	// The limit ends a client that waits forever before the test times out.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()

	cmd := exec.CommandContext(ctx, "node", filepath.Join("testdata", "javascript", "scenarios.js"))

	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "CONNECTION="+sbfake.ConnectionString(address))

	var errors bytes.Buffer

	cmd.Stderr = &errors

	out, err := cmd.Output()
	if err != nil {
		t.Errorf("node: %v\n%s", err, errors.Bytes())
	}

	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var line struct{ Name, Problem string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Errorf("%s: %v", lines.Bytes(), err)
			continue
		}

		if _, known := problems[line.Name]; !known {
			t.Errorf("the scenario %s is not listed", line.Name)
		}

		problems[line.Name] = line.Problem
	}

	return problems
}
