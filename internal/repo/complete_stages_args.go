package repo

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"coremachine/internal/state"
)

// stageLists are the arguments of complete_stages.
type stageLists struct {
	worker uuid.UUID

	// One element for each message, which is of a job of its own.
	jobs               [][]byte
	messages           []int64
	numbers            []int16
	counts, open       []int32
	incarnations       []int64
	traces             []string
	places, indexes    []int32 // one for each task
	results            [][]byte
	started            []time.Time
	stageJobs          [][]byte // one for each stage that ends or starts
	stageNumbers       []int16
	totals, dispatched []int32
	bundles            []int32
	began              []*time.Time
	messagePlaces      []int32 // one for each message to write
	messageStages      []int16
	messageQueues      []int16
	firsts, sizes      []int32
	mine               []bool
	eventJobs          [][]byte // one for each event
	eventKinds         []string
	eventStages        []*int16
	eventDetails       []string
	types              []string // one for each job type
	typeTasks          []int32
	typeJobs           []int32
}

// listStages lists what the statement writes. It claims messages of the stages
// that start as far as the process has room, and notes in effects what follows
// if the statement lands.
func listStages(
	local *state.LocalCapacity, stages []wholeStage, effects *state.TransitionEffects,
) *stageLists {
	a := &stageLists{worker: local.Worker}

	for i := range stages {
		s := &stages[i]
		effects.Landed += len(s.ends)

		a.addEnds(s, int32(i+1))
		a.addType(s)

		for k := range s.next {
			n := &s.next[k]
			n.bundle = state.BundleSize(s.job.stages[n.number].Bundle, n.total, taskDuration(local, n.taskType))

			var all bool

			n.take, all = reserveLocal(local, n.total, n.bundle, n.taskType)
			if !all {
				effects.Queue(n.queue)
			}

			a.addStart(s, n, int32(i+1))
		}

		if s.open == 1 {
			id := s.ends[0].JobID
			a.addEvent(id[:], "job_ended", nil, `{"status":"completed"}`)
			effects.Jobs = append(effects.Jobs, id)
		}
	}

	return a
}

// addEnds adds the ends of the tasks of a stage, and its own.
func (a *stageLists) addEnds(s *wholeStage, place int32) {
	first, n := s.ends[0], int32(len(s.ends))
	a.jobs, a.messages = append(a.jobs, first.JobID[:]), append(a.messages, first.MessageID)
	a.numbers, a.counts = append(a.numbers, int16(first.Stage)), append(a.counts, n)
	a.open, a.incarnations = append(a.open, int32(s.open)), append(a.incarnations, s.job.incarnation)
	a.traces = append(a.traces, s.job.traceparent)

	began := first.StartedAt

	for _, e := range s.ends {
		a.places, a.indexes = append(a.places, place), append(a.indexes, int32(e.Index))
		a.results, a.started = append(a.results, e.Result), append(a.started, e.StartedAt)

		if e.StartedAt.Before(began) {
			began = e.StartedAt
		}
	}

	a.addStage(first.JobID[:], first.Stage, n, n, 0, &began)
	a.addEvent(first.JobID[:], "stage_ended", &a.numbers[place-1], fmt.Sprintf(
		`{"status":"completed","total":%d,"completed":%d,"failed":0,"cancelled":0}`, n, n,
	))
}

// addStart adds the start of a stage, and its messages.
func (a *stageLists) addStart(s *wholeStage, n *startedStage, place int32) {
	job, number := s.ends[0].JobID[:], int16(n.number)
	a.addStage(job, n.number, int32(n.total), int32(n.dispatched), int32(n.bundle), nil)
	a.addEvent(job, "stage_started", &number, fmt.Sprintf(`{"total":%d}`, n.total))

	for first := 0; first < n.dispatched; first += n.bundle {
		a.messagePlaces, a.messageStages = append(a.messagePlaces, place), append(a.messageStages, number)
		a.messageQueues = append(a.messageQueues, int16(n.queue))
		a.firsts = append(a.firsts, int32(first))
		a.sizes = append(a.sizes, int32(min(n.bundle, n.dispatched-first)))
		a.mine = append(a.mine, first < n.take*n.bundle)
	}
}

func (a *stageLists) addStage(job []byte, number int, total, dispatched, bundle int32, began *time.Time) {
	a.stageJobs, a.stageNumbers = append(a.stageJobs, job), append(a.stageNumbers, int16(number))
	a.totals, a.dispatched = append(a.totals, total), append(a.dispatched, dispatched)
	a.bundles, a.began = append(a.bundles, bundle), append(a.began, began)
}

func (a *stageLists) addEvent(job []byte, kind string, stage *int16, detail string) {
	a.eventJobs, a.eventKinds = append(a.eventJobs, job), append(a.eventKinds, kind)
	a.eventStages, a.eventDetails = append(a.eventStages, stage), append(a.eventDetails, detail)
}

// addType counts the ends for the trends: one element for each type.
func (a *stageLists) addType(s *wholeStage) {
	i := 0
	for i < len(a.types) && a.types[i] != s.job.jobType {
		i++
	}

	if i == len(a.types) {
		a.types = append(a.types, s.job.jobType)
		a.typeTasks, a.typeJobs = append(a.typeTasks, 0), append(a.typeJobs, 0)
	}

	a.typeTasks[i] += int32(len(s.ends))
	if s.open == 1 {
		a.typeJobs[i]++
	}
}

func (a *stageLists) args() namedArgs {
	return namedArgs{
		"worker":           a.worker,
		"job_ids":          a.jobs,
		"message_ids":      a.messages,
		"stages":           a.numbers,
		"counts":           a.counts,
		"open":             a.open,
		"incarnations":     a.incarnations,
		"traceparents":     a.traces,
		"places":           a.places,
		"indexes":          a.indexes,
		"results":          a.results,
		"started":          a.started,
		"stage_jobs":       a.stageJobs,
		"stage_numbers":    a.stageNumbers,
		"stage_totals":     a.totals,
		"stage_dispatched": a.dispatched,
		"stage_bundles":    a.bundles,
		"stage_began":      a.began,
		"message_places":   a.messagePlaces,
		"message_stages":   a.messageStages,
		"message_queues":   a.messageQueues,
		"message_firsts":   a.firsts,
		"message_counts":   a.sizes,
		"message_mine":     a.mine,
		"event_jobs":       a.eventJobs,
		"event_kinds":      a.eventKinds,
		"event_stages":     a.eventStages,
		"event_details":    a.eventDetails,
		"job_types":        a.types,
		"type_tasks":       a.typeTasks,
		"type_jobs":        a.typeJobs,
	}
}
