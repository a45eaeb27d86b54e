package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/test/blobtest"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/view"
)

func TestMigrateReportsWhatItDid(t *testing.T) {
	t.Parallel()
	fake := newAPI(t)
	with := func(url string) outside { return outside{env: map[string]string{"DATABASE_URL": url}} }

	empty, newer := with(pgtest.Empty(t)), pgtest.URL(t)
	change(t, newer, `insert into coremachine_schema_version (version_id, is_applied) values (9999, true)`)

	for _, c := range []struct {
		name string
		o    outside
		args []string
		code int
		err  string
	}{
		{"no_url", outside{}, nil, exitUsage, "DATABASE_URL is not set"},
		{"bad_url", with("postgres://h:port/x"), nil, exitUsage, "not a Postgres connection string"},
		{"away", with("postgres://u@127.0.0.1:1/x?sslmode=disable"), nil, exitUnreachable, "Cannot reach the database"},
		{"dry", empty, []string{"--dry-run"}, exitOK, "Would migrate the schema from version 0 to "},
		{"first", empty, nil, exitOK, "was 0."},
		{"again", empty, nil, exitOK, "nothing to do"},
		{"newer", with(newer), nil, exitOK, "newer than this corectl"},
	} {
		got := fake.run(c.o, append([]string{"migrate"}, c.args...)...)
		if got.code != c.code || !strings.Contains(got.err, c.err) || got.out != "" {
			t.Errorf("%s: got %+v, want exit %d and %q", c.name, got, c.code, c.err)
		}
	}

	got := fake.run(empty, "migrate", "-o", "json")

	var versions map[string]int64
	if err := json.Unmarshal([]byte(got.out), &versions); err != nil || versions["schema_version"] < 1 ||
		versions["was"] != versions["schema_version"] {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDoctorWorksWithEverythingDown(t *testing.T) {
	t.Parallel()
	fake := newAPI(t)

	const secret = "hunter2"

	down := outside{
		url: "http://127.0.0.1:1",
		env: map[string]string{
			"DATABASE_URL": "postgres://u:" + secret + "@127.0.0.1:1/x?sslmode=disable",
			"MAX_RUNNING":  "0",
		},
	}

	got := fake.run(down, "doctor")
	for _, want := range []string{
		"FAIL\tconfig\tMAX_RUNNING: 0 is not from 1 to 10000", "FAIL\tpostgres\t", "FAIL\tapi\t",
		"ok\tregistry\t",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is not in %s", want, got.out)
		}
	}

	if got.code != exitOther || strings.Contains(got.out+got.err, secret) {
		t.Errorf("got %+v", got)
	}
}

func TestDoctorFindsAHealthyDatabase(t *testing.T) {
	t.Parallel()
	fake := newAPI(t).on("GET /health", answer(200, `{"status":"ok"}`)).
		on("GET /jobs", answer(200, page[view.JobSummary]("")))
	bus := sbfake.New(sbfake.Options{Queues: []string{"jobs", "tasks", "long-tasks"}})
	t.Cleanup(bus.Close)

	address, err := bus.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	got := fake.run(outside{env: map[string]string{
		"DATABASE_URL": pgtest.URL(t),
		"TRANSPORT":    "servicebus",
		"SERVICEBUS":   sbfake.ConnectionString(address),
	}}, "doctor", "-o", "jsonl")
	outcomes := map[string]string{}

	for line := range strings.Lines(got.out) {
		var f finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}

		outcomes[f.Check] = f.Outcome
	}

	for _, check := range []string{
		"config", "registry", "postgres", "schema", "pooler", "connections", "servicebus", "api", "access",
		"go",
	} {
		if outcomes[check] != fine {
			t.Errorf("%s is %q, want ok: %s", check, outcomes[check], got.out)
		}
	}
}

func TestDoctorChecksStorage(t *testing.T) {
	t.Parallel()
	server := blobtest.Azurite(t)
	account, key := server.Account()

	const secret = "c2VjcmV0" //nolint:gosec // not a real key

	refusing := func(code string) string {
		return blobtest.Refusing(t, server, func(*http.Request) *blobtest.Refusal {
			return &blobtest.Refusal{Status: http.StatusForbidden, Code: code}
		})
	}
	for name, c := range map[string]struct{ storage, outcome, detail, advice string }{
		"none": {"", fine, "no account is configured", "set STORAGE or STORAGE__blobServiceUri"},
		"fine": {server.Connection(), fine, "containers can be listed", ""},
		"narrow": {
			refusing("AuthorizationPermissionMismatch"), warn, "does not list its containers",
			"the rights to read and list",
		},
		"another key": {
			"AccountName=" + account + ";AccountKey=" + secret + ";BlobEndpoint=" + server.URL(), bad,
			"storage rejects the request (403", "a valid key or signature",
		},
		"away": {
			"BlobEndpoint=http://127.0.0.1:1/x;SharedAccessSignature=sig=" + secret, bad,
			"connection refused", "network rules",
		},
		"no connection": {secret, bad, "STORAGE: invalid connection string", "docs/configuration.md"},
	} {
		got := newAPI(t).run(outside{env: map[string]string{"STORAGE": c.storage}}, "doctor", "-o", "jsonl")

		var found printedFinding

		for line := range strings.Lines(got.out) {
			var f printedFinding
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				t.Fatal(err)
			}

			if f.Check == "storage" {
				found = f
			}
		}

		if found.Outcome != c.outcome || !strings.Contains(found.Detail, c.detail) ||
			!strings.Contains(found.Advice, c.advice) {
			t.Errorf("%s: got %+v, want %+v", name, found, c)
		}

		if want := map[bool]string{false: "docs/operations.md#storage"}[c.outcome == fine]; found.Runbook != want {
			t.Errorf("%s: it refers to %q, want %q", name, found.Runbook, want)
		}

		if strings.Contains(got.out+got.err, secret) || strings.Contains(got.out+got.err, key) {
			t.Errorf("%s: a secret is in %s", name, got.out)
		}
	}
}

func TestDoctorShowsTheHealthReport(t *testing.T) {
	t.Parallel()
	fake := newAPI(
		t,
	).on("GET /health", answer(200, `{"status":"degraded","version":"v1","checks":{"database":{"status":"ok"},
		"storage":{"status":"failed","message":"storage rejects the request",
		"runbook":"docs/operations.md#storage"}}}`))
	got := fake.run(outside{}, "doctor")

	want := "warn\tapi\t" + fake.server.URL + "/api is degraded, version v1; storage failed: storage " +
		"rejects the request (" + fake.server.URL + "/api/ui/help/operations#storage)\t\t\n"
	if !strings.Contains(got.out, want) {
		t.Errorf("got %s, want %q", got.out, want)
	}
}
