package handlers

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"time"
)

// Task types of hello_world.
const (
	Greeting TaskType[GreetingInput, GreetingOutput] = "hello_world_greeting"
	Reply    TaskType[ReplyInput, ReplyOutput]       = "hello_world_reply"
)

// GreetingInput says what to say, and how often to fail.
type GreetingInput struct {
	Message     string  `json:"message"`
	FailureRate float64 `json:"failure_rate,omitempty"`
}

// GreetingOutput is a greeting.
type GreetingOutput struct {
	Greeting  string    `json:"greeting"`
	TaskIndex int       `json:"task_index"`
	Timestamp time.Time `json:"timestamp"`
}

// ReplyInput says how often to fail.
type ReplyInput struct {
	FailureRate float64 `json:"failure_rate,omitempty"`
}

// ReplyOutput is a reply to the greeting of the same index.
type ReplyOutput struct {
	Reply     string    `json:"reply"`
	TaskIndex int       `json:"task_index"`
	Timestamp time.Time `json:"timestamp"`
}

func greeting(_ context.Context, t Task, in GreetingInput) (GreetingOutput, error) {
	if drawFailure(t, in.FailureRate) {
		return GreetingOutput{}, fmt.Errorf("failure_rate %g: attempt %d was drawn to fail", in.FailureRate, t.Attempt)
	}
	return GreetingOutput{
		Greeting: fmt.Sprintf("%s from task %d!", in.Message, t.Index), TaskIndex: t.Index, Timestamp: time.Now().UTC(),
	}, nil
}

func reply(ctx context.Context, t Task, in ReplyInput) (ReplyOutput, error) {
	if drawFailure(t, in.FailureRate) {
		return ReplyOutput{}, fmt.Errorf("failure_rate %g: attempt %d was drawn to fail", in.FailureRate, t.Attempt)
	}
	prev, err := Predecessor[GreetingOutput](ctx, t)
	if err != nil {
		return ReplyOutput{}, err
	}
	return ReplyOutput{Reply: "Replying to: " + prev.Greeting, TaskIndex: t.Index, Timestamp: time.Now().UTC()}, nil
}

// drawFailure decides from job, stage, index and attempt whether an attempt fails: the same attempt always fares the same.
func drawFailure(t Task, rate float64) bool {
	if rate <= 0 {
		return false
	}
	h := fnv.New64a()
	h.Write(t.JobID[:])
	var b [12]byte
	binary.BigEndian.PutUint32(b[0:], uint32(t.StageNumber))
	binary.BigEndian.PutUint32(b[4:], uint32(t.Index))
	binary.BigEndian.PutUint32(b[8:], uint32(t.Attempt))
	h.Write(b[:])
	return float64(mix(h.Sum64())>>11)/(1<<53) < rate
}

// mix spreads the hash's bits evenly: FNV alone leaves neighbouring indexes alike in the high ones.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
