package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

// look runs doctor and returns its findings by their checks.
func (a *api) look(o outside) map[string]printedFinding {
	a.t.Helper()
	got := a.run(o, "doctor", "-o", "jsonl")
	found := map[string]printedFinding{}

	for line := range strings.Lines(got.out) {
		var f printedFinding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			a.t.Fatalf("%v: %s", err, line)
		}

		found[f.Check] = f
	}

	return found
}

// mustFind compares one finding. A finding that is not ok must contain advice
// and the entry of the manual.
func mustFind(t *testing.T, found map[string]printedFinding, check, outcome, detail, advice string) {
	t.Helper()

	f := found[check]
	if f.Outcome != outcome || !strings.Contains(f.Detail, detail) || !strings.Contains(f.Advice, advice) {
		t.Errorf("%s is %+v, want %s with %q and %q", check, f, outcome, detail, advice)
	}

	if f.Outcome != fine && (f.Advice == "" || f.Runbook == "") {
		t.Errorf("%s has no advice or no link: %+v", check, f)
	}
}

// TestEveryCheckIsExplained compares the checks in the source of doctor with
// their entries and with the table of the runbook.
func TestEveryCheckIsExplained(t *testing.T) {
	t.Parallel()

	files, err := filepath.Glob("doctor*.go")
	if err != nil {
		t.Fatal(err)
	}

	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}

	made := regexp.MustCompile(`\{\s*"([a-z]+)",\s*(?:fine|warn|bad|first\()`)
	found := map[string]bool{}

	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}

		for _, m := range made.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
		}
	}

	if diff := cmp.Diff(slices.Sorted(maps.Keys(entries)), slices.Sorted(maps.Keys(found))); diff != "" {
		t.Errorf("entries and the checks that are made (-entries +made):\n%s", diff)
	}

	_, section, _ := strings.Cut(string(page), `<a id="`+string(doctorPage)+"\"></a>\n")
	section, _, _ = strings.Cut(section, "\n## Is this normal?")

	for check := range entries {
		if !strings.Contains(section, "\n| `"+check+"` | ") {
			t.Errorf("the runbook does not explain the check %s", check)
		}
	}
}

func database(url string, more ...string) outside {
	o := outside{env: map[string]string{"DATABASE_URL": url}}
	for i := 0; i+1 < len(more); i += 2 {
		o.env[more[i]] = more[i+1]
	}

	return o
}

// change runs SQL in the schema of a database URL.
func change(t *testing.T, address, sql string, args ...any) {
	t.Helper()

	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}

	_, err = conn.Exec(t.Context(), sql, args...)

	_ = conn.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
}

func TestDoctorComparesTheSchemaBothWays(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct{ sql, outcome, detail, advice string }{
		"missing": {`drop table coremachine_schema_version`, bad, "not there", "corectl migrate"},
		"older":   {`update coremachine_schema_version set version_id = 0`, bad, "not there", "corectl migrate"},
		"newer": {
			`insert into coremachine_schema_version (version_id, is_applied) values (9999, true)`,
			warn, "version 9999; this build needs", "the build that the schema was migrated for",
		},
		"current": {`select 1`, fine, "as this build needs", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := pgtest.URL(t)
			change(t, address, c.sql)
			mustFind(t, newAPI(t).look(database(address)), "schema", c.outcome, c.detail, c.advice)
		})
	}
}

func TestDoctorFindsQueuesWithoutAReceiver(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)

	pool, err := pgxpool.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(pool.Close)
	fake, o := newAPI(t), database(address)

	mustFind(
		t,
		fake.look(o),
		"receivers",
		warn,
		"no process is running, so none receives from jobs, tasks, long-tasks",
		"start a worker",
	)

	const process = `insert into workers (worker_id, lease_until, started_at, build, host, pid)
		values (gen_random_uuid(), now() + interval '1 hour', now() - $1::interval, 'b', 'h', 1)`

	change(t, address, process, time.Second)
	mustFind(t, fake.look(o), "receivers", fine, "1 process started less than two minutes ago", "")
	change(t, address, process, time.Hour)
	mustFind(
		t,
		fake.look(o),
		"receivers",
		warn,
		"no process has received for two minutes from jobs, tasks, long-tasks",
		"submit a job, and run doctor again",
	)
	change(t, address, `insert into receivers (queue) values ($1)`, int16(state.QueueJobs))
	mustFind(
		t,
		fake.look(o),
		"receivers",
		fine,
		"processes receive from jobs; nothing has waited in tasks, long-tasks",
		"",
	)
	id := rows.Insert(t, pool, rows.Job{})
	change(
		t,
		address,
		`insert into messages (job_id, queue, kind, due_at) values ($1, $2, 2, now() - interval '3 minutes')`,
		id[:],
		state.QueueTasks,
	)
	mustFind(t, fake.look(o), "receivers", bad, "no process receives from tasks", "TRANSPORT")
	change(t, address, `insert into receivers (queue) values ($1), ($2)`, state.QueueTasks, state.QueueLongTasks)
	mustFind(t, fake.look(o), "receivers", fine, "processes receive from jobs, tasks, long-tasks", "")
}

func TestDoctorMultipliesConnectionsByInstances(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	fake, o := newAPI(t), database(address, "DATABASE_CONNECTIONS", "8")
	mustFind(t, fake.look(o), "connections", fine, "0 instances × 9 take up to 0", "")
	change(t, address, `insert into workers (worker_id, lease_until, build, host, pid)
		select gen_random_uuid(), now() + interval '1 hour', 'b', 'h', n
		from generate_series(1, current_setting('max_connections')::int / 9 + 1) as n`)
	mustFind(t, fake.look(o), "connections", bad, "× 9 take up to", "lower DATABASE_CONNECTIONS")
	change(t, address, `update workers set lease_until = now()`)
	mustFind(t, fake.look(o), "connections", fine, "0 instances", "")
}

func TestDoctorFindsThePooler(t *testing.T) {
	t.Parallel()
	through, direct := pgtest.Pooled(t)
	fake := newAPI(t)
	found := fake.look(database(through))
	mustFind(t, found, "pooler", fine, "leads to a connection pooler", "the server's own port")
	mustFind(t, found, "connections", fine, "clients of the pooler", "max_client_conn")
	mustFind(t, fake.look(database(direct)), "pooler", fine, "none", "")
	mustFind(
		t,
		fake.look(database(through+"&search_path=public")),
		"pooler",
		bad,
		"search_path",
		"remove search_path",
	)
}

// TestDoctorFindsDistributedTables creates a table in place of Citus' own.
func TestDoctorFindsDistributedTables(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	change(t, address, `create table pg_dist_partition (logicalrelid regclass)`)

	fake := newAPI(t)
	if f, found := fake.look(database(address))["citus"]; found {
		t.Errorf("without distributed tables there is %+v", f)
	}

	change(t, address, `insert into pg_dist_partition values ('tasks'), ('jobs')`)
	mustFind(t, fake.look(database(address)), "citus", bad, "jobs, tasks", "undistribute_table")
}

func TestDoctorMakesACallThatNeedsAKey(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		health          string
		answer          http.HandlerFunc
		outcome, detail string
	}{
		"answered": {"ok", answer(200, page[view.JobSummary]("")), fine, "is answered"},
		"refused": {
			"ok", problem(http.StatusUnauthorized, state.CodeInvalid, "Send a key"), bad,
			"/jobs is refused with 401",
		},
		"defect": {
			"degraded", problem(http.StatusInternalServerError, state.CodeInternal, "it broke"), bad,
			"with 500: it broke",
		},
		"not ready": {
			"unavailable", problem(http.StatusServiceUnavailable, state.CodeUnavailable, "no database"), "", "",
		},
	} {
		fake := newAPI(t).on("GET /health", answer(200, map[string]string{"status": c.health})).
			on("GET /jobs", c.answer)

		found := fake.look(outside{})
		if c.outcome == "" {
			if f, there := found["access"]; there {
				t.Errorf("%s: got %+v, want no finding: the report says why", name, f)
			}

			continue
		}

		mustFind(t, found, "access", c.outcome, c.detail, "")
	}
}

// TestDoctorAsksForATokenWhereOneIsNeeded changes the environment of the
// process, which the Azure SDK reads itself.
func TestDoctorAsksForATokenWhereOneIsNeeded(t *testing.T) {
	issues := false // first: the Azure SDK keeps the token of an identity
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !issues {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_request","error_description":"Identity not found"}`))

			return
		}

		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": "t",
			"expires_on":   strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10),
			"token_type":   "Bearer",
			"resource":     r.URL.Query().Get("resource"),
		})
	}))
	t.Cleanup(endpoint.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)

	needs := outside{
		env: map[string]string{"DATABASE_ENTRA": "true", "STORAGE__blobServiceUri": "https://127.0.0.1:1"},
	}

	const names = "DATABASE_ENTRA, STORAGE__blobServiceUri: "

	if f, there := newAPI(t).look(outside{})["identity"]; there {
		t.Errorf("where no token is needed there is %+v", f)
	}

	t.Setenv("IDENTITY_ENDPOINT", "")
	mustFind(
		t,
		newAPI(t).look(needs),
		"identity",
		bad,
		names+"no managed identity is available here",
		"AZURE_TOKEN_CREDENTIALS=dev",
	)
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "h")
	mustFind(t, newAPI(t).look(needs), "identity", bad, "Identity not found", "assign the identity")

	issues = true

	mustFind(t, newAPI(t).look(needs), "identity", fine, names+"a token was issued", "")
}

// TestDoctorNamesThePageThatTheAPIServes has an API without a database, so that
// the checks that follow the report are about the same service.
func TestDoctorNamesThePageThatTheAPIServes(t *testing.T) {
	t.Parallel()

	fake := newAPI(t).on("GET /health", answer(200, `{"status":"ok","version":"v1","checks":{}}`)).
		on("GET /jobs", problem(401, state.CodeUnauthorized, "a key is required"))

	found := fake.look(outside{})["access"]
	if want := fake.server.URL + "/api/ui/help/operations#access"; found.Outcome != bad || found.Runbook != want {
		t.Errorf("got %+v, want a link to %s", found, want)
	}

	got := fake.run(outside{}, "doctor")

	want := fake.server.URL + "/api/ui/help/operations#doctor explains each check"
	if !strings.Contains(got.err, want) {
		t.Errorf("got %s, want %q", got.err, want)
	}
}
