package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	process "coremachine/internal/app"
	"coremachine/internal/client"
	"coremachine/internal/config"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// checkServiceBus opens a link to each queue and sends nothing.
func checkServiceBus(ctx context.Context, cfg config.Config) []finding {
	if cfg.Transport != config.TransportServiceBus {
		return nil
	}

	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()

	options := servicebus.Options{Connection: string(cfg.ServiceBus), Namespace: cfg.ServiceBusName}
	if options.Connection == "" {
		cred, err := process.NewCredential(cfg)
		if err != nil {
			return []finding{{"servicebus", bad, rootCause(err), "az login, or an assigned identity"}}
		}

		options.Credential = cred
	}

	bus, err := servicebus.New(options)
	if err == nil {
		err = errors.Join(bus.Warm(ctx), bus.Close(ctx))
	}

	if known, ok := errors.AsType[*state.Error](err); ok {
		return []finding{{"servicebus", bad, known.Msg, "docs/deploy.md"}}
	}

	if err != nil {
		return []finding{{"servicebus", bad, rootCause(err), "docs/deploy.md"}}
	}

	return []finding{{"servicebus", fine, fmt.Sprintf("%d queues can be reached", len(state.Queues)), ""}}
}

// checkAPI requests the health report, which needs no key, and then makes a
// call that needs one. An API that was not configured does not have to run.
func (a *app) checkAPI(ctx context.Context) []finding {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()

	answer, err := a.api.Get(ctx, "/health", nil)

	report := answer.Body
	if refused, ok := errors.AsType[*client.Error](err); ok {
		report = refused.Body
	}

	var health client.Health
	if json.Unmarshal(report, &health) == nil && health.Status != "" {
		a.served = true

		return append([]finding{a.apiHealth(health)}, a.checkAccess(ctx, health.Status)...)
	}

	text, _ := explain(err, a.context)

	if a.getenv("CORECTL_URL") == "" && a.context == "" && a.api.Base() == client.Default {
		return []finding{{"api", warn, fmt.Sprintf("no answer from %s", a.api.Base()), "corectl dev"}}
	}

	advice := "check CORECTL_URL, and that the app runs"
	if a.context != "" {
		advice = "check the address with corectl context list, and that the app runs"
	}

	return []finding{{"api", bad, text, advice}}
}

// unavailable is the status of a service that does no work and whose report
// contains the reason.
const unavailable = "unavailable"

// checkAccess sends a request that needs a key, because the health report needs
// none.
func (a *app) checkAccess(ctx context.Context, health string) []finding {
	_, err := a.api.Get(ctx, "/jobs", url.Values{"limit": {"1"}})
	if err == nil {
		return []finding{{"access", fine, "GET " + a.api.Base() + "/jobs is answered", ""}}
	}

	refused, ok := errors.AsType[*client.Error](err)
	if !ok {
		text, _ := explain(err, a.context)
		return []finding{{"access", bad, text, ""}}
	}

	switch {
	case refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden:
		detail := fmt.Sprintf("GET %s/jobs is refused with %d", a.api.Base(), refused.Status)

		advice := "give a valid key of the app: CORECTL_KEY, or --key-file FILE"
		if a.context != "" {
			advice = "put a valid key of the app into the key file of the context " + a.context
		}

		return []finding{{"access", bad, detail, advice}}
	case health == unavailable && refused.Status == http.StatusServiceUnavailable:
		return nil // for the reason in the report
	}

	detail := fmt.Sprintf(
		"GET %s/jobs is answered with %d: %s",
		a.api.Base(),
		refused.Status,
		refused.Message(),
	)

	return []finding{{"access", bad, detail, "see the log of the app"}}
}

// apiHealth summarizes the report in one line.
func (a *app) apiHealth(health client.Health) finding {
	wrong := slices.Clone(health.Problems)
	for _, name := range slices.Sorted(maps.Keys(health.Checks)) {
		if check := health.Checks[name]; check.Status != "ok" {
			text := strings.TrimSuffix(name+" "+check.Status+": "+check.Message, ": ")
			if check.Runbook != "" {
				_, entry, _ := strings.Cut(check.Runbook, "#")
				text += " (" + a.help(view.Runbook(entry)) + ")"
			}

			wrong = append(wrong, text)
		}
	}

	outcome := map[string]string{"ok": fine, "degraded": warn}[health.Status]
	detail := fmt.Sprintf("%s is %s, version %s", a.place(), health.Status, health.Version)

	return finding{"api", first(outcome, bad), strings.Join(append([]string{detail}, wrong...), "; "), ""}
}
