package devhost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"coremachine/internal/funchost"
)

// seen is a request that the handler received.
type seen struct {
	Method  string
	URI     string
	Header  http.Header
	Body    string
	Chunked bool
	PID     int
}

// order is the body of a test message. It is an instruction for the handler.
type order struct {
	Do     string // "", status, body, redirect, close, sleep, exit, kill or print
	Status int
	Type   string // content type; defaults to application/json
	Body   string
	ID     int
}

// handlerMain is the main function of the child process. It posts the received
// triggers to RECORDER, and answers HTTP requests with their content.
func handlerMain(mode string) int {
	switch mode {
	case "exit":
		code, _ := strconv.Atoi(os.Getenv("EXIT_CODE"))

		fmt.Fprintln(os.Stderr, "one\ntwo\nthree\nfour")

		return code
	case "silent": // never listens
		wait := make(chan os.Signal, 1)
		signal.Notify(wait, syscall.SIGTERM)
		<-wait

		_, _ = fmt.Fprintln(os.Stdout, "received SIGTERM")

		return 0
	}

	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()

	l, err := funchost.Listen(ctx, os.Getenv, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}

	_, _ = fmt.Fprintln(os.Stdout, "listening")

	var h http.Handler = http.HandlerFunc(serveTest)

	if mode == "funchost" {
		host, err := funchost.New(funchost.Options{Work: funchost.Work{Triggers: map[string]funchost.Trigger{
			"process_task": func(_ context.Context, inv funchost.Invocation) error {
				report(seen{URI: inv.Function, Body: inv.Message.TransportID()})
				return nil
			},
			"sweep": func(context.Context, funchost.Invocation) error { return nil },
		}}})
		if err != nil {
			return 1
		}

		h = host
	}

	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	_ = server.Serve(l)

	return 1
}

func serveTest(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		return
	}

	body, _ := io.ReadAll(r.Body)
	s := seen{
		Method:  r.Method,
		URI:     r.RequestURI,
		Header:  r.Header,
		Body:    string(body),
		Chunked: len(r.TransferEncoding) > 0,
		PID:     os.Getpid(),
	}
	s.Header.Set("Host", r.Host)

	if strings.HasPrefix(r.URL.Path, "/api/") {
		serveTestAPI(w, r, s)
		return
	}

	report(s)

	e, err := funchost.ParseEnvelope(body, "")

	var o order
	if err == nil && len(e.Bodies) > 0 {
		_ = json.Unmarshal(e.Bodies[0], &o)
	}

	obey(w, r, o)
}

func obey(w http.ResponseWriter, r *http.Request, o order) {
	switch o.Do {
	case "close":
		panic(http.ErrAbortHandler)
	case "sleep":
		<-r.Context().Done()
		return
	case "exit":
		os.Exit(o.Status)
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "print":
		_, _ = fmt.Fprintln(os.Stdout, "to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
		fmt.Fprintln(os.Stderr, "a Warning to stderr")
		_, _ = fmt.Fprintln(os.Stdout, "LanguageWorkerConsoleLog system")
		_, _ = fmt.Fprintln(os.Stdout, "azfuncjsonlog:{}")
	case "redirect":
		http.Redirect(w, r, o.Body, http.StatusFound)
		return
	case "status":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(o.Status)

		return
	}

	contentType := "application/json"
	if o.Type != "" {
		contentType = o.Type
	}

	if o.Do != "body" {
		o.Body = `{"Outputs":{},"Logs":[],"ReturnValue":null}`
	}

	w.Header().Set("Content-Type", contentType)
	_, _ = io.WriteString(w, o.Body)
}

func serveTestAPI(w http.ResponseWriter, r *http.Request, s seen) {
	switch strings.TrimPrefix(r.URL.Path, "/api/") {
	case "stream":
		c := http.NewResponseController(w)
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "part %d\n", i)
			_ = c.Flush()

			if i == 0 {
				<-waitFor(r.Context(), "stream")
			}
		}
	case "hang":
		report(s)
		<-r.Context().Done()
		report(seen{URI: "left"})
	case "redirect":
		http.Redirect(w, r, "/api/elsewhere", http.StatusFound)
	case "fail":
		w.WriteHeader(http.StatusInternalServerError)
	case "env":
		_ = json.NewEncoder(w).Encode(os.Environ())
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s)
	}
}

// waitFor returns a channel that is closed when the recorder releases it. Then
// the test has received the first part.
func waitFor(ctx context.Context, what string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)

		req, _ := http.NewRequestWithContext(
			ctx,
			http.MethodGet,
			recorder()+"?wait="+url.QueryEscape(what),
			nil,
		)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()

	return done
}

// recorder returns the address of the test's server.
func recorder() string { return os.Getenv("RECORDER") }

func report(s seen) {
	to := recorder()
	if to == "" {
		return
	}

	b, _ := json.Marshal(s)

	resp, err := http.Post(to, "application/json", bytes.NewReader(b)) //nolint:noctx,gosec // the test ends the child
	if err == nil {
		_ = resp.Body.Close()
	}
}
