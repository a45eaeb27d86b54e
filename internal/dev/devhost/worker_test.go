package devhost_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"coremachine/internal/dev/devhost"
)

func TestHandlerStartsLikeOnHost(t *testing.T) {
	t.Parallel()
	b := setup(
		t,
		testApp{settings: `{"Values":{"FUNCTIONS_WORKER_RUNTIME":"custom","A":"settings","B":"settings"}}`},
		devhost.Options{Env: []string{"B=options"}},
	)

	var env []string
	if err := json.Unmarshal([]byte(b.do(http.MethodGet, "/api/env", "").body), &env); err != nil {
		t.Fatal(err)
	}

	values := map[string]string{}

	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}

	if values["A"] != "settings" || values["B"] != "options" ||
		values["FUNCTIONS_WORKER_RUNTIME"] != "custom" {
		t.Errorf("got A=%q B=%q runtime %q", values["A"], values["B"], values["FUNCTIONS_WORKER_RUNTIME"])
	}

	if values["FUNCTIONS_CUSTOMHANDLER_PORT"] == "" ||
		values["FUNCTIONS_CUSTOMHANDLER_PORT"] != values["FUNCTIONS_HTTPWORKER_PORT"] ||
		len(values["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"]) != 36 ||
		values["FUNCTIONS_APP_ROOT_PATH"] == "" ||
		values["PATH"] == "" {
		t.Errorf("got environment %v", env)
	}

	if got := next(t, b.lines, "line"); got != "INFO listening" {
		t.Errorf("got console %q", got)
	}

	if b.host.HandlerPID() == 0 {
		t.Error("got no process ID")
	}
}

func TestConsoleLevels(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{}, devhost.Options{})
	b.queue.put(order{Do: "print"})

	var got []string
	for range 5 {
		got = append(got, next(t, b.lines, "line"))
	}

	slices.Sort(got)

	want := []string{
		"DEBUG  system",
		"ERROR to stderr",
		"INFO listening",
		"INFO to stdout",
		"WARN a Warning to stderr",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A killed handler is replaced on the same port. Its calls fail, and their
// messages are delivered again.
func TestKilledHandlerIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{}, devhost.Options{})
	first := b.event(devhost.EventReady)
	b.queue.put(order{Do: "sleep"})
	next(t, b.seen, "call")

	if err := b.host.Kill(); err != nil {
		t.Fatal(err)
	}

	if e := b.event(devhost.EventExited); e.PID != first.PID || e.Code != 137 {
		t.Errorf("got %+v, want the first process killed", e)
	}

	if got := next(t, b.queue.settled, "settlement"); got.how != "abandon" {
		t.Errorf("got %s, want abandon", got.how)
	}

	if second := b.event(devhost.EventReady); second.PID == first.PID {
		t.Error("the handler was not replaced")
	}

	if got := next(t, b.seen, "second call"); got.PID == first.PID {
		t.Error("the first process was called again")
	}
}

// TestRestartReplacesTheHandler restarts more often than the host forgives
// faults. A call in flight is delivered again.
func TestRestartReplacesTheHandler(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{}, devhost.Options{})
	b.event(devhost.EventReady)
	b.queue.put(order{Do: "sleep"})
	next(t, b.seen, "call")

	const redelivered = 2 // by the queue of the tests

	for i := range 5 {
		old := b.host.HandlerPID()

		if err := b.host.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}

		if pid := b.host.HandlerPID(); pid == 0 || pid == old {
			t.Errorf("the handler is %d, and was %d", pid, old)
		}

		if i >= redelivered {
			continue
		}

		if got := next(t, b.queue.settled, "settlement"); got.how != "abandon" {
			t.Errorf("got %s, want abandon", got.how)
		}

		if got := next(t, b.seen, "next call"); got.PID != b.host.HandlerPID() {
			t.Errorf("the process %d was called", got.PID)
		}
	}

	if err := b.host.Stop(); err != nil {
		t.Fatal(err)
	}

	if err := b.host.Restart(t.Context()); err == nil {
		t.Error("a host that is stopped was restarted")
	}
}

func TestHostStopsAfterThreeFaults(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{mode: "exit"}, devhost.Options{Env: []string{"EXIT_CODE=7"}})
	for range 3 {
		if e := b.event(devhost.EventExited); e.Code != 7 {
			t.Errorf("got exit code %d, want 7", e.Code)
		}
	}

	e := b.event(devhost.EventHostStopped)
	if e.Err == nil || !strings.Contains(e.Err.Error(), "two; three; four") {
		t.Errorf("got %v, want the last three lines of stderr", e.Err)
	}

	next(t, b.host.Done(), "end")

	if b.host.Err() == nil {
		t.Error("got no error from a stopped host")
	}

	if got := b.do(http.MethodGet, "/api/x", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("got %d from a stopped host, want 503", got.status)
	}
}

func TestPlatformRestartsStoppedHost(t *testing.T) {
	t.Parallel()

	b := setup(
		t,
		testApp{mode: "exit"},
		devhost.Options{Env: []string{"EXIT_CODE=1"}, Platform: true, PlatformDelay: time.Millisecond},
	)
	for range 2 {
		b.event(devhost.EventHostStopped)
	}
}

func TestExitCodesThatAreNotFaults(t *testing.T) {
	t.Parallel()

	for _, code := range []string{"0", "200"} {
		b := setup(t, testApp{mode: "exit"}, devhost.Options{Env: []string{"EXIT_CODE=" + code}})
		for range 5 {
			b.event(devhost.EventExited)
		}
	}
}

// Hosts before 2026 still send calls to the port of a handler that exited with
// 0.
func TestExitZeroOnOldHost(t *testing.T) {
	t.Parallel()
	b := setup(t, testApp{}, devhost.Options{IgnoreExitZero: true})
	b.event(devhost.EventReady)
	b.queue.put(order{Do: "exit"})
	b.event(devhost.EventExited)

	for range 3 {
		if got := next(t, b.queue.settled, "settlement"); got.how != "abandon" {
			t.Errorf("got %s, want abandon", got.how)
		}
	}

	if got := b.host.Stats().Starts; got != 1 {
		t.Errorf("got %d starts, want 1", got)
	}

	if got := b.do(http.MethodGet, "/api/x", ""); got.status != http.StatusBadGateway {
		t.Errorf("got %d, want 502 after the proxy tried to connect ten times", got.status)
	}
}

func TestInitTimeoutCountsAsFault(t *testing.T) {
	t.Parallel()

	host := strings.Replace(testHost, `"enable`, `"initializationTimeout":"00:00:00.1","enable`, 1)

	b := setup(t, testApp{host: host, mode: "silent"}, devhost.Options{})
	for range 3 {
		b.event(devhost.EventInitTimeout)
	}

	b.event(devhost.EventHostStopped)
}

func TestSIGTERMBeforeSIGKILL(t *testing.T) {
	t.Parallel()

	host := strings.Replace(testHost, `"enable`, `"initializationTimeout":"00:00:01","enable`, 1)

	b := setup(t, testApp{host: host, mode: "silent"}, devhost.Options{TermFirst: 10 * time.Second})
	if got := next(t, b.lines, "line"); got != "INFO received SIGTERM" {
		t.Errorf("got %q", got)
	}
}

func TestNewRejectsInvalidApps(t *testing.T) {
	t.Parallel()

	http := func(route string) map[string]string {
		return map[string]string{
			"f": `{"bindings":[{"type":"httpTrigger","direction":"in","name":"req","route":"` + route + `"}]}`,
		}
	}
	for name, app := range map[string]testApp{
		"NoHandler":     {host: `{"version":"2.0"}`},
		"NoExecutable":  {host: `{"customHandler":{"description":{"defaultExecutablePath":""}}}`},
		"BadTimeout":    {host: strings.Replace(testHost, "00:10:00", "soon", 1)},
		"ReservedRoute": {functions: http("admin/x")},
		"Constraint":    {functions: http("{probe:regex(^a$)}")},
		"NoTrigger":     {functions: map[string]string{"f": `{"bindings":[]}`}},
	} {
		if _, err := devhost.New(devhost.Options{Root: writeApp(t, app)}); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}

	if _, err := devhost.New(devhost.Options{Root: t.TempDir()}); err == nil {
		t.Error("an empty root: got no error")
	}
}

func TestAppWithoutFunctionsStartsNoHandler(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{functions: map[string]string{}}, devhost.Options{})
	if got := b.do(http.MethodGet, "/api/x", ""); got.status != http.StatusNotFound {
		t.Errorf("got %d, want 404", got.status)
	}

	if got := b.host.Stats().Starts; got != 0 {
		t.Errorf("got %d starts, want none", got)
	}
}

func TestDisabledFunctionsAreNotFound(t *testing.T) {
	t.Parallel()

	b := setup(t, testApp{settings: `{"Values":{"AzureWebJobs.api.Disabled":"true"}}`}, devhost.Options{})
	if got := b.do(http.MethodGet, "/api/x", ""); got.status != http.StatusNotFound {
		t.Errorf("got %d, want 404", got.status)
	}
}
