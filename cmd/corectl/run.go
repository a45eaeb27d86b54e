package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"coremachine/cmd/corectl/internal/render"
)

// grammar is the command line. The order of the commands is the order of the
// help.
type grammar struct {
	globals

	Demo       demoCmd       `cmd:"" group:"start" help:"Start everything, run one job and print its result."`
	Dev        devCmd        `cmd:"" group:"start" help:"Start everything on this machine and keep it running."`
	New        newCmd        `cmd:"" group:"start" help:"Create a new job, or a project of your own."`
	Submit     submitCmd     `cmd:"" group:"jobs" help:"Start a job, or find the job with these parameters."`
	Status     statusCmd     `cmd:"" group:"jobs" help:"Show one job, or watch it."`
	Jobs       jobsCmd       `cmd:"" group:"jobs" help:"List jobs, newest first."`
	Tasks      tasksCmd      `cmd:"" group:"jobs" help:"List a job's tasks."`
	Failures   failuresCmd   `cmd:"" group:"jobs" help:"Show task failures grouped by error."`
	Cancel     cancelCmd     `cmd:"" group:"jobs" help:"Cancel a job."`
	Retry      retryCmd      `cmd:"" group:"jobs" help:"Retry the failed tasks of a job."`
	Delete     deleteCmd     `cmd:"" group:"jobs" help:"Delete a finished job and its results."`
	Open       openCmd       `cmd:"" group:"jobs" help:"Open a job's page in the browser."`
	Types      typesCmd      `cmd:"" group:"jobs" help:"List job types, or the parameters of one."`
	Task       taskCmd       `cmd:"" group:"details" help:"Show one task with its attempts, input and result."`
	Logs       logsCmd       `cmd:"" group:"details" help:"Show the log lines of one task."`
	Events     eventsCmd     `cmd:"" group:"details" help:"Show the history of a job, oldest event first."`
	Runs       runsCmd       `cmd:"" group:"details" help:"List the runs of a job: its submit, retries and reruns."`
	Compare    compareCmd    `cmd:"" group:"details" help:"Show what differs between two jobs of a type."`
	Trends     trendsCmd     `cmd:"" group:"details" help:"Show what started and ended, and whether that is usual."`
	Tag        tagCmd        `cmd:"" group:"operate" help:"Set and remove tags of a job."`
	Start      startCmd      `cmd:"" group:"operate" help:"Start a delayed job now."`
	Schedules  schedulesCmd  `cmd:"" group:"operate" help:"List, pause, trigger and backfill schedules."`
	Package    packageCmd    `cmd:"" group:"operate" help:"Create the package that is deployed to Azure."`
	Sweep      sweepCmd      `cmd:"" group:"operate" help:"Restart stalled work."`
	Dlq        dlqCmd        `cmd:"" group:"operate" help:"List dead letters, and send them again."`
	Listen     listenCmd     `cmd:"" group:"operate" help:"Receive notifications on this machine, and check their signatures."`
	Migrate    migrateCmd    `cmd:"" group:"operate" help:"Update the database schema."`
	Doctor     doctorCmd     `cmd:"" group:"operate" help:"Check configuration, database and API."`
	Remove     removeCmd     `cmd:"" group:"more" help:"Remove a job from the source tree."`
	Context    contextCmd    `cmd:"" group:"more" help:"Name the addresses and keys of several APIs."`
	Completion completionCmd `cmd:"" group:"more" help:"Print the completion script of a shell."`
	Version    versionCmd    `cmd:"" group:"more" help:"Print the version of this build."`
	Help       helpCmd       `cmd:"" group:"more" help:"Explain a command or a topic."`
	Complete   completeCmd   `cmd:"" name:"__complete" hidden:"" passthrough:""`
}

// globals are the flags that every command takes.
type globals struct {
	URL     string `name:"url" placeholder:"URL" help:"Address of the API, with or without /api (CORECTL_URL)."`
	KeyFile string `placeholder:"FILE" help:"File with the function key (or CORECTL_KEY)."`
	Context string `placeholder:"NAME" help:"Call the API of this context (CORECTL_CONTEXT)."`
	Output  string `short:"o" placeholder:"FORMAT" help:"table, json, jsonl or name (CORECTL_OUTPUT)."`
	Color   string `enum:"auto,always,never" default:"auto" help:"auto, always or never. auto respects NO_COLOR."`
	ASCII   bool   `name:"ascii" help:"Use US-ASCII characters only."`
}

func newParser(g *grammar, con *console) (*kong.Kong, error) {
	return kong.New(g,
		kong.Name("corectl"), kong.NoDefaultHelp(), kong.Writers(con.out, con.err),
		kong.ExplicitGroups([]kong.Group{
			{Key: "start", Title: "Start"},
			{Key: "jobs", Title: "Jobs"},
			{Key: "details", Title: "Details"},
			{Key: "operate", Title: "Operate"},
			{Key: "more", Title: "More"},
		}),
	)
}

// run is the program: main calls it with the real console. It returns the exit
// code.
func run(ctx context.Context, args []string, con *console) int {
	var g grammar

	parser, err := newParser(&g, con)
	if err != nil {
		_, _ = fmt.Fprintln(con.err, "corectl:", err)
		return exitOther
	}

	if len(args) == 0 {
		printOverview(con.out, parser.Model)
		return exitOK
	}

	if asksForHelp(args) {
		return helpFor(parser, args, con)
	}

	if args[0] == "--version" {
		args = []string{"version"}
	}

	parsed, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintln(con.err, con.fit(parseText(err)))
		return exitUsage
	}

	where := ""

	a, err := newApp(con, g.globals, firstWord(parsed.Command()))
	if err == nil {
		where = a.context
		a.args = args

		defer a.close()

		parsed.BindTo(ctx, (*context.Context)(nil))
		err = parsed.Run(a)
	}

	text, code := explain(err, where)
	if ctx.Err() != nil && code == exitOther {
		code = exitInterrupted
	}

	if text != "" {
		_, _ = fmt.Fprintln(con.err, con.fit(plainLines(text)))
	}

	return code
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")

	return word
}

func asksForHelp(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}

	return args[0] != "__complete" && (slices.Contains(args, "--help") || slices.Contains(args, "-h"))
}

// parseText explains an error in the command line, because the parser's own
// messages contain neither a reason nor the next command.
func parseText(err error) string {
	text := err.Error()
	selected := ""

	if parse, ok := errors.AsType[*kong.ParseError](err); ok {
		if node := parse.Context.Selected(); node != nil {
			selected = strings.TrimPrefix(node.FullPath(), "corectl ")
		}
	}

	if m := unexpected.FindStringSubmatch(text); m != nil {
		what := "unknown command"
		if selected != "" && !slices.Contains(commandGroups, selected) {
			what = selected + " takes no argument"
		}

		if selected == "" && m[1] == "watch" {
			m[2] = `, did you mean "status ID --watch"?`
		}

		text = fmt.Sprintf("%s %q%s", what, m[1], m[2])
	}

	if !strings.Contains(text, "did you mean") {
		hint := "corectl help"
		if selected != "" {
			hint += " " + selected
		}

		text += ". See `" + hint + "`."
	}

	return "corectl: " + plainLines(text)
}

// commandGroups are the commands that have commands of their own.
var commandGroups = []string{"dlq", "new", "remove", "schedules", "context"}

var unexpected = regexp.MustCompile(`^unexpected argument (.*?)(, did you mean .*)?$`)

// fit wraps each line to the width of the terminal on standard error. Without a
// terminal, it returns the lines unchanged.
func (con *console) fit(text string) string {
	if !con.errTTY {
		return text
	}

	columns, _ := con.size()

	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, render.Wrap(line, columns)...)
	}

	return strings.Join(lines, "\n")
}

// plainLines removes control characters, so that text from other sources cannot
// control the terminal.
func plainLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = render.Style{}.Plain(line)
	}

	return strings.Join(lines, "\n")
}
