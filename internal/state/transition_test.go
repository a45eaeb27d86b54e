package state_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"coremachine/internal/state"
)

var update = flag.Bool("update", false, "rewrite docs/state_machine.md")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const machineDoc = "../../docs/state_machine.md"

func TestDocIsRenderedFromTheTable(t *testing.T) {
	t.Parallel()

	want := renderDoc()
	if *update {
		if err := os.WriteFile(machineDoc, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	got, err := os.ReadFile(machineDoc)
	if err != nil {
		t.Fatal(err)
	}

	if string(got) != want {
		t.Errorf(
			"%s differs from the table in internal/state: run go test ./internal/state -update",
			machineDoc,
		)
	}
}

func renderDoc() string {
	var b strings.Builder
	b.WriteString("# State machine\n\n" +
		"This page lists every status of a job, a stage and a task, and every transition\n" +
		"between them. It is generated from the transition table in\n" +
		"`internal/state/transition.go`; a test compares them.\n\n" +
		"A running task is stored as `queued`. It is running while a worker has claimed\n" +
		"the message row that covers it, so that starting a task writes nothing to its\n" +
		"row. `[*]` marks the initial statuses.\n\n" +
		"While the [finally stages](adding-a-job.md#finally-stages) of a job run, it is `running`\n" +
		"and has an outcome. When they have ended, the outcome becomes the status. The\n" +
		"events below that end a job decide its outcome first if it has finally stages.\n")

	for _, m := range []state.Transitions{state.JobMachine, state.StageMachine, state.TaskMachine} {
		b.WriteString(
			"\n## " + strings.ToUpper(
				m.Record[:1],
			) + m.Record[1:] + "\n\n```mermaid\n" + m.Mermaid() + "```\n",
		)
		b.WriteString("\n| from | to | event |\n|---|---|---|\n")

		for _, s := range m.Steps {
			b.WriteString("| " + s.From + " | " + s.To + " | " + s.On + " |\n")
		}
	}

	return b.String()
}

func TestTableNamesOnlyStatusesAndReachesAll(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		machine state.Transitions
		known   []string
	}{
		{state.JobMachine, texts(state.JobStatuses)},
		{state.StageMachine, texts(state.StageStatuses)},
		{state.TaskMachine, texts(state.TaskStatuses)},
	} {
		reached := slices.Clone(c.machine.Initial)
		for _, s := range c.machine.Steps {
			if !slices.Contains(c.known, s.From) || !slices.Contains(c.known, s.To) {
				t.Errorf("%s: step %s -> %s names an unknown status", c.machine.Record, s.From, s.To)
			}

			reached = append(reached, s.To)
		}

		for _, k := range c.known {
			if !slices.Contains(reached, k) {
				t.Errorf("%s: nothing leads to %s", c.machine.Record, k)
			}
		}
	}
}

func TestEndedStatusesAreLeftOnlyByRerunAndRetry(t *testing.T) {
	t.Parallel()

	for _, s := range state.JobMachine.Steps {
		if state.JobStatus(s.From).Ended() && s.To != string(state.JobQueued) {
			t.Errorf("job: %s -> %s leaves an ended status", s.From, s.To)
		}
	}

	if state.JobMachine.Allows("completed", "running") || !state.JobMachine.Allows("queued", "running") {
		t.Error("Allows does not follow the table")
	}
}

func texts[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}

	return out
}
