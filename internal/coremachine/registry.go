package coremachine

import (
	"maps"
	"slices"

	"coremachine/internal/state"
)

// Types lists the registered jobs by name. The caller must not change the list.
func (m *Machine) Types() []JobType { return m.types() }

func (m *Machine) listTypes() []JobType {
	types := make([]JobType, 0, len(m.cfg.Jobs))
	for _, name := range slices.Sorted(maps.Keys(m.cfg.Jobs)) {
		job := m.cfg.Jobs[name]
		specs := job.Stages()

		t := JobType{
			Name:        name,
			Description: job.Description(),
			Schema:      job.Schema(),
			Searchable:  job.Searchable(),
			Stages:      make([]StageType, len(specs)),
			Show:        job.Show(),
		}
		for i, spec := range specs {
			s := StageType{
				Name:      spec.Name,
				TaskType:  spec.TaskType,
				Kind:      spec.Kind,
				DependsOn: []string{},
				Finally:   spec.Finally,
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
