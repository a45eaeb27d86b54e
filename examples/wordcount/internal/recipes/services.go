// Package recipes holds the code of the page docs/recipes.md.
package recipes

import (
	"context"
	"net/http"
	"os"
	"time"

	"coremachine"
)

// Jobs maps each job name to its definition.
var Jobs = map[string]coremachine.Job{"billing": Billing, "film": Film, "large": Large}

// Services are what the handlers of a project use, in addition to
// coremachine.Deps.
type Services struct {
	URL    string // of the API
	Key    string // the secret that the API requires
	Client *http.Client
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error
}

// FromEnvironment reads the settings once, when the process starts.
func FromEnvironment() Services {
	return Services{
		URL:    os.Getenv("BILLING_URL"),
		Key:    os.Getenv("BILLING_KEY"),
		Client: &http.Client{Timeout: 10 * time.Second},
		Now:    time.Now,
		Sleep:  sleep,
	}
}

// Handlers returns the handlers with the services that they use.
func (s Services) Handlers() map[string]coremachine.Handler {
	return map[string]coremachine.Handler{
		string(Charge): coremachine.Func(s.charge, coremachine.Attempts(8), coremachine.Timeout(time.Minute)),
		string(Render): coremachine.Func(s.render, coremachine.Timeout(25*time.Minute), coremachine.Long()),
		string(Scan):   coremachine.Func(scan, coremachine.Emits[Page]()),
		string(Sum):    coremachine.Func(sum),
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
