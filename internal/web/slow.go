package web

import (
	"context"
	"fmt"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// slowPage is the data of the template "slow": single tasks of a job as a
// timeline. The browser fetches it when it becomes visible, because it needs a
// read of all tasks.
type slowPage struct {
	Slowest, Failed timeline
}

// maxFailed is the maximum number of failed tasks that are drawn.
const maxFailed = 20

func loadSlow(ctx context.Context, s *Server, in *input) (content, error) {
	id, err := state.ParseJobID(in.params["id"])
	if err != nil {
		return content{}, err
	}

	page, err := s.slow.get(
		ctx,
		id.String(),
		5*time.Second,
		func(ctx context.Context) (slowPage, error) { return s.readSlow(ctx, id) },
	)

	return content{Title: "Slowest tasks", Data: page}, err
}

func (s *Server) readSlow(ctx context.Context, id state.JobID) (slowPage, error) {
	var p slowPage

	slowest, err := s.Reader.ReadSlowest(ctx, id)
	if err != nil {
		return p, err
	}

	p.Slowest = s.drawTasks(id, slowest)

	failed, err := s.Reader.ListTasks(ctx, id, view.TaskFilter{Status: state.TaskFailed, Limit: maxFailed})
	if err != nil {
		return p, err
	}

	var spans []view.TaskSpan

	for _, t := range failed.Items {
		if t.StartedAt != nil && t.FinishedAt != nil {
			spans = append(
				spans,
				view.TaskSpan{
					Stage:      t.Stage,
					Index:      t.Index,
					Status:     t.Status,
					StartedAt:  *t.StartedAt,
					FinishedAt: *t.FinishedAt,
				},
			)
		}
	}

	p.Failed = s.drawTasks(id, spans)

	return p, nil
}

func (s *Server) drawTasks(id state.JobID, spans []view.TaskSpan) timeline {
	rows := make([]lane, len(spans))
	for i, t := range spans {
		rows[i] = lane{
			name: fmt.Sprintf(
				"%s %d",
				t.Stage,
				t.Index,
			),
			url:    join(s.Prefix+"/ui", []any{"jobs", id, "stages", t.Stage, "tasks", t.Index}),
			class:  looks[string(t.Status)].class,
			from:   t.StartedAt,
			to:     t.FinishedAt,
			ready:  t.StartedAt,
			ended:  &spans[i].FinishedAt,
			status: word(t.Status),
			took:   view.FormatDuration(t.FinishedAt.Sub(t.StartedAt)),
		}
	}

	return drawLanes(rows, time.Time{})
}
