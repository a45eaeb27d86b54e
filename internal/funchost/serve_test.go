package funchost_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"coremachine/internal/funchost"
	"coremachine/internal/state"
)

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestListenUsesPortOfHost(t *testing.T) {
	t.Parallel()

	for name, values := range map[string]map[string]string{
		"Newer":  {funchost.EnvPort: "4711", funchost.EnvPortLegacy: "4712"},
		"Legacy": {funchost.EnvPortLegacy: "4711"},
		"None":   {},
	} {
		got, err := funchost.Port(environment(values), 4711)
		if err != nil || got != 4711 {
			t.Errorf("%s: got %d, %v; want 4711", name, got, err)
		}
	}

	for _, text := range []string{"0", "x", "70000", "-1"} {
		_, err := funchost.Listen(t.Context(), environment(map[string]string{funchost.EnvPort: text}), 0)
		if !errors.Is(err, &state.Error{Code: state.CodeInvalid}) {
			t.Errorf("%s: got %v, want an error with code invalid", text, err)
		}
	}
}

// The host assigns the port of a killed process to a new one.
func TestListenWaitsForPort(t *testing.T) {
	t.Parallel()

	old, err := funchost.Listen(t.Context(), environment(nil), 0)
	if err != nil {
		t.Fatal(err)
	}

	addr, ok := old.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		t.Errorf("got address %s, want loopback", addr)
	}

	time.AfterFunc(100*time.Millisecond, func() { _ = old.Close() }) // otherwise the test fails

	l, err := funchost.Listen(
		t.Context(),
		environment(map[string]string{funchost.EnvPort: strconv.Itoa(addr.Port)}),
		0,
	)
	if err != nil {
		t.Fatal(err)
	}

	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestServeRejectsPublicListeners(t *testing.T) {
	t.Parallel()

	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}

	err = setup(t, funchost.Options{}, nil).host.Serve(t.Context(), l)
	if !errors.Is(err, &state.Error{Code: state.CodeInvalid}) {
		t.Errorf("got %v, want an error with code invalid", err)
	}
}

// In Azure the envelope is chunked. The Core Tools send a Content-Length.
func TestServeAcceptsBothFramingsAndStops(t *testing.T) {
	t.Parallel()

	entered, released := make(chan struct{}), make(chan error, 1)
	b := setup(t, funchost.Options{}, func(ctx context.Context, inv funchost.Invocation) error {
		if inv.Message.MessageID < 9 {
			return nil
		}

		close(entered)
		<-ctx.Done()

		released <- ctx.Err()

		return ctx.Err()
	})

	l, err := funchost.Listen(t.Context(), environment(nil), 0)
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	served := make(chan error, 1)
	go func() { served <- b.host.Serve(ctx, l) }()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()

	post := func(body io.Reader) (int, error) {
		r, err := http.NewRequestWithContext(
			t.Context(),
			http.MethodPost,
			fmt.Sprintf("http://%s/process_task", l.Addr()),
			body,
		)
		if err != nil {
			return 0, err
		}

		r.Header.Set("Content-Type", "application/json; charset=utf-8")

		resp, err := client.Do(r)
		if err != nil {
			return 0, err
		}

		_, err = io.Copy(io.Discard, resp.Body)

		return resp.StatusCode, errors.Join(err, resp.Body.Close())
	}
	for name, body := range map[string]io.Reader{
		"Length":  strings.NewReader(envelope(t, message(t, 1))),
		"Chunked": io.MultiReader(strings.NewReader(envelope(t, message(t, 1)))),
	} {
		if got, err := post(body); err != nil || got != http.StatusOK {
			t.Errorf("%s: got %d, %v; want 200", name, got, err)
		}
	}

	last := make(chan int, 1)

	go func() {
		got, err := post(strings.NewReader(envelope(t, message(t, 9))))
		if err != nil {
			t.Error(err)
		}

		last <- got
	}()

	<-entered
	cancel()

	if err := <-released; err == nil {
		t.Error("the callee's context did not end")
	}

	if got := <-last; got < 500 {
		t.Errorf("got status %d for a call that the stop interrupted, want a redelivery", got)
	}

	if err := <-served; err != nil {
		t.Errorf("got %v from Serve, want nil", err)
	}
}
