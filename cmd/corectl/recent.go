package main

import (
	"slices"

	"coremachine/internal/state"
)

// recentFile is the file of recent jobs in the state folder.
const recentFile = "recent.json"

// maxRecent is the maximum number of jobs in the file of recent jobs.
const maxRecent = 50

// recentJob is one job that this user submitted or named.
type recentJob struct {
	JobID   state.JobID `json:"job_id"`
	JobType string      `json:"job_type"`
	API     string      `json:"api"`
}

// recentJobs reads the file, newest first.
func recentJobs(dir string) []recentJob { return readList[recentJob](dir, recentFile) }

// remember puts a job first. If two processes write at the same time, one entry
// may be lost.
func remember(dir string, job recentJob) {
	if dir == "" {
		return
	}

	jobs := slices.DeleteFunc(
		recentJobs(dir),
		func(j recentJob) bool { return j.JobID == job.JobID && j.API == job.API },
	)
	jobs = append([]recentJob{job}, jobs[:min(len(jobs), maxRecent-1)]...)

	_ = writeFile(dir, recentFile, jobs) // without it, only @last is older
}
