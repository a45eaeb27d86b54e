package repo

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// ReadTask returns a task of the current generation with its unsuccessful
// attempts. It returns CodeNotFound if there is no such job, stage or task.
func (r *Repo) ReadTask(
	ctx context.Context,
	id state.JobID,
	stage string,
	index int,
) (view.TaskView, error) {
	const op = "repo.ReadTask"

	rows, err := r.pool.Query(
		ctx,
		statement("read_task"),
		namedArgs{"job_id": id[:], "stage": stage, "index": index},
	)
	if err != nil {
		return view.TaskView{}, failure(op, err)
	}

	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[oneTaskRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return view.TaskView{}, r.whyNoTask(ctx, op, id, stage, index)
	}

	if err != nil {
		return view.TaskView{}, failure(op, err)
	}

	rows, err = r.pool.Query(ctx, statement("read_attempts"), namedArgs{
		"job_id": id[:], "stage": row.Stage, "gen": row.Gen, "index": index, "most": view.MaxAttempts,
	})
	if err != nil {
		return view.TaskView{}, failure(op, err)
	}

	attempts, err := pgx.CollectRows(rows, pgx.RowToStructByName[view.AttemptView])
	if err != nil {
		return view.TaskView{}, failure(op, err)
	}

	for i := range attempts {
		attempts[i].StartedAt, attempts[i].EndedAt = utc(attempts[i].StartedAt), attempts[i].EndedAt.UTC()
	}

	v := row.view(id, index, attempts)
	v.SettleEnd()

	v.Inputs, v.Consumers, err = r.taskLineage(ctx, id, row.Stage, index)
	if err != nil {
		return view.TaskView{}, failure(op, err)
	}

	return v, nil
}

func (r *Repo) whyNoTask(ctx context.Context, op string, id state.JobID, stage string, index int) error {
	if _, err := r.listedStages(ctx, op, id, view.TaskFilter{Stage: stage}); err != nil {
		return err
	}

	return state.Errorf(
		state.CodeNotFound,
		op,
		"the stage %q of the job %s has no task %d",
		stage,
		id.Short(),
		index,
	)
}

// oneTaskRow is a row of read_task.
type oneTaskRow struct {
	Stage       int
	Name        string
	TaskType    string
	Kind        state.Parallelism
	Gen         int
	Incarnation int64
	DependsOn   []string
	TraceID     string
	Status      state.TaskStatus
	Attempt     int
	Failures    int
	Losses      int
	Input       []byte
	Result      []byte
	Error       string
	StartedAt   *time.Time
	FinishedAt  *time.Time
	DueAt       *time.Time
	Dead        string
	Worker      string
	Parts       int
	Progress    *state.TaskProgress
}

func (t oneTaskRow) view(id state.JobID, index int, attempts []view.AttemptView) view.TaskView {
	v := view.TaskView{
		TaskSummary: view.TaskSummary{
			JobID:      id,
			Stage:      t.Name,
			Index:      index,
			Status:     t.Status,
			Attempt:    t.Attempt,
			Failures:   t.Failures,
			Losses:     t.Losses,
			StartedAt:  utc(t.StartedAt),
			FinishedAt: utc(t.FinishedAt),
			Progress:   t.Progress,
		},
		Name:      state.TaskName(id, t.Stage, index),
		TaskType:  t.TaskType,
		Kind:      t.Kind,
		Gen:       t.Gen,
		Key:       state.IdempotencyKey(id, t.Incarnation, t.Stage, t.Gen, index),
		Input:     json.RawMessage(t.Input),
		Result:    json.RawMessage(t.Result),
		Parts:     t.Parts,
		DueAt:     utc(t.DueAt),
		Worker:    t.Worker,
		Dead:      t.Dead,
		TraceID:   t.TraceID,
		Attempts:  attempts,
		DependsOn: t.DependsOn,

		InputComputed: t.Kind.Pure(),
	}

	v.Code, v.Error = taskError(t.Error)
	if t.Kind == state.MatchPrevious && len(t.DependsOn) == 1 {
		v.Follows = &view.TaskRef{Stage: t.DependsOn[0], Index: index}
	}

	return v
}
