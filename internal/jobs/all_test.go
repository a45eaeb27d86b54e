package jobs

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
)

func TestAll_IsConsistentWithTheHandlers(t *testing.T) {
	t.Parallel()

	deps := handlers.Deps{Blobs: handlers.NoBlobs{}}
	for _, problem := range define.Check(All, handlers.All, deps, define.FunctionTimeout) {
		t.Error(problem)
	}
}

func TestAll_HasDescriptionsAndSchemas(t *testing.T) {
	t.Parallel()

	for name, j := range All {
		if j.Description() == "" {
			t.Errorf("job %s has no description", name)
		}

		if len(j.Schema()) == 0 {
			t.Errorf("job %s has no schema", name)
		}
	}
}

func TestHelloWorld_Stages(t *testing.T) {
	t.Parallel()

	want := []define.StageSpec{
		{
			Name:      "greeting",
			TaskType:  "hello_world_greeting",
			Kind:      "dynamic",
			DependsOn: []int{},
			Source:    -1,
			Window:    10_000,
		},
		{
			Name:        "reply",
			TaskType:    "hello_world_reply",
			Kind:        "match_previous",
			DependsOn:   []int{0},
			Source:      0,
			Window:      10_000,
			UsesLineage: true,
		},
	}
	if diff := cmp.Diff(want, HelloWorld.Stages()); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}

	if got := HelloWorld.Tolerance(); got != 0 {
		t.Errorf("tolerance: got %v, want 0", got)
	}
}

func TestHelloWorld_Parameters(t *testing.T) {
	t.Parallel()

	p, err := HelloWorld.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}

	if got, want := string(p.Canonical), `{"failure_rate":0,"message":"Hello World","n":3}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	for _, body := range []string{`{"n":0}`, `{"n":1001}`, `{"failure_rate":-0.1}`, `{"failure_rate":1.1}`, `{"N":3}`} {
		if _, err := HelloWorld.Parse([]byte(body)); err == nil {
			t.Errorf("%s was accepted", body)
		}
	}

	if p, err = HelloWorld.Parse([]byte(`{"n":7,"message":"Hi","failure_rate":0.25}`)); err != nil {
		t.Fatal(err)
	}

	if got := HelloWorld.Count(p, 0); got != 7 {
		t.Errorf("count: got %d, want 7", got)
	}

	for stage, want := range []string{`{"message":"Hi","failure_rate":0.25}`, `{"failure_rate":0.25}`} {
		if got, err := HelloWorld.Input(p, stage, 3); err != nil || string(got) != want {
			t.Errorf("input of stage %d: got %s, %v, want %s", stage, got, err, want)
		}
	}
}
