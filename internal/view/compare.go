package view

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"coremachine/internal/state"
)

// Comparison is what differs between two jobs of a type.
type Comparison struct {
	JobType    string          `json:"job_type"`
	Left       ComparedJob     `json:"left"`
	Right      ComparedJob     `json:"right"`
	Parameters []ParameterDiff `json:"parameters"`       // that differ, by path
	Equal      int             `json:"equal_parameters"` // number of the others
	Stages     []StageDiff     `json:"stages"`           // of the left job, then those that only the right one has
	Failures   []FailureDiff   `json:"failures"`         // most of both jobs first
}

// ComparedJob is one of the two jobs.
type ComparedJob struct {
	JobID      state.JobID     `json:"job_id"`
	Status     state.JobStatus `json:"status"`
	Attempt    int             `json:"attempt"`
	CreatedAt  time.Time       `json:"created_at"`
	RanSeconds *float64        `json:"ran_seconds"` // null: it has not run to an end
	Tasks      TaskCounts      `json:"tasks"`
}

// ParameterDiff is a parameter with different values. null: the job has none.
type ParameterDiff struct {
	Path  string          `json:"path"`
	Left  json.RawMessage `json:"left"`
	Right json.RawMessage `json:"right"`
}

// StageDiff is a stage of both jobs. null: the job does not have the stage.
type StageDiff struct {
	Name  string     `json:"name"`
	Left  *StageSide `json:"left"`
	Right *StageSide `json:"right"`
}

// StageSide is a stage of one job.
type StageSide struct {
	Status     state.StageStatus `json:"status"`
	Tasks      int               `json:"tasks"`
	Failed     int               `json:"failed"`
	RanSeconds *float64          `json:"ran_seconds"` // null: it has not run to an end
	P50Seconds *float64          `json:"p50_seconds"` // of its completed tasks; null: not known
	P95Seconds *float64          `json:"p95_seconds"`
}

// Shown returns the status as people read it, see ShownStage.
func (s StageSide) Shown() string { return ShownStage(s.Status, s.Failed) }

// FailureDiff counts attempts that failed with one kind of error. Counts end at
// MaxDepth.
type FailureDiff struct {
	Stage   string `json:"stage"`
	Pattern string `json:"pattern"` // the errors with # for what differs
	Message string `json:"message"` // one of them, whole
	Left    int    `json:"left"`
	Right   int    `json:"right"`
}

// CompareSide is what is known of one of two jobs.
type CompareSide struct {
	Job      JobView
	Times    []StageTimes
	Failures []FailureGroup
}

// CompareJobs compares two jobs of a type.
func CompareJobs(left, right CompareSide) Comparison {
	c := Comparison{
		JobType:    left.Job.JobType,
		Left:       left.job(),
		Right:      right.job(),
		Parameters: []ParameterDiff{},
		Stages:     []StageDiff{},
		Failures:   []FailureDiff{},
	}
	c.compareParameters(left.Job.Parameters, right.Job.Parameters)

	for _, s := range left.Job.Stages {
		c.Stages = append(c.Stages, StageDiff{s.Name, left.stage(s.Name), right.stage(s.Name)})
	}

	for _, s := range right.Job.Stages {
		if left.stage(s.Name) == nil {
			c.Stages = append(c.Stages, StageDiff{Name: s.Name, Right: right.stage(s.Name)})
		}
	}

	for _, g := range left.Failures {
		c.failure(g).Left += g.Attempts
	}

	for _, g := range right.Failures {
		c.failure(g).Right += g.Attempts
	}

	slices.SortStableFunc(c.Failures, func(a, b FailureDiff) int {
		return cmp.Compare(b.Left+b.Right, a.Left+a.Right)
	})

	return c
}

func (s CompareSide) job() ComparedJob {
	j := s.Job

	return ComparedJob{
		JobID: j.JobID, Status: j.Status, Attempt: j.Attempt, CreatedAt: j.CreatedAt,
		RanSeconds: ranSeconds(j.FinishedAt, j.Ran(time.Time{})), Tasks: j.Tasks,
	}
}

func (s CompareSide) stage(name string) *StageSide {
	i := slices.IndexFunc(s.Job.Stages, func(v StageView) bool { return v.Name == name })
	if i < 0 {
		return nil
	}

	v := s.Job.Stages[i]
	side := StageSide{
		Status: v.Status, Tasks: v.Tasks.Total, Failed: v.Tasks.Failed,
		RanSeconds: ranSeconds(v.FinishedAt, v.Ran(time.Time{})),
	}

	for _, t := range s.Times {
		if t.Stage == name && t.Sample > 0 {
			side.P50Seconds, side.P95Seconds = &t.P50, &t.P95
		}
	}

	return &side
}

// ranSeconds returns how long something ran that has ended; nil if it has not.
func ranSeconds(end *time.Time, ran *time.Duration) *float64 {
	if end == nil || ran == nil {
		return nil
	}

	secs := ran.Seconds()

	return &secs
}

// failure returns the row of a kind of failure, and adds it at first.
func (c *Comparison) failure(g FailureGroup) *FailureDiff {
	i := slices.IndexFunc(c.Failures, func(f FailureDiff) bool { return f.Stage == g.Stage && f.Pattern == g.Pattern })
	if i < 0 {
		i = len(c.Failures)
		c.Failures = append(c.Failures, FailureDiff{Stage: g.Stage, Pattern: g.Pattern, Message: g.Message})
	}

	return &c.Failures[i]
}

func (c *Comparison) compareParameters(left, right json.RawMessage) {
	l, r := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	flatten("", left, l)
	flatten("", right, r)

	both := maps.Clone(l)
	maps.Copy(both, r)

	for _, path := range slices.Sorted(maps.Keys(both)) {
		if bytes.Equal(l[path], r[path]) {
			c.Equal++
			continue
		}

		c.Parameters = append(c.Parameters, ParameterDiff{path, l[path], r[path]})
	}
}

// flatten lists the values of a JSON text by path: owner.name, or tiles.0.
// Numbers keep all their digits. Empty objects and lists are values.
func flatten(path string, text json.RawMessage, into map[string]json.RawMessage) {
	below := func(name string) string {
		if path == "" {
			return name
		}

		return path + "." + name
	}

	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) == nil && len(object) > 0 {
		for name, value := range object {
			flatten(below(name), value, into)
		}

		return
	}

	var list []json.RawMessage
	if json.Unmarshal(text, &list) == nil && len(list) > 0 {
		for i, value := range list {
			flatten(below(strconv.Itoa(i)), value, into)
		}

		return
	}

	var b bytes.Buffer
	if path != "" && json.Compact(&b, text) == nil {
		into[path] = b.Bytes()
	}
}
