package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"coremachine/cmd/corectl/internal/render"
	process "coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/view"
)

type doctorCmd struct{}

// finding is one line of the doctor's output.
type finding struct {
	Check   string `json:"check"`
	Outcome string `json:"outcome"` // ok, warn or FAIL
	Detail  string `json:"detail"`
	Advice  string `json:"advice,omitempty"` // a command or setting that fixes it
}

// entries maps each check to the runbook entry for its failure.
var entries = map[string]view.Runbook{
	"config":      view.RunbookNotReady,
	"registry":    view.RunbookNotReady,
	"identity":    view.RunbookIdentity,
	"postgres":    view.RunbookNotReady,
	"schema":      view.RunbookNotReady,
	"connections": view.RunbookPool,
	"citus":       view.RunbookNotReady,
	"pooler":      view.RunbookPooler,
	"receivers":   view.RunbookNoReceiver,
	"servicebus":  view.RunbookOutboxAge,
	"storage":     view.RunbookStorage,
	"api":         view.RunbookNotReady,
	"access":      view.RunbookAccess,
	"tree":        doctorPage,
	"go":          doctorPage,
	"functions":   doctorPage,
}

// doctorPage is the section that explains every check.
const doctorPage view.Runbook = "doctor"

// speaksForItself lists checks whose warnings need no entry. What is missing in
// these cases is optional, and a health report names its own entries.
var speaksForItself = []string{"postgres", "api"}

// printedFinding is a finding as it is printed.
type printedFinding struct {
	finding
	Runbook string `json:"runbook,omitempty"`
}

func (a *app) printed(f finding) printedFinding {
	if f.Outcome == fine || f.Outcome == warn && slices.Contains(speaksForItself, f.Check) {
		return printedFinding{finding: f}
	}

	return printedFinding{f, a.help(entries[f.Check])}
}

const (
	fine = "ok"
	warn = "warn"
	bad  = "FAIL"
)

// Run checks everything that a process on this machine needs. Every check has a
// time limit. A check that cannot be made is a finding as well.
func (c *doctorCmd) Run(ctx context.Context, a *app) error {
	cfg, cfgErr := a.settings()

	findings := slices.Concat(
		[]finding{checkConfig(cfgErr), checkRegistry(cfg)}, checkIdentity(ctx, cfg),
		checkPostgres(ctx, cfg), checkServiceBus(ctx, cfg),
		[]finding{checkStorage(ctx, cfg)}, a.checkAPI(ctx), checkTree(),
	)
	if err := a.findings(findings); err != nil {
		return err
	}

	failed := count(findings, bad)

	warned := count(findings, warn)
	if failed+warned > 0 && a.format == "table" {
		a.hint("%d failed, %s · %s explains each check", failed, render.Things(warned, "warning"), a.help(doctorPage))
	}

	if failed > 0 {
		return &exitError{code: exitOther}
	}

	return nil
}

func count(findings []finding, outcome string) int {
	n := 0

	for _, f := range findings {
		if f.Outcome == outcome {
			n++
		}
	}

	return n
}

func (a *app) findings(found []finding) error {
	findings := each(found, a.printed)

	if a.format != "table" {
		return formatItems(a, findings, func(f printedFinding) string { return f.Check })
	}

	if !a.outTTY {
		return a.lines(render.Tabbed(each(findings, func(f printedFinding) []string {
			return []string{f.Outcome, f.Check, f.Detail, f.Advice, f.Runbook}
		})))
	}

	style := a.outStyle()
	inks := map[string]render.Ink{fine: render.Green, warn: render.Yellow, bad: render.Red}

	var lines []string

	for _, f := range findings {
		head := fmt.Sprintf(
			"%s  %-11s  ",
			style.Paint(inks[f.Outcome], fmt.Sprintf("%-4s", f.Outcome)),
			f.Check,
		)

		lines = append(lines, render.Hang(head, style.Plain(f.Detail), style.Width)...)
		for _, next := range []string{f.Advice, f.Runbook} {
			if next != "" {
				lines = append(
					lines,
					render.Hang(style.Own("                   → "), style.Own(next), style.Width)...)
			}
		}
	}

	return a.lines(lines)
}

func checkConfig(err error) finding {
	if err != nil {
		return finding{
			"config",
			bad,
			strings.ReplaceAll(err.Error(), "\n", "; "),
			"see docs/configuration.md",
		}
	}

	return finding{"config", fine, fmt.Sprintf("%d settings, no problem", len(config.Fields())), ""}
}

// checkRegistry finds what would prevent a process of this build from serving.
func checkRegistry(cfg config.Config) finding {
	if p, err := findProject(); err == nil && p.outside() {
		return finding{"registry", fine, "not checked: the tests of this project check its jobs", ""}
	}

	if cfg.DatabaseURL == "" {
		cfg.DatabaseURL = "postgres://unused" // another check reports a missing DATABASE_URL
	}

	a, err := process.New(
		cfg,
		nil,
		process.Options{
			Jobs: jobs.All, Handlers: handlers.All, Schedules: jobs.Schedules,
			Log: slog.New(slog.DiscardHandler),
		},
	)
	if err != nil {
		return finding{"registry", bad, err.Error(), ""}
	}

	if problems := a.Problems(); len(problems) > 0 {
		return finding{"registry", bad, strings.Join(problems, "; "), "go test ./internal/jobs"}
	}

	return finding{
		"registry",
		fine,
		fmt.Sprintf("%s, %s", render.Things(len(jobs.All), "job"), render.Things(len(handlers.All), "handler")),
		"",
	}
}

// checkTree checks the files that dev, demo and a deployment read from the
// source tree.
func checkTree() []finding {
	p, err := findProject()
	if err != nil {
		return []finding{
			{"tree", warn, "not in the source tree: host.json and the Go toolchain were not checked", ""},
		}
	}

	return []finding{checkGo(), checkHost(p.root)}
}

func checkGo() finding {
	path, err := exec.LookPath("go")
	if err != nil {
		return finding{
			"go",
			bad,
			"the go command is not in PATH; dev and demo need it to build",
			"see https://go.dev/dl",
		}
	}

	return finding{"go", fine, path, ""}
}

func checkHost(root string) finding {
	text, err := os.ReadFile(filepath.Join(root, "host.json"))
	if err != nil {
		return finding{"functions", bad, "host.json cannot be read", ""}
	}

	var host struct {
		CustomHandler struct {
			Proxying bool `json:"enableProxyingHttpRequest"`
		} `json:"customHandler"`
	}
	if err := json.Unmarshal(text, &host); err != nil {
		return finding{"functions", bad, "host.json is not JSON", ""}
	}

	if !host.CustomHandler.Proxying {
		return finding{
			"functions",
			warn,
			"host.json: enableProxyingHttpRequest is off, so live pages will poll",
			"",
		}
	}

	return finding{"functions", fine, "host.json proxies HTTP requests", ""}
}
