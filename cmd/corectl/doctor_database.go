package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"coremachine/cmd/corectl/internal/render"
	process "coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/repo"
	"coremachine/internal/state"
)

//go:embed queries/connections.sql
var connectionsSQL string

//go:embed queries/instances.sql
var instancesSQL string

//go:embed queries/receivers.sql
var receiversSQL string

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

	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()

	open := repo.Config{URL: string(cfg.DatabaseURL), MaxConns: 1}
	if cfg.DatabaseEntra {
		cred, err := process.NewCredential(cfg)
		if err != nil {
			return []finding{{"postgres", bad, rootCause(err), identityAdvice}}
		}

		open.BeforeConnect = process.EntraPassword(cred)
	}

	r, err := repo.Open(ctx, open)
	if err != nil {
		return []finding{
			{
				"postgres",
				bad,
				"DATABASE_URL is not a Postgres connection string",
				"see docs/configuration.md",
			},
		}
	}
	defer r.Close()

	version, took, err := reachPostgres(ctx, r)
	if err != nil {
		return []finding{unreachable(r, err)}
	}

	have, err := repo.SchemaVersion(ctx, r.Database())
	if err != nil {
		return []finding{{"postgres", bad, rootCause(err), postgresAdvice(err)}}
	}

	found := []finding{
		{"postgres", fine, fmt.Sprintf("%s, %.1f ms", version, float64(took.Microseconds())/1000), ""},
		checkSchema(have), checkPooler(r),
	}
	if have >= repo.LatestVersion() {
		found = append(found, checkReceivers(ctx, r))
	}

	return slices.Concat(found, checkConnections(ctx, r, int(cfg.DatabaseConns)), checkCitus(ctx, r))
}

// reachPostgres returns the server's version and how long an answer takes.
func reachPostgres(ctx context.Context, r *repo.Repo) (version string, took time.Duration, err error) {
	conn, err := r.Database().Acquire(ctx)
	if err != nil {
		return "", 0, err
	}

	version = conn.Conn().PgConn().ParameterStatus("server_version")
	conn.Release()

	begin := time.Now()
	err = r.Database().Ping(ctx)

	return version, time.Since(begin), err
}

// unreachable returns the finding for a database that cannot be used. If a
// pooler refuses the address, the finding is about the pooler.
func unreachable(r *repo.Repo, err error) finding {
	if _, refused := errors.AsType[*pgconn.PgError](err); r.Database().Pooled() && !refused {
		return finding{
			"pooler",
			bad,
			err.Error(),
			"remove search_path and options from DATABASE_URL; alter role … set search_path = …",
		}
	}

	return finding{"postgres", bad, rootCause(err), postgresAdvice(err)}
}

func postgresAdvice(err error) string {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if ok && pg.Code == "3D000" {
		return "create the database, then corectl migrate"
	}

	return "check DATABASE_URL, and that the server accepts connections from here"
}

// checkSchema compares the schema with the version that this build expects. A
// newer schema is only a warning, because each migration works with the build
// before it, and a newer build may be in deployment.
func checkSchema(have int64) finding {
	want := repo.LatestVersion()

	detail := fmt.Sprintf("version %d; this build needs %d", have, want)
	switch {
	case have == 0:
		return finding{
			"schema",
			bad,
			fmt.Sprintf("not there; this build needs version %d", want),
			"corectl migrate",
		}
	case have < want:
		return finding{"schema", bad, detail, "corectl migrate"}
	case have > want:
		advice := "use the corectl and the build that the schema was migrated for: this build may only " +
			"run until they are deployed"

		return finding{"schema", warn, detail, advice}
	}

	return finding{"schema", fine, fmt.Sprintf("version %d, as this build needs", have), ""}
}

// checkPooler reports the pooler in front of Postgres.
func checkPooler(r *repo.Repo) finding {
	if !r.Database().Pooled() {
		return finding{"pooler", fine, "none: connections lead to Postgres itself", ""}
	}

	detail := "DATABASE_URL leads to a connection pooler: workers poll in place of LISTEN, and each " +
		"statement is planned again"

	return finding{
		"pooler",
		fine,
		detail,
		"corectl migrate needs the server's own port, as 5432 in place of 6432",
	}
}

// receivedWithin is the maximum age of the newest record of a receiver.
const receivedWithin = 2 * time.Minute

// checkReceivers compares the queues with the records of the processes that
// receive from them. An idle Functions app records nothing, so only waiting
// messages are a failure.
func checkReceivers(ctx context.Context, r *repo.Repo) finding {
	waiting, err := r.Unreceived(ctx, receivedWithin)
	if err != nil {
		return finding{"receivers", bad, rootCause(err), "see the log of the app"}
	}

	if len(waiting) > 0 {
		detail := "messages have waited for two minutes and no process receives from " + queueNames(waiting)

		return finding{
			"receivers",
			bad,
			detail,
			"start a worker, or correct TRANSPORT, SERVICEBUS* and RECEIVE of the app",
		}
	}

	var (
		received       []int16
		running, older int
	)

	row := r.Database().QueryRow(ctx, receiversSQL, receivedWithin.Seconds())
	if err := row.Scan(&received, &running, &older); err != nil {
		return finding{"receivers", bad, rootCause(err), "see the log of the app"}
	}

	return receivers(received, running, older)
}

// receivers returns the finding if no message has waited. A process under a
// Functions host knows that it receives from a queue only if a message came, so
// a silent queue is a warning only if all are silent, and for long enough.
func receivers(received []int16, running, older int) finding {
	var active, silent []state.Queue

	for _, q := range state.Queues {
		if slices.Contains(received, int16(q)) {
			active = append(active, q)
		} else {
			silent = append(silent, q)
		}
	}

	switch {
	case len(silent) == 0:
		return finding{"receivers", fine, "processes receive from " + queueNames(active), ""}
	case len(active) > 0:
		detail := "processes receive from " + queueNames(active) + "; nothing has waited in " + queueNames(silent)

		return finding{"receivers", fine, detail, ""}
	case running == 0:
		return finding{
			"receivers",
			warn,
			"no process is running, so none receives from " + queueNames(silent),
			"start a worker, or submit a job, which wakes a Functions app that has scaled to zero",
		}
	case older == 0:
		detail := fmt.Sprintf("%s started less than two minutes ago, and no message has arrived yet",
			render.Things(running, "process"))

		return finding{"receivers", fine, detail, ""}
	}

	return finding{
		"receivers",
		warn,
		"no process has received for two minutes from " + queueNames(silent),
		"start a worker; an idle Functions app may be silent: submit a job, and run doctor again",
	}
}

func queueNames(queues []state.Queue) string {
	return strings.Join(each(queues, state.Queue.String), ", ")
}

// checkConnections compares the server's connection limit with the connections
// of all instances. An instance uses one more connection to listen, except
// behind a pooler.
func checkConnections(ctx context.Context, r *repo.Repo, each int) []finding {
	var have int
	if err := r.Database().QueryRow(ctx, connectionsSQL).Scan(&have); err != nil {
		return []finding{{"connections", bad, rootCause(err), ""}}
	}

	var instances int
	if err := r.Database().QueryRow(ctx, instancesSQL).Scan(&instances); err != nil {
		instances = 0 // without the tables, no process can work
	}

	if r.Database().Pooled() {
		detail := fmt.Sprintf(
			"%s × %d are clients of the pooler, which shares its own",
			render.Things(instances, "instance"),
			each,
		)

		return []finding{{"connections", fine, detail, "keep that below max_client_conn of the pooler"}}
	}

	each++
	detail := fmt.Sprintf("the server gives %d; %s × %d take up to %d; room for %s", have,
		render.Things(instances, "instance"), each, instances*each, render.Things(have/each, "instance"))

	const advice = "lower DATABASE_CONNECTIONS, limit the instances, raise max_connections, or connect through a pooler"

	switch {
	case instances*each > have || each > have:
		return []finding{{"connections", bad, detail, advice}}
	case (instances+1)*each > have || 2*each > have:
		return []finding{{"connections", warn, detail, advice}}
	}

	return []finding{{"connections", fine, detail, ""}}
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
		detail := "Citus is installed, and its list of tables cannot be read: " + rootCause(err)
		return []finding{{"citus", warn, detail, "grant select on pg_dist_partition to the role"}}
	}

	if tables == "" {
		return nil
	}

	detail := "tables distributed by Citus are not supported: " + tables

	return []finding{{"citus", bad, detail, "select undistribute_table('…') for each"}}
}
