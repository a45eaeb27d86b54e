package upgrade

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// patience limits each wait on a slow machine.
const patience = 5 * time.Minute

// world is one database, and one broker if messages travel over Service Bus.
type world struct {
	pool *pgxpool.Pool
	env  []string
}

func newWorld(t *testing.T, transport string) *world {
	t.Helper()

	url := pgtest.URL(t)

	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(pool.Close)

	w := &world{pool: pool, env: append(
		os.Environ(),
		"DATABASE_URL="+url,
		"DATABASE_CONNECTIONS=4",
		"HTTP_ADDRESS=127.0.0.1:0",
		"LOG_FORMAT=json",
		"TRANSPORT="+transport,
	)}
	if transport == "servicebus" {
		w.env = append(w.env, "SERVICEBUS="+startBroker(t))
	}

	return w
}

func startBroker(t *testing.T) (connection string) {
	t.Helper()

	o := sbfake.Options{MaxDeliveries: 100}
	for _, name := range state.Queues {
		o.Queues = append(o.Queues, name.String())
	}

	broker := sbfake.New(o)
	t.Cleanup(broker.Close)

	address, err := broker.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	return sbfake.ConnectionString(address)
}

// count returns the number that a query selects.
func (w *world) count(t *testing.T, query string) (n int) {
	t.Helper()

	if err := w.pool.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}

	return n
}

// process is one handler that runs as a plain worker.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	base string        // URL of its API
	over chan struct{} // closed when its output has ended
	done bool
}

// start starts a handler and waits for its API.
func (w *world) start(t *testing.T, path string) *process {
	t.Helper()

	p := &process{
		t:    t,
		cmd:  exec.CommandContext(context.WithoutCancel(t.Context()), path, "worker"),
		over: make(chan struct{}),
	}
	p.cmd.Env, p.cmd.Stderr = w.env, os.Stderr

	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if !p.done {
			_ = p.cmd.Process.Kill()
			<-p.over
			_ = p.cmd.Wait() // returns an error because it was killed
		}
	})

	address := make(chan string, 1)
	go p.readLog(out, address)

	select {
	case a := <-address:
		p.base = "http://" + a + "/api"
	case <-p.over:
		t.Fatalf("%s ended before its API started", path)
	case <-time.After(patience):
		t.Fatalf("the API of %s did not start", path)
	}

	return p
}

// readLog sends the address of the API, and reads on so that the process does
// not block. It reports errors of the process.
func (p *process) readLog(out io.Reader, address chan<- string) {
	defer close(p.over)

	for s := bufio.NewScanner(out); s.Scan(); {
		var line struct{ Level, Msg, Address string }
		if json.Unmarshal(s.Bytes(), &line) != nil {
			continue
		}

		if line.Address != "" {
			select {
			case address <- line.Address:
			default:
			}
		}

		if line.Level == "ERROR" {
			p.t.Errorf("%s logged %s", p.cmd.Path, s.Text())
		}
	}
}

// stop ends the process as a deployment does, and waits for its end.
func (p *process) stop() {
	p.t.Helper()

	p.done = true
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}

	<-p.over

	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%s did not stop cleanly: %v", p.cmd.Path, err)
	}
}

// submit submits a hello_world job and returns its ID.
func (p *process) submit(params string) string {
	p.t.Helper()

	var job struct {
		JobID string `json:"job_id"`
	}
	p.call(http.MethodPost, "/jobs/submit/hello_world", params, &job)

	if job.JobID == "" {
		p.t.Fatal("the answer to a submit has no job_id")
	}

	return job.JobID
}

// mustComplete waits until the job has ended, and checks its results.
func (p *process) mustComplete(id string, n int) {
	p.t.Helper()

	var job struct {
		Status string `json:"status"`
		Result struct {
			Greetings []json.RawMessage `json:"greetings"`
			Replies   []json.RawMessage `json:"replies"`
		} `json:"result"`
	}
	for limit := time.Now().Add(patience); ; {
		p.call(http.MethodGet, "/jobs/status/"+id+"?wait=20s", "", &job)

		if job.Status != "queued" && job.Status != "running" {
			break
		}

		if time.Now().After(limit) {
			break
		}
	}

	if job.Status != "completed" || len(job.Result.Greetings) != n || len(job.Result.Replies) != n {
		p.t.Errorf("%s reports job %s as %s with %d greetings and %d replies, want %d of each",
			p.cmd.Path, id, job.Status, len(job.Result.Greetings), len(job.Result.Replies), n)
	}
}

// call sends one request and decodes the answer. It repeats a request that the
// process rejects because it is not ready yet.
func (p *process) call(method, path, body string, into any) {
	p.t.Helper()

	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()

	for {
		req, err := http.NewRequestWithContext(ctx, method, p.base+path, strings.NewReader(body))
		if err != nil {
			p.t.Fatal(err)
		}

		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}

		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			p.t.Fatal(err)
		}

		var answer bytes.Buffer

		_, err = answer.ReadFrom(resp.Body)
		_ = resp.Body.Close()

		switch {
		case err != nil:
			p.t.Fatal(err)
		case resp.StatusCode == http.StatusServiceUnavailable:
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-ctx.Done():
			}

			fallthrough
		case resp.StatusCode >= http.StatusBadRequest:
			p.t.Fatalf("%s %s: %s answers %d %s", method, path, p.cmd.Path, resp.StatusCode, answer.String())
		}

		if err := json.Unmarshal(answer.Bytes(), into); err != nil {
			p.t.Fatalf("%v: %s", err, answer.String())
		}

		return
	}
}
