package verbs

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"

	"coremachine/internal/state"
)

// client calls one verb after the other.
type client struct {
	world *world
	r     *rand.Rand
	base  string
}

// verbs lists the verbs and how often they are called.
var verbs = []struct {
	name   string
	weight int
}{
	{
		"submit",
		30,
	},
	{"rerun", 15},
	{"retry", 20},
	{"cancel", 15},
	{"delete", 20},
	{"redrive", 4},
	{"sweep", 1},
}

func (c *client) verb() string {
	total := 0
	for _, v := range verbs {
		total += v.weight
	}

	n := c.r.IntN(total)
	for _, v := range verbs {
		if n -= v.weight; n < 0 && (v.name != "sweep" || c.world.sweeps) {
			return v.name
		}
	}

	return "submit"
}

// target is one of the jobs that all clients share.
type target struct {
	jobType, body string
	id            state.JobID
}

func newTarget(i int) target {
	kind := []string{"chain", "fan"}[i%2]
	canonical := fmt.Sprintf(`{"n":20,"seed":%d}`, i)

	return target{jobType: kind, body: canonical, id: state.NewJobID(kind, []byte(canonical))}
}

// step calls one verb on one of a few jobs, so that calls of different clients
// overlap.
func (c *client) step() {
	t := c.world.targets[c.r.IntN(jobs)]
	verb, id := c.verb(), t.id.String()

	var (
		code int
		body []byte
	)

	switch verb {
	case "submit":
		code, body = c.world.call(http.MethodPost, c.base+"/jobs/submit/"+t.jobType, t.body)
	case "rerun":
		code, body = c.world.call(http.MethodPost, c.base+"/jobs/submit/"+t.jobType+"?rerun=true", t.body)
	case "retry":
		code, body = c.world.call(http.MethodPost, c.base+"/jobs/retry/"+id, "")
	case "cancel":
		code, body = c.world.call(http.MethodPost, c.base+"/jobs/cancel/"+id, "")
	case "delete":
		code, body = c.world.call(http.MethodDelete, c.base+"/jobs/"+id, "")
	case "redrive":
		queue := state.Queues[c.r.IntN(len(state.Queues))]
		code, body = c.world.call(http.MethodPost, c.base+"/queues/"+queue.String()+"/redrive", "")
	case "sweep":
		code, body = c.world.call(http.MethodPost, c.base+"/sweeps", "")
	}

	c.world.note(verb, t.id, code, body)
}

// call makes one request. It returns the status 0 if there was no response.
func (w *world) call(method, url, body string) (code int, answer []byte) {
	req, err := http.NewRequestWithContext(w.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		w.t.Error(err)
		return 0, nil
	}

	resp, err := w.http.Do(req)
	if err != nil {
		return 0, nil
	}

	defer func() { _ = resp.Body.Close() }()

	if answer, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil
	}

	return resp.StatusCode, answer
}

// tally counts what the responses report about one job.
type tally struct {
	started, maybeStarted int // runs
	deleted, maybeDeleted int
}

// note counts a response. If the response does not show what happened, it
// counts as possible.
func (w *world) note(verb string, id state.JobID, code int, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.responses[answer{verb, code}]++
	t := w.tallies[id]
	unknown := code == 0 || code >= http.StatusInternalServerError

	switch verb {
	case "submit", "rerun", "retry":
		if code == http.StatusAccepted {
			t.started++
		} else if unknown {
			t.maybeStarted++
		}
	case "delete":
		if code == http.StatusNoContent {
			t.deleted++
		} else if unknown {
			t.maybeDeleted++
		}
	}

	if unknown && code != http.StatusServiceUnavailable {
		w.problems = append(w.problems, fmt.Sprintf("%s of %s returned %d: %s", verb, id.Short(), code, body))
	}

	if code == http.StatusAccepted && verb != "cancel" {
		var ref struct {
			Attempt int `json:"attempt"`
		}
		if err := json.Unmarshal(body, &ref); err != nil || ref.Attempt < 1 {
			w.problems = append(
				w.problems,
				fmt.Sprintf("%s of %s returned %d without an attempt: %s", verb, id.Short(), code, body),
			)
		}
	}
}
