package web_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/web"
)

// unseen is text that reorders what follows it, moves the cursor of a terminal
// or is not seen, and then text that is written from right to left.
const unseen = "a\u202eb\x1b[31mc\u200bd\u2066e\u00adf\u2028 שלום"

// sentBack are attributes whose value a browser sends back, or a script reads.
// They contain text of others as it is.
var sentBack = regexp.MustCompile(`(?s) (id|value|data-[a-z-]+)="[^"]*"|<textarea[^>]*>.*?</textarea>`)

// findUnseen returns the text before the first character that is not seen, or "".
func findUnseen(body string) string {
	body = sentBack.ReplaceAllStringFunc(body, func(attribute string) string {
		if strings.HasPrefix(attribute, " data-label=") || strings.HasPrefix(attribute, " data-title=") {
			return attribute // people see these
		}

		return ""
	})

	at := strings.IndexFunc(body, func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.In(r, unicode.Cc, unicode.Cf) || r == '\u2028')
	})
	if at < 0 {
		return ""
	}

	return fmt.Sprintf("%q", body[max(0, at-160):at+4])
}

func quoted(t *testing.T, v any) string {
	t.Helper()

	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}

	return string(text)
}

// hostileRecords inserts a record with unseen text wherever others can write
// some, and returns the id of its job.
func hostileRecords(t *testing.T, s *site) string {
	t.Helper()

	failure := quoted(t, map[string]string{"code": "permanent", "message": unseen, "stage": unseen})
	job := rows.Job{
		Type: unseen, Status: state.JobFailed, Params: quoted(t, map[string]string{unseen: unseen}),
		Result: `{"x":` + quoted(t, unseen) + `}`, Error: failure, RunKey: unseen,
		Terms: map[string]string{"tag.x": unseen},
		Stages: []rows.Stage{{
			Name: unseen, TaskType: unseen, Status: state.StageFailed,
			Planned: 3, Completed: 1, Failed: 2, Error: failure,
		}},
	}
	id := rows.Insert(t, s.pool, job)
	job.Seed = "other"
	rows.Insert(t, s.pool, job)

	rows.InsertEvent(t, s.pool, id, "created", -1, -1, quoted(t, map[string]string{"by": unseen}))
	rows.InsertEvent(t, s.pool, id, unseen, 0, 1, quoted(t, map[string]string{"message": unseen, "by": unseen}))
	rows.InsertMessage(t, s.pool, id, rows.Message{First: 2, Dead: unseen})
	rows.InsertMessage(t, s.pool, id, rows.Message{Held: true, First: 1})

	line := quoted(t, []map[string]string{{"at": "2026-01-31T12:00:00Z", "level": unseen, "text": unseen}})
	declaration := state.ScheduleDeclaration{
		Cron: "0 3 * * *", Zone: "Europe/Berlin", JobType: unseen,
		Params:  []byte(quoted(t, map[string]string{"n": unseen})),
		Overlap: state.OverlapSkip, Missed: state.MissedIgnore, Tags: map[string]string{unseen: unseen},
	}.Text()

	for _, sql := range []string{
		`update tasks set error = @failure where status = 'failed'`,
		`update attempts set error = @text, stack = @text, worker_id = (select worker_id from workers limit 1)`,
		`update workers set host = @text`,
		`insert into task_logs (job_id, stage, gen, index, incarnation, attempt, dropped, lines)
			select job_id, 0, 1, 1, incarnation, 1, 0, convert_to(@line, 'utf8') from jobs`,
		`insert into schedules (name, declaration, next_at, error, error_at, last_job_id)
			values (@text, @declaration, now(), @text, now(), @id)`,
		`insert into schedule_runs (name, outcome, slot, slots, job_id, by) 
		values (@text, 'fired', now(), 1, @id, @text)`,
		`insert into sweeps (error) values (@text)`,
	} {
		args := pgx.NamedArgs{
			"text": unseen, "failure": failure, "line": line, "declaration": declaration, "id": id[:],
		}
		if _, err := s.pool.Exec(t.Context(), sql, args); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}

	return id.String()
}

func TestNoPageContainsUnseenCharacters(t *testing.T) {
	t.Parallel()
	s := start(t, inline, func(o *web.Options) {
		o.Types = func() []coremachine.JobType {
			return []coremachine.JobType{{
				Name: unseen, Description: unseen, Schema: []byte(`{"type":"object"}`),
				Stages: []coremachine.StageType{{
					Name: unseen, TaskType: unseen, Kind: state.Dynamic,
					DependsOn: []string{},
				}},
			}}
		}
		o.TraceURL = "https://logs.example.com/?s={stage}"
	})

	id, name := hostileRecords(t, s), url.PathEscape(unseen)
	stage := "/jobs/" + id + "/stages/" + name
	with := url.Values{"with": {state.NewJobID(unseen, []byte("other")).String()}}.Encode()

	paths := []string{
		"", "?type=" + url.QueryEscape(unseen),
		"?tag.x=" + url.QueryEscape(unseen), "?" + url.QueryEscape(unseen) + "=1",
		"/jobs/" + id, "/jobs/" + id + "/events", "/jobs/" + id + "/failures", "/jobs/" + id + "/runs/1",
		"/jobs/" + id + "/compare?" + with, "/jobs/" + id + "/slow",
		stage, stage + "?view=list", stage + "?view=list&status=failed", stage + "/grid",
		stage + "/tasks/0", stage + "/tasks/1", stage + "/tasks/2", "/jobs/" + id + "/stages/" + name + "x",
		"/types", "/types/" + name, "/types/" + name + "?job=" + id, "/types/" + name + "x",
		"/schedules", "/schedules/" + name, "/trends", "/trends?type=" + url.QueryEscape(unseen),
		"/queues", "/queues/tasks/dead", "/queues/tasks/dead?reason=" + url.QueryEscape(unseen), "/sweeps", "/health",
	}

	escaped := 0

	for _, path := range paths {
		body := s.get("/ui" + path).Body
		if found := findUnseen(body); found != "" {
			t.Errorf("%s contains %s", path, found)
		}

		if strings.Contains(body, `\u202eb\x1b[31mc\u200bd`) {
			escaped++
		}

		if strings.Contains(body, "ZgotmplZ") {
			t.Errorf("%s contains what the templates reject", path)
		}
	}

	if escaped < len(paths)*2/3 {
		t.Errorf("only %d of %d pages show the text", escaped, len(paths))
	}

	if body := s.get("/ui/jobs/" + id).Body; !strings.Contains(body, "<h1><bdi>a\\u202e") {
		t.Error("text from right to left is not isolated")
	}

	missing := slices.DeleteFunc(web.PagePaths(), func(pattern string) bool {
		path := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(pattern, "[^/]+")
		form := regexp.MustCompile("^/?" + path + `(\?.*)?$`)

		return slices.ContainsFunc(paths, form.MatchString)
	})
	if len(missing) > 0 {
		t.Errorf("the test does not open %q", missing)
	}
}

// TestStreamsContainNoUnseenCharacters reads the first message of a stream, which
// contains all live parts, and the title, which a script shows.
func TestStreamsContainNoUnseenCharacters(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := hostileRecords(t, s)

	body := s.get("/view/jobs/" + id + "/live").Body // the job has ended, so the stream ends

	head := strings.Contains(body, "job-head") || strings.Contains(body, `id="head"`)
	if !strings.Contains(body, "event: title") || !head {
		t.Fatalf("the stream is\n%s", body)
	}

	if found := findUnseen(body); found != "" {
		t.Errorf("the stream contains %s", found)
	}
}

// TestScriptHidesWhatTheServiceHides compares the set of characters in the script
// with that of state.VisibleText, over all of Unicode.
func TestScriptHidesWhatTheServiceHides(t *testing.T) {
	t.Parallel()

	script, err := os.ReadFile("static/app.js")
	if err != nil {
		t.Fatal(err)
	}

	found := regexp.MustCompile(`const hidden = /\(\?!\[\\n\\t\]\)(\[[^\]]+\])/gu;`).FindSubmatch(script)
	if found == nil {
		t.Fatal("the script has no set of hidden characters in the form that this test reads")
	}

	// Go writes \x{2028} where the script has \u2028 or \u{2028}.
	set := regexp.MustCompile(`\\u\{?([0-9a-f]+)\}?`).ReplaceAllString(string(found[1]), `\x{$1}`)
	hidden := regexp.MustCompile(set)

	for r := rune(0); r <= unicode.MaxRune; r++ {
		text := string(r)
		if !utf8.ValidRune(r) {
			continue
		}

		inScript := r != '\n' && r != '\t' && hidden.MatchString(text)
		if inService := state.VisibleText(text) != text; inScript != inService {
			t.Errorf("%U: hidden by the script: %t, by the service: %t", r, inScript, inService)
		}
	}
}
