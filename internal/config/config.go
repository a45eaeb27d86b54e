package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"coremachine/internal/view"
)

// Transports.
const (
	TransportPostgres   = "postgres"
	TransportServiceBus = "servicebus"
)

// Who takes messages from the queues under a Functions host.
const (
	ReceiveHost = "host"
	ReceiveSelf = "self"
)

// Values of TASK_LOGS.
const (
	TaskLogsFailed = "failed"
	TaskLogsAll    = "all"
	TaskLogsNone   = "none"
)

// Config holds all settings of a process. docs/configuration.md is generated
// from the tags.
type Config struct {
	DatabaseURL      Secret        `env:"DATABASE_URL" doc:"Postgres connection string. Required, except for corectl dev and demo, which start their own Postgres without it. It can lead to PgBouncer in transaction mode; set search_path for the role in that case."`
	DatabaseConns    int32         `env:"DATABASE_CONNECTIONS" envDefault:"8" doc:"Maximum pool size of this process, from 1 to 100. One additional connection is used for LISTEN, except behind a connection pooler."`
	DatabaseEntra    bool          `env:"DATABASE_ENTRA" envDefault:"false" doc:"Sign in to Postgres with an Entra token of the process's identity instead of a password."`
	AzureClientID    string        `env:"AZURE_CLIENT_ID" doc:"Client id of the user-assigned managed identity. Empty: the system-assigned identity, or the developer's sign-in outside Azure."`
	AzureCredentials string        `env:"AZURE_TOKEN_CREDENTIALS" doc:"Which sign-in the Azure SDK uses where the platform offers no managed identity (IDENTITY_ENDPOINT is not set): dev (az login and other developer tools), prod, or the name of one credential, as in AzureCLICredential. Required there by DATABASE_ENTRA, SERVICEBUS__fullyQualifiedNamespace and STORAGE__blobServiceUri."`
	Transport        string        `env:"TRANSPORT" doc:"Message transport: servicebus or postgres. Empty: servicebus if SERVICEBUS or SERVICEBUS__fullyQualifiedNamespace is set, otherwise postgres. A Functions host delivers messages for servicebus only; see RECEIVE."`
	Receive          string        `env:"RECEIVE" envDefault:"host" doc:"Receiver of messages under a Functions host: host (its Service Bus triggers) or self (the process, from the Postgres queue; for func start on a laptop). Plain workers always receive themselves."`
	LocalHost        bool          `env:"COREMACHINE_LOCAL_HOST" envDefault:"false" doc:"Set by the local host of corectl dev and demo, which delivers messages of both transports. Do not set it yourself."`
	ServiceBus       Secret        `env:"SERVICEBUS" doc:"Service Bus connection string, for local use. In Azure set SERVICEBUS__fullyQualifiedNamespace instead."`
	ServiceBusName   string        `env:"SERVICEBUS__fullyQualifiedNamespace" doc:"Service Bus namespace, for example name.servicebus.windows.net. The process signs in with its identity."`
	Storage          Secret        `env:"STORAGE" doc:"Connection string of the storage account for jobs over blobs, with a key or a shared access signature. In Azure set STORAGE__blobServiceUri instead. If neither is set, submits of such jobs are rejected."`
	StorageURI       string        `env:"STORAGE__blobServiceUri" doc:"Address of the blob service, for example https://name.blob.core.windows.net. The identity of the process needs the role Storage Blob Data Reader."`
	FunctionTimeout  time.Duration `env:"FUNCTION_TIMEOUT" envDefault:"30m" doc:"functionTimeout of host.json. The timeout of every task must be at least 30 s shorter. 0: unlimited."`

	MaxRunning      int           `env:"MAX_RUNNING" envDefault:"256" doc:"Maximum number of concurrent handlers in this process, from 1 to 10000."`
	MaxUnresponsive int           `env:"MAX_UNRESPONSIVE" envDefault:"64" doc:"Maximum number of handlers that still run after their contexts ended, from 1 to 10000. Above it, the process reports that it is not ready, drains, and exits with code 1."`
	QueueInFlight   int           `env:"QUEUE_IN_FLIGHT" envDefault:"64" doc:"Maximum number of messages that a plain worker processes concurrently from one queue, from 1 to 10000. Under a Functions host, host.json sets the limit."`
	DrainTimeout    time.Duration `env:"DRAIN_TIMEOUT" envDefault:"10s" doc:"Time that running handlers get to finish when the process stops."`
	TaskLogs        string        `env:"TASK_LOGS" envDefault:"failed" doc:"Log lines of handlers that are kept for 24 hours, up to 64 KiB for each task, and shown with the task: failed (those of attempts that did not succeed, and those of all attempts of jobs with KeepLogs), all, or none."`
	Retention       time.Duration `env:"RETENTION" envDefault:"720h" doc:"Time that an ended job is kept. 0: no limit."`
	MaxQueued       int           `env:"MAX_QUEUED_JOBS" envDefault:"0" doc:"Maximum number of queued and running jobs. Above it, new runs are rejected with 429. 0: no limit."`

	HTTPAddress string `env:"HTTP_ADDRESS" doc:"Address at which a plain worker serves the HTTP API, for example 127.0.0.1:8080. Empty: no HTTP API. Under a Functions host, the host sets the address."`
	APIKeys     Secret `env:"API_KEYS" doc:"Accepted keys for the HTTP API of a plain worker, separated by commas. Clients send one of them as x-functions-key. Required for every address except loopback."`

	ProbeAddress string `env:"PROBE_ADDRESS" doc:"Address at which a plain worker answers /livez and /readyz without a key, for the probes of a container platform, for example :8081. It serves nothing else. Empty: no probes outside of HTTP_ADDRESS."`

	CallbackHosts  string `env:"CALLBACK_HOSTS" doc:"Hosts that the callback URLs of jobs may name, separated by commas: hooks.example.com, hooks.example.com:8443, or *.example.com for the names below a domain. Empty: callback URLs are rejected."`
	CallbackSecret Secret `env:"CALLBACK_SECRET" doc:"Key that signs notifications: base64 of at least 24 bytes, with or without the prefix whsec_. While it is replaced, the new and the old one, separated by a comma. Required with CALLBACK_HOSTS."`

	OpenDashboard bool `env:"OPEN_DASHBOARD" envDefault:"false" doc:"Send dashboard pages with their data, without a script that sends a key. The pages are then public, so set it only if no keys are required. make dev sets it."`

	LogLevel  string `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error."`
	LogFormat string `env:"LOG_FORMAT" envDefault:"json" doc:"json (one line per record) or text."`

	TraceURL view.TraceURL `env:"TRACE_URL" doc:"Link template to your log system, for example https://logs.example.com/search?q={trace_id}. Jobs, tasks and attempts show the link. Placeholders: {trace_id}, {job_id}, {stage}, {index} and {attempt}; those that do not apply are empty. Values are percent-encoded. Only https, except for loopback addresses."`

	TelemetryOff    bool   `env:"OTEL_SDK_DISABLED" envDefault:"false" doc:"Disable traces and metrics, including /api/metrics. [Telemetry](telemetry.md) lists further variables."`
	ServiceName     string `env:"OTEL_SERVICE_NAME" envDefault:"coremachine" doc:"service.name of traces and metrics."`
	TracesExporter  string `env:"OTEL_TRACES_EXPORTER" doc:"otlp or none. Empty: otlp if an endpoint is set."`
	MetricsExporter string `env:"OTEL_METRICS_EXPORTER" doc:"otlp, or prometheus or none, which both serve metrics at /api/metrics only. Empty: otlp if an endpoint is set."`
	OTLPEndpoint    string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" doc:"Base URL of an OTLP/HTTP receiver, for example http://127.0.0.1:4318. Spans are sent to v1/traces below it, metrics to v1/metrics."`
	OTLPTraces      string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" doc:"Full URL for spans, instead of the base URL."`
	OTLPMetrics     string `env:"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" doc:"Full URL for metrics, instead of the base URL."`
	OTLPProtocol    string `env:"OTEL_EXPORTER_OTLP_PROTOCOL" envDefault:"http/protobuf" doc:"Must be http/protobuf."`
}

// Secret is a string that prints as stars.
type Secret string

// String hides the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}

	return "***"
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText hides the value from JSON and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Load reads a Config from an environment and checks it. The error lists every
// problem, a line each.
func Load(environ map[string]string) (Config, error) {
	var (
		c        Config
		problems []error
	)

	if err := env.ParseWithOptions(&c, env.Options{Environment: environ}); err != nil {
		var all env.AggregateError
		if !errors.As(err, &all) {
			return c, err
		}

		for _, e := range all.Errors {
			problems = append(problems, readable(e))
		}
	}

	c.inferTransport()
	problems = append(problems, c.check()...)

	return c, errors.Join(problems...)
}

// FromEnvironment is the process's own environment, for Load.
func FromEnvironment() map[string]string { return env.ToMap(os.Environ()) }

// readable names the variable and not its value, which may be a secret.
func readable(err error) error {
	var parse env.ParseError
	if !errors.As(err, &parse) {
		return err
	}

	for _, f := range Fields() {
		if f.Go == parse.Name {
			return fmt.Errorf("%s: not a valid %s", f.Env, parse.Type)
		}
	}

	return fmt.Errorf("%s: not a valid %s", parse.Name, parse.Type)
}

// inferTransport chooses Service Bus where the environment says how to reach
// it.
func (c *Config) inferTransport() {
	if c.Transport != "" {
		return
	}

	c.Transport = TransportPostgres
	if c.ServiceBus != "" || c.ServiceBusName != "" {
		c.Transport = TransportServiceBus
	}
}

func (c *Config) check() []error {
	var bad []error

	fail := func(name, format string, args ...any) {
		bad = append(bad, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
	}
	within := func(name string, n, low, high int) {
		if n < low || n > high {
			fail(name, "%d is not from %d to %d", n, low, high)
		}
	}
	within("DATABASE_CONNECTIONS", int(c.DatabaseConns), 1, 100)
	within("MAX_RUNNING", c.MaxRunning, 1, 10000)
	within("MAX_UNRESPONSIVE", c.MaxUnresponsive, 1, 10000)
	within("QUEUE_IN_FLIGHT", c.QueueInFlight, 1, 10000)
	within("MAX_QUEUED_JOBS", c.MaxQueued, 0, 1<<31-1)

	for name, d := range map[string]time.Duration{
		"FUNCTION_TIMEOUT": c.FunctionTimeout, "DRAIN_TIMEOUT": c.DrainTimeout, "RETENTION": c.Retention,
	} {
		if d < 0 {
			fail(name, "%s is negative", d)
		}
	}

	oneOf := func(name, value string, known ...string) {
		if slices.Contains(known, value) {
			return
		}

		fail(name, "%q is not one of %s", value, strings.Join(known, ", "))
	}
	oneOf("TRANSPORT", c.Transport, TransportPostgres, TransportServiceBus)
	oneOf("RECEIVE", c.Receive, ReceiveHost, ReceiveSelf)
	oneOf("LOG_LEVEL", c.LogLevel, "debug", "info", "warn", "error")
	oneOf("LOG_FORMAT", c.LogFormat, "json", "text")
	oneOf("TASK_LOGS", c.TaskLogs, TaskLogsFailed, TaskLogsAll, TaskLogsNone)

	if err := c.TraceURL.Check(); err != nil {
		fail("TRACE_URL", "%v", err)
	}

	bad = append(bad, c.checkHTTP()...)
	bad = append(bad, c.checkStorage()...)
	bad = append(bad, c.checkCallbacks()...)

	bad = append(bad, c.checkTelemetry()...)
	if c.Transport == TransportServiceBus && c.ServiceBus == "" && c.ServiceBusName == "" {
		fail(
			"SERVICEBUS__fullyQualifiedNamespace",
			"is required with TRANSPORT=servicebus, or SERVICEBUS with a connection string",
		)
	}

	if strings.Contains(strings.ToLower(string(c.ServiceBus)), "usedevelopmentemulator=true") &&
		!loopback(part(string(c.ServiceBus), "Endpoint")) {
		fail(
			"SERVICEBUS",
			"UseDevelopmentEmulator sends its key in clear text and is allowed for loopback addresses only",
		)
	}

	return bad
}

// leastKey is the shortest API key, in characters.
const leastKey = 16

// checkHTTP rejects an API that other machines could use without a key.
func (c *Config) checkHTTP() []error {
	var bad []error

	if _, _, err := net.SplitHostPort(c.ProbeAddress); c.ProbeAddress != "" && err != nil {
		bad = append(bad, fmt.Errorf("PROBE_ADDRESS: %q is not host:port", c.ProbeAddress))
	}

	if c.HTTPAddress == "" {
		return bad
	}

	host, _, err := net.SplitHostPort(c.HTTPAddress)
	if err != nil {
		return append(bad, fmt.Errorf("HTTP_ADDRESS: %q is not host:port", c.HTTPAddress))
	}

	for _, key := range c.Keys() {
		if len(key) < leastKey {
			bad = append(bad, fmt.Errorf("API_KEYS: a key is shorter than %d characters", leastKey))
			break
		}
	}

	ip := net.ParseIP(host)

	open := host != "localhost" && (ip == nil || !ip.IsLoopback())
	if open && len(c.Keys()) == 0 {
		bad = append(bad, errors.New("API_KEYS: is required if HTTP_ADDRESS is not a loopback address"))
	}

	return bad
}

// Keys are the API keys, one by one.
func (c *Config) Keys() []string {
	var keys []string

	for key := range strings.SplitSeq(string(c.APIKeys), ",") {
		if key = strings.TrimSpace(key); key != "" {
			keys = append(keys, key)
		}
	}

	return keys
}
