package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const head = "chart,name,engine,settings,n,processes,ms,tasks_per_second\n"

func TestPictureShowsEveryLineInBothThemes(t *testing.T) {
	t.Parallel()

	folder := t.TempDir()
	path := filepath.Join(folder, "throughput.csv")
	rows := head +
		"tasks,ours,CoreMachine,engine mode,1,1,4.0,500\n" +
		"tasks,ours,CoreMachine,engine mode,1000,1,44.0,45000\n" +
		"tasks,floor,the floor,one connection,1,1,2.0,1000\n" +
		"processes,ours,CoreMachine,worker mode,1000,2,50.0,40000\n" +
		"processes,asynq/always-tuned,asynq,fsync,1000,2,200.0,10000\n"

	if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}

	if err := run(path, folder); err != nil {
		t.Fatal(err)
	}

	for _, theme := range []string{"light", "dark"} {
		text, err := os.ReadFile(filepath.Join(folder, "throughput-"+theme+".svg"))
		if err != nil {
			t.Fatal(err)
		}

		if err := xml.Unmarshal(text, new(struct{})); err != nil {
			t.Errorf("%s: %v", theme, err)
		}

		for _, want := range []string{
			"CoreMachine", "Postgres alone", "asynq, fsync always", "Processes", "sans-serif",
		} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: %q is missing", theme, want)
			}
		}
	}
}

func TestReadRejectsWrongFigures(t *testing.T) {
	t.Parallel()

	for name, text := range map[string]string{
		"empty":    "",
		"no rows":  head,
		"no chart": "a,b\n1,2\n",
		"no rate":  head + "tasks,ours,CoreMachine,engine mode,1,1,4.0,fast\n",
		"no n":     head + "tasks,ours,CoreMachine,engine mode,,1,4.0,5\n",
	} {
		if _, err := read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
