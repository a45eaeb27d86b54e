package funchost_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coremachine/internal/funchost"
	"coremachine/internal/state"
)

const root = "../.."

// hostFile has the keys of host.json that the app uses, where the host expects
// them. The host silently ignores a key that is nested too deeply, for example
// the lock renewal of long tasks.
type hostFile struct {
	Version         string `json:"version"`
	FunctionTimeout string `json:"functionTimeout"`
	TelemetryMode   string `json:"telemetryMode"`
	CustomHandler   struct {
		Description struct {
			DefaultExecutablePath string `json:"defaultExecutablePath"`
		} `json:"description"`
		EnableProxyingHTTPRequest   bool   `json:"enableProxyingHttpRequest"`
		EnableForwardingHTTPRequest bool   `json:"enableForwardingHttpRequest"`
		InitializationTimeout       string `json:"initializationTimeout"`
	} `json:"customHandler"`
	ExtensionBundle struct {
		ID      string `json:"id"`
		Version string `json:"version"`
	} `json:"extensionBundle"`
	Extensions struct {
		HTTP struct {
			RoutePrefix string `json:"routePrefix"`
		} `json:"http"`
		ServiceBus struct {
			AutoCompleteMessages       bool   `json:"autoCompleteMessages"`
			MaxAutoLockRenewalDuration string `json:"maxAutoLockRenewalDuration"`
			MaxConcurrentCalls         int    `json:"maxConcurrentCalls"`
			PrefetchCount              int    `json:"prefetchCount"`
		} `json:"serviceBus"`
	} `json:"extensions"`
	Logging struct {
		LogLevel map[string]string `json:"logLevel"`
	} `json:"logging"`
}

// strict decodes a file of the app. It fails if the file has a key that into
// does not have.
func strict(t *testing.T, file string, into any) {
	t.Helper()

	raw, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}

	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()

	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func span(t *testing.T, text string) time.Duration {
	t.Helper()

	at, err := time.Parse(time.TimeOnly, text)
	if err != nil {
		t.Fatalf("%q is not hh:mm:ss: %v", text, err)
	}

	return at.Sub(at.Truncate(24 * time.Hour))
}

func TestHostFileMatchesHandler(t *testing.T) {
	t.Parallel()

	var got hostFile
	strict(t, "host.json", &got)

	if got.CustomHandler.Description.DefaultExecutablePath != "handler" {
		t.Error(`the executable must be "handler" exactly: the publisher marks no other name executable`)
	}

	if !got.CustomHandler.EnableProxyingHTTPRequest || !got.CustomHandler.EnableForwardingHTTPRequest {
		t.Error("both HTTP modes must be enabled: newer hosts proxy, older ones forward")
	}

	if got.Version != "2.0" || got.TelemetryMode != "OpenTelemetry" ||
		got.ExtensionBundle.Version != "[4.*, 5.0.0)" ||
		got.ExtensionBundle.ID != "Microsoft.Azure.Functions.ExtensionBundle" {
		t.Errorf(
			"got version %q, telemetry %q, bundle %+v",
			got.Version,
			got.TelemetryMode,
			got.ExtensionBundle,
		)
	}

	if "/"+got.Extensions.HTTP.RoutePrefix != funchost.DefaultPrefix {
		t.Errorf("got prefix %q, want the handler's", got.Extensions.HTTP.RoutePrefix)
	}

	if !got.Extensions.ServiceBus.AutoCompleteMessages || got.Extensions.ServiceBus.MaxConcurrentCalls < 16 {
		t.Errorf("got %+v, want settling by the host and 16 calls, which is its minimum", got.Extensions.ServiceBus)
	}

	if span(t, got.CustomHandler.InitializationTimeout) < 10*time.Second {
		t.Error("the startup timeout of the host is too short for a cold start")
	}
}

// The timeouts must expire in this order: the longest task, the response of the
// trigger, the function timeout of the host, the message lock.
func TestTimeoutsAreNested(t *testing.T) {
	t.Parallel()

	var got hostFile
	strict(t, "host.json", &got)
	timeout := span(t, got.FunctionTimeout)

	renewal := span(t, got.Extensions.ServiceBus.MaxAutoLockRenewalDuration)
	if task := funchost.Deadline(timeout); task <= 5*time.Minute || task+30*time.Second > timeout {
		t.Errorf("the longest task is %s and the function timeout %s: want 30 s between them", task, timeout)
	}

	if timeout > renewal {
		t.Errorf("function timeout %s, lock renewal %s: a message would be delivered twice", timeout, renewal)
	}

	if funchost.DefaultHold >= time.Minute {
		t.Error("a delayed response must arrive before the queue's lock of 1 min expires")
	}
}

type functionFile struct {
	Bindings []binding `json:"bindings"`
}

type binding struct {
	Type         string   `json:"type"`
	Direction    string   `json:"direction"`
	Name         string   `json:"name"`
	AuthLevel    string   `json:"authLevel"`
	Methods      []string `json:"methods"`
	Route        string   `json:"route"`
	QueueName    string   `json:"queueName"`
	Connection   string   `json:"connection"`
	Cardinality  string   `json:"cardinality"`
	DataType     string   `json:"dataType"`
	Schedule     string   `json:"schedule"`
	RunOnStartup bool     `json:"runOnStartup"`
	UseMonitor   bool     `json:"useMonitor"`
}

// wantFile returns the expected file for a row of the table.
func wantFile(f funchost.Function) functionFile {
	in := binding{Type: string(f.Kind), Direction: "in", Name: f.Binding}
	switch f.Kind {
	case funchost.KindHTTP:
		in.AuthLevel, in.Methods, in.Route = string(f.Auth), f.Methods, f.Route
		return functionFile{Bindings: []binding{in, {Type: "http", Direction: "out", Name: "res"}}}
	case funchost.KindQueue:
		in.QueueName = f.Queue.String()
		in.Connection = funchost.ServiceBusConnection
		in.Cardinality = "one"
		in.DataType = "binary"
	case funchost.KindTimer:
		in.Schedule, in.UseMonitor = f.Schedule, true
	}

	return functionFile{Bindings: []binding{in}}
}

func TestFunctionFilesMatchTable(t *testing.T) {
	t.Parallel()

	files, err := filepath.Glob(filepath.Join(root, "function.json", "*"))
	if err != nil {
		t.Fatal(err)
	}

	if len(files) != len(funchost.Functions) {
		t.Errorf("got %d files, want one for each of %d functions", len(files), len(funchost.Functions))
	}

	for _, f := range funchost.Functions {
		var got functionFile
		strict(t, filepath.Join("function.json", f.Name+".json"), &got)

		if diff := cmp.Diff(wantFile(f), got); diff != "" {
			t.Errorf("%s (-table +file):\n%s", f.Name, diff)
		}
	}
}

// Every queue must have a function. A route must not be one that the host
// reserves or answers with 503. Only the probes and the dashboard may be
// anonymous.
func TestFunctionTable(t *testing.T) {
	t.Parallel()

	served := map[state.Queue]string{}

	for _, f := range funchost.Functions {
		if f.Kind == funchost.KindQueue {
			served[f.Queue] = f.Name
		}

		if strings.HasPrefix(f.Route, "admin") || strings.HasPrefix(f.Route, "runtime") ||
			strings.Contains(f.Route, ":") {
			t.Errorf("%s: the host does not serve the route %q", f.Name, f.Route)
		}

		if f.Auth == funchost.AuthAnonymous && !strings.HasPrefix(f.Route, "health/") &&
			!strings.HasPrefix(f.Route, "ui/") {
			t.Errorf("%s: the route %q does not require a key", f.Name, f.Route)
		}
	}

	for _, q := range state.Queues {
		if served[q] == "" {
			t.Errorf("no function serves the queue %s", q)
		}
	}
}

func TestLocalSettingsUseLoopbackOnly(t *testing.T) {
	t.Parallel()

	var got struct {
		IsEncrypted bool
		Values      map[string]string
		Host        struct{ LocalHTTPPort int }
	}
	strict(t, "local.settings.json", &got)

	if got.Values["FUNCTIONS_WORKER_RUNTIME"] != "custom" ||
		got.Values["AzureWebJobsStorage"] != "UseDevelopmentStorage=true" {
		t.Errorf("got %v", got.Values)
	}

	endpoint := regexp.MustCompile(`Endpoint=([^;]+)`)
	for name, value := range got.Values {
		if m := endpoint.FindStringSubmatch(value); m != nil {
			value = m[1]
		}

		u, err := url.Parse(value)
		if err != nil || u.Host == "" {
			continue
		}

		if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
			t.Errorf("%s has the host %s, want loopback", name, u.Hostname())
		}
	}
}

func TestFuncignoreIncludesOnlyTheApp(t *testing.T) {
	t.Parallel()

	raw, err := os.ReadFile(filepath.Join(root, ".funcignore"))
	if err != nil {
		t.Fatal(err)
	}

	want := map[string]bool{"/*": true, "!/handler": true, "!/host.json": true}
	for _, f := range funchost.Functions {
		want["!/"+f.Name+"/"] = true
	}

	got := map[string]bool{}

	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			got[line] = true
		}
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf(".funcignore (-want +got):\n%s", diff)
	}
}
