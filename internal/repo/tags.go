package repo

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// writeTerms writes the terms of new jobs. Few jobs have any, so that the
// statements of a submit do not carry them.
func (t tx) writeTerms(batch []state.JobSpec) error {
	var (
		ids           [][]byte
		names, values []string
	)

	for i := range batch {
		g := &batch[i]
		for _, term := range g.Terms {
			ids, names, values = append(ids, g.JobID[:]), append(names, term.Name), append(values, term.Value)
		}
	}

	if len(ids) == 0 {
		return nil
	}

	return t.later("write_terms", namedArgs{"job_ids": ids, "terms": names, "term_values": values}, nil)
}

// rewriteTerms writes the terms of a job that runs again. Its tags are replaced
// if the submit has any, and stay otherwise.
func (t tx) rewriteTerms(g state.JobSpec) error {
	if len(g.Tags) > 0 {
		if err := t.keepTags(g.JobID, g.Tags); err != nil {
			return err
		}
	}

	return t.writeTerms([]state.JobSpec{g})
}

// keepTags deletes the tags of a job whose names are not among those given.
func (t tx) keepTags(id state.JobID, tags map[string]string) error {
	names := []string{}
	for _, term := range state.TagTerms(tags) {
		names = append(names, term.Name)
	}

	return t.later("delete_tags", namedArgs{"job_id": id[:], "terms": names}, nil)
}

// EditTags changes the tags of a job: change gets the present ones and returns
// the new ones. It may be called several times. If they are equal, EditTags
// writes nothing. An unknown job, or one that is marked for deletion, is an
// Error with CodeNotFound. An error of change is returned as it is.
func (r *Repo) EditTags(
	ctx context.Context,
	id state.JobID,
	by string,
	change func(tags map[string]string) (map[string]string, error),
) (tags map[string]string, err error) {
	const op = "repo.EditTags"

	err = r.inTx(ctx, op, func(t tx) error {
		locked, err := t.exec(ctx, "lock_tagged", namedArgs{"job_id": id[:]})
		if err != nil {
			return err
		}

		if locked == 0 {
			return noJob(op, id)
		}

		present, err := t.readTags(ctx, id)
		if err != nil {
			return err
		}

		tags, err = change(maps.Clone(present))
		if err != nil || maps.Equal(tags, present) {
			return err
		}

		return t.replaceTags(id, by, tags)
	})
	if err != nil {
		return nil, err
	}

	return tags, nil
}

func (t tx) readTags(ctx context.Context, id state.JobID) (map[string]string, error) {
	rows, err := t.query(ctx, "read_tags", namedArgs{"job_id": id[:]})
	if err != nil {
		return nil, err
	}

	var name, value string

	tags := map[string]string{}
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		tags[name] = value
		return nil
	})

	return tags, err
}

func (t tx) replaceTags(id state.JobID, by string, tags map[string]string) error {
	text, err := json.Marshal(tags)
	if err != nil {
		return err
	}

	return errors.Join(
		t.keepTags(id, tags),
		t.writeTerms([]state.JobSpec{{JobID: id, Terms: state.TagTerms(tags)}}),
		t.later("tag_job", namedArgs{"job_id": id[:], "by": by, "tags": string(text)}, nil),
	)
}

// termScan is the maximum number of entries that a page of a list with terms
// reads. It takes about 30 ms if none of them is on the page.
const termScan = 5000

// termStatement chooses where a list with terms begins: with the statuses or the
// type, if few jobs have them, or else with the rarest term.
func (r *Repo) termStatement(
	ctx context.Context, op string, f view.JobFilter, list string, args namedArgs,
) (string, namedArgs, error) {
	names, values := make([]string, len(f.Terms)), make([]string, len(f.Terms))
	for i, term := range f.Terms {
		names[i], values[i] = term.Name, term.Value
	}

	first := 0

	if len(f.Terms) > 1 || f.Type != "" || len(f.Statuses) > 0 {
		counts, err := r.termCounts(ctx, op, args, names, values)
		if err != nil {
			return "", nil, err
		}

		for i := range names {
			if counts.terms[i] < counts.terms[first] {
				first = i
			}
		}

		if few := min(counts.statuses, counts.jobType); few < termScan && few < counts.terms[first] {
			args["scan"], args["by_status"] = termScan, counts.statuses == few
			args["terms"], args["term_values"] = names, values

			return list + "_few", args, nil
		}
	}

	args["scan"], args["term"], args["value"] = termScan, names[first], values[first]
	args["terms"] = append(names[:first:first], names[first+1:]...)
	args["term_values"] = append(values[:first:first], values[first+1:]...)

	return list + "_term", args, nil
}

// termCounts are numbers of jobs, up to termScan each. Without a filter by
// status, or by type, the number is termScan.
type termCounts struct {
	terms             []int
	statuses, jobType int
}

func (r *Repo) termCounts(
	ctx context.Context, op string, list namedArgs, names, values []string,
) (termCounts, error) {
	args := namedArgs{"terms": names, "term_values": values, "scan": termScan}
	for _, name := range []string{"statuses", "job_type", "since", "since_age", "until", "until_age"} {
		args[name] = list[name]
	}

	counts := termCounts{terms: make([]int, len(names)), statuses: termScan, jobType: termScan}

	rows, err := r.pool.Query(ctx, statement("read_term_counts"), args)
	if err != nil {
		return counts, failure(op, err)
	}

	var (
		n     int
		count *int
	)

	_, err = pgx.ForEachRow(rows, []any{&n, &count}, func() error {
		switch {
		case count == nil:
		case n == 0:
			counts.statuses = *count
		case n < 0:
			counts.jobType = *count
		default:
			counts.terms[n-1] = *count
		}

		return nil
	})
	if err != nil {
		return counts, failure(op, err)
	}

	return counts, nil
}
