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

// ReadJob reads a job with its stages in one snapshot. The number of stages and
// the number of tasks that all workers have claimed bound its work. If the job
// is unknown or is being deleted, ReadJob returns an Error with CodeNotFound.
func (r *Repo) ReadJob(ctx context.Context, id state.JobID) (view.JobView, error) {
	const op = "repo.ReadJob"

	rows, err := r.pool.Query(ctx, statement("read_job"), namedArgs{"job_id": id[:]})
	if err != nil {
		return view.JobView{}, failure(op, err)
	}

	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[jobRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return view.JobView{}, noJob(op, id)
	}

	if err != nil {
		return view.JobView{}, failure(op, err)
	}

	job, err := row.view()
	if err != nil {
		return view.JobView{}, state.Wrap(state.CodeInternal, op, "the job's row cannot be read", err)
	}

	if job.Tasks.Failed == 0 {
		return job, nil
	}

	return job, r.errorGroups(ctx, op, &job)
}

func noJob(op string, id state.JobID) error {
	return state.Errorf(state.CodeNotFound, op, "no job %s", id)
}

// jobRow is a row of read_job.
type jobRow struct {
	JobID             []byte
	JobType           string
	Status            state.JobStatus
	Attempt           int
	Incarnation       int64
	Version           int64
	Params            json.RawMessage
	CreatedAt         time.Time
	LastSubmittedAt   time.Time
	RunKey            *string
	Tags              map[string]string
	StartAt           *time.Time
	StartedAt         *time.Time
	FinishedAt        *time.Time
	CancelRequestedAt *time.Time
	Outcome           *string
	Result            []byte
	Error             *state.Failure
	TraceID           string
	CallbackURL       *string
	Notification      *notificationRow
	Stages            []byte
}

// notificationRow is jobRow.Notification: of the current attempt, which has ended.
type notificationRow struct {
	Tries       int        `json:"tries"`
	DueAt       time.Time  `json:"due_at"`
	DeliveredAt *time.Time `json:"delivered_at"`
	FailedAt    *time.Time `json:"failed_at"`
	Error       string     `json:"error"`
}

// notification returns nil if the job has no callback URL.
func (row jobRow) notification() *view.NotificationView {
	if row.CallbackURL == nil {
		return nil
	}

	v := &view.NotificationView{State: view.NotificationWaiting, Host: state.HostOf(*row.CallbackURL)}

	n := row.Notification
	if n == nil {
		return v
	}

	v.Tries, v.Error = n.Tries, n.Error

	switch {
	case n.DeliveredAt != nil:
		v.State, v.At = view.NotificationDelivered, utc(n.DeliveredAt)
	case n.FailedAt != nil:
		v.State, v.At = view.NotificationFailed, utc(n.FailedAt)
	default:
		v.State, v.DueAt = view.NotificationPending, utc(&n.DueAt)
	}

	return v
}

// jobStageRow is an element of jobRow.Stages: a view and the columns from which
// it is computed.
type jobStageRow struct {
	view.StageView
	QueueNumber      state.Queue `json:"queue_number"`
	DependsOnNumbers []int       `json:"depends_on_numbers"`
	Dispatched       int         `json:"dispatched"`
}

func (row jobRow) view() (view.JobView, error) {
	var stages []jobStageRow
	if err := json.Unmarshal(row.Stages, &stages); err != nil {
		return view.JobView{}, err
	}

	job := view.JobView{
		JobSummary: view.JobSummary{
			JobID:             state.JobID(row.JobID),
			JobType:           row.JobType,
			Status:            row.Status,
			Attempt:           row.Attempt,
			Parameters:        row.Params,
			CreatedAt:         row.CreatedAt.UTC(),
			LastSubmittedAt:   row.LastSubmittedAt.UTC(),
			RunKey:            orEmpty(row.RunKey),
			Tags:              row.Tags,
			StartAt:           utc(row.StartAt),
			StartedAt:         utc(row.StartedAt),
			FinishedAt:        utc(row.FinishedAt),
			CancelRequestedAt: utc(row.CancelRequestedAt),
			Outcome:           state.JobStatus(orEmpty(row.Outcome)),
			Error:             row.Error,
		},
		TraceID:      row.TraceID,
		Notification: row.notification(),

		Result: row.Result,
		Errors: []view.ErrorGroup{},
		Stages: make([]view.StageView, len(stages)),
	}

	names := make(map[int]string, len(stages))
	for _, s := range stages {
		names[s.Stage] = s.Name
	}

	job.Finalizing = job.Outcome != "" && !job.Status.Ended()
	planned, counters := true, int64(0)

	for i, s := range stages {
		v := s.StageView

		v.Queue, v.DependsOn = s.QueueNumber.String(), make([]string, len(s.DependsOnNumbers))
		for d, n := range s.DependsOnNumbers {
			v.DependsOn[d] = names[n]
		}

		counters += int64(v.Tasks.Total) + int64(s.Dispatched) + int64(v.Tasks.Completed) + int64(
			v.Tasks.Failed,
		) + int64(v.Tasks.Cancelled)
		v.Tasks.Settle()
		v.StartedAt, v.ProgressedAt, v.FinishedAt = utc(v.StartedAt), utc(v.ProgressedAt), utc(v.FinishedAt)
		v.FirstClaimedAt = utc(v.FirstClaimedAt)

		for k := range v.EarlierRuns {
			run := &v.EarlierRuns[k]
			run.FirstClaimedAt, run.FinishedAt = run.FirstClaimedAt.UTC(), run.FinishedAt.UTC()
		}

		job.Tasks.Add(v.Tasks)
		planned = planned && (v.Planned || v.Finally && job.Outcome == "")
		job.Stages[i] = v
	}

	job.Version = view.JobVersion(row.Incarnation, row.Version, counters)
	job.Progress = progress(job, planned)

	return job, nil
}

func progress(job view.JobView, planned bool) *float64 {
	share := 1.0

	switch {
	case job.Status == state.JobCompleted || job.Status == state.JobCompletedWithErrors:
	case !planned:
		return nil
	case job.Tasks.Total > 0:
		share = float64(job.Tasks.Done()) / float64(job.Tasks.Total)
	}

	return &share
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}

	return *text
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}

	u := t.UTC()

	return &u
}

// versionChunk bounds the jobs of one statement.
const versionChunk = 1000

// ReadVersions reads the status and version of jobs, which waiters compare. It
// runs one statement per thousand jobs. It skips jobs that no longer exist.
func (r *Repo) ReadVersions(ctx context.Context, ids []state.JobID) (map[state.JobID]view.Seen, error) {
	seen := make(map[state.JobID]view.Seen, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), versionChunk)

		rows, err := r.pool.Query(ctx, statement("read_versions"), namedArgs{"job_ids": keys(ids[:n])})
		if err != nil {
			return nil, failure("repo.ReadVersions", err)
		}

		var (
			id                          []byte
			status                      state.JobStatus
			incarnation, edge, counters int64
		)

		_, err = pgx.ForEachRow(rows, []any{&id, &status, &incarnation, &edge, &counters}, func() error {
			seen[state.JobID(id)] = view.Seen{
				Status:  status,
				Version: view.JobVersion(incarnation, edge, counters),
			}

			return nil
		})
		if err != nil {
			return nil, failure("repo.ReadVersions", err)
		}

		ids = ids[n:]
	}

	return seen, nil
}

func keys(ids []state.JobID) [][]byte {
	out := make([][]byte, len(ids))
	for i := range ids {
		out[i] = ids[i][:]
	}

	return out
}
