package repo

import (
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// taskDuration returns how long a task of a type usually takes. If this process
// does not know, taskDuration returns 0.
func (t tx) taskDuration(taskType string) time.Duration { return taskDuration(&t.local, taskType) }

func taskDuration(local *state.LocalCapacity, taskType string) time.Duration {
	if local.TaskDuration == nil {
		return 0
	}

	return local.TaskDuration(taskType)
}

// reserveLocal reserves slots of this process for messages of a stage, as far as
// the process has room. It returns the number of messages that the transaction
// claims for the process, and whether the stage has no other message.
func (t tx) reserveLocal(total, bundle int, taskType string) (n int, all bool) {
	return reserveLocal(&t.local, total, bundle, taskType)
}

func reserveLocal(local *state.LocalCapacity, total, bundle int, taskType string) (n int, all bool) {
	limit, room := state.LocalShare(total, bundle, taskDuration(local, taskType))
	for n < limit && local.Room >= room && local.Reserve() {
		local.Room -= room
		n++
	}

	return n, n*bundle >= total
}

// claimedLocally reads the messages that a statement wrote and claimed.
func claimedLocally(effects *state.TransitionEffects) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		held, err := pgx.CollectRows(rows, scanHeld)
		effects.Taken = append(effects.Taken, held...)

		return err
	}
}

// startedStage is a stage that starts with tasks that need no plan.
type startedStage struct {
	number, total, dispatched int
	bundle                    int // tasks of a message
	take                      int // messages that the process claims
	queue                     state.Queue
	taskType                  string
}

// startedMessage is a row of a statement that starts stages whose columns this
// process knows: a job, with a message that the process claimed, or without one.
type startedMessage struct {
	job          []byte
	incarnation  int64
	stage, first *int
	message      *int64
	at           *time.Time
}

func (m *startedMessage) columns() []any {
	return []any{&m.job, &m.incarnation, &m.stage, &m.first, &m.message, &m.at}
}

// claimed returns the message as a claim does. The job has not run before.
func (m *startedMessage) claimed(j *cachedJob, s *startedStage) state.ClaimedMessage {
	spec, count := &j.stages[s.number], min(s.bundle, s.dispatched-*m.first)
	h := state.ClaimedMessage{
		JobID:        state.JobID(m.job),
		MessageID:    *m.message,
		Queue:        spec.Queue,
		Kind:         state.KindTasks,
		Stage:        s.number,
		Gen:          1,
		First:        *m.first,
		Count:        count,
		TasksLeft:    count,
		Attempt:      1,
		ClaimedAt:    *m.at,
		Traceparent:  j.traceparent,
		Incarnation:  m.incarnation,
		JobType:      j.jobType,
		HasResult:    j.hasResult,
		StageName:    spec.Name,
		TaskType:     spec.TaskType,
		Shape:        spec.Kind,
		DependsOn:    spec.DependsOn,
		Dependencies: spec.Dependencies,
		StageGen:     1,
		Planned:      s.total,
		Total:        s.total,
		Bundle:       s.bundle,
		Expected:     spec.Expected,
	}

	if len(spec.DependsOn) > 0 {
		source := &j.stages[spec.DependsOn[0]]
		h.SourceType, h.SourceKind = source.TaskType, source.Kind
	}

	return h
}
