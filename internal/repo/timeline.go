package repo

import (
	"coremachine/internal/state"
)

// tellFailures adds the failed attempts of a batch to the effects of its
// transaction, and wakes the queues of those that will be retried.
func tellFailures(t tx, ends []*state.TaskEnd, progress []stageRow, effects *state.TransitionEffects) error {
	var (
		jobs           [][]byte
		stages         []int16
		gens, attempts []int32
		indexes        []int32
		finals         []bool
		codes, errs    []string
	)

	for i := range progress {
		for _, n := range progress[i].unsuccessful {
			e := ends[n-1]
			if e.Status == state.TaskQueued {
				effects.Queue(progress[i].queue)
			}

			jobs = append(jobs, e.JobID[:])
			stages = append(stages, int16(e.Stage))
			gens = append(gens, int32(e.Gen))
			indexes, attempts = append(indexes, int32(e.Index)), append(attempts, int32(e.Attempt))
			finals, codes = append(finals, e.Status == state.TaskFailed), append(codes, string(e.Code))
			errs = append(errs, e.Error)
		}
	}

	if len(jobs) == 0 {
		return nil
	}

	return t.later("insert_failure_events", namedArgs{
		"job_ids":  jobs,
		"stages":   stages,
		"gens":     gens,
		"indexes":  indexes,
		"attempts": attempts,
		"finals":   finals,
		"codes":    codes,
		"errors":   errs,
	}, nil)
}
