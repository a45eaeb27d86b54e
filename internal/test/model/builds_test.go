package model

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"coremachine/internal/state"
)

// builds is the number of builds that run side by side.
const builds = 2

// nextBuild returns a job as the next build declares it: with the same graph,
// or with one change. A job runs with the graph of the build that started it.
func (spec jobSpec) nextBuild(t *rapid.T) jobSpec {
	next := spec
	next.stages = slices.Clone(spec.stages)
	stage := rapid.IntRange(0, len(spec.stages)-1).Draw(t, "changed stage")
	s := &next.stages[stage]

	switch change := rapid.SampledFrom(changes).Draw(t, "change"); {
	case change == "inserted":
		next.insertFirst()
	case change == "task type":
		s.emits = !s.emits
	case change == "dependency" && len(s.deps) > 1 && s.deps[0] != s.source:
		s.deps = s.deps[1:]
	case change == "kind" && s.kind == state.Single:
		s.kind = state.Dynamic
	case change == "kind" && s.kind == state.Dynamic:
		s.kind = state.Single
	case change == "removed" && len(spec.stages) > 1 &&
		(!spec.result || spec.last() < len(spec.stages)-1): // a result function reads the last stage
		next.stages = next.stages[:len(next.stages)-1]
	}

	return next
}

var changes = []string{"inserted", "task type", "kind", "none", "dependency", "removed"}

// insertFirst inserts a stage, which changes the numbers of all others.
func (spec *jobSpec) insertFirst() {
	first := stageSpec{name: "first", kind: state.Single, source: -1, window: 1, bundle: 1}

	for i := range spec.stages {
		s := &spec.stages[i]

		s.deps = slices.Clone(s.deps)
		for k := range s.deps {
			s.deps[k]++
		}

		if s.source >= 0 {
			s.source++
		}
	}

	spec.stages = append([]stageSpec{first}, spec.stages...)
}

// isParked reports whether a message waits for another build.
func (w *world) isParked(m state.Message) (parked bool) {
	err := w.pool.QueryRow(
		context.Background(),
		`select parked_for is not null and worker_id is null from messages where job_id = $1 and message_id = $2`,
		m.JobID[:],
		m.MessageID,
	).Scan(&parked)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		w.t.Fatal(err)
	}

	return parked
}
