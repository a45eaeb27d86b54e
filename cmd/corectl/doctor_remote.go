package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"coremachine/cmd/corectl/internal/client"
	"coremachine/cmd/corectl/internal/show"
	process "coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/queue/servicebus"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

//go:embed queries/connections.sql
var connectionsSQL string

//go:embed queries/citus.sql
var citusSQL string

//go:embed queries/distributed.sql
var distributedSQL string

func checkPostgres(ctx context.Context, cfg config.Config) []finding {
	if cfg.DatabaseURL == "" {
		return []finding{
			{"postgres", warn, "DATABASE_URL is not set; dev and demo start a Postgres of their own", ""},
		}
	}

	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()

	open := repo.Config{URL: string(cfg.DatabaseURL), MaxConns: 1}
	if cfg.DatabaseEntra {
		cred, err := process.NewCredential(cfg)
		if err != nil {
			return []finding{{"postgres", bad, rootCause(err), "az login, or an assigned identity"}}
		}

		open.BeforeConnect = process.EntraPassword(cred)
	}

	r, err := repo.Open(ctx, open)
	if err != nil {
		return []finding{{"postgres", bad, "DATABASE_URL is not a Postgres connection string", ""}}
	}
	defer r.Close()

	conn, err := r.Database().Acquire(ctx)
	if err != nil {
		return []finding{{"postgres", bad, rootCause(err), postgresAdvice(err)}}
	}

	version := conn.Conn().PgConn().ParameterStatus("server_version")
	conn.Release()

	begin := time.Now()

	var connections int

	err = r.Database().QueryRow(ctx, connectionsSQL).Scan(&connections)
	took := time.Since(begin)

	if err != nil {
		return []finding{{"postgres", bad, rootCause(err), ""}}
	}

	have, err := repo.SchemaVersion(ctx, r.Database())
	if err != nil {
		return []finding{{"postgres", bad, rootCause(err), ""}}
	}

	detail := fmt.Sprintf("%s, %.1f ms, schema %d", version, float64(took.Microseconds())/1000, have)

	found := []finding{checkSchema(have, detail), checkConnections(connections, int(cfg.DatabaseConns)+1)}
	if r.Database().Pooled() {
		found = append(
			found,
			finding{
				"pooler",
				fine,
				"DATABASE_URL leads to a connection pooler: idle workers poll, and migrations need the port of the server itself",
				"",
			},
		)
	}

	return append(found, checkCitus(ctx, r)...)
}

func postgresAdvice(err error) string {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if ok && pg.Code == "3D000" {
		return "create the database, then corectl migrate"
	}

	return "check DATABASE_URL, and that the server accepts connections from here"
}

// checkSchema compares the schema with the version that this build expects. A
// newer schema is acceptable, because a newer build may be in deployment.
func checkSchema(have int64, detail string) finding {
	want := repo.LatestVersion()
	switch {
	case have < want:
		return finding{
			"postgres",
			bad,
			fmt.Sprintf("%s; this build needs version %d", detail, want),
			"corectl migrate",
		}
	case have > want:
		return finding{
			"postgres",
			warn,
			fmt.Sprintf("%s; this build supports version %d", detail, want),
			"deploy the build that matches the schema",
		}
	}

	return finding{"postgres", fine, detail + " (current)", ""}
}

// checkCitus finds tables that Citus distributes. The transitions need foreign
// keys, locks and constraints that distributed tables do not offer.
func checkCitus(ctx context.Context, r *repo.Repo) []finding {
	var there bool
	if err := r.Database().QueryRow(ctx, citusSQL).Scan(&there); err != nil || !there {
		return nil
	}

	var tables string
	if err := r.Database().QueryRow(ctx, distributedSQL).Scan(&tables); err != nil {
		return []finding{
			{"citus", warn, "Citus is installed, and its tables cannot be read: " + rootCause(err), ""},
		}
	}

	if tables == "" {
		return nil
	}

	return []finding{
		{
			"citus",
			bad,
			"tables distributed by Citus are not supported: " + tables,
			"select undistribute_table('…') for each",
		},
	}
}

// checkConnections compares the server's connection limit with the connections
// of each instance, including its listener.
func checkConnections(have, each int) finding {
	detail := fmt.Sprintf(
		"the server allows %d connections, an instance uses up to %d: enough for %s",
		have,
		each,
		show.Things(have/each, "instance"),
	)
	if have < 2*each {
		return finding{"connections", warn, detail, "lower DATABASE_CONNECTIONS, or raise max_connections"}
	}

	return finding{"connections", fine, detail, ""}
}

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

// checkAPI requests the health report. An API that was not configured does not
// have to run.
func (a *app) checkAPI(ctx context.Context) finding {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()

	answer, err := a.api.Get(ctx, "/health", nil)

	report := answer.Body
	if refused, ok := errors.AsType[*client.Error](err); ok {
		report = refused.Body
	}

	var health client.Health
	if json.Unmarshal(report, &health) == nil && health.Status != "" {
		return a.apiHealth(health)
	}

	text, _ := explain(err)

	if a.getenv("CORECTL_URL") == "" && a.api.Base() == client.Default {
		return finding{"api", warn, fmt.Sprintf("no answer from %s", a.api.Base()), "corectl dev"}
	}

	return finding{"api", bad, text, ""}
}

// apiHealth summarizes the report in one line.
func (a *app) apiHealth(health client.Health) finding {
	wrong := slices.Clone(health.Problems)
	for _, name := range slices.Sorted(maps.Keys(health.Checks)) {
		if check := health.Checks[name]; check.Status != "ok" {
			text := strings.TrimSuffix(name+" "+check.Status+": "+check.Message, ": ")
			if check.Runbook != "" {
				text += " (" + check.Runbook + ")"
			}

			wrong = append(wrong, text)
		}
	}

	outcome := map[string]string{"ok": fine, "degraded": warn}[health.Status]
	detail := fmt.Sprintf("%s is %s, version %s", a.api.Base(), health.Status, health.Version)

	return finding{"api", first(outcome, bad), strings.Join(append([]string{detail}, wrong...), "; "), ""}
}
