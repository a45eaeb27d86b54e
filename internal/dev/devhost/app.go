package devhost

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// App is the content of an app root, with defaults.
type App struct {
	Root        string
	Executable  string   // executable of the handler: absolute, or a name for PATH
	Arguments   []string // the host adds none
	Directory   string   // working directory
	Port        int      // fixed port, or 0 for any
	InitTimeout time.Duration
	Timeout     time.Duration // functionTimeout, or 0 for unlimited
	Proxy       bool          // enableProxyingHttpRequest
	Forward     bool          // enableForwardingHttpRequest
	Prefix      string        // route prefix without slashes
	Renewal     time.Duration // maxAutoLockRenewalDuration; negative means unlimited
	Calls       int           // maxConcurrentCalls
	BatchSize   int           // maxMessageBatchSize
	Settings    map[string]string
	Functions   []Function
}

// Function is a directory with a function.json.
type Function struct {
	Name    string
	Trigger Binding
}

// Binding is a binding of a function.json. Fields that its type does not have
// are empty.
type Binding struct {
	Type         string   `json:"type"`
	Direction    string   `json:"direction"`
	Name         string   `json:"name"`
	AuthLevel    string   `json:"authLevel"`
	Methods      []string `json:"methods"`
	Route        *string  `json:"route"`
	QueueName    string   `json:"queueName"`
	Connection   string   `json:"connection"`
	Cardinality  string   `json:"cardinality"`
	DataType     string   `json:"dataType"`
	Schedule     string   `json:"schedule"`
	RunOnStartup bool     `json:"runOnStartup"`
	UseMonitor   *bool    `json:"useMonitor"`
}

type hostFile struct {
	FunctionTimeout string `json:"functionTimeout"`
	CustomHandler   *struct {
		Description *struct {
			DefaultExecutablePath string   `json:"defaultExecutablePath"`
			WorkingDirectory      string   `json:"workingDirectory"`
			WorkerDirectory       string   `json:"workerDirectory"`
			Arguments             []string `json:"arguments"`
			DefaultWorkerPath     string   `json:"defaultWorkerPath"`
			WorkerArguments       []string `json:"workerArguments"`
		} `json:"description"`
		EnableProxyingHTTPRequest   bool        `json:"enableProxyingHttpRequest"`
		EnableForwardingHTTPRequest bool        `json:"enableForwardingHttpRequest"`
		InitializationTimeout       string      `json:"initializationTimeout"`
		Port                        json.Number `json:"port"`
	} `json:"customHandler"`
	Extensions struct {
		HTTP struct {
			RoutePrefix *string `json:"routePrefix"`
		} `json:"http"`
		ServiceBus struct {
			MaxAutoLockRenewalDuration string `json:"maxAutoLockRenewalDuration"`
			MaxConcurrentCalls         int    `json:"maxConcurrentCalls"`
			MaxMessageBatchSize        int    `json:"maxMessageBatchSize"`
		} `json:"serviceBus"`
	} `json:"extensions"`
}

// ReadApp reads an app root like the host: host.json, local.settings.json and
// {function}/function.json. A source tree before the build has
// function.json/{function}.json instead, which ReadApp uses if there is no
// directory of the first kind. getenv resolves %NAME%. If it returns nothing,
// the local settings do.
func ReadApp(root string, getenv func(string) string) (*App, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("devhost.ReadApp: %w", err)
	}

	var f hostFile
	if err := readJSON(filepath.Join(root, "host.json"), &f); err != nil {
		return nil, err
	}

	a := &App{Root: root}
	if a.Settings, err = readSettings(root); err != nil {
		return nil, err
	}

	expand := expander(func(name string) string {
		if v := getenv(name); v != "" {
			return v
		}

		return a.Settings[name]
	})
	if err := a.fill(&f, expand); err != nil {
		return nil, err
	}

	if a.Functions, err = readFunctions(root, expand); err != nil {
		return nil, err
	}

	isHTTP := func(f Function) bool { return f.Trigger.Type == typeHTTP }
	if !a.Proxy && !a.Forward && slices.ContainsFunc(a.Functions, isHTTP) {
		return nil, errors.New(
			"devhost.ReadApp: host.json: set customHandler.enableProxyingHttpRequest or enableForwardingHttpRequest",
		)
	}

	return a, nil
}

func (a *App) fill(f *hostFile, expand func(string) string) error {
	if f.CustomHandler == nil || f.CustomHandler.Description == nil {
		return errors.New("devhost.ReadApp: host.json has no customHandler.description")
	}

	d := f.CustomHandler.Description

	path := expand(d.DefaultExecutablePath)
	if path == "" {
		return errors.New("devhost.ReadApp: customHandler.description.defaultExecutablePath is empty")
	}

	a.Executable = path
	if inRoot := filepath.Join(a.Root, d.WorkerDirectory, path); !filepath.IsAbs(path) && exists(inRoot) {
		a.Executable = inRoot
	}

	for i, list := range [][]string{d.Arguments, {d.DefaultWorkerPath}, d.WorkerArguments} {
		for _, arg := range list {
			arg = expand(arg)
			switch {
			case arg == "" || unresolved.MatchString(arg): // the host omits it
			case i == 1:
				a.Arguments = append(a.Arguments, arg)
			default: // joined with spaces, without quotes
				a.Arguments = append(a.Arguments, strings.Fields(arg)...)
			}
		}
	}

	a.Directory = d.WorkingDirectory
	if !filepath.IsAbs(a.Directory) {
		a.Directory = filepath.Join(a.Root, a.Directory)
	}

	a.Proxy = f.CustomHandler.EnableProxyingHTTPRequest
	a.Forward = f.CustomHandler.EnableForwardingHTTPRequest

	a.Calls, a.BatchSize = f.Extensions.ServiceBus.MaxConcurrentCalls, f.Extensions.ServiceBus.MaxMessageBatchSize

	a.Prefix = "api"
	if p := f.Extensions.HTTP.RoutePrefix; p != nil {
		a.Prefix = strings.Trim(*p, "/")
	}

	if a.Calls == 0 {
		a.Calls = 16 * runtime.NumCPU()
	}

	if a.BatchSize == 0 {
		a.BatchSize = 1000
	}

	port, err := f.CustomHandler.Port.Int64()
	if f.CustomHandler.Port != "" && err != nil {
		return fmt.Errorf("devhost.ReadApp: customHandler.port: %w", err)
	}

	a.Port = int(port)

	return a.spans(f)
}

func (a *App) spans(f *hostFile) error {
	for _, s := range []struct {
		key, text string
		to        *time.Duration
		otherwise time.Duration
	}{
		{"functionTimeout", f.FunctionTimeout, &a.Timeout, 30 * time.Minute},
		{
			"customHandler.initializationTimeout",
			f.CustomHandler.InitializationTimeout, &a.InitTimeout, 30 * time.Second,
		},
		{
			"extensions.serviceBus.maxAutoLockRenewalDuration",
			f.Extensions.ServiceBus.MaxAutoLockRenewalDuration, &a.Renewal, 5 * time.Minute,
		},
	} {
		*s.to = s.otherwise
		if s.text == "" {
			continue
		}

		span, err := ParseTimeSpan(s.text)
		if err != nil {
			return fmt.Errorf("devhost.ReadApp: host.json: %s: %w", s.key, err)
		}

		*s.to = span
	}

	a.Timeout = max(a.Timeout, 0) // "-1" means unlimited

	return nil
}

func readFunctions(root string, expand func(string) string) ([]Function, error) {
	files, err := filepath.Glob(filepath.Join(root, "*", "function.json"))
	if err != nil {
		return nil, fmt.Errorf("devhost.ReadApp: %w", err)
	}

	name := func(file string) string { return filepath.Base(filepath.Dir(file)) }

	if len(files) == 0 {
		if files, err = filepath.Glob(filepath.Join(root, "function.json", "*.json")); err != nil {
			return nil, fmt.Errorf("devhost.ReadApp: %w", err)
		}

		name = func(file string) string { return strings.TrimSuffix(filepath.Base(file), ".json") }
	}

	var all []Function

	for _, file := range files {
		var content struct {
			Bindings []Binding `json:"bindings"`
		}
		if err := readJSON(file, &content); err != nil {
			return nil, err
		}

		f, err := newFunction(name(file), content.Bindings, expand)
		if err != nil {
			return nil, err
		}

		all = append(all, f)
	}

	return all, nil
}

// newFunction accepts what can be proxied or forwarded (one httpTrigger in, one
// http out) and a trigger of another type without outputs. In Azure, a function
// with other bindings exchanges envelopes instead, which this app does not.
func newFunction(name string, bindings []Binding, expand func(string) string) (Function, error) {
	f := Function{Name: name}

	var outputs []string

	inputs := 0

	for _, b := range bindings {
		b.QueueName, b.Schedule = expand(b.QueueName), expand(b.Schedule)
		if b.Direction == "out" {
			outputs = append(outputs, b.Type)
			continue
		}

		inputs++

		if strings.HasSuffix(strings.ToLower(b.Type), "trigger") {
			f.Trigger = b
		}
	}

	var want []string

	switch f.Trigger.Type {
	case "":
		return f, fmt.Errorf("devhost.ReadApp: the function %s has no trigger", name)
	case typeHTTP:
		want = []string{"http"}
	}

	if inputs != 1 || !slices.Equal(outputs, want) {
		return f, fmt.Errorf(
			"devhost.ReadApp: the function %s has %d inputs and the outputs %q: want its trigger and the outputs %q",
			name, inputs, outputs, want,
		)
	}

	return f, nil
}

func readSettings(root string) (map[string]string, error) {
	var f struct{ Values map[string]string }

	err := readJSON(filepath.Join(root, "local.settings.json"), &f)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}

	return f.Values, err
}

func readJSON(file string, into any) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("devhost.ReadApp: %w", err)
	}

	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("devhost.ReadApp: %s: %w", file, err)
	}

	return nil
}

var unresolved = regexp.MustCompile(`%[^%]+%`)

// expander replaces %NAME% if the name is known.
func expander(lookup func(string) string) func(string) string {
	return func(text string) string {
		return unresolved.ReplaceAllStringFunc(text, func(m string) string {
			if v := lookup(strings.Trim(m, "%")); v != "" {
				return v
			}

			return m
		})
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
