package model

import "coremachine/internal/state"

// verdict is the expected outcome of a run that is not cancelled.
type verdict struct {
	status state.JobStatus
	stages []stageVerdict // not compared if the job fails, since the cancelled tasks depend on timing
	result int
}

type stageVerdict struct {
	status state.StageStatus
	tasks  []taskVerdict
}

type taskVerdict struct {
	status state.TaskStatus
	value  int
}

// predict runs a job as a pure function, without messages, processes or time.
func (spec jobSpec) predict(p params, healed bool) verdict {
	v, ran := verdict{status: state.JobCompleted}, false
	for i, s := range spec.stages {
		st := stageVerdict{status: state.StageCompleted}
		if s.skippable && p.Skip || s.finally && !ran {
			st.status = state.StageSkipped
			v.stages = append(v.stages, st)

			continue
		}

		failed := 0

		for index, in := range spec.inputs(p, i, v.stages) {
			task := spec.predictTask(p, i, index, in, healed, v.stages)
			if task.status == state.TaskFailed {
				failed++
			}

			st.tasks = append(st.tasks, task)
		}

		if failed > 0 && v.status == state.JobCompleted {
			v.status = state.JobCompletedWithErrors
		}

		ran = ran || len(st.tasks) > 0
		if !s.finally && float64(failed) > spec.tolerance*float64(len(st.tasks)) {
			v.status = state.JobFailed // the later stages do not change it
		}

		v.stages = append(v.stages, st)
	}

	for _, t := range v.stages[spec.last()].tasks {
		if t.status == state.TaskCompleted {
			v.result += t.value
		}
	}

	return v
}

// inputs returns the inputs of a stage's tasks.
func (spec jobSpec) inputs(p params, stage int, before []stageVerdict) []int {
	s := spec.stages[stage]
	switch s.kind {
	case state.Single:
		return []int{first(p, 0)}
	case state.FanIn:
		return []int{0}
	case state.Dynamic, state.MatchPrevious:
		n := p.N
		if s.kind == state.MatchPrevious {
			n = len(before[s.source].tasks)
		}

		inputs := make([]int, n)
		for i := range inputs {
			inputs[i] = i
			if s.kind == state.Dynamic {
				inputs[i] = first(p, i)
			}
		}

		return inputs
	case state.FanOut:
		var inputs []int

		for _, t := range before[s.source].tasks {
			if t.status == state.TaskCompleted {
				inputs = append(inputs, planned(t.value)...)
			}
		}

		return inputs
	}

	return nil
}

func (spec jobSpec) predictTask(
	p params,
	stage, index, in int,
	healed bool,
	before []stageVerdict,
) taskVerdict {
	s := spec.stages[stage]
	value := in + 1

	switch s.kind {
	case state.MatchPrevious:
		prev := before[s.source].tasks[index]
		if prev.status != state.TaskCompleted {
			return taskVerdict{status: state.TaskCancelled}
		}

		value += prev.value
	case state.FanIn:
		for _, d := range s.deps {
			for _, t := range before[d].tasks {
				if t.status == state.TaskCompleted {
					value += t.value
				}
			}
		}
	case state.Single, state.Dynamic, state.FanOut:
	}

	if failures, never := spec.fate(p, s.name, index); !healed && (never || failures >= tries) {
		return taskVerdict{status: state.TaskFailed}
	}

	return taskVerdict{state.TaskCompleted, value}
}
