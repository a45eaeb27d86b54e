package main

// examples are the first lines in the help of each command.
var examples = map[string][]string{
	"submit": {
		"corectl submit hello_world n=3 --watch",
		"corectl submit hello_world --key 2026-01-31 --tag env=prod",
		"id=$(corectl submit hello_world n=1000)",
	},
	"status": {"corectl status @last --watch", "corectl status 3f9a -o json | jq .result"},
	"jobs": {
		"corectl jobs --status failed --since 24h --tag env=prod",
		"corectl jobs --limit 100",
		"corectl jobs --more",
		"corectl jobs --status failed -o name | xargs -n1 corectl retry --yes",
	},
	"tasks": {
		"corectl tasks 3f9a --failed --limit 20",
		"corectl tasks 3f9a --error 1c22e0f3",
		"corectl tasks 3f9a --stage reply -o jsonl --limit 0",
	},
	"task": {
		"corectl task 3f9a reply 7",
		"corectl task 3f9a reply 7 --result reply-7.json",
	},
	"logs": {"corectl logs 3f9a reply 7", "corectl logs 3f9a reply 7 -o jsonl | jq '.lines[].text'"},
	"failures": {
		"corectl failures 3f9a",
		"corectl failures @last -o json | jq '.items[] | {pattern, tasks, indexes}'",
	},
	"events": {"corectl events @last -f"},
	"cancel": {"corectl cancel 3f9a", "corectl cancel --filter type=tile_index --dry-run"},
	"start":  {"corectl start 3f9a"},
	"tag":    {"corectl tag 3f9a env=prod --remove old"},
	"retry":  {"corectl retry 3f9a", "corectl retry --filter status=failed --filter since=24h"},

	"schedules":         {"corectl schedules list", "corectl schedules show nightly"},
	"schedules list":    {"corectl schedules list"},
	"schedules show":    {"corectl schedules show nightly"},
	"schedules pause":   {"corectl schedules pause nightly"},
	"schedules resume":  {"corectl schedules resume nightly"},
	"schedules trigger": {"corectl schedules trigger nightly"},
	"schedules backfill": {
		"corectl schedules backfill nightly --from 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z",
	},

	"delete":      {"corectl delete 3f9a --dry-run"},
	"open":        {"corectl open 3f9a"},
	"types":       {"corectl types", "corectl types hello_world"},
	"version":     {"corectl version", "corectl --version"},
	"runs":        {"corectl runs @last"},
	"compare":     {"corectl compare 3f9a 7b21"},
	"trends":      {"corectl trends", "corectl trends tile_index --window 24h"},
	"sweep":       {"corectl sweep"},
	"dlq":         {"corectl dlq list", "corectl dlq redrive tasks --dry-run"},
	"dlq list":    {"corectl dlq list", "corectl dlq list tasks"},
	"dlq redrive": {"corectl dlq redrive tasks --reason MaxDeliveryCountExceeded --dry-run"},
	"package":     {"corectl package --out app.zip"},
	"listen":      {"corectl listen 9000", "corectl listen 9000 --status 500"},
	"migrate":     {"DATABASE_URL=postgres://… corectl migrate"},
	"doctor":      {"corectl doctor"},
	"context": {
		"corectl context add prod --url https://x.example --key-file ~/prod.key",
		"corectl context use prod",
		"corectl --context prod jobs",
	},
	"context add":    {"corectl context add prod --url https://x.example --key-file ~/prod.key"},
	"context use":    {"corectl context use prod", "corectl context use default"},
	"context list":   {"corectl context list"},
	"context remove": {"corectl context remove prod"},

	"completion": {"source <(corectl completion bash)"},
	"help":       {"corectl help submit", "corectl help exit-codes"},
	"demo":       {"corectl demo", "corectl demo hello_world -n 1000"},
	"dev":        {"corectl dev"},
	"new": {
		"corectl new job tile_index --stages scan,measure,summarise",
		"corectl new app ../tiles",
	},
	"new app":    {"corectl new app ../tiles --module example.com/tiles"},
	"remove":     {"corectl remove job tile_index --dry-run"},
	"remove job": {"corectl remove job tile_index --dry-run", "corectl remove job tile_index"},
	"new job":    {"corectl new job tile_index --stages scan,measure,summarise"},
}

// topics are the help pages that do not belong to a command.
var topics = map[string]string{
	"exit-codes": `
Exit codes

    0  completed, or the command succeeded
    1  failed for another reason, or a confirmation was denied
    2  the watched job failed
    3  the watched job was cancelled
    4  not found: job, job type, stage, queue
    5  the watched job is completed_with_errors (--allow-errors makes it 0)
    6  --timeout passed; the job continues
    7  not allowed: the function key is missing or wrong
    8  the API cannot be reached or is not ready
   64  usage: invalid command line or parameters
  130  interrupted; a watched job continues

Only --watch and demo exit with the outcome of a job. Without --watch,
submit and status exit with 0 once the API has answered.
`,
	"output": `
Output

Results go to standard output. Progress, hints and questions go to
standard error, so that  id=$(corectl submit hello_world)  is the id.

  -o table   for people. In a pipe: tab-separated, full values, no header.
             It may change at any time, so do not parse it.
  -o json    the body of the API: one object, or {items, next_cursor}.
             New versions only add fields.
  -o jsonl   lists and streams: one object per line.
  -o name    ids, one per line.

On a terminal a watched job is drawn as bars, one line per stage. Otherwise
each change is one line: time, job, change.

Times on a terminal are local and have their zone. In a pipe and in JSON they
are in UTC.
`,
	"environment": `
Environment

  CORECTL_URL      address of the API, with or without /api
                   (default http://127.0.0.1:7071/api). It wins over
                   every context, as --url does.
  CORECTL_KEY      function key, sent as x-functions-key. There is no flag
                   for it, because command lines are public. See
                   --key-file. A key file of the context wins.
  CORECTL_CONTEXT  name of a context, in place of the one in use
  CORECTL_OUTPUT   table, json, jsonl or name
  NO_COLOR         if not empty, no colours
  TERM=dumb        no colours, no redrawing
  XDG_CONFIG_HOME  folder for the contexts. They contain no keys.
  XDG_STATE_HOME   folder for the ids of recent jobs, for @last, and for
                   where the last lists ended, for --more
  DATABASE_URL     for migrate, dev and demo
`,
}
