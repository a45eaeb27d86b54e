package main

import (
	"context"
	"errors"
	"strings"
	"time"

	process "coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/state"
)

// identityAdvice is the advice for a process that cannot sign in to Azure.
const identityAdvice = "in Azure: assign the identity, and set AZURE_CLIENT_ID to its client id; " +
	"elsewhere: az login, and AZURE_TOKEN_CREDENTIALS=dev"

// checkIdentity requests a token if a setting needs the identity of the
// process.
func checkIdentity(ctx context.Context, cfg config.Config) []finding {
	settings := process.IdentitySettings(cfg)
	if len(settings) == 0 {
		return nil
	}

	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()

	names := strings.Join(settings, ", ")

	if err := process.ProbeIdentity(ctx, cfg); err != nil {
		text := err.Error()
		if known, ok := errors.AsType[*state.Error](err); ok {
			text = known.Msg
		}

		return []finding{{"identity", bad, names + ": " + oneLine(text), identityAdvice}}
	}

	return []finding{{"identity", fine, names + ": a token was issued", ""}}
}

// oneLine joins the lines of an error of the Azure SDK.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
