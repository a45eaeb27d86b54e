package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Task types of the job hello_world.
const (
	Greeting TaskType[GreetingInput, GreetingOutput] = "hello_world_greeting"
	Reply    TaskType[ReplyInput, ReplyOutput]       = "hello_world_reply"
)

// GreetingInput is the text to say.
type GreetingInput struct {
	Message     string  `json:"message"`
	FailureRate float64 `json:"failure_rate"` // share of attempts that fail, from 0 to 1
}

// GreetingOutput is the text that was said.
type GreetingOutput struct {
	Greeting  string    `json:"greeting"`
	TaskIndex int       `json:"task_index"`
	Timestamp time.Time `json:"timestamp"`
}

// ReplyInput sets how often a reply fails.
type ReplyInput struct {
	FailureRate float64 `json:"failure_rate"` // share of attempts that fail, from 0 to 1
}

// ReplyOutput answers the greeting of the same index.
type ReplyOutput struct {
	Reply     string    `json:"reply"`
	TaskIndex int       `json:"task_index"`
	Timestamp time.Time `json:"timestamp"`
}

// selfTest allows many short attempts, so that a job in which a third of the
// attempts fail still completes within seconds.
var selfTest = []Option{Attempts(12), Base(50 * time.Millisecond), Factor(2), Cap(2 * time.Second)}

func greeting(_ context.Context, t Task, in GreetingInput) (GreetingOutput, error) {
	if err := drawFailure(t, in.FailureRate); err != nil {
		return GreetingOutput{}, err
	}

	return GreetingOutput{
		Greeting:  fmt.Sprintf("%s from task %d!", in.Message, t.Index),
		TaskIndex: t.Index,
		Timestamp: time.Now().UTC(),
	}, nil
}

func reply(ctx context.Context, t Task, in ReplyInput) (ReplyOutput, error) {
	if err := drawFailure(t, in.FailureRate); err != nil {
		return ReplyOutput{}, err
	}

	prev, err := Predecessor[GreetingOutput](ctx, t)
	if err != nil {
		return ReplyOutput{}, err
	}

	return ReplyOutput{
		Reply:     "Replying to: " + prev.Greeting,
		TaskIndex: t.Index,
		Timestamp: time.Now().UTC(),
	}, nil
}

var errDrawn = errors.New("this attempt failed because of failure_rate")

func drawFailure(t Task, rate float64) error {
	if draw(t) < rate {
		return errDrawn
	}

	return nil
}

// draw returns a number in [0, 1) that depends only on the attempt, so that a
// run can be repeated exactly. It depends on the generation as well, because a
// job that runs again must not fail in the same places.
func draw(t Task) float64 {
	b := append(make([]byte, 0, 64), t.JobID[:]...)
	for _, n := range []int{t.StageNumber, t.Gen, t.Index, t.Attempt} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}

	sum := sha256.Sum256(b)

	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}
