package handlers

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"coremachine/internal/state"
)

func helloTask(index, attempt int) Task {
	return NewTask(
		TaskSpec{JobID: state.NewJobID("hello_world", []byte("{}")), Index: index, Attempt: attempt, Gen: 1},
	)
}

func TestDraw_FailsTheRequestedShare(t *testing.T) {
	t.Parallel()

	const tasks, attempts = 20_000, 5

	for _, rate := range []float64{0, 0.05, 0.3, 0.9, 1} {
		failed := 0

		for i := range tasks {
			for a := range attempts {
				if drawFailure(helloTask(i, a+1), rate) != nil {
					failed++
				}
			}
		}
		// The limit is four standard deviations. The draws are fixed, so the
		// check either always passes or never.
		share, slack := float64(failed)/(tasks*attempts), 4*math.Sqrt(rate*(1-rate)/(tasks*attempts))
		if math.Abs(share-rate) > slack {
			t.Errorf("rate %v: got %v, want within %v", rate, share, slack)
		}
	}
}

// Failures of adjacent attempts, tasks, stages and generations must be
// independent. Otherwise, a task that failed once would keep failing, or a job
// that runs again would fail in the same places.
func TestDraw_IsIndependent(t *testing.T) {
	t.Parallel()

	const n, rate = 50_000, 0.3

	neighbours := map[string]func(*Task){
		"attempt":    func(t *Task) { t.Attempt++ },
		"index":      func(t *Task) { t.Index++ },
		"stage":      func(t *Task) { t.StageNumber++ },
		"generation": func(t *Task) { t.Gen++ },
		"job":        func(t *Task) { t.JobID[31]++ },
	}
	for name, change := range neighbours {
		both, slack := 0, 4*math.Sqrt(rate*rate*(1-rate*rate)/n)
		for i := range n {
			task := helloTask(i, 1)
			other := task
			change(&other)

			if drawFailure(task, rate) != nil && drawFailure(other, rate) != nil {
				both++
			}
		}

		if share := float64(both) / n; math.Abs(share-rate*rate) > slack {
			t.Errorf("%s: both fail in a share of %v, want %v within %v", name, share, rate*rate, slack)
		}
	}
}

func TestDraw_IsDeterministic(t *testing.T) {
	t.Parallel()

	for i := range 100 {
		if a, b := draw(helloTask(i, 1)), draw(helloTask(i, 1)); a != b || a < 0 || a >= 1 {
			t.Errorf("got %v, then %v", a, b)
		}
	}
}

func TestGreetingAndReply(t *testing.T) {
	t.Parallel()

	task := helloTask(4, 1)

	b, err := All["hello_world_greeting"].Run(
		t.Context(),
		task,
		[]byte(`{"message":"Hello","failure_rate":0}`),
	)
	if err != nil {
		t.Fatal(err)
	}

	var said GreetingOutput
	if err := json.Unmarshal(b, &said); err != nil {
		t.Fatal(err)
	}

	if said.Greeting != "Hello from task 4!" || said.TaskIndex != 4 ||
		time.Since(said.Timestamp) > time.Minute {
		t.Errorf("got %+v", said)
	}

	task = NewTask(TaskSpec{Index: 4, Lineage: storedResults{all: []StoredResult{{Data: b}}}})

	b, err = All["hello_world_reply"].Run(t.Context(), task, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}

	var replied ReplyOutput
	if err := json.Unmarshal(b, &replied); err != nil {
		t.Fatal(err)
	}

	if replied.Reply != "Replying to: Hello from task 4!" || replied.TaskIndex != 4 ||
		replied.Timestamp.IsZero() {
		t.Errorf("got %+v", replied)
	}

	if _, err := All["hello_world_reply"].Run(
		t.Context(),
		task,
		[]byte(`{"failure_rate":1}`),
	); err == nil ||
		IsPermanent(err) {
		t.Errorf("got %v, want an error that is worth a retry", err)
	}
}
