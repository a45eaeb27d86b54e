package repo

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// logArgs lists the log lines of ends, nil if there are none. The ends are in
// the order of their messages.
func logArgs(worker uuid.UUID, ends []*state.TaskEnd) namedArgs {
	var (
		jobs, lines            [][]byte
		messages, incarnations []int64
		stages                 []int16
		attempts, gens         []int32
		indexes, dropped       []int32
	)

	for _, e := range ends {
		if e.Log == nil {
			continue
		}

		jobs, lines = append(jobs, e.JobID[:]), append(lines, e.Log.Lines)
		messages, incarnations = append(messages, e.MessageID), append(incarnations, e.Log.Incarnation)
		stages = append(stages, int16(e.Stage))
		attempts, gens = append(attempts, int32(e.Attempt)), append(gens, int32(e.Gen))
		indexes, dropped = append(indexes, int32(e.Index)), append(dropped, int32(e.Log.Dropped))
	}

	if jobs == nil {
		return nil
	}

	return namedArgs{
		"worker":       worker,
		"job_ids":      jobs,
		"message_ids":  messages,
		"attempts":     attempts,
		"stages":       stages,
		"gens":         gens,
		"indexes":      indexes,
		"incarnations": incarnations,
		"dropped":      dropped,
		"lines":        lines,
		"most":         state.MaxTaskLog,
	}
}

// expireBatch is the maximum number of rows that one call of ExpireLogs
// deletes. Each row has at most state.MaxTaskLog bytes.
const expireBatch = purgeBytes / state.MaxTaskLog

// ExpireLogs deletes the next log lines of tasks that are older than age, the
// oldest first. done is true if none is left.
func (r *Repo) ExpireLogs(ctx context.Context, age time.Duration) (rows int, done bool, err error) {
	rows, err = r.one(
		ctx,
		"repo.ExpireLogs",
		"expired_task_logs",
		namedArgs{"age": age.Seconds(), "most": expireBatch},
	)

	return rows, err == nil && rows < expireBatch, err
}

// ReadTaskLogs returns the log lines that are kept of a task of the current
// generation, those of the last attempt first. If the job, the stage or the task
// does not exist, it returns CodeNotFound.
func (r *Repo) ReadTaskLogs(
	ctx context.Context,
	id state.JobID,
	stage string,
	index int,
) ([]view.TaskLogView, error) {
	const op = "repo.ReadTaskLogs"

	rows, err := r.pool.Query(ctx, statement("read_task_logs"), namedArgs{
		"job_id": id[:], "stage": stage, "index": index, "most": view.MaxAttempts,
	})
	if err != nil {
		return nil, failure(op, err)
	}

	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[taskLogRow])
	if err != nil {
		return nil, failure(op, err)
	}

	if len(found) == 0 {
		return nil, r.whyNoTask(ctx, op, id, stage, index)
	}

	logs := []view.TaskLogView{}

	for _, row := range found {
		if row.Attempt == nil {
			break
		}

		log := view.TaskLogView{Attempt: *row.Attempt, LoggedAt: row.LoggedAt.UTC(), Dropped: *row.Dropped}
		if err := json.Unmarshal(row.Lines, &log.Lines); err != nil {
			return nil, failure(op, err)
		}

		logs = append(logs, log)
	}

	return logs, nil
}

// taskLogRow is a row of read_task_logs. Its fields are nil if the task has no
// lines.
type taskLogRow struct {
	Attempt  *int
	LoggedAt *time.Time
	Dropped  *int
	Lines    []byte
}
