package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/queue/pgqueue"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
)

// process is one of ours, for the report.
type process struct {
	kind string
	pid  int
}

// peaks returns the largest resident memory that a process of each kind ever
// had, in bytes. If the system does not report it, the kind is absent.
func peaks(all []process) map[string]int64 {
	most := map[string]int64{}

	for _, p := range all {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
		if err != nil {
			continue
		}

		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); len(words) > 1 && words[0] == "VmHWM:" {
				kb, _ := strconv.ParseInt(words[1], 10, 64)
				most[p.kind] = max(most[p.kind], kb<<10)
			}
		}
	}

	return most
}

// remote is a system of other processes.
type remote struct {
	url     string
	bus     *bus
	repo    *repo.Repo
	queue   *pgqueue.Queue
	machine *coremachine.Machine // nil for hosts
	kids    []*kid
	all     []process
	http    *http.Client // nil but for hosts
	send    func(ctx context.Context, jobType, body string) (state.JobID, error)
}

// kid is a process that was started here.
type kid struct {
	cmd    *exec.Cmd
	stderr tail
	done   chan struct{}
	err    error // once done is closed
}

// tail keeps the end of what a process says, for when it ends by itself.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps the last 4 KiB.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-4096):]

	return len(p), nil
}

func (r *remote) spawn(cmd *exec.Cmd, kind string) error {
	cmd.Env = append(
		cmd.Environ(),
		append(r.bus.env(), "DATABASE_URL="+r.url, "LOG_LEVEL=error", "RETENTION=0")...)
	k := &kid{cmd: cmd, done: make(chan struct{})}

	cmd.Stderr = &k.stderr
	if _, err := cmd.StdinPipe(); err != nil { // it ends with this process, however that ends
		return err
	}

	if err := cmd.Start(); err != nil {
		return err
	}

	go func() {
		defer close(k.done)

		k.err = cmd.Wait()
	}()

	r.kids, r.all = append(r.kids, k), append(r.all, process{kind: kind, pid: cmd.Process.Pid})

	return nil
}

// stop asks every process to end and waits for it.
func (r *remote) stop() error {
	for _, k := range r.kids {
		_ = k.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	}

	var err error

	late := time.After(30 * time.Second)

	for _, k := range r.kids {
		select {
		case <-k.done:
		case <-late:
			err = errors.Join(
				err,
				errors.New("a process did not end in time and was killed"),
				k.cmd.Process.Kill(),
			)
			<-k.done
		}
	}

	if r.http != nil {
		r.http.CloseIdleConnections()
	}

	if r.machine != nil {
		err = errors.Join(err, r.machine.Stop(context.Background()))
	}

	if r.queue != nil {
		r.queue.Close()
	}

	if r.repo != nil {
		r.repo.Close()
	}

	r.bus.close()

	return err
}

// ready waits until the given number of workers hold a lease.
func (r *remote) ready(ctx context.Context, workers int) error {
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	db, err := openDatabase(ctx, r)
	if err != nil {
		return err
	}
	defer db.close()

	return until(limit, func() (bool, error) {
		for _, k := range r.kids {
			select {
			case <-k.done:
				return false, fmt.Errorf("a process ended: %w: %s", k.err, k.stderr.text)
			default:
			}
		}

		n, err := db.workers(limit)

		return n >= workers, err
	})
}

func (r *remote) submit(ctx context.Context, jobType, body string) (state.JobID, error) {
	return r.send(ctx, jobType, body)
}

func (r *remote) wait(ctx context.Context, db *database, ids []state.JobID) error {
	return db.wait(ctx, ids)
}
func (r *remote) address() string      { return r.url }
func (r *remote) statements() int64    { return 0 }
func (r *remote) processes() []process { return r.all }

// startWorkers starts plain workers. This process only submits.
func startWorkers(ctx context.Context, o Options, address string, bus *bus) (*remote, error) {
	r := &remote{url: address, bus: bus}

	var err error
	if r.repo, err = repo.Open(ctx, repo.Config{URL: address}); err != nil {
		return nil, err
	}

	r.queue = pgqueue.Over(r.repo.Database(), pgqueue.Options{Log: o.Log})
	r.machine = coremachine.New(coremachine.Config{
		Jobs:     fixtures.Jobs(),
		Handlers: fixtures.Handlers(),
		Store:    r.repo,
		Log:      o.Log,
		Wake:     r.queue.Wake,
		JobEnded: func(state.JobID) {},
		Build:    "bench",
	})
	r.machine.Start(ctx) // as a process that serves the API alone

	r.send = func(ctx context.Context, jobType, body string) (state.JobID, error) {
		res, err := r.machine.Submit(ctx, coremachine.SubmitRequest{Type: jobType, Body: []byte(body)})
		return res.JobID, err
	}
	for range o.Processes {
		if err := r.spawn(o.Program.Worker(), "worker"); err != nil {
			return nil, errors.Join(err, r.stop())
		}
	}

	if err := r.ready(ctx, o.Processes+1); err != nil {
		return nil, errors.Join(err, r.stop())
	}

	return r, nil
}

// startHosts starts hosts, each with its handler. Jobs are submitted over HTTP,
// to each host in turn.
func startHosts(ctx context.Context, o Options, address string, bus *bus) (*remote, error) {
	r := &remote{url: address, bus: bus}

	var apis []string

	for range o.Processes {
		cmd := o.Program.Host()

		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, errors.Join(err, r.stop())
		}

		if err := r.spawn(cmd, "host"); err != nil {
			return nil, errors.Join(err, r.stop())
		}

		line, err := bufio.NewReader(out).ReadBytes('\n')
		if err != nil {
			return nil, errors.Join(
				fmt.Errorf("the host does not start: %w: %s", err, r.kids[len(r.kids)-1].stderr.text),
				r.stop(),
			)
		}

		var hosted Hosted
		if err := json.Unmarshal(line, &hosted); err != nil {
			return nil, errors.Join(err, r.stop())
		}

		apis = append(apis, hosted.API)
		r.all = append(r.all, process{kind: "handler", pid: hosted.HandlerPID})
	}

	if err := r.ready(ctx, o.Processes); err != nil {
		return nil, errors.Join(err, r.stop())
	}

	r.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: submitters}}
	r.send = overHTTP(r.http, apis)

	return r, nil
}

// overHTTP submits to each API in turn.
func overHTTP(
	client *http.Client,
	apis []string,
) func(ctx context.Context, jobType, body string) (state.JobID, error) {
	turns := make(chan string, len(apis))
	for _, api := range apis {
		turns <- api
	}

	return func(ctx context.Context, jobType, body string) (id state.JobID, err error) {
		api := <-turns
		turns <- api

		req, err := http.NewRequestWithContext(
			ctx,
			http.MethodPost,
			api+"/jobs/submit/"+jobType,
			strings.NewReader(body),
		)
		if err != nil {
			return id, err
		}

		req.Header.Set("Content-Type", "application/json")

		resp, err := client.Do(req)
		if err != nil {
			return id, err
		}

		var answer bytes.Buffer

		_, err = answer.ReadFrom(resp.Body)

		err = errors.Join(err, resp.Body.Close())
		if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
			err = fmt.Errorf("the API answers %d: %s", resp.StatusCode, answer.Bytes())
		}

		if err != nil {
			return id, err
		}

		var submitted struct {
			JobID string `json:"job_id"`
		}
		if err := json.Unmarshal(answer.Bytes(), &submitted); err != nil {
			return id, err
		}

		return state.ParseJobID(submitted.JobID)
	}
}
