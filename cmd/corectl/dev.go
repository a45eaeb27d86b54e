package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"coremachine/internal/client"
	"coremachine/internal/config"
	"coremachine/internal/dev/local"
)

// knownPort is the default port.
const knownPort = 7071

// localFlags are the flags of every command that runs everything on this
// machine.
type localFlags struct {
	Transport string `enum:"postgres,servicebus" default:"postgres" help:"Message transport: postgres, or servicebus. The latter uses SERVICEBUS if set, otherwise an in-memory stand-in."`
	Storage   bool   `help:"Start Azurite with a container named sample, and use it instead of the account in STORAGE."`
	Sample    int    `hidden:"" default:"2000" help:"Blobs of the sample."`
	Raster    int    `hidden:"" help:"Side of a sample raster in pixels. 0: none."`
}

type devCmd struct {
	Port int  `default:"7071" help:"Port of the API. 0: any free port."`
	Keys bool `help:"Require a function key, as Azure does. A key is created and printed."`
	localFlags
	NoWatch bool   `help:"Do not rebuild and restart the handler when a Go file changes."`
	AnyPort bool   `hidden:"" help:"Any free port where that one is taken."`
	Report  string `hidden:"" help:"File to write addresses and process ids to, once ready."`
}

// running describes a local system that is ready.
type running struct {
	API         string `json:"api"`
	Database    string `json:"database"`
	Storage     string `json:"storage,omitempty"` // connection string
	PostgresPID int    `json:"postgres_pid"`      // 0 if it was already running
	HostPID     int    `json:"host_pid"`
	HandlerPID  int    `json:"handler_pid"`
	AzuritePID  int    `json:"azurite_pid,omitempty"`
}

func describe(s *local.System) running {
	r := running{API: s.URL(), Database: s.Database(), AzuritePID: s.StoragePID()}
	r.Storage, _ = s.Storage()
	r.PostgresPID, r.HostPID, r.HandlerPID = s.PIDs()

	return r
}

// processes returns one line for people that can be pasted after kill.
func (r running) processes() string {
	line := fmt.Sprintf("host %d · handler %d", r.HostPID, r.HandlerPID)
	if r.PostgresPID != 0 {
		line = fmt.Sprintf("postgres %d · %s", r.PostgresPID, line)
	}

	if r.AzuritePID != 0 {
		line += fmt.Sprintf(" · azurite %d", r.AzuritePID)
	}

	return "processes: " + line
}

// Run starts everything and waits for a signal.
func (c *devCmd) Run(ctx context.Context, a *app) error {
	ctx, cancel := withParent(ctx, a.getenv)
	defer cancel()

	options := local.Options{Port: c.Port, AnyPort: c.AnyPort, Output: a.err}
	if c.Keys {
		var b [16]byte
		if _, err := rand.Read(b[:]); err != nil {
			return err
		}

		options.Keys = []string{hex.EncodeToString(b[:])}
	}

	system, err := a.startLocal(ctx, c.localFlags, options)
	if err != nil {
		return err
	}

	err = c.stay(ctx, a, system, options.Keys)
	if stopped := system.Stop(); stopped != nil {
		err = errors.Join(err, stopped)
	}

	return err
}

func (c *devCmd) stay(ctx context.Context, a *app, system *local.System, keys []string) error {
	r := describe(system)
	if c.Report != "" {
		if err := writeReport(c.Report, r); err != nil {
			return err
		}
	}

	err := a.printRunning(r, func() error {
		lines := []string{
			"API        " + r.API,
			"Dashboard  " + r.API + "/ui",
			"Reference  " + r.API + "/docs",
			"Database   " + r.Database,
		}
		if r.Storage != "" {
			lines = append(lines, "Storage    export STORAGE='"+r.Storage+"'")
		}

		for _, key := range keys {
			lines = append(lines, "Key        export CORECTL_KEY="+key)
		}

		return a.lines(lines)
	})
	if err != nil {
		return err
	}

	a.hint("%s", r.processes())

	try := exampleType()
	if try == "hello_world" {
		try += " n=3"
	}

	if r.Storage != "" {
		try = "container_list container=" + local.SampleContainer + " inspect=true"
	}

	a.hint("Ctrl-C stops everything. Try:")

	// On one line, so that it can be pasted.
	_, _ = fmt.Fprintf(a.err, "  %s submit %s --watch\n", a.commandTo(r.API), try)

	if !c.NoWatch {
		a.hint("A change of a Go file rebuilds and restarts the handler. Jobs continue.")

		var watching sync.WaitGroup
		defer watching.Wait()

		watch, stop := context.WithCancel(ctx)
		defer stop()

		watching.Go(func() { system.Watch(watch, a.building, a.rebuilt) })
	}

	select {
	case <-ctx.Done():
		a.hint("stopping…")
		return nil
	case <-system.Done():
		return exitf(exitOther, "The host stopped: %v", system.Err())
	}
}

// building reports which changes are being built.
func (a *app) building(files []string) {
	text := files[0]
	if len(files) > 1 {
		text += fmt.Sprintf(" and %d more", len(files)-1)
	}

	a.hint("%s changed: building…", text)
}

// rebuilt reports the result of a build.
func (a *app) rebuilt(r local.Rebuild) {
	switch {
	case r.Err != nil && r.Restarted:
		a.hint("The new handler does not become ready: %v. The next change builds again.", r.Err)
	case r.Err != nil:
		_, _ = fmt.Fprintf(a.err, "\n%s\n\n", plainLines(sentence(r.Err.Error())))
		a.hint("The old handler keeps running. The next change builds again.")
	case r.Same:
		a.hint("The handler is the same.")
	default:
		a.hint("The new handler is ready after %.1f s (process %d).", r.Took.Seconds(), r.PID)
	}
}

// printRunning prints what runs, either as JSON or with table.
func (a *app) printRunning(r running, table func() error) error {
	text, err := encode(r)
	if err != nil {
		return err
	}

	return a.one(text, r.API, table)
}

// startLocal sets the options that dev and demo share, and explains the errors.
func (a *app) startLocal(ctx context.Context, flags localFlags, o local.Options) (*local.System, error) {
	p, err := findProject()
	if err != nil {
		return nil, err
	}

	o.ServiceBus, o.Connection = flags.Transport == config.TransportServiceBus, a.getenv("SERVICEBUS")
	if o.ServiceBus && o.Connection == "" {
		a.hint("SERVICEBUS is not set: using an in-memory stand-in for Service Bus.")
	}

	o.Root, o.DatabaseURL = p.root, a.getenv("DATABASE_URL")
	if flags.Storage {
		o.Sample, o.Raster = flags.Sample, flags.Raster
	}

	o.Env = map[string]string{"LOG_FORMAT": first(a.getenv("LOG_FORMAT"), "text")}
	o.Progress = func(text string) { a.hint("%s…", text) }

	system, err := local.Start(ctx, o)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, exitf(
			exitOther,
			"Port %d is in use. Stop the other `corectl dev`, or use --port 0.",
			o.Port,
		)
	case err != nil:
		return nil, exitf(exitOther, "%s.", sentence(err.Error()))
	}

	return system, nil
}

// writeReport writes the file atomically, because other processes wait for it.
func writeReport(path string, r running) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}

	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}

	return os.Rename(path+".new", path)
}

// logFile opens the file for the logs of a demo's handler and host, so that the
// terminal stays readable.
func logFile(root, name string) (*os.File, error) {
	home, err := local.Folder(root)
	if err != nil {
		return nil, err
	}

	return os.Create(filepath.Join(home, name))
}

// tailOf returns the end of a log for an error message.
func tailOf(file *os.File) string {
	const maxTail = 2000

	info, err := file.Stat()
	if err != nil {
		return ""
	}

	text := make([]byte, min(maxTail, info.Size()))

	n, err := file.ReadAt(text, info.Size()-int64(len(text)))
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}

	return string(text[:n])
}

// at makes the app use the API of a local system.
func (a *app) at(address string) error {
	api, err := client.New(address, "")
	if err != nil {
		return err
	}

	a.api.Close()
	a.api, a.context = api, ""

	return nil
}
