package funchost

import "coremachine/internal/state"

// Kind is what starts a function.
type Kind string

// The kinds of trigger that the app has, by the name of their binding.
const (
	KindHTTP  Kind = "httpTrigger"
	KindQueue Kind = "serviceBusTrigger"
	KindTimer Kind = "timerTrigger"
)

// Auth is the key that the host demands before it lets an HTTP request through.
type Auth string

// The levels of authorization that the app uses.
const (
	AuthFunction  Auth = "function"
	AuthAnonymous Auth = "anonymous"
)

// Function is one row of the table of functions. It says what
// function.json/{Name}.json says; a test compares the two.
type Function struct {
	Name     string
	Kind     Kind
	Binding  string      // name of the input binding, the key under "Data"
	Route    string      // HTTP: template below the prefix
	Methods  []string    // HTTP: lower-case, in the file's order
	Auth     Auth        // HTTP
	Queue    state.Queue // queue triggers
	Schedule string      // timers: {second} {minute} {hour} {day} {month} {day of week}
}

// ServiceBusConnection is the app setting, or the prefix of the app settings,
// that says where the queues are.
const ServiceBusConnection = "SERVICEBUS"

// Functions is the table of functions: if it is in the table, it exists; if it
// is not, it does not.
//
// The probes live below one anonymous route: a function has one route, a
// constraint such as {probe:regex(...)} makes some hosts answer 503, and an
// unconstrained {probe} would open /api/jobs to everybody. So a platform asks
// /api/health, /api/health/livez or /api/health/readyz without a key;
// /api/livez and /api/readyz are the same answers through the catch-all, which
// demands one.
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
