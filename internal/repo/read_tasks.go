package repo

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// These limits bound the rows that a page of tasks reads. A statement reads at
// most rangeScan rows of a range, or looks up at most keyScan keys one by one.
// After taskBudget rows in total, ListTasks returns the page even if it is
// short.
const (
	rangeScan  = 5000
	keyScan    = 1000
	taskBudget = 20_000
)

// ListTasks returns a page of a job's tasks in its current generation, by stage
// and index. It reads at most about 20,000 rows, so a page can be short or empty
// although more follow. It finds failed tasks by their attempts, and running and
// waiting tasks by their messages. It skips stages whose counters show that no
// task can match.
//
// ListTasks returns CodeNotFound if there is no such job or stage, and
// CodeInvalid for a bad limit.
func (r *Repo) ListTasks(
	ctx context.Context,
	id state.JobID,
	f view.TaskFilter,
) (view.Page[view.TaskSummary, view.TaskCursor], error) {
	const op = "repo.ListTasks"

	page := view.Page[view.TaskSummary, view.TaskCursor]{Items: []view.TaskSummary{}}
	if err := checkLimit(op, f.Limit); err != nil {
		return page, err
	}

	stages, err := r.listedStages(ctx, op, id, f)
	if err != nil {
		return page, err
	}

	if f.Error != 0 {
		f.Status = state.TaskFailed
	}

	budget := taskBudget

	for _, s := range stages {
		after, last := f.From-1, s.Planned-1
		if f.After != nil && f.After.Stage == s.Stage {
			after = max(after, f.After.Index)
		}

		if f.Until > 0 {
			last = min(last, f.Until-1)
		}

		for after < last && s.mayHave(f.Status) {
			if budget <= 0 {
				page.Next = &view.TaskCursor{Stage: s.Stage, Index: after}
				return page, nil
			}

			room := f.Limit - len(page.Items) // 0: only find out whether more follow
			budget -= scanOf(s, f.Status, after)

			found, edge, err := r.scanTasks(ctx, id, s, f, after, room+1)
			if err != nil {
				return page, failure(op, err)
			}

			if n := slices.IndexFunc(found, func(t view.TaskSummary) bool { return t.Index > last }); n >= 0 {
				found, edge = found[:n], last
			}

			if len(found) > room {
				page.Items = append(page.Items, found[:room]...)
				if room > 0 {
					after = found[room-1].Index
				}

				page.Next = &view.TaskCursor{Stage: s.Stage, Index: after}

				return page, nil
			}

			page.Items = append(page.Items, found...)
			after = edge
		}
	}

	return page, nil
}

// taskStage has the place of a stage and the counts of its tasks.
type taskStage struct {
	Stage      int
	Name       string
	Gen        int
	Planned    int
	Dispatched int
	Completed  int
	Failed     int
	Cancelled  int
}

func (s taskStage) mayHave(status state.TaskStatus) bool {
	switch status {
	case state.TaskCompleted:
		return s.Completed > 0
	case state.TaskFailed:
		return s.Failed > 0
	case state.TaskCancelled:
		return s.Cancelled > 0
	case state.TaskQueued, state.TaskRunning:
		return s.Planned > s.Completed+s.Failed+s.Cancelled
	}

	return true
}

// listedStages returns the stages that a list covers, starting with the stage at
// which the list continues.
func (r *Repo) listedStages(
	ctx context.Context,
	op string,
	id state.JobID,
	f view.TaskFilter,
) ([]taskStage, error) {
	rows, err := r.pool.Query(ctx, statement("read_stages"), namedArgs{"job_id": id[:]})
	if err != nil {
		return nil, failure(op, err)
	}

	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[taskStage])
	if err != nil {
		return nil, failure(op, err)
	}

	if len(all) == 0 {
		return nil, noJob(op, id)
	}

	var listed []taskStage

	known := f.Stage == ""
	for _, s := range all {
		known = known || s.Name == f.Stage
		if (f.Stage == "" || s.Name == f.Stage) && (f.After == nil || s.Stage >= f.After.Stage) {
			listed = append(listed, s)
		}
	}

	if !known {
		return nil, state.Errorf(state.CodeNotFound, op, "the job %s has no stage %q", id.Short(), f.Stage)
	}

	return listed, nil
}

// scanOf returns the number of rows that the next statement reads. Queued tasks
// that were never dispatched have no message: they are a range.
func scanOf(s taskStage, status state.TaskStatus, after int) int {
	if status == state.TaskFailed || status == state.TaskRunning ||
		status == state.TaskQueued && after < s.Dispatched-1 {
		return keyScan
	}

	return rangeScan
}

// scanTasks returns at most the given number of matching tasks after an index,
// and the index up to which it has read.
func (r *Repo) scanTasks(
	ctx context.Context,
	id state.JobID,
	s taskStage,
	f view.TaskFilter,
	after, most int,
) (
	found []view.TaskSummary, edge int, err error,
) {
	args := namedArgs{"job_id": id[:], "stage": s.Stage, "gen": s.Gen, "after": after, "most": most}
	status := f.Status

	name, end, scan := "read_tasks_range", s.Planned-1, scanOf(s, status, after)
	switch {
	case f.Error != 0:
		name, args["scan"], args["fingerprint"] = "read_tasks_error", scan, f.Error
	case scan == rangeScan:
		end = min(end, after+scan)
		args["until"], args["status"], args["result_most"] = end, string(status), view.MaxListedResult
	case status == state.TaskFailed:
		name, args["scan"] = "read_tasks_failed", scan
	case status == state.TaskRunning:
		name, args["scan"], args["held"] = "read_tasks_open", scan, true
	default:
		name, args["scan"], args["held"] = "read_tasks_open", scan, false
		end = s.Dispatched - 1
	}

	rows, err := r.pool.Query(ctx, statement(name), args)
	if err != nil {
		return nil, 0, err
	}

	var t taskRow

	edge = end
	_, err = pgx.ForEachRow(
		rows,
		[]any{
			&t.Index,
			&t.Status,
			&t.Attempt,
			&t.Failures,
			&t.Losses,
			&t.StartedAt,
			&t.FinishedAt,
			&t.Error,
			&t.Result,
			&t.Progress,
			&t.Edge,
		},
		func() error {
			if t.Edge != nil {
				edge = *t.Edge
			}

			if t.Index == nil {
				return nil
			}

			task := view.TaskSummary{
				JobID:      id,
				Stage:      s.Name,
				Index:      *t.Index,
				Status:     t.Status,
				Attempt:    t.Attempt,
				Failures:   t.Failures,
				Losses:     t.Losses,
				StartedAt:  utc(t.StartedAt),
				FinishedAt: utc(t.FinishedAt),
				Result:     t.Result,
				Progress:   t.Progress,
			}
			task.Code, task.Error = taskError(t.Error)
			found = append(found, task)

			return nil
		},
	)

	return found, edge, err
}

// taskError decodes the error of a task, a state.Failure as JSON. Text that is
// something else is the message.
func taskError(text string) (state.Code, string) {
	var f state.Failure
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &f) == nil && f.Code != "" {
		return f.Code, f.Message
	}

	return "", text
}

// taskRow is a row of the statements that list tasks. A row without an Index
// only says how far the statement has read.
type taskRow struct {
	Index      *int
	Status     state.TaskStatus
	Attempt    int
	Failures   int
	Losses     int
	StartedAt  *time.Time
	FinishedAt *time.Time
	Error      string
	Result     []byte
	Progress   *state.TaskProgress
	Edge       *int
}
