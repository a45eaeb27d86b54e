package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"coremachine/internal/webhook"
)

type listenCmd struct {
	Port       int    `arg:"" help:"Port on this machine."`
	SecretFile string `placeholder:"FILE" help:"File with the secret (or CALLBACK_SECRET). Without one, corectl makes a new secret."`
	Status     int    `default:"204" placeholder:"CODE" help:"Status to answer with, from 200 to 599. An answer outside 200 to 299 makes the service try again."`
}

// Limits of a request.
const (
	maxNotification = 1 << 20
	listenTimeout   = 10 * time.Second
)

// Run receives notifications on a port of this machine, checks their signatures
// and prints them until it is interrupted.
func (c *listenCmd) Run(ctx context.Context, a *app) error {
	if c.Status < 200 || c.Status > 599 {
		return usagef("--status: %d is not from 200 to 599.", c.Status)
	}

	key, err := c.key(a)
	if err != nil {
		return err
	}

	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port))

	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return exitf(exitOther, "cannot listen on %s: %v", address, err)
	}

	a.hint("Receiving at http://localhost:%d until you press Ctrl-C.", listener.Addr().(*net.TCPAddr).Port)
	a.hint("The service needs CALLBACK_HOSTS=localhost and the same CALLBACK_SECRET.")

	server := &http.Server{
		Handler:     &receiver{app: a, key: key, status: c.Status},
		ReadTimeout: listenTimeout, WriteTimeout: listenTimeout, MaxHeaderBytes: 64 << 10,
	}

	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()

	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}

	return nil
}

// key reads the secret, or makes one and prints it.
func (c *listenCmd) key(a *app) (*standardwebhooks.Webhook, error) {
	secret := a.getenv("CALLBACK_SECRET")

	if c.SecretFile != "" {
		text, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return nil, usagef("cannot read the secret file: %v", err)
		}

		secret = string(text)
	}

	if secret == "" {
		random := make([]byte, 32)
		_, _ = rand.Read(random)
		secret = "whsec_" + base64.StdEncoding.EncodeToString(random)
		a.hint("CALLBACK_SECRET=%s", secret)
	}

	newest, _, _ := strings.Cut(secret, ",") // while it is replaced, there are two

	key, err := webhook.ParseSecret(strings.TrimSpace(newest))
	if err != nil {
		return nil, usagef("CALLBACK_SECRET: %v", err)
	}

	return key, nil
}

// receiver prints the events that it is sent.
type receiver struct {
	*app
	key    *standardwebhooks.Webhook
	status int
	print  sync.Mutex
}

func (l *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "Send a POST request.", http.StatusMethodNotAllowed)
		return
	}

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotification))
	if err != nil {
		http.Error(w, "The body cannot be read.", http.StatusBadRequest)
		return
	}

	l.print.Lock()
	defer l.print.Unlock()

	if err := l.key.Verify(body, r.Header); err != nil {
		l.hint("Refused a request whose signature is wrong: %v", err)
		http.Error(w, "The signature is wrong.", http.StatusUnauthorized)

		return
	}

	if err := l.show(body); err != nil {
		http.Error(w, "The body is not an event.", http.StatusBadRequest)
		return
	}

	w.WriteHeader(l.status)
}

// show prints one event: as it came, or as a line.
func (l *receiver) show(body []byte) error {
	if l.format == "json" || l.format == "jsonl" {
		return l.body(body)
	}

	var event struct {
		webhook.Event
		Data struct {
			JobType string `json:"job_type"`
			Status  string `json:"status"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return err
	}

	if l.format == "name" {
		return l.lines([]string{event.Subject})
	}

	style := l.outStyle()

	return l.lines([]string{
		style.Plain(strings.TrimSpace(fmt.Sprintf("%s  %s  %s %s %s", event.Time.Format(time.RFC3339), event.Type,
			event.Subject, event.Data.JobType, event.Data.Status))),
	})
}
