package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/coremachine"
	"coremachine/internal/funchost"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/test/pgtest"
)

// serve starts a process on a free port and stops it with the test.
func serve(t *testing.T, database string, o app.Options, env ...string) (base string) {
	t.Helper()

	settings := map[string]string{"DATABASE_URL": database, "DRAIN_TIMEOUT": "1s"}
	for i := 0; i+1 < len(env); i += 2 {
		settings[env[i]] = env[i+1]
	}

	cfg, err := config.Load(settings)
	o.Log = slog.New(slog.DiscardHandler)

	a, err2 := app.New(cfg, err, o)
	if err2 != nil {
		t.Fatal(err2)
	}

	begin(t, a)
	t.Cleanup(func() {
		limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()

		_ = a.Stop(limit) // the database may be away

		http.DefaultClient.CloseIdleConnections()
	})

	return "http://" + a.Addr().String()
}

// begin serves on a free port and starts.
func begin(t *testing.T, a *app.App) {
	t.Helper()

	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	a.Serve(t.Context(), l)

	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	return ask(t, http.MethodGet, address, "")
}

// ask sends a request, of JSON where it has a body, and reads its answer.
func ask(t *testing.T, method, address, body string) (int, string) {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}

	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = res.Body.Close() }()

	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}

	return res.StatusCode, string(text)
}

// TestADatabaseThatIsAwayAtStart reaches the database through a port that is
// opened later.
func TestADatabaseThatIsAwayAtStart(t *testing.T) {
	t.Parallel()

	port, open := closedPort(t)

	database, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}

	base := serve(t, through(*database, port), app.Options{Jobs: jobs.All, Handlers: handlers.All})
	if code, _ := get(t, base+"/"); code != http.StatusOK {
		t.Errorf("GET / answers %d", code)
	}

	if code, _ := get(t, base+"/api/livez"); code != http.StatusOK {
		t.Errorf("livez answers %d while the database is away", code)
	}

	if code, body := get(t, base+"/api/readyz"); code != http.StatusServiceUnavailable ||
		!strings.Contains(body, "database") {
		t.Errorf("readyz answers %d %s while the database is away", code, body)
	}

	forward(t, open(), database)
	until(t, func() bool { code, _ := get(t, base+"/api/readyz"); return code == http.StatusOK })
}

// through is the same database by a TCP port of this machine.
func through(u url.URL, port int) string {
	q := u.Query()
	q.Del("host")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = fmt.Sprintf("127.0.0.1:%d", port), q.Encode()

	return u.String()
}

// closedPort returns a TCP port of this machine that refuses connections until
// it is opened. Nothing else can take it meanwhile.
func closedPort(t *testing.T) (port int, open func() net.Listener) {
	t.Helper()

	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}

	syscall.CloseOnExec(socket)

	file := os.NewFile(uintptr(socket), "closed port")

	t.Cleanup(func() { _ = file.Close() })

	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}

	bound, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}

	return bound.(*syscall.SockaddrInet4).Port, func() net.Listener { //nolint:forcetypeassert // as it was bound
		t.Helper()

		if err := syscall.Listen(socket, 16); err != nil {
			t.Fatal(err)
		}

		l, err := net.FileListener(file)
		if err != nil {
			t.Fatal(err)
		}

		return l
	}
}

// forward hands the connections of a listener to the database.
func forward(t *testing.T, l net.Listener, to *url.URL) {
	t.Helper()

	network, address := "tcp", to.Host
	if dir := to.Query().Get("host"); strings.HasPrefix(dir, "/") {
		number := to.Port()
		if number == "" {
			number = "5432"
		}

		network, address = "unix", dir+"/.s.PGSQL."+number
	}

	var open sync.WaitGroup

	cut, cancel := context.WithCancel(context.Background())

	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}

			d, err := new(net.Dialer).DialContext(context.Background(), network, address)
			if err != nil {
				_ = c.Close()
				continue
			}

			context.AfterFunc(cut, func() { _ = c.Close() })

			for _, pair := range [][2]net.Conn{{c, d}, {d, c}} {
				open.Go(func() {
					_, _ = io.Copy(pair[0], pair[1]) // until either end closes
					_ = pair[0].Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		_ = l.Close()

		cancel()
		open.Wait()
	})
}

func until(t *testing.T, ok func() bool) {
	t.Helper()

	limit := time.NewTimer(time.Minute)
	defer limit.Stop()

	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatal("it did not come about within a minute")
		}
	}
}

// TestInconsistentRegistriesAreListedAndServeNoWork leaves a handler out and
// another unused.
func TestInconsistentRegistriesAreListedAndServeNoWork(t *testing.T) {
	t.Parallel()

	broken := maps.Clone(handlers.All)
	delete(broken, "hello_world_reply")
	broken["forgotten"] = handlers.All["hello_world_greeting"]

	base := serve(t, pgtest.URL(t), app.Options{Jobs: jobs.All, Handlers: broken})
	if code, _ := get(t, base+"/api/livez"); code != http.StatusOK {
		t.Errorf("livez answers %d", code)
	}

	code, body := get(t, base+"/api/readyz")

	var answer struct{ Problems []string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusServiceUnavailable {
		t.Fatalf("readyz answers %d %s", code, body)
	}

	if len(answer.Problems) < 2 || !strings.Contains(body, "hello_world_reply") ||
		!strings.Contains(body, "forgotten") {
		t.Errorf("readyz lists %q, want every problem", answer.Problems)
	}

	req, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodPost,
		base+"/api/jobs/submit/hello_world",
		strings.NewReader("{}"),
	)
	if err != nil {
		t.Fatal(err)
	}

	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}

	_ = res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a submit is answered %d", res.StatusCode)
	}
}

// The dashboard and the API report when the next sweep is due. The host owns
// the schedule of the timer.
func TestTheTimerSweepsAsOftenAsIsTold(t *testing.T) {
	t.Parallel()

	i := slices.IndexFunc(funchost.Functions, func(f funchost.Function) bool { return f.Name == "sweep" })
	if got := funchost.Functions[i].Schedule; got != "0 * * * * *" || coremachine.SweepEvery != time.Minute {
		t.Errorf("the timer's schedule is %s, but the reported interval is %s", got, coremachine.SweepEvery)
	}
}
