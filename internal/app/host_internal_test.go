package app

import (
	"strings"
	"testing"

	"coremachine/internal/config"
)

// TestHostProblems goes through the settings of a process under a Functions
// host.
func TestHostProblems(t *testing.T) {
	t.Parallel()

	const bus = "SERVICEBUS__fullyQualifiedNamespace"
	for name, c := range map[string]struct {
		settings map[string]string
		azure    bool
		says     string // part of the problem; "": there is none
		receives bool   // for itself
	}{
		"Nothing":          {says: "TRANSPORT: no trigger"},
		"NothingInAzure":   {azure: true, says: "TRANSPORT: no trigger"},
		"Namespace":        {settings: map[string]string{bus: "name.servicebus.windows.net"}},
		"NamespaceInAzure": {settings: map[string]string{bus: "name.servicebus.windows.net"}, azure: true},
		"Self":             {settings: map[string]string{"RECEIVE": "self"}, receives: true},
		"SelfInAzure": {
			settings: map[string]string{"RECEIVE": "self"}, azure: true,
			says: "RECEIVE: self is for func start", receives: true,
		},
		"SelfWithServiceBus": {
			settings: map[string]string{"RECEIVE": "self", bus: "name.servicebus.windows.net"},
			says:     "RECEIVE: self is for the Postgres",
		},
		"PostgresByName": {
			settings: map[string]string{"TRANSPORT": "postgres", bus: "name.servicebus.windows.net"},
			says:     "TRANSPORT: no trigger",
		},
		"LocalHost":        {settings: map[string]string{"COREMACHINE_LOCAL_HOST": "true"}},
		"LocalHostAndSelf": {settings: map[string]string{"COREMACHINE_LOCAL_HOST": "true", "RECEIVE": "self"}},
		"LocalHostWithTheBus": {
			settings: map[string]string{"COREMACHINE_LOCAL_HOST": "true", bus: "name.servicebus.windows.net"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			cfg, err := config.Load(c.settings)
			if err != nil {
				t.Fatal(err)
			}

			getenv := func(variable string) string {
				if c.azure && variable == "WEBSITE_INSTANCE_ID" {
					return "instance"
				}

				return ""
			}

			problems := strings.Join(hostProblems(cfg, getenv), "\n")
			if (problems == "") != (c.says == "") || !strings.HasPrefix(problems, c.says) {
				t.Errorf("got problems %q, want %q", problems, c.says)
			}

			if got := receivesItself(cfg); got != c.receives {
				t.Errorf("receives for itself: %t, want %t", got, c.receives)
			}
		})
	}
}
