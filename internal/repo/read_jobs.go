package repo

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// ListJobs reads a page of jobs, newest first. It reads a page's worth of one
// index, backwards for jobs before a place; with a type and a status it may
// read all jobs of the type since Since. With terms, it reads at most termScan
// entries, so that a page can be short and have a next one. A bad id prefix or
// limit is an Error with CodeInvalid.
func (r *Repo) ListJobs(
	ctx context.Context,
	f view.JobFilter,
) (view.Page[view.JobSummary, view.JobCursor], error) {
	const op = "repo.ListJobs"

	var page view.Page[view.JobSummary, view.JobCursor]
	if err := checkLimit(op, f.Limit); err != nil {
		return page, err
	}

	name, args, err := r.listStatement(ctx, op, f)
	if err != nil {
		return page, err
	}

	rows, err := r.pool.Query(ctx, statement(name), args)
	if err != nil {
		return page, failure(op, err)
	}

	found, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[jobKey])
	if err != nil {
		return page, failure(op, err)
	}

	found, end := scanEnd(found)
	more := len(found) > f.Limit // one more than the page

	found = found[:min(len(found), f.Limit)]
	if f.Before != nil {
		slices.Reverse(found)
		more, page.Prev = len(found) > 0, f.Before // behind it stands at least the place itself
	}

	if len(found) > 0 {
		page.Prev = found[0].cursor()
	}

	if more {
		page.Next = found[len(found)-1].cursor()
	}

	switch {
	case end == nil:
	case f.Before != nil:
		page.Prev = end.cursor()
	default:
		page.Next = end.cursor()
	}

	ids := make([]state.JobID, len(found))
	for i, k := range found {
		ids[i] = state.JobID(k.JobID)
	}

	page.Items, err = r.summaries(ctx, ids)

	return page, err
}

type jobKey struct {
	JobID     []byte
	CreatedAt time.Time
	Listed    *bool // false: the scan ended there, and it is not in the list
}

// scanEnd splits the end of a scan that did not fill the page from the jobs of
// the page. It is nil if the page is full, or if nothing is left to scan.
func scanEnd(found []jobKey) (page []jobKey, end *jobKey) {
	last := len(found) - 1
	if last < 0 || found[last].Listed == nil || *found[last].Listed {
		return found, nil
	}

	return found[:last], &found[last]
}

func (k jobKey) cursor() *view.JobCursor {
	return &view.JobCursor{CreatedAt: k.CreatedAt.UTC(), JobID: state.JobID(k.JobID)}
}

// listStatement chooses the statement whose index fits the filter best.
func (r *Repo) listStatement(ctx context.Context, op string, f view.JobFilter) (string, namedArgs, error) {
	args, list := namedArgs{"most": f.Limit + 1}, "read_job_ids"
	args["since"], args["since_age"] = moment(f.Since)

	args["until"], args["until_age"] = moment(f.Until)
	switch {
	case f.Before != nil:
		args["before_at"], args["before_id"], list = f.Before.CreatedAt, f.Before.JobID[:], "read_job_ids_newer"
	case f.After != nil:
		args["after_at"], args["after_id"] = f.After.CreatedAt, f.After.JobID[:]
	default:
		args["after_at"], args["after_id"] = nil, nil
	}

	statuses := statusTexts(f.Statuses)

	switch {
	case len(f.Terms) > 0:
		args["statuses"], args["job_type"] = statuses, f.Type
		return r.termStatement(ctx, op, f, list, args)
	case f.IDPrefix != "":
		low, high, err := idRange(op, f.IDPrefix)
		if err != nil {
			return "", nil, err
		}

		args["low"], args["high"], args["statuses"], args["job_type"] = low, high, statuses, f.Type

		return list + "_prefix", args, nil
	case f.Type != "":
		args["statuses"], args["job_type"] = statuses, f.Type
		return list + "_type", args, nil
	case len(statuses) > 0:
		args["statuses"] = statuses
		return list + "_status", args, nil
	}

	return list, args, nil
}

// statusTexts returns each status once.
func statusTexts(statuses []state.JobStatus) []string {
	texts := make([]string, 0, len(statuses))
	for _, s := range statuses {
		if !slices.Contains(texts, string(s)) {
			texts = append(texts, string(s))
		}
	}

	return texts
}

func moment(m view.Moment) (at, age any) {
	if !m.At.IsZero() {
		return m.At, nil
	}

	if m.Age != 0 {
		return nil, m.Age.Seconds()
	}

	return nil, nil
}

// idRange is the first and the last id with a prefix.
func idRange(op, prefix string) (low, high []byte, err error) {
	const digits = 2 * len(state.JobID{})

	bad := state.Invalid(op, "the id prefix is malformed", state.FieldError{
		Field: "id", Message: "must be 4 to 64 lower-case hex digits",
	})
	if len(prefix) < view.MinIDPrefix || len(prefix) > digits ||
		strings.Trim(prefix, "0123456789abcdef") != "" {
		return nil, nil, bad
	}

	low, err = hex.DecodeString(prefix + strings.Repeat("0", digits-len(prefix)))
	if err != nil {
		return nil, nil, bad
	}

	high, err = hex.DecodeString(prefix + strings.Repeat("f", digits-len(prefix)))
	if err != nil {
		return nil, nil, bad
	}

	return low, high, nil
}

func checkLimit(op string, limit int) error {
	if limit < 1 || limit > view.MaxPage {
		return state.Invalid(
			op,
			"the limit is out of range",
			state.FieldError{Field: "limit", Message: "must be between 1 and 500"},
		)
	}

	return nil
}

// summaryRow is a row of read_summaries.
type summaryRow struct {
	JobID             []byte
	JobType           string
	Status            state.JobStatus
	Attempt           int
	Incarnation       int64
	Version           int64
	CreatedAt         time.Time
	LastSubmittedAt   time.Time
	RunKey            *string
	Tags              map[string]string
	StartAt           *time.Time
	StartedAt         *time.Time
	FinishedAt        *time.Time
	CancelRequestedAt *time.Time
	Outcome           *string
	Error             *state.Failure
	Params            json.RawMessage
	Counters          int64
	Planned           int
	Completed         int
	Failed            int
	Cancelled         int
	Running           int
}

// summaries reads jobs in the order of ids; one that went meanwhile is left
// out.
func (r *Repo) summaries(ctx context.Context, ids []state.JobID) ([]view.JobSummary, error) {
	if len(ids) == 0 {
		return []view.JobSummary{}, nil
	}

	rows, err := r.pool.Query(
		ctx,
		statement("read_summaries"),
		namedArgs{"job_ids": keys(ids), "max_params": view.MaxListedParams},
	)
	if err != nil {
		return nil, failure("repo.ListJobs", err)
	}

	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[summaryRow])
	if err != nil {
		return nil, failure("repo.ListJobs", err)
	}

	place := make(map[state.JobID]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}

	slices.SortFunc(
		found,
		func(a, b summaryRow) int { return place[state.JobID(a.JobID)] - place[state.JobID(b.JobID)] },
	)

	items := make([]view.JobSummary, len(found))
	for i, s := range found {
		items[i] = view.JobSummary{
			JobID:             state.JobID(s.JobID),
			JobType:           s.JobType,
			Status:            s.Status,
			Attempt:           s.Attempt,
			Version:           view.JobVersion(s.Incarnation, s.Version, s.Counters),
			Parameters:        s.Params,
			CreatedAt:         s.CreatedAt.UTC(),
			LastSubmittedAt:   s.LastSubmittedAt.UTC(),
			RunKey:            orEmpty(s.RunKey),
			Tags:              s.Tags,
			StartAt:           utc(s.StartAt),
			StartedAt:         utc(s.StartedAt),
			FinishedAt:        utc(s.FinishedAt),
			CancelRequestedAt: utc(s.CancelRequestedAt),
			Outcome:           state.JobStatus(orEmpty(s.Outcome)),
			Finalizing:        s.Outcome != nil && !s.Status.Ended(),
			Error:             s.Error,
			Tasks: view.TaskCounts{
				Total:     s.Planned,
				Running:   s.Running,
				Completed: s.Completed,
				Failed:    s.Failed,
				Cancelled: s.Cancelled,
			},
		}
		items[i].Tasks.Settle()
	}

	return items, nil
}

// JobCounts counts jobs by status, each up to view.MaxDepth, in the order of
// state.JobStatuses. Of the filter Type, Since and Until count; with a type the
// newest view.MaxDepth jobs of it are counted.
func (r *Repo) JobCounts(ctx context.Context, f view.JobFilter) ([]view.JobCount, error) {
	names := make([]string, len(state.JobStatuses))
	for i, s := range state.JobStatuses {
		names[i] = string(s)
	}

	args := namedArgs{"statuses": names, "most": view.MaxDepth, "job_type": f.Type}
	args["since"], args["since_age"] = moment(f.Since)
	args["until"], args["until_age"] = moment(f.Until)

	rows, err := r.pool.Query(ctx, statement("read_job_counts"), args)
	if err != nil {
		return nil, failure("repo.JobCounts", err)
	}

	counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[view.JobCount])
	if err != nil {
		return nil, failure("repo.JobCounts", err)
	}

	return counts, nil
}
