package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"coremachine/internal/state"
)

// maxRecent is the maximum number of jobs in the file of recent jobs.
const maxRecent = 50

// recentJob is one job that this user submitted or named.
type recentJob struct {
	JobID   state.JobID `json:"job_id"`
	JobType string      `json:"job_type"`
	API     string      `json:"api"`
}

// recentJobs reads the file, newest first. If it cannot be read, the list is
// empty, because the file only saves typing.
func recentJobs(dir string) []recentJob {
	if dir == "" {
		return nil
	}

	text, err := os.ReadFile(filepath.Join(dir, "recent.json"))
	if err != nil {
		return nil
	}

	var jobs []recentJob
	if json.Unmarshal(text, &jobs) != nil {
		return nil
	}

	return jobs
}

// remember puts a job first. If two processes write at the same time, one entry
// may be lost, but not the file, which is replaced atomically.
func remember(dir string, job recentJob) {
	if dir == "" {
		return
	}

	jobs := slices.DeleteFunc(
		recentJobs(dir),
		func(j recentJob) bool { return j.JobID == job.JobID && j.API == job.API },
	)
	jobs = append([]recentJob{job}, jobs[:min(len(jobs), maxRecent-1)]...)

	text, err := json.MarshalIndent(jobs, "", " ")
	if err != nil || os.MkdirAll(dir, 0o700) != nil {
		return
	}

	file, err := os.CreateTemp(dir, "recent-*")
	if err != nil {
		return
	}

	_, err = file.Write(append(text, '\n'))
	if closing := file.Close(); err != nil || closing != nil ||
		os.Rename(file.Name(), filepath.Join(dir, "recent.json")) != nil {
		_ = os.Remove(file.Name())
	}
}
