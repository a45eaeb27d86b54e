package repo_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

func TestATaskKnowsWhereItsInputComesFromAndItsResultGoes(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(t, pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{
		{
			Name:       "list",
			Kind:       state.Single,
			Planned:    1,
			Dispatched: 1,
			Completed:  1,
			Status:     state.StageCompleted,
		},
		{
			Name:       "read",
			Kind:       state.FanOut,
			DependsOn:  []int16{0},
			Planned:    30,
			Dispatched: 30,
			Completed:  2,
			Gen:        3,
		},
		{Name: "check", Kind: state.MatchPrevious, DependsOn: []int16{1}, Planned: 30, Gen: 2},
		{Name: "sum", Kind: state.FanIn, DependsOn: []int16{1, 2}},
	}})
	rows.InsertMessage(
		t,
		pool,
		id,
		rows.Message{Stage: 1, Gen: 3, First: 4, Count: 3, Held: true, Attempt: 2},
	)
	exec(t, pool, `update messages set progress = '{"5":{"fraction":0.25,"note":"a quarter"}}'`)

	read := func(stage string, index int) view.TaskView {
		t.Helper()

		v, err := r.ReadTask(t.Context(), id, stage, index)
		if err != nil {
			t.Fatal(err)
		}

		return v
	}

	v := read("read", 5)
	if v.Progress == nil || v.Progress.Fraction != 0.25 || v.Progress.Note != "a quarter" {
		t.Errorf("its progress is %+v", v.Progress)
	}

	if diff := cmp.Diff([]view.TaskLinks{
		{
			Stage:       "list",
			StageStatus: "completed",
			Relation:    "planned",
			Count:       1,
			Tasks:       []view.TaskLink{{Index: 0, Status: "completed"}},
		},
	}, v.Inputs); diff != "" {
		t.Error(diff)
	}

	if diff := cmp.Diff([]view.TaskLinks{
		{
			Stage:       "check",
			StageStatus: "running",
			Relation:    "follows",
			Count:       1,
			Tasks:       []view.TaskLink{{Index: 5, Status: "queued"}},
		},
		{Stage: "sum", StageStatus: "waiting", Relation: "gathers", Tasks: []view.TaskLink{}},
	}, v.Consumers); diff != "" {
		t.Error(diff)
	}

	v = read("check", 5)
	if diff := cmp.Diff([]view.TaskLinks{
		{
			Stage:       "read",
			StageStatus: "running",
			Relation:    "follows",
			Count:       1,
			Tasks:       []view.TaskLink{{Index: 5, Status: "running"}},
		},
	}, v.Inputs); diff != "" || v.Progress != nil {
		t.Error(diff, v.Progress)
	}

	v = read("list", 0)
	if got := v.Consumers; len(got) != 1 || got[0].Count != 30 || len(got[0].Tasks) != view.MaxTaskLinks ||
		got[0].Tasks[6].Status != "running" ||
		got[0].Relation != "planned" {
		t.Errorf("list has consumers %+v", got)
	}

	if v.Inputs == nil || len(v.Inputs) != 0 {
		t.Errorf("list has inputs %+v", v.Inputs)
	}
}
