package web

import (
	"context"
	"encoding/json"
	"strconv"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// runsPage is the data of the template "runs".
type runsPage struct {
	Job  view.JobView
	Tabs []gridTab
	Run  *view.RunView // nil: it is not recorded any more
}

// loadRuns shows one earlier run of a job. Its events record it.
func loadRuns(ctx context.Context, s *Server, in *input) (content, error) {
	id, err := s.findJob(ctx, in.params["id"])
	if err != nil {
		return content{}, err
	}

	attempt, err := strconv.Atoi(in.params["attempt"])
	if err != nil || attempt < 1 {
		return content{}, state.Errorf(state.CodeNotFound, "web", "No such run.")
	}

	job, err := s.Reader.ReadJob(ctx, id)
	if err != nil {
		return content{}, err
	}

	if attempt > job.Attempt {
		return content{}, state.Errorf(state.CodeNotFound, "web", "The job has no run %d.", attempt)
	}

	runs, err := s.Reader.ListRuns(ctx, id)
	if err != nil {
		return content{}, err
	}

	p := runsPage{Job: job, Tabs: runTabs(s, job, attempt)}

	for i := range runs {
		if runs[i].Attempt == attempt {
			p.Run = &runs[i]
		}
	}

	return content{Title: "Run " + strconv.Itoa(attempt) + " of " + job.JobType, Data: p}, nil
}

// maxRunTabs is the maximum number of runs that have a tab.
const maxRunTabs = 20

// runTabs links the runs of a job, newest first. The last run is the page of the
// job itself.
func runTabs(s *Server, job view.JobView, current int) []gridTab {
	if job.Attempt < 2 {
		return nil
	}

	root := join(s.Prefix+"/ui", []any{"jobs", job.JobID})
	tabs := []gridTab{{Name: "Run " + strconv.Itoa(job.Attempt), URL: root, Current: current == job.Attempt}}

	for n := job.Attempt - 1; n > 0 && len(tabs) < maxRunTabs; n-- {
		tabs = append(tabs, gridTab{
			Name: "Run " + strconv.Itoa(n), URL: root + "/runs/" + strconv.Itoa(n), Current: current == n,
		})
	}

	return tabs
}

// comparePage is the data of the template "compare".
type comparePage struct {
	view.Comparison
	ID     state.JobID
	Type   string
	Others []view.JobSummary // jobs to compare with, newest first
	With   string            // the id of the other job; empty: there is none
}

// compareWith is the number of jobs that a comparison offers.
const compareWith = 30

// loadCompare compares a job with another one of its type: with the one that was
// created before it, unless the address names one.
func loadCompare(ctx context.Context, s *Server, in *input) (content, error) {
	id, err := s.findJob(ctx, in.params["id"])
	if err != nil {
		return content{}, err
	}

	job, err := s.Reader.ReadJob(ctx, id)
	if err != nil {
		return content{}, err
	}

	page, err := s.Reader.ListJobs(ctx, view.JobFilter{Type: job.JobType, Limit: compareWith})
	if err != nil {
		return content{}, err
	}

	p := comparePage{ID: id, Type: job.JobType, With: in.query.Get("with")}

	for _, other := range page.Items {
		if other.JobID == id {
			continue
		}

		p.Others = append(p.Others, other)

		if p.With == "" && other.CreatedAt.Before(job.CreatedAt) {
			p.With = other.JobID.String()
		}
	}

	if p.With == "" && len(p.Others) > 0 {
		p.With = p.Others[0].JobID.String()
	}

	if p.With != "" {
		other, err := s.findJob(ctx, p.With)
		if err != nil {
			return content{}, err
		}

		p.With = other.String()
		if p.Comparison, err = api.CompareJobs(ctx, s.Reader, job, other); err != nil {
			return content{}, err
		}
	}

	return content{Title: "Comparison of " + job.JobType, Data: p}, nil
}

// rawText formats a value of JSON. There may be none.
func rawText(v json.RawMessage) string {
	if v == nil {
		return "–"
	}

	return string(v)
}

// secondsText formats a number of seconds that may not be known.
func secondsText(v *float64) string {
	if v == nil {
		return "–"
	}

	return inSeconds(*v)
}
