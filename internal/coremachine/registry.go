package coremachine

import (
	"encoding/json"
	"maps"
	"slices"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// JobType is a registered job, as callers see it.
type JobType struct {
	Name        string          `json:"job_type"`
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"` // JSON Schema (2020-12) of the parameters
	Stages      []StageType     `json:"stages"`
	// Show lists the members of the result that are pictures or tables.
	Show []define.Display `json:"show,omitempty"`
}

// StageType is a stage as declared.
type StageType struct {
	Name        string            `json:"name"`
	TaskType    string            `json:"task_type"`
	Kind        state.Parallelism `json:"kind"`
	DependsOn   []string          `json:"depends_on"` // names
	Queue       string            `json:"queue"`
	MaxAttempts int               `json:"max_attempts"` // tries of a task, the first included
}

// Types lists the registered jobs by name.
func (m *Machine) Types() []JobType {
	types := make([]JobType, 0, len(m.cfg.Jobs))
	for _, name := range slices.Sorted(maps.Keys(m.cfg.Jobs)) {
		job := m.cfg.Jobs[name]
		specs := job.Stages()

		t := JobType{
			Name:        name,
			Description: job.Description(),
			Schema:      job.Schema(),
			Stages:      make([]StageType, len(specs)),
			Show:        job.Show(),
		}
		for i, spec := range specs {
			s := StageType{
				Name:      spec.Name,
				TaskType:  spec.TaskType,
				Kind:      spec.Kind,
				DependsOn: []string{},
				Queue:     state.QueueTasks.String(),
			}
			for _, d := range spec.DependsOn {
				s.DependsOn = append(s.DependsOn, specs[d].Name)
			}

			if h, ok := m.cfg.Handlers[spec.TaskType]; ok {
				s.Queue, s.MaxAttempts = h.Queue().String(), h.Retry().Attempts
			}

			t.Stages[i] = s
		}

		types = append(types, t)
	}

	return types
}
