package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"coremachine/cmd/corectl/internal/render"
	"coremachine/internal/config"
	"coremachine/internal/dev/local"
	"coremachine/internal/state"
)

type demoCmd struct {
	Job    string   `arg:"" optional:"" help:"Job type. Default: hello_world, or the first job of your own project."`
	N      int      `short:"n" placeholder:"N" help:"Set the parameter n=N. For container_list: the number of sample blobs. For process_raster: the side of the sample raster."`
	P      []string `short:"p" name:"param" sep:"none" placeholder:"NAME=VALUE" help:"Set a parameter."`
	Keep   bool     `help:"Keep everything running, and print the address."`
	DryRun bool     `help:"Start everything and check the parameters, but run no job."`
	localFlags
	watchFlags
}

// Run starts everything, runs one job, and prints its result last.
func (c *demoCmd) Run(ctx context.Context, a *app) error {
	ctx, cancel := withParent(ctx, a.getenv)
	defer cancel()

	p, err := findProject()
	if err != nil {
		return err
	}

	if c.Job == "" {
		c.Job = exampleType()
	}

	c.overSample(a)

	if c.Keep {
		r, err := c.background(ctx, a, p.root)
		if err != nil {
			return err
		}

		a.hint("%s", r.processes())
		err = c.job(ctx, a, r)
		a.hint("still running at %s · stop: kill %d", r.API, r.HostPID)

		return err
	}

	log, err := logFile(p.root, "demo.log")
	if err != nil {
		return err
	}

	defer func() { _ = log.Close() }()

	system, err := a.startLocal(ctx, c.localFlags, local.Options{Port: knownPort, AnyPort: true, Output: log})
	if err != nil {
		if tail := tailOf(log); tail != "" {
			a.hint("%s", tail)
		}

		return err
	}

	a.hint("%s", describe(system).processes())

	if _, wrote := system.Storage(); wrote.Total.Blobs > 0 {
		a.hint("storage: container %s with %s of %d kinds, %s bytes", local.SampleContainer,
			render.Things(wrote.Total.Blobs, "blob"), len(wrote.ByKind), render.Count(int(wrote.Total.Bytes)))
	}

	if size := system.RasterSize(); size > 0 {
		a.hint("storage: container %s with the raster %s, %d x %d pixels, %s bytes", local.SampleContainer,
			local.SampleRaster, c.Raster, c.Raster, render.Count(int(size)))
	}

	var result []byte

	result, err = c.run(ctx, a, describe(system))
	if stopped := system.Stop(); stopped != nil {
		err = errors.Join(err, stopped)
	}

	if err != nil {
		a.hint("log: %s", log.Name())
	}

	return c.print(a, result, err)
}

func (c *demoCmd) job(ctx context.Context, a *app, r running) error {
	result, err := c.run(ctx, a, r)
	return c.print(a, result, err)
}

// print prints the result last on standard output, regardless of the exit code.
func (c *demoCmd) print(a *app, result []byte, err error) error {
	if len(result) > 0 {
		if printed := a.body(result); printed != nil {
			return printed
		}
	}

	return err
}

// run submits the job, shows it until it ends, and returns its result.
func (c *demoCmd) run(ctx context.Context, a *app, r running) ([]byte, error) {
	if err := a.at(r.API); err != nil {
		return nil, err
	}

	id, plan, err := c.submit(ctx, a)
	if err != nil || c.DryRun {
		return plan, err
	}

	quiet := *a
	quiet.format = "table" // standard output gets only the result
	watched := quiet.watch(ctx, id, c.watchFlags)

	var exit *exitError
	if errors.As(watched, &exit) && (exit.code == exitInterrupted || exit.code == exitTimeout) {
		return nil, exitf(
			exit.code,
			"Stopped. The job continues with the next `%[1]s demo` or `%[1]s dev`.", first(a.program, "corectl"),
		)
	}

	job, _, err := a.job(ctx, id)
	if err != nil {
		return nil, errors.Join(watched, err)
	}

	if string(job.Result) == "null" {
		return nil, watched
	}

	c.savePictures(ctx, a, job)

	return job.Result, watched
}

// submit submits the job, and runs it again if an earlier demo has run it. For
// a dry run, it returns the plan.
func (c *demoCmd) submit(ctx context.Context, a *app) (id state.JobID, plan []byte, err error) {
	words := c.P
	if c.N > 0 {
		words = append([]string{fmt.Sprintf("n=%d", c.N)}, words...)
	}

	order := submitCmd{Type: c.Job, Params: words, Rerun: true, DryRun: c.DryRun}

	answer, done, err := order.send(ctx, a)
	if err != nil {
		return id, nil, err
	}

	if !c.DryRun {
		remember(a.stateDir, recentJob{JobID: done.JobID, JobType: c.Job, API: a.api.Base()})
		a.hint("%s %s submitted · attempt %d", c.Job, render.Short(done.JobID), done.Attempt)
	}

	return done.JobID, answer.Body, nil
}

// keptWithin limits the wait for a system in the background. It is long because
// a first build compiles every dependency.
const keptWithin = 5 * time.Minute

// background starts `corectl dev` as a separate process, which outlives this
// process and its terminal.
func (c *demoCmd) background(ctx context.Context, a *app, root string) (running, error) {
	log, err := logFile(root, "kept.log")
	if err != nil {
		return running{}, err
	}
	defer func() { _ = log.Close() }()

	self, err := os.Executable()
	if err != nil {
		return running{}, err
	}

	report := filepath.Join(filepath.Dir(log.Name()), fmt.Sprintf("kept-%d.json", os.Getpid()))
	defer func() { _ = os.Remove(report) }()

	cmd := exec.Command( //nolint:noctx // our own executable, which must outlive this process
		self,
		"dev",
		"--report",
		report,
		"--any-port",
		"--transport",
		c.Transport,
	)
	if c.Storage {
		cmd.Args = append(cmd.Args, "--storage", "--sample", strconv.Itoa(c.Sample), "--raster", strconv.Itoa(c.Raster))
	}

	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = root, log, log, ownSession()
	for name, value := range config.FromEnvironment() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}

	cmd.Env = append(cmd.Env, keptEnv+"=1")
	if err := cmd.Start(); err != nil {
		return running{}, err
	}

	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	a.hint("starting everything in the background…")

	limit, cancel := context.WithTimeout(ctx, keptWithin)
	defer cancel()

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()

	for {
		if text, err := os.ReadFile(report); err == nil {
			var r running
			return r, json.Unmarshal(text, &r)
		}

		select {
		case err := <-ended:
			return running{}, exitf(exitOther, "Startup failed: %v\n%s", err, tailOf(log))
		case <-limit.Done():
			_ = cmd.Process.Signal(os.Interrupt)
			return running{}, errors.Join(limit.Err(), <-ended)
		case <-tick.C:
		}
	}
}
