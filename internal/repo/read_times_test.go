package repo_test

import (
	"fmt"
	"testing"

	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

func TestTimesComeFromASampleOfEachStage(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)
	r := repo.New(pool)
	id := rows.Insert(t, pool, rows.Job{Status: state.JobRunning, Stages: []rows.Stage{
		{Name: "few", Planned: 100, Dispatched: 100, Completed: 100, Status: state.StageCompleted},
		{Name: "many", Planned: 5000, Dispatched: 5000, Completed: 3000, Failed: 10},
		{Name: "waiting", DependsOn: []int16{1}},
	}})
	// task i of the first stage took i seconds, all of the second 2 s
	if _, err := pool.Exec(t.Context(), `
update tasks
set started_at = finished_at - make_interval(secs => case when stage = 0 then index else 2 end)
where finished_at is not null`); err != nil {
		t.Fatal(err)
	}

	times, err := r.ReadTimes(t.Context(), id)
	if err != nil || len(times) != 2 {
		t.Fatalf("got %+v, %v", times, err)
	}

	if got, want := times[0], (view.StageTimes{Stage: "few", P50: 49, P95: 94, Sample: 100}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}

	if got := times[1]; got.Stage != "many" || got.P50 != 2 || got.P95 != 2 || got.Sample < 150 ||
		got.Sample > 200 {
		t.Errorf("of the larger stage: %+v, want 2 s from 3/5 of 300", got)
	}

	slowest, err := r.ReadSlowest(t.Context(), id)
	if err != nil || len(slowest) != view.MaxSlowest {
		t.Fatalf("%d slowest, %v", len(slowest), err)
	}

	for i, s := range slowest {
		if s.Stage != "few" || s.Index != 99-i || s.Status != state.TaskCompleted {
			t.Errorf("place %d has %s/%d %s, want few/%d completed", i, s.Stage, s.Index, s.Status, 99-i)
		}
	}
}

func TestTimesCoverManyStages(t *testing.T) {
	t.Parallel()
	pool := pgtest.Schema(t)

	stages := make([]rows.Stage, 100)
	for i := range stages {
		stages[i] = rows.Stage{
			Name: fmt.Sprintf("s%02d", i), Planned: 200, Dispatched: 200, Completed: 200, Status: state.StageCompleted,
		}
	}

	id := rows.Insert(t, pool, rows.Job{Status: state.JobRunning, Stages: stages})

	times, err := repo.New(pool).ReadTimes(t.Context(), id)
	if err != nil || len(times) != 100 {
		t.Fatalf("got the times of %d stages, %v; want 100", len(times), err)
	}

	for _, one := range times {
		if one.Sample != 120 {
			t.Errorf("the sample of %s has %d tasks, want its share of 120", one.Stage, one.Sample)
		}
	}
}
