package funchost

import "coremachine/internal/state"

// Kind is the kind of trigger of a function.
type Kind string

// The kinds of trigger of the app, with the type of their binding.
const (
	KindHTTP  Kind = "httpTrigger"
	KindQueue Kind = "serviceBusTrigger"
	KindTimer Kind = "timerTrigger"
)

// Auth is the authorization level that the host requires for an HTTP request.
type Auth string

// The authorization levels that the app uses.
const (
	AuthFunction  Auth = "function"
	AuthAnonymous Auth = "anonymous"
)

// Function is a row of the table of functions. A test compares it with
// function.json/{Name}.json.
type Function struct {
	Name string
	Kind Kind
	// Binding is the name of the input binding, which is the key in "Data".
	Binding string
	// Route is the template below the prefix, for HTTP triggers.
	Route string
	// Methods are the lower-case methods in the order of the file, for HTTP
	// triggers.
	Methods []string
	Auth    Auth        // for HTTP triggers
	Queue   state.Queue // for queue triggers
	// Schedule has the form "{second} {minute} {hour} {day} {month} {day of
	// week}", for timers.
	Schedule string
}

// ServiceBusConnection is the app setting, or the prefix of the app settings,
// that identifies the Service Bus namespace.
const ServiceBusConnection = "SERVICEBUS"

// Functions is the table of all functions of the app.
//
// The probes are below one anonymous route, because a function has only one
// route. A constraint such as {probe:regex(...)} makes some hosts answer 503,
// and an unconstrained {probe} would make /api/jobs accessible without a key. A
// platform requests /api/health, /api/health/livez or /api/health/readyz
// without a key. /api/livez and /api/readyz return the same through the
// catch-all route, which requires one.
var Functions = []Function{
	{
		Name:    "submit_job",
		Kind:    KindHTTP,
		Binding: "req",
		Route:   "jobs/submit/{job_type}",
		Methods: []string{"post"},
		Auth:    AuthFunction,
	},
	{
		Name:    "job_status",
		Kind:    KindHTTP,
		Binding: "req",
		Route:   "jobs/status/{job_id}",
		Methods: []string{"get"},
		Auth:    AuthFunction,
	},
	{
		Name:    "api",
		Kind:    KindHTTP,
		Binding: "req",
		Route:   "{*path}",
		Methods: []string{"get", "post", "put", "patch", "delete", "head", "options"},
		Auth:    AuthFunction,
	},
	{
		Name:    "health",
		Kind:    KindHTTP,
		Binding: "req",
		Route:   "health/{*probe}",
		Methods: []string{"get", "head"},
		Auth:    AuthAnonymous,
	},
	{
		Name:    "ui",
		Kind:    KindHTTP,
		Binding: "req",
		Route:   "ui/{*path}",
		Methods: []string{"get", "head"},
		Auth:    AuthAnonymous,
	},
	{Name: "process_job", Kind: KindQueue, Binding: "message", Queue: state.QueueJobs},
	{Name: "process_task", Kind: KindQueue, Binding: "message", Queue: state.QueueTasks},
	{Name: "process_long_task", Kind: KindQueue, Binding: "message", Queue: state.QueueLongTasks},
	{Name: "sweep", Kind: KindTimer, Binding: "timer", Schedule: "0 * * * * *"},
}

// Lookup returns the row of a function.
func Lookup(name string) (Function, bool) {
	for _, f := range Functions {
		if f.Name == name {
			return f, true
		}
	}

	return Function{}, false
}
